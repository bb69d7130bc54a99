# SPDX-License-Identifier: MIT
"""What has to be done about once a second, and once at start: clocks, time-outs, journal."""

import asyncio
import gc

from micropython import const

from base import events
from base.errors import LocalError
from base.log import ERROR, WARNING
from base.ticks import Uptime
from gateway import quarantine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from app.supervisor import Duty
    from base.log import Log
    from gateway.journal import Journal
    from gateway.ledger import Ledger
    from gateway.registration import Table
    from plc.contract import Medium

_PERIOD_MS = const(1000)
_DAY_S = const(86400)
_CLOCK_IS_SET = const(1700000000)  # a wall clock before this (2023-11) has never been set


class Upkeep:
    """`timed` are the engines whose `on_deadline(now)` is due every second; `medium` is told the
    time of day for its operating window."""

    def __init__(self, table: "Table", journal: "Journal", log: "Log", clock: "object") -> None:
        self._table = table
        self._journal = journal
        self._log = log
        self._clock = clock
        self._uptime = Uptime(clock.ticks_ms())  # type: ignore[attr-defined]
        self._failures = 0
        self._boot_s: "int | None" = None  # wall second of uptime 0, as the quarantines were told
        self.timed: "tuple[object, ...]" = ()
        self.medium: "Medium | None" = None
        self.ledger: "Ledger | None" = None

    def restore(self) -> bool:
        """Fill the table from flash; nodes that had been there count as online, the others are still to be verified.

        False: the journal is of newer firmware or a larger table, or unreadable; it is left alone
        and nobody may be registered.
        """
        try:
            self._journal.replay(self._table)
        except (LocalError, OSError):
            self._log.add(ERROR, events.JOURNAL_FAILED)
            return False
        if self._journal.torn_at >= 0:
            self._log.add(WARNING, events.JOURNAL_TORN, a=self._journal.torn_at)
        if self._journal.damaged or self._journal.mended:
            self._log.add(ERROR, events.JOURNAL_DAMAGED, a=self._journal.damaged, b=self._journal.mended)
        return True

    def is_alive(self, now: int) -> bool:
        """For the watchdog, where there is no modem to ask: upkeep itself is a critical duty."""
        return True

    async def run(self, duty: "Duty") -> None:
        """For ever; reports at every turn."""
        while True:
            now = self._clock.ticks_ms()  # type: ignore[attr-defined]
            duty.beat(now)
            self.turn(now)
            # NOTE: a second's garbage is a few kB, so the collector never starts by itself in the
            # middle of a frame; its pause here is bounded by the heap's size (docs/timing.md).
            gc.collect()
            await asyncio.sleep_ms(_PERIOD_MS)

    def turn(self, now: int) -> None:
        """One second's work."""
        self._log.now_s = self._uptime.seconds(now)
        self._tell_time(now, self._clock.wall_s())  # type: ignore[attr-defined]
        if self.ledger is not None and self.medium is not None:
            self.ledger.on_own_air(now, self.medium.own_air_ms)
        for engine in self.timed:
            engine.on_deadline(now)  # type: ignore[attr-defined]
        if self._journal.failures != self._failures:
            self._failures = self._journal.failures
            self._log.add(ERROR, events.JOURNAL_FAILED, a=self._failures)
        if self._journal.is_stale(self._table):
            self._journal.compact(self._table)

    def _tell_time(self, now: int, wall_s: int) -> None:
        if wall_s < _CLOCK_IS_SET:
            return
        self._table.wall_s = wall_s
        # NOTE: a clock set to a wrong year must not end them all, nor hold a row until that year.
        jump_s = 0 if self._boot_s is None else wall_s - self._log.now_s - self._boot_s
        if self._boot_s is None or abs(jump_s) > _DAY_S:
            self._boot_s = wall_s - self._log.now_s
            quarantine.settle(self._table, jump_s)
        if self.medium is not None:
            self.medium.set_clock(now, wall_s % _DAY_S)
