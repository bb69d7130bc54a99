# SPDX-License-Identifier: MIT
"""What runner, UART link, control socket and trace ask of a segment, whatever its medium.

`segment.Segment` (S-FSK) and `g3.segment.G3Segment` are the two there are.
"""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from tools.sim.kernel import Kernel
from tools.sim.server import DlmsServer


class ModemTwin(Protocol):
    """A modem chip with its UART and lines."""

    on_output: "Callable[[bytes], object]"

    def host_write(self, octets: bytes) -> None:
        """The host puts octets on its TXD."""

    def set_t_req(self, is_asserted: bool) -> None:
        """T_REQ line, where there is one."""

    def set_reset(self, is_asserted: bool) -> None:
        """RESET line."""

    def set_power(self, is_on: bool) -> None:
        """Supply."""

    def reset_now(self) -> None:
        """Reset on its own."""

    def set_silent(self, is_silent: bool) -> None:
        """Say nothing at all."""

    def report(self) -> dict:
        """Counters."""


class NodeTwin(Protocol):
    """A meter; options and counters are the medium's own."""

    title: bytes
    is_muted: bool
    options: Any
    counters: Any
    server: DlmsServer

    @property
    def mac_addr(self) -> int:
        """MAC or short address."""

    def set_muted(self, is_muted: bool) -> None:
        """Neither hear nor send, but stay registered."""

    def leave(self) -> None:
        """Taken off the line."""

    def join(self) -> None:
        """Put on the line again."""

    def push(self, client_sap: int, server_sap: int, apdu: bytes) -> bool:
        """Send an unsolicited APDU."""


class SegmentTwin(Protocol):
    """A whole segment; `line` has nodes, options and report()."""

    kernel: Kernel
    line: Any
    chip: Any
    nodes: Any

    def registered(self) -> "Iterator[Any]":
        """Nodes with an address of their own."""

    def close(self) -> None:
        """Release what the servers hold."""
