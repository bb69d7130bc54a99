# SPDX-License-Identifier: MIT
"""Pings: is that meter there, and is it the one registered at that address?

Source: sfsk.md 3.7 (ping confirms the binding of MAC address and title), 3.8. Each row has a
count of pings failed in a row; a bounded list holds the rows to be asked soon. Outcomes:
first answer after registration -> NODE_UP; `lost_after` failures -> NODE_LOST; an answer of
a lost or newly re-registered one -> NODE_BACK.
"""

from array import array

from micropython import const

from base import events
from base.log import NOTICE, WARNING
from base.ticks import ticks_add, ticks_diff
from plc.medium import (
    DONE_LINK_DOWN,
    DONE_NOT_SENT,
    DONE_REPLIED,
    NODE_ASSIGNED,
    NODE_BACK_EVENT,
    NODE_FREE,
    NODE_LOST,
    NODE_LOST_EVENT,
    NODE_ONLINE,
    NODE_QUARANTINED,
    NODE_UP_EVENT,
)
from plc.sfsk import ciase, counts
from plc.sfsk.ciase_port import APDU_OFF

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.contract import MediumSink, Nodes
    from plc.sfsk.ciase_port import CiasePort
    from plc.sfsk.settings import Settings
    from plc.sfsk.shared import Shared

_CAPACITY = const(64)
_AGAIN_MS = const(3000)
_FAILS = const(0x7F)
_IS_DARK = const(12)  # three meters, and nobody says anything
_DARKEST = const(32)
_DARK_STEP = const(4)
_RECORDS = (events.NODE_UP, events.NODE_LOST, events.NODE_BACK, events.NODE_GONE)  # by NODE_*_EVENT
_IS_BACK = const(0x80)  # was known when it reported as NEW


