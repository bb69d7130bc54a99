# SPDX-License-Identifier: MIT
"""Is that node there? Told by what it sends, else by path discovery; lost, back, keep-alive.

Source: g3.md 2.4 (PATH_DISCOVERY), 1.3 (there is no end-to-end acknowledgement in ADP). Any
packet of a node proves it (frames are secured with the group key); silence for `keepalive_s`
or a missing answer makes us ask. One path discovery at a time, for each may flood the network
with route requests: on a line nobody uses, or once in `_PATIENCE_MS`. Law: looking after the silent ones
takes no more than `upkeep_percent` of the line, however many they are.
"""

import struct
from array import array

from micropython import const

from base import events
from base.log import NOTICE, WARNING
from base.ticks import earliest, ticks_add, ticks_diff
from plc.g3 import adp, counts
from plc.g3 import command as cmds
from plc.g3 import shared as kinds
from plc.g3.command import Command
from plc.medium import (
    NODE_ASSIGNED,
    NODE_BACK_EVENT,
    NODE_LOST,
    NODE_LOST_EVENT,
    NODE_ONLINE,
    NODE_UP_EVENT,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from plc.contract import MediumSink, Nodes
    from plc.g3.links import Links
    from plc.g3.modem import Modem
    from plc.g3.shared import Shared
    from plc.g3.window import Window

_CAPACITY = const(32)
_AGAIN_MS = const(5000)
_WALK_MS = const(10000)
_STEP_MS = const(250)  # between two path discoveries, or looks at a line in use
_PATIENCE_MS = const(20000)  # of own traffic on a line that is always in use; twice that when control requests wait
_ECHO_LEN = const(2)
_RECORDS = (events.NODE_UP, events.NODE_LOST, events.NODE_BACK, events.NODE_GONE)  # by NODE_*_EVENT


class Watch:
    """States of all nodes; owner of the path request. `on_silent(now, row)`: the node is lost, or still is."""

    on_silent: "Callable[[int, int], None]"

    def __init__(self, modem: "Modem", nodes: "Nodes", window: "Window", sink: "MediumSink", shared: "Shared") -> None:
        self.row = -1  # being looked for
        self.links: "Links" = window.links
        self._window = window
        self._modem = modem
        self._nodes = nodes
        self._sink = sink
        self._shared = shared
        self._settings = shared.settings
        self._command = Command(self, 8)
        self._eui64 = memoryview(bytearray(8))
        self._queue = array("h", [-1] * _CAPACITY)
        self._dues = [0] * _CAPACITY  # ticks: wider than 32 bits on some ports
        self._cursor = 0
        self._walk_due = 0
        self._free_at = 0
        self._begun_at = 0
        self._is_waiting = False  # for the line, since:
        self._since = 0
        self._is_turn_of_lost = True

    def restart(self, now: int) -> None:
        """The modem has come up: who has never been there may be by now, and we have missed it."""
        self._walk_due = ticks_add(now, _WALK_MS)
        self._free_at = now
        self._is_waiting = False
        for row in range(self._nodes.end()):
            if self._nodes.state(row) == NODE_ASSIGNED:
                self._push(self._walk_due, row)

    # --- what is seen ---

    def heard(self, now: int, row: int, lqi: int) -> None:
        """A packet of `row` came."""
        self.links.note_lqi(row, lqi)
        self.alive(now, row)

    def alive(self, now: int, row: int) -> None:
        """The node is there: tell if that is news."""
        now_s = self._shared.seconds(now)
        self._nodes.heard(row, now_s)
        self.links.well(row)
        state = self._nodes.state(row)
        if state == NODE_ONLINE:
            return
        self._nodes.set_state(row, NODE_ONLINE, now_s)
        if state == NODE_LOST:
            self._shared.counters.inc(counts.NODES_BACK)
        self.tell(now, row, NODE_BACK_EVENT if state == NODE_LOST else NODE_UP_EVENT)

    def joined(self, now: int, row: int) -> None:
        """The bootstrap of the node finished: whatever was known of its way is void."""
        self.links.clear(row)
        was_online = self._nodes.state(row) == NODE_ONLINE
        self.alive(now, row)
        if was_online:
            self.tell(now, row, NODE_BACK_EVENT)
        self._push(ticks_add(now, self._settings["first_path_ms"]), row)

    def missed(self, now: int, row: int) -> None:
        """An answer of `row` did not come."""
        if row >= 0:
            self.links.missed(row)
            self.suspect(now, row)

    def suspect(self, now: int, row: int) -> None:
        """Ask for `row` soon."""
        if self._nodes.state(row) == NODE_ONLINE:
            self._push(ticks_add(now, self._settings["suspect_ms"]), row)

    def request_path(self, now: int, row: int) -> bool:
        """Ask for `row` at once (management); the result is in `links` and in the node's state."""
        return 0 <= row < self._nodes.capacity and self._push(now, row)

    def lose(self, now: int, row: int) -> None:
        """The node left, was expelled or does not answer any more; one that has never been there cannot be lost."""
        if self._nodes.state(row) == NODE_ONLINE:
            self._shared.counters.inc(counts.NODES_LOST)
            self._nodes.set_state(row, NODE_LOST, self._shared.seconds(now))
            self.tell(now, row, NODE_LOST_EVENT)

    def tell(self, now: int, row: int, event: int) -> None:
        """Log and report a node event."""
        self._shared.record(WARNING if event == NODE_LOST_EVENT else NOTICE, _RECORDS[event], node=row)
        self._sink.on_node(now, row, event)

    # --- asking ---

    def on_deadline(self, now: int, is_line_free: bool) -> None:
        """Begin a path discovery when one is due, none is under way and the line can be had."""
        due = self.next_deadline()
        if due is None or ticks_diff(now, due) < 0:
            return
        if not self._has_line(now, is_line_free):
            self._free_at = ticks_add(now, _STEP_MS)
            return
        self._is_waiting = False
        row = self._due_suspect(now)
        if row < 0 and ticks_diff(now, self._walk_due) >= 0:
            row = self._walk(now)
        if row >= 0:
            self._ask(now, row)

    def _has_line(self, now: int, is_line_free: bool) -> bool:
        if self._sink.is_held:
            return False
        is_wanted = self._sink.is_control_waiting()
        if is_line_free and not is_wanted:
            return True
        if not self._is_waiting:
            self._is_waiting = True
            self._since = now
        return ticks_diff(now, self._since) >= _PATIENCE_MS * (1 + is_wanted)

    def next_deadline(self) -> "int | None":
        """When somebody is to be asked for."""
        if not self._modem.is_up or self.row >= 0:
            return None
        due: "int | None" = self._walk_due
        for i in range(_CAPACITY):
            if self._queue[i] >= 0:
                due = earliest(due, self._dues[i])
        if due is not None and ticks_diff(due, self._free_at) < 0:
            return self._free_at
        return due

    def on_command(self, now: int, command: "Command", result: int, mv: memoryview, off: int, n: int) -> None:
        """CommandOwner: the path discovery ended."""
        row, self.row = self.row, -1
        self._free_at = ticks_add(now, _STEP_MS)
        status = mv[off] if result == cmds.CMD_OK else adp.BUSY
        if result == cmds.CMD_OK and status == adp.SUCCESS:
            self._found(now, row, mv, off, n)
        elif adp.fate(status) == adp.RETRY:  # says nothing about the node
            self._push(ticks_add(now, _AGAIN_MS), row)
        else:
            self.failed(now, row)

    def _found(self, now: int, row: int, mv: memoryview, off: int, n: int) -> None:
        if not self.links.take_path(row, mv, off, n):
            self._shared.counters.inc(counts.MESSAGE_SHORT)
        self._shared.counters.inc(counts.PATHS_FOUND)
        self.links.note_rtt(row, ticks_diff(now, self._begun_at))
        if self._nodes.row_of_addr(self._nodes.addr(row)) == row:
            self.alive(now, row)
        self._told(now, row, kinds.PATH_DONE, self.links.hops(row))

    def failed(self, now: int, row: int) -> None:
        """There is no way to `row` now: lost after so many times."""
        self._shared.counters.inc(counts.PATHS_FAILED)
        self._told(now, row, kinds.PATH_FAILED, 0)
        self.no_route(now, row)

    def no_route(self, now: int, row: int) -> None:
        """The modem looked for a route and found none: one failure more."""
        fails = self.links.failed(row)
        if self._nodes.state(row) == NODE_ONLINE:
            if fails < self._settings["lost_after"]:
                self._push(ticks_add(now, _AGAIN_MS), row)
                return
            self.lose(now, row)
        self.on_silent(now, row)

    def _told(self, now: int, row: int, kind: int, number: int) -> None:
        self._nodes.title_into(row, self._eui64, 0)
        self._shared.tell(now, kind, self._eui64, number)

    def _ask(self, now: int, row: int) -> None:
        self.links.note_asked(row, self._shared.seconds(now))
        self.row = row
        self._begun_at = now
        command = self._command
        metric = self._settings["path_metric"]
        struct.pack_into(">BHB", command.mv, 0, adp.PATH_DISCOVERY, self._nodes.addr(row), metric)
        command.load(4, self._settings.timeout_ms("path_timeout_ms"), _ECHO_LEN)
        if not self._modem.line_desk.push(now, command):
            self.row = -1
            self._free_at = ticks_add(now, _AGAIN_MS)

    # --- who is next ---

    def _due_suspect(self, now: int) -> int:
        for i in range(_CAPACITY):
            row = self._queue[i]
            if row >= 0 and ticks_diff(now, self._dues[i]) >= 0:
                self._queue[i] = -1
                if self._nodes.row_of_addr(self._nodes.addr(row)) == row:
                    return row
        return -1

    def _walk(self, now: int) -> int:
        """The next node whose silence has lasted long enough, lost ones in turn with others; -1: there is none."""
        now_s = self._shared.seconds(now)
        self._is_turn_of_lost = not self._is_turn_of_lost
        row = self._silent(now_s, self._is_turn_of_lost)
        if row < 0:
            row = self._silent(now_s, not self._is_turn_of_lost)
        rest_ms = _WALK_MS if row < 0 else self._window.path_ms(row) * 100 // self._settings["upkeep_percent"]
        self._walk_due = ticks_add(now, rest_ms)
        return row

    def _silent(self, now_s: int, is_lost: bool) -> int:
        end = self._nodes.end()
        for _ in range(end):
            self._cursor = (self._cursor + 1) % end
            if self._is_silent(self._cursor, now_s, is_lost):
                return self._cursor
        return -1

    def _is_silent(self, row: int, now_s: int, is_lost: bool) -> bool:
        state = self._nodes.state(row)
        if not is_lost and state == NODE_ONLINE:
            latest_s = max(self._nodes.last_heard_s(row), self.links.asked_s(row))
            return now_s - latest_s >= self._settings["keepalive_s"]
        if is_lost and state in (NODE_LOST, NODE_ASSIGNED):
            return now_s - self.links.asked_s(row) >= self._settings["lost_retry_s"]
        return False

    def _push(self, due: int, row: int) -> bool:
        """Note `row`; the earlier of two dues holds. False when the list is full: the walk comes by anyway."""
        free = -1
        for i in range(_CAPACITY):
            if self._queue[i] == row:
                if ticks_diff(due, self._dues[i]) < 0:
                    self._dues[i] = due
                return True
            if self._queue[i] < 0:
                free = i
        if free < 0:
            self._shared.counters.inc(counts.WATCH_FULL)
            return False
        self._queue[free] = row
        self._dues[free] = due
        return True
