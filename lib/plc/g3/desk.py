# SPDX-License-Identifier: MIT
"""Requests waiting for the modem, one at a time; ends each when its confirm comes or is overdue.

The modem has two desks: one for what it answers at once (attributes), one for what takes the
line (discovery, routes, paths), so that the pulse goes on while a path is looked for.
"""

from base.ring import Ring
from base.ticks import ticks_add, ticks_diff
from plc.g3 import adp, counts
from plc.g3 import command as cmds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.counters import Counters
    from plc.g3.command import Command
    from plc.g3.usi_link import UsiLink

_NOTHING = memoryview(b"\x00")


class Desk:
    """`missed` counts confirms missing in a row. `capacity` requests may wait."""

    def __init__(self, link: "UsiLink", counters: "Counters", capacity: int) -> None:
        self.awaiting: "Command | None" = None
        self.missed = 0
        self._link = link
        self._counters = counters
        self._queue = Ring(capacity)
        self._due = 0

    def push(self, now: int, command: "Command") -> bool:
        """Queue `command`, send it when it is its turn; False when it is queued already or there is no room."""
        if self.has(command) or not self._queue.push(command):
            return False
        self._kick(now)
        return True

    def has(self, command: "Command") -> bool:
        """The command waits here or awaits its confirm."""
        if command is self.awaiting:
            return True
        for i in range(len(self._queue)):
            if self._queue.peek(i) is command:
                return True
        return False

    def confirm(self, now: int, code: int, mv: memoryview, off: int, n: int) -> bool:
        """A confirm came, mv[off] is its status; False when nobody here waits for it."""
        command = self.awaiting
        if command is None or command.confirm != code or not command.is_confirmed_by(mv, off, n):
            return False
        self.missed = 0
        self._end(now, command, cmds.CMD_OK, mv, off, n)
        return True

    def status(self, now: int, mv: memoryview, off: int) -> bool:
        """STATUS for command mv[off + 1]: confirms INITIALIZE, refuses others; False: not from here."""
        command = self.awaiting
        if command is None or command.code != mv[off + 1]:
            return False
        self.missed = 0
        is_ok = mv[off] == adp.STATUS_OK and command.confirm == adp.STATUS
        if not is_ok:
            self._counters.inc(counts.COMMAND_REFUSED)
        self._end(now, command, cmds.CMD_OK if is_ok else cmds.CMD_REFUSED, mv, off, 1)
        return True

    def fail_all(self, now: int) -> None:
        """The modem goes down: end every request once."""
        pending = len(self._queue)
        command, self.awaiting = self.awaiting, None
        self.missed = 0
        if command is not None:
            command.owner.on_command(now, command, cmds.CMD_DOWN, _NOTHING, 0, 0)
        for _ in range(min(pending, len(self._queue))):
            queued: "Command" = self._queue.pop()  # type: ignore[assignment]
            queued.owner.on_command(now, queued, cmds.CMD_DOWN, _NOTHING, 0, 0)

    def on_deadline(self, now: int) -> None:
        """End the awaiting request when its confirm is overdue."""
        command = self.awaiting
        if command is not None and ticks_diff(now, self._due) >= 0:
            self._counters.inc(counts.CONFIRM_LOST)
            self.missed += 1
            self._end(now, command, cmds.CMD_TIMEOUT, _NOTHING, 0, 0)

    def next_deadline(self) -> "int | None":
        """When the awaited confirm is overdue."""
        return None if self.awaiting is None else self._due

    # --- inside ---

    def _end(self, now: int, command: "Command", result: int, mv: memoryview, off: int, n: int) -> None:
        self.awaiting = None
        command.owner.on_command(now, command, result, mv, off, n)
        self._kick(now)

    def _kick(self, now: int) -> None:
        if self.awaiting is not None or not len(self._queue):
            return
        command: "Command" = self._queue.pop()  # type: ignore[assignment]
        self.awaiting = command
        self._due = ticks_add(now, command.timeout_ms)
        self._link.send(adp.PROTOCOL_ADP, command.mv, command.length)
