# SPDX-License-Identifier: MIT
"""What the line asks of a station, the modem or a node."""

from typing import TYPE_CHECKING, Protocol

from tools.sim.mac_frame import MacFrame

if TYPE_CHECKING:
    from tools.sim.line import Transmission


class Station(Protocol):
    """A sender and hearer; `depth` = repetitions needed between it and the initiator."""

    depth: int

    @property
    def is_hearing(self) -> bool:
        """True when it would notice a frame now."""

    def on_frame(self, frame: MacFrame, copy: int, end_slot: int) -> None:
        """A frame was heard after `copy` repetitions; the line is free again in `end_slot`."""

    def on_first_sent(self, tx: "Transmission") -> None:
        """Own frame: the first transmission is over."""

    def on_sent(self, tx: "Transmission") -> None:
        """Own frame: the last repetition is over."""


class ModemStation(Station, Protocol):
    """The initiator's modem also notices spoilt frames."""

    def on_bad_frame(self, frame: MacFrame, copy: int) -> None:
        """A frame was heard with errors."""


class NodeStation(Station, Protocol):
    """A node is found by its MAC and group addresses."""

    mac_addr: int
    groups: set[int]
