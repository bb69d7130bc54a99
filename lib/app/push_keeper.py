# SPDX-License-Identifier: MIT
"""Looks after notifications that cannot be delivered: to flash when it is time, and not too often.

Flash is written when delivery has failed for a while, or RAM is nearly full and nobody takes
anything; one flush at a turn, so many a day at most. Beyond that they stay in RAM, where the
oldest gives way. Law: while the head-end takes what it is sent, nothing is written.
"""

import asyncio

from micropython import const

from app import push
from app.push_events import ALARM, ROW_LEN, TOPOLOGY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from app.push import PushRoute
    from app.push_delivery import Delivery
    from app.push_turns import Turns
    from app.supervisor import Duty
    from base.log import Log

_PERIOD_MS = const(200)
_DAY_S = const(86400)
_EVENTS_AFTER_S = const(900)  # own events wait so long in the log: a flush holds more of them then
_REST_S = const(60)  # flash that has refused is left alone so long
_OPENING_S = const(5)  # a connection takes so long on a bad cellular line
_MOST_EVENTS = const(32)  # in one record on flash


class Keeper:
    """Changed while running: `after_s` a notification waits in RAM
    until it goes to flash; `writes_a_day`; `heartbeat_s`, 0 = none."""

    def __init__(self, route: "PushRoute", turns: "Turns", delivery: "Delivery", log: "Log") -> None:
        self._route = route
        self._turns = turns
        self._delivery = delivery
        self._log = log
        self._day = -1
        self._writes_before = 0  # of this day
        self._is_spared = False
        self._failures = 0  # of the ring, when it was asked last
        self._rest_until_s = 0
        self._beat_s = 0
        self._seen = -1  # records of the log when none of them was for flash
        self.after_s = 60
        self.writes_a_day = 1000
        self.heartbeat_s = 0

    async def run(self, duty: "Duty") -> None:
        """For ever."""
        while True:
            self.turn()
            await asyncio.sleep_ms(_PERIOD_MS)

    def turn(self) -> None:
        """One small step of what is to be done."""
        ring = self._turns.ring
        if ring is not None and not ring.is_ready:
            ring.step()
        self._beat()
        if ring is not None and ring.is_ready and not self._delivery.is_sending:
            self._keep()
        self._count()
        if self._turns.turn():
            self._delivery.wake()

    def push_now(self) -> None:
        """Method push of a Push setup object: a heartbeat, and with it whatever waits."""
        self._turns.is_heartbeat_due = True

    def save(self) -> None:
        """Put on flash all that waits, now: a restart has been asked for by somebody with a key."""
        ring = self._turns.ring
        if ring is None or not ring.is_ready:
            return
        while self._route.move_to(ring, self._turns.boot_s()):
            pass
        before = -1
        while self._turns.own.is_pending() and before != ring.writes:
            before = ring.writes
            self._keep_events()

    def _beat(self) -> None:
        now_s = self._log.now_s
        if self.heartbeat_s and now_s - self._beat_s >= self.heartbeat_s:
            self._beat_s = now_s
            self._turns.is_heartbeat_due = True

    # --- to flash ---

    def _keep(self) -> None:
        """Write to flash what it is time for, in one flush: meters' first."""
        route = self._route
        item = route.oldest()
        if item is not None and self._is_time(self._log.now_s - item[2], self.after_s, route.is_nearly_full()):
            if self._may_write():
                route.move_to(self._turns.ring, self._turns.boot_s())  # type: ignore[arg-type]
            return
        own = self._turns.own
        if self._log.total == self._seen or not own.is_pending():
            return
        age_s = self._log.now_s - own.oldest_s()
        if self._is_time(age_s, max(self.after_s, _EVENTS_AFTER_S), own.is_pressing()):
            self._keep_events()

    def _is_time(self, age_s: int, after_s: int, is_nearly_full: bool) -> bool:
        if self._delivery.has_failed() and age_s >= after_s:
            return True
        # NOTE: a connection takes a round trip or two to open; in a small queue that alone is nearly full.
        is_refused = self._delivery.tries > 0 or age_s >= _OPENING_S
        return is_nearly_full and is_refused and not self._delivery.is_connected

    def _may_write(self) -> bool:
        """There are writes left today. A day is one of uptime: nobody can turn this clock."""
        ring = self._turns.ring
        writes = 0 if ring is None else ring.writes
        if ring is not None and ring.failures != self._failures:
            # NOTE: a full flash takes the head of a segment with each try, which wears it and uses up the day's writes.
            self._failures = ring.failures
            self._rest_until_s = self._log.now_s + _REST_S
        if self._log.now_s < self._rest_until_s:
            return False
        day = self._log.now_s // _DAY_S
        if day != self._day:
            self._day, self._writes_before, self._is_spared = day, writes, False
        if writes - self._writes_before < self.writes_a_day:
            return True
        if not self._is_spared:
            self._is_spared = True
            self._route.counters.inc(push.FLASH_SPARED)
        return False

    def _keep_events(self) -> None:
        """Topology and alarms; those of security are not kept: a stranger can cause them."""
        ring, own, slab = self._turns.ring, self._turns.own, self._route.slab
        buf = slab.alloc()
        if buf < 0 or ring is None:
            return
        try:
            view = slab.view(buf)
            rows = view[push.WPDU_OFF :]
            most = min(_MOST_EVENTS, slab.size // ROW_LEN)
            count = own.gather(rows, most, TOPOLOGY | ALARM, self._turns.boot_s())
            if not count:
                self._seen = self._log.total
            elif self._may_write():
                meta = (push.KIND_EVENTS, count, self._turns.wall_s())
                if ring.put(view, push.WPDU_OFF, count * ROW_LEN, meta, True):
                    own.advance()
        finally:
            slab.free(buf)

    def _count(self) -> None:
        """What ring and cursor have counted, where a client of SAP 1 can read it."""
        ring = self._turns.ring
        self._follow(push.OWN_LOST, self._turns.own.lost)
        if ring is not None:
            self._follow(push.FLASH_LOST, ring.lost)
            self._route.counters.inc(push.TOO_LONG, ring.too_long)
            ring.too_long = 0
            self._follow(push.FLASH_WRITES, ring.writes)
            self._follow(push.FLASH_FAILED, ring.failures + ring.damaged)

    def _follow(self, index: int, value: int) -> None:
        counters = self._route.counters
        counters.inc(index, value - counters.get(index))
