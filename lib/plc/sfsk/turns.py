# SPDX-License-Identifier: MIT
"""Whose turn it is on a free line: data, or the initiator's own traffic.

Own policy (sfsk.md specifies none): data first; own traffic first when it is urgent, but never
twice in a row while data waits (in a blackout: no longer than the data before it had the line),
and behind a control request once. The sink is asked once each time the line frees; later it
submits when it has something.
"""

from micropython import const

from base.ticks import ticks_diff
from plc.sfsk.line import FREE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.contract import MediumSink
    from plc.sfsk.initiator import Initiator
    from plc.sfsk.line import Line

_BUSY_MS = const(30000)  # data this recently: head-ends are at work, keep discovery short


class Turns:
    """Calls sink.on_free or initiator.run; both may take the line at once."""

    def __init__(self, line: "Line", initiator: "Initiator", sink: "MediumSink") -> None:
        self._line = line
        self._initiator = initiator
        self._sink = sink
        self._was_offered = False
        self._was_own = False
        self._has_yielded = False
        self._is_offering = False
        self._used_at = 0
        self._was_used = False
        self._is_data_on = False
        self._data_ms = 0  # how long the last data had the line
        self._own_mark = 0  # own traffic up to then

    def data_took(self, now: int) -> None:
        """The sink has the line."""
        self._was_own = self._was_offered = False
        self._is_data_on = True
        self._was_used = True
        self._used_at = now

    def offer_again(self) -> None:
        """Something changed: ask the sink once more when the line is free."""
        self._was_offered = False

    def settle(self, now: int) -> None:
        """After every event on an operating segment: if the line is free, offer it."""
        # NOTE: a ping that goes out now is answered while a TLS handshake has the processor; some of those, and
        # a stranger could have every meter taken for lost.
        if self._line.state != FREE or self._is_offering or self._sink.is_held:
            return
        if self._was_offered and not self._is_own_due(now):
            return
        self._was_offered = True
        # NOTE: an exception in there (no memory) ends a task, which is started again; a flag left standing
        # would keep the line from everybody for ever, with a modem that looks alive.
        self._is_offering = True
        try:
            self._offer(now)
        finally:
            self._is_offering = False

    def _offer(self, now: int) -> None:
        if self._is_data_on:
            self._is_data_on = False
            self._data_ms = ticks_diff(now, self._used_at)
            self._own_mark = self._line.own_air_ms
        own_first = self._may_be_own() and self._initiator.is_urgent(now) and not self._yields()
        if not own_first:
            self._sink.on_free(now)
        if self._line.state == FREE and self._initiator.run(now, self._is_busy(now)):
            self._was_own = True
            self._was_offered = self._has_yielded = False
        if own_first and self._line.state == FREE:
            self._sink.on_free(now)

    def _may_be_own(self) -> bool:
        """NOTE: counted in turns, 1,200 meters back from a blackout would take a day: each ping of half a second
        would wait for a request that nobody answers, and that takes ten."""
        if not self._was_own:
            return True
        if not self._initiator.is_after_blackout:
            return False
        return (self._line.own_air_ms - self._own_mark & 0x3FFFFFFF) < self._data_ms

    def _yields(self) -> bool:
        """Urgent own traffic lets one control request pass, not a second one."""
        if self._has_yielded or not self._sink.is_control_waiting():
            return False
        self._has_yielded = True
        return True

    def _is_own_due(self, now: int) -> bool:
        due = self._initiator.next_deadline()
        return due is not None and ticks_diff(now, due) >= 0

    def _is_busy(self, now: int) -> bool:
        if self._was_used and ticks_diff(now, self._used_at) > _BUSY_MS:
            self._was_used = False
        return self._was_used
