# SPDX-License-Identifier: MIT
"""Whose command is next on the host interface, and whose confirm has just come.

One command on the interface, one awaiting its confirm, one waiting per priority. A status
poll may pass while a confirm is awaited. A confirm ends a command only when code and ident
match and it does not come before the chip can have done the work.
NOTE: 52 carries no reference. After a lost transmit confirm (an "orphan") no frame is sent
before a database round trip shows the chip's output to be drained, and for the next one a
positive confirm earlier than its first transmission takes is counted as the late one.
"""

from micropython import const

from base.ticks import ticks_add, ticks_diff
from plc.sfsk import chip as chips
from plc.sfsk import command as cmds
from plc.sfsk import counts, host_link

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.counters import Counters
    from plc.sfsk.chip import Chip
    from plc.sfsk.command import Command
    from plc.sfsk.host_link import HostLink

NO_ORPHAN = const(0)
GUARDED = const(1)
UNFENCED = const(2)

_BODY = const(3)  # offset of the data in a local frame


class Dispatcher:
    """Commands of one chip. `hung` counts transmit confirms missing in a row; at `taken_at`
    the chip acknowledged the last command it was given."""

    def __init__(self, link: "HostLink", chip: "type[Chip]", counters: "Counters") -> None:
        self.in_link: "Command | None" = None
        self.awaiting: "Command | None" = None
        self.orphan = NO_ORPHAN
        self.hung = 0
        self._link = link
        self._chip = chip
        self._counters = counters
        self._slots: "list[Command | None]" = [None] * cmds.PRIORITIES
        self.taken_at = 0
        self._confirm_due = 0

    def push(self, command: "Command") -> bool:
        """Queue; False while a command of that priority waits or this one is under way."""
        if self._slots[command.priority] is not None or self.has(command):
            return False
        self._slots[command.priority] = command
        return True

    def has(self, command: "Command") -> bool:
        """The command is on the interface or awaits its confirm."""
        return command is self.in_link or command is self.awaiting

    def kick(self, now: int) -> None:
        """Put the most urgent command that may go on the interface, if that is free."""
        if self._link.state != host_link.IDLE or self.in_link is not None:
            return
        for i in range(cmds.PRIORITIES):
            command = self._slots[i]
            if command is not None and self._may_go(command):
                self._slots[i] = None
                self.in_link = command
                self._link.send(now, command.mv, command.start, command.length)
                return

    def taken(self, now: int) -> None:
        """The chip acknowledged the command on the interface."""
        command = self.in_link
        self.in_link = None
        if command is None:
            return
        if command.cnf == cmds.NO_CONFIRM:
            return self.end(now, command, cmds.CMD_OK)
        self.awaiting = command
        self.taken_at = now
        self._confirm_due = ticks_add(now, command.timeout_ms)
        return None

    def refused(self) -> "Command | None":
        """Take the command off the interface; whoever calls says how it ended."""
        command = self.in_link
        self.in_link = None
        return command

    def abandon(self) -> "Command | None":
        """Stop waiting for a confirm; whoever calls says how the command ended."""
        command = self.awaiting
        self.awaiting = None
        return command

    def fail_all(self, now: int, was_sent: bool) -> None:
        """The modem goes down: end every command once, saying whether the chip had it."""
        awaiting, in_link = self.abandon(), self.refused()
        self.orphan = NO_ORPHAN
        self.hung = 0
        self.end(now, awaiting, cmds.CMD_DOWN)
        self.end(now, in_link, cmds.CMD_DOWN if was_sent else cmds.CMD_UNSENT)
        for i in range(cmds.PRIORITIES):
            queued = self._slots[i]
            self._slots[i] = None
            self.end(now, queued, cmds.CMD_UNSENT)

    def end(self, now: int, command: "Command | None", result: int) -> None:
        """Tell the owner, without a body."""
        if command is not None:
            command.owner.on_command(now, command, result, self._link.frame, 0, 0)

    def confirm_in(self, now: int, frame: memoryview, n: int) -> None:
        """A confirm or error frame of n octets came."""
        code = frame[2]
        command = self._match(now, frame, code)
        if command is None:
            return self._confirm_of_nobody(code)
        if command is self.in_link:  # the ACK was lost on the way
            self._link.cancel()
            self.in_link = None
            self.taken_at = now
        else:
            self.awaiting = None
        self._confirmed(command)
        result = cmds.CMD_OK if code == command.cnf else cmds.CMD_ERROR
        if result == cmds.CMD_ERROR:
            self._counters.inc(counts.COMMAND_ERROR)
        return command.owner.on_command(now, command, result, frame, _BODY, n - _BODY - 2)

    def on_deadline(self, now: int) -> None:
        """End the awaiting command when its confirm is overdue."""
        if self.awaiting is None or ticks_diff(now, self._confirm_due) < 0:
            return
        command = self.abandon()
        self._counters.inc(counts.CONFIRM_LOST)
        if command.priority == cmds.PRIO_TRANSMIT:  # type: ignore[union-attr]
            self.orphan = UNFENCED
            self.hung += 1
        self.end(now, command, cmds.CMD_TIMEOUT)

    def next_deadline(self) -> "int | None":
        """When the awaited confirm is overdue."""
        return None if self.awaiting is None else self._confirm_due

    # --- inside ---

    def _may_go(self, command: "Command") -> bool:
        if command.priority == cmds.PRIO_TRANSMIT and self.orphan == UNFENCED:
            return False
        if self.awaiting is None:
            return True
        return command.priority == cmds.PRIO_CONTROL and command.cnf == cmds.NO_CONFIRM

    def _match(self, now: int, frame: memoryview, code: int) -> "Command | None":
        command = self.awaiting
        if command is None and self._link.was_sent:
            command = self.in_link
        if command is None or not command.is_answered_by(code):
            return None
        if code == command.cnf and command.ident >= 0 and command.ident != frame[3] | frame[4] << 8:
            return None
        if self.orphan and code == self._chip.ma_cnf and self._is_too_early(now, command, frame):
            return None
        return command

    def _is_too_early(self, now: int, command: "Command", frame: memoryview) -> bool:
        if frame[_BODY] != chips.TX_OK or command is not self.awaiting:
            return False
        return ticks_diff(now, self.taken_at) < command.earliest_ms

    def _confirmed(self, command: "Command") -> None:
        if command.priority == cmds.PRIO_TRANSMIT:
            self.hung = 0
        elif self.orphan == UNFENCED:
            self.orphan = GUARDED

    def _confirm_of_nobody(self, code: int) -> None:
        if code == self._chip.ma_cnf and self.orphan:
            self.orphan = NO_ORPHAN
            self._counters.inc(counts.CONFIRM_LATE)
        elif self.awaiting is not None:
            self._counters.inc(counts.CONFIRM_MISMATCH)
        else:
            self._counters.inc(counts.CONFIRM_STRAY)
