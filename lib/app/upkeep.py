# SPDX-License-Identifier: MIT
"""What has to be done about once a second, and once at start: clocks, time-outs, journal."""

import asyncio

from base import events
from base.log import ERROR, WARNING
from base.ticks import Uptime
from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.log import Log
    from gateway.journal import Journal
    from gateway.registration import Table

    from app.supervisor import Duty

_PERIOD_MS = const(1000)


class Upkeep:
    """`timed` are the engines whose `on_deadline(now)` is due every second."""

    def __init__(
        self, table: "Table", journal: "Journal", log: "Log", clock: "object", timed: "tuple[object, ...]"
    ) -> None:
        self._table = table
        self._journal = journal
        self._log = log
        self._clock = clock
        self._timed = timed
        self._uptime = Uptime(clock.ticks_ms())  # type: ignore[attr-defined]
        self._failures = 0

    def restore(self) -> None:
        """Fill the table from flash; all nodes it knew count as online."""
        self._journal.replay(self._table)
        if self._journal.torn_at >= 0:
            self._log.add(WARNING, events.JOURNAL_TORN, a=self._journal.torn_at)
        self._table.restore_online()

    async def run(self, duty: "Duty") -> None:
        """For ever; reports at every turn."""
        while True:
            now = self._clock.ticks_ms()  # type: ignore[attr-defined]
            duty.beat(now)
            self.turn(now)
            await asyncio.sleep_ms(_PERIOD_MS)

    def turn(self, now: int) -> None:
        """One second's work."""
        self._log.now_s = self._uptime.seconds(now)
        self._table.wall_s = self._clock.wall_s()  # type: ignore[attr-defined]
        self._table.settle_quarantines()
        for engine in self._timed:
            engine.on_deadline(now)  # type: ignore[attr-defined]
        if self._journal.failures != self._failures:
            self._failures = self._journal.failures
            self._log.add(ERROR, events.JOURNAL_FAILED, a=self._failures)
        if self._journal.is_stale(self._table):
            self._journal.compact(self._table)
