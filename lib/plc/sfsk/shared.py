# SPDX-License-Identifier: MIT
"""What the parts of one S-FSK segment share: clock of seconds, counters, airtime, credits, log."""

from base.log import NO_NODE
from base.ticks import Uptime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.counters import Counters
    from base.log import Log
    from plc.sfsk.airtime import Airtime
    from plc.sfsk.credits import Credits


class Shared:
    """A bundle handed to every part at construction."""

    def __init__(self, air: "Airtime", counters: "Counters", credits: "Credits", log: "Log | None") -> None:
        self.air = air
        self.counters = counters
        self.credits = credits
        self._log = log
        self._uptime: "Uptime | None" = None

    def seconds(self, now: int) -> int:
        """Seconds since the first call, from 1 on: 0 means never in the table."""
        if self._uptime is None:
            self._uptime = Uptime(now)
        return self._uptime.seconds(now)

    def record(self, level: int, event: int, a: int = 0, b: int = 0, node: int = NO_NODE) -> None:
        """Add a log record, if there is a log."""
        if self._log is not None:
            self._log.add(level, event, node, a, b)