class Watch:
    """One job of the initiator; also does the keep-alive's pings (`begin(row)`)."""

    def __init__(
        self,
        port: "CiasePort",
        nodes: "Nodes",
        settings: "Settings",
        sink: "MediumSink",
        shared: "Shared",
    ) -> None:
        self.row = -1  # being pinged
        self.on_unverified: "object | None" = None  # called(now): a registration did not arrive
        self.on_ping_over: "object | None" = None  # called(now, row, round trip in ms or -1)
        self._port = port
        self._nodes = nodes
        self.credits = shared.credits
        self._counters = shared.counters
        self._sink = sink
        self._shared = shared
        self._lost_after = settings["lost_after"]
        self._think_ms = settings["think_ms"]
        self._ping_len = 1 + nodes.title_len
        self._flags = bytearray(nodes.capacity)  # _FAILS, _IS_BACK
        self._queue = array("h", [-1] * _CAPACITY)
        self._dues = [0] * _CAPACITY  # ticks: 64 bits wide on some ports, so no array
        self._expected = memoryview(bytearray(nodes.title_len))
        self._was_answered = False
        self._dark = 0  # up with every meter that fails its first ping, down with every frame of one
        self._began = 0
        self._took_ms = 0

    # --- who is to be asked ---

    def was_new(self, row: int, is_known: bool, repetitions: int) -> None:
        """The meter of `row` reported itself as NEW and is being registered."""
        is_back = is_known and self._nodes.state(row) in (NODE_ONLINE, NODE_LOST)
        self._flags[row] = _IS_BACK if is_back else 0
        self.credits.learn(row, repetitions)

    def verify(self, now: int, row: int) -> None:
        """Ask `row` as soon as the line is free."""
        self._push(now, row)

    def suspect(self, now: int, row: int) -> None:
        """An exchange with `row` got no answer: find out why."""
        if self._nodes.state(row) == NODE_ONLINE:
            self._push(ticks_add(now, _AGAIN_MS), row)

    @property
    def is_dark(self) -> bool:
        """More is silent than speaks: a blackout, or many meters that have fallen back to NEW."""
        return self._dark >= _IS_DARK

    def fails(self, row: int) -> int:
        """Pings failed in a row."""
        return self._flags[row] & _FAILS

    def due(self) -> "int | None":
        """Tick at which the first of the list is due."""
        soonest = None
        for i in range(_CAPACITY):
            if self._queue[i] >= 0 and (soonest is None or ticks_diff(self._dues[i], soonest) < 0):
                soonest = self._dues[i]
        return soonest

    def begin_due(self, now: int) -> bool:
        """Ping the first of the list that is due; False when there is none."""
        for i in range(_CAPACITY):
            row = self._queue[i]
            if row >= 0 and ticks_diff(now, self._dues[i]) >= 0:
                self._queue[i] = -1
                if self._nodes.state(row) not in (NODE_FREE, NODE_QUARANTINED):
                    self.begin(now, row)
                    return True
        return False

    # --- asking ---

    def begin(self, now: int, row: int) -> None:
        """Send a PingRequest to `row` and wait for the answer. Only when the line is free."""
        self.row = row
        self._was_answered = False
        self._began = now
        length = ciase.put_ping_head(self._port.mv, APDU_OFF)
        self._nodes.title_into(row, self._port.mv, APDU_OFF + length)
        self._nodes.title_into(row, self._expected, 0)
        credit = self.credits.of(row)
        window_ms = self._port.reply_ms(self._ping_len, credit, self._think_ms)
        self._counters.inc(counts.PING_SENT)
        self._port.send(now, self, self._ping_len, self._nodes.addr(row), credit, window_ms)

    def on_response(self, now: int, row: int, mv: memoryview, title_off: int) -> bool:
        """A PingResponse of `row` came; True when it ends the ping under way."""
        if row != self.row:
            self._counters.inc(counts.CIASE_UNEXPECTED)
            return False
        for i in range(self._nodes.title_len):
            if mv[title_off + i] != self._expected[i]:
                self._counters.inc(counts.PING_WRONG_TITLE)
                return False
        self._was_answered = True
        self._took_ms = ticks_diff(now, self._began)
        return True

    def on_line_sent(self, now: int) -> None:
        """LineOwner: the row has been addressed."""
        self._nodes.addressed(self.row, self._shared.seconds(now))

    def on_line_over(self, now: int, outcome: int) -> None:
        """LineOwner: answered or not."""
        row, self.row = self.row, -1
        if outcome == DONE_REPLIED and self._was_answered:
            self.alive(now, row)
        elif outcome in (DONE_NOT_SENT, DONE_LINK_DOWN):
            self._push(ticks_add(now, _AGAIN_MS), row)  # says nothing about the meter
            return
        else:
            self._failed(now, row)
        if self.on_ping_over is not None:
            self.on_ping_over(now, row, self._took_ms if self._was_answered else -1)  # type: ignore[operator]

    # --- what it means ---

    def heard(self, row: int) -> None:
        """Some other frame of it came: pings failed so far do not count."""
        self._flags[row] &= _IS_BACK
        self._dark = max(self._dark - 1, 0)

    def alive(self, now: int, row: int) -> None:
        """The meter of `row` is there and is the right one."""
        was_back = self._flags[row] & _IS_BACK
        self._flags[row] = 0
        state = self._nodes.state(row)
        if state != NODE_ONLINE:
            self._nodes.set_state(row, NODE_ONLINE, self._shared.seconds(now))
        if state == NODE_ASSIGNED:
            self._tell(now, row, NODE_UP_EVENT)
        elif state == NODE_LOST or was_back:
            self._counters.inc(counts.NODES_BACK)
            self._tell(now, row, NODE_BACK_EVENT)

    def _failed(self, now: int, row: int) -> None:
        self._counters.inc(counts.PING_FAILED)
        self.credits.missed(row)
        flags = self._flags[row]
        fails = min((flags & _FAILS) + 1, _FAILS)
        self._flags[row] = flags & _IS_BACK | fails
        state = self._nodes.state(row)
        if fails == 1 and state == NODE_ONLINE and not flags & _IS_BACK:  # nor who is just being registered
            self._dark = min(self._dark + _DARK_STEP, _DARKEST)
        if fails < self._lost_after:
            self._push(ticks_add(now, _AGAIN_MS), row)
        elif state == NODE_ONLINE:
            self._lose(now, row)
        if fails == self._lost_after and (state == NODE_ASSIGNED or flags & _IS_BACK):
            self.on_unverified(now)  # type: ignore[operator,misc]

    def _lose(self, now: int, row: int) -> None:
        self._counters.inc(counts.NODES_LOST)
        self._nodes.set_state(row, NODE_LOST, self._shared.seconds(now))
        self._tell(now, row, NODE_LOST_EVENT)

    def _tell(self, now: int, row: int, event: int) -> None:
        level = WARNING if event == NODE_LOST_EVENT else NOTICE
        self._shared.record(level, _RECORDS[event], node=row)
        self._sink.on_node(now, row, event)

    def _push(self, due: int, row: int) -> None:
        """Note `row`; when the list is full the keep-alive's walk comes by anyway.

        The earlier of two dues holds: who is asked again and again would never be pinged else.
        """
        free = -1
        for i in range(_CAPACITY):
            if self._queue[i] == row:
                if ticks_diff(due, self._dues[i]) < 0:
                    self._dues[i] = due
                return
            if self._queue[i] < 0:
                free = i
        if free < 0:
            self._counters.inc(counts.WATCH_FULL)
            return
        self._queue[free] = row
        self._dues[free] = due
