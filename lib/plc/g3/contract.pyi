# SPDX-License-Identifier: MIT
"""Shapes inside the G3 segment, and what it needs from outside (`Outside` in outside.py)."""

from typing import Protocol

from plc.g3.command import Command
from plc.g3.gate import Gate
from plc.g3.rekey import Rekey

class FrameOwner(Protocol):
    def on_frame(self, now: int, protocol: int, frame: memoryview, off: int, end: int) -> None:
        """frame[off:end] is the payload, borrowed for the call."""

class CommandOwner(Protocol):
    def on_command(self, now: int, command: Command, result: int, mv: memoryview, off: int, n: int) -> None:
        """The command ended, once; mv[off:off+n] is the confirm from its status on, borrowed."""

class ModemListener(Protocol):
    def on_modem(self, now: int, is_up: bool) -> None: ...
    def on_data_confirm(self, now: int, status: int, handle: int) -> None: ...
    def on_packet(self, now: int, lqi: int, mv: memoryview, off: int, n: int) -> None: ...
    def on_room(self, now: int) -> None: ...

class Joiner(Protocol):
    """The bootstrapping of one dialect."""

    rekey: Rekey
    @property
    def gate(self) -> Gate: ...
    @property
    def carrier(self) -> RekeyCarrier: ...
    def restart(self, now: int) -> None: ...
    def frame_table(self) -> dict[int, FrameHandler]: ...
    def on_deadline(self, now: int) -> None: ...
    def next_deadline(self) -> int | None: ...
    def kick(self, now: int, row: int) -> None: ...

class FrameHandler(Protocol):
    def __call__(self, now: int, mv: memoryview, off: int, n: int) -> None:
        """mv[off:off+n] is the message behind its command octet."""

class EventListener(Protocol):
    def __call__(self, now: int, kind: int, eui64: bytes | memoryview, number: int) -> None: ...

class RecordStore(Protocol):
    """A small record that survives power cuts; replaced as a whole."""

    def load(self) -> bytes | None: ...
    def save(self, octets: bytes | bytearray | memoryview) -> bool: ...

class PskProvider(Protocol):
    def psk_into(self, eui64: bytes | memoryview, dst: bytearray | memoryview) -> bool:
        """Write the 16 octets of the node's PSK; False when there is none."""

class RekeyCarrier(Protocol):
    """How a dialect carries the steps of a rekey. `hop_rest_ms`: how long the last frame of a step may be under
    way yet, per relay, when `completed` is called; 0 when that is the node's own answer."""

    hop_rest_ms: int

    def rekey_begin(self, now: int, index: int, gmk: memoryview) -> None: ...
    def rekey_preload(self, now: int, index: int, gmk: memoryview) -> None: ...
    def rekey_distribute(self, now: int, row: int) -> bool: ...
    def rekey_activate(self, now: int, row: int) -> bool: ...
    def rekey_end(self, now: int, index: int, gmk: memoryview) -> bool:
        """False: not yet, the modem has to confirm what it was told before."""
    def rekey_cancel(self, now: int) -> None: ...
    def rekey_drop(self, now: int, index: int, nonsense: bytes) -> None: ...
