# SPDX-License-Identifier: MIT
"""Shapes inside the S-FSK segment: who owns a link, a command, a line; who hears the modem."""

from typing import Protocol

from plc.sfsk.command import Command

class LinkOwner(Protocol):
    def judge(self, now: int, was_sent: bool) -> int: ...
    def on_link_status(self, now: int) -> None: ...
    def on_link_taken(self, now: int) -> None: ...
    def on_link_failed(self, now: int, why: int, was_sent: bool) -> None: ...
    def on_link_frame(self, now: int, frame: memoryview, n: int) -> None: ...

class CommandOwner(Protocol):
    def on_command(self, now: int, command: Command, result: int, mv: memoryview, off: int, n: int) -> None:
        """The command ended, once; mv[off:off+n] is the confirm's data, borrowed for the call."""

class ModemListener(Protocol):
    def on_modem(self, now: int, is_up: bool) -> None: ...
    def on_ma_ind(self, now: int, mv: memoryview, off: int, n: int) -> None: ...
    def on_bad_crc(self, now: int) -> None: ...

class LineOwner(Protocol):
    def on_line_sent(self, now: int) -> None:
        """The first transmission is confirmed."""
    def on_line_over(self, now: int, outcome: int) -> None:
        """The transaction ended (DONE_*), exactly once; the line may still be busy."""
