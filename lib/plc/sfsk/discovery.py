# SPDX-License-Identifier: MIT
"""Discovery rounds: who is NEW on the line.

Source: sfsk.md 3.3, 3.4, 3.8 (the schedule is policy there). A round asks the expected
number of NEW meters to report in as many slots, thinned by the response probability where
the window is capped. A burst goes on until nobody is left at this credit; then the next
credit level looks further out; then rounds come once a period, at one level after another,
each followed by one at a low probability. While head-ends use the line, windows stay short.
"""

from micropython import const

from base import events
from base.log import DEBUG
from base.ticks import ticks_add, ticks_diff
from plc.medium import DONE_LINK_DOWN, DONE_NOT_SENT
from plc.sfsk import ciase, counts
from plc.sfsk.ciase_port import APDU_OFF
from plc.sfsk.population import Population

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.sfsk.ciase_port import CiasePort
    from plc.sfsk.settings import Settings
    from plc.sfsk.shared import Shared

_MANY_NEAR = const(2)
_BARREN_ROUNDS = const(6)  # rounds without a registration that end a burst
_AGAIN_MS = const(1000)
_LATE_MS = const(10000)  # a burst's round may wait this long for an idle line
_CROWDS = (8, 64)  # what the thin rounds are sized for in turn, in stations per slot


class Discovery:
    """One job of the initiator. `slots_used` counts report slots opened, for benchmarks."""

    def __init__(self, port: "CiasePort", settings: "Settings", shared: "Shared") -> None:
        self.slots_used = 0
        self.rounds = 0
        self.is_burst = True
        self._is_asked = False  # a burst that management wanted: in air nobody wants
        self._port = port
        self._counters = shared.counters
        self._shared = shared
        self._broadcast = settings["broadcast_mac"]
        self._probability = settings["discover.probability"]
        self._slots_min = settings["discover.slots"]
        self._slots_max = max(settings["discover.slots_max"], self._slots_min)
        self._ic_equal = settings["discover.ic_equal_credit"]
        self._period_ms = settings["discover.period_s"] * 1000
        self._levels = _levels(settings["discover.report_credit"], settings["max_credit"])
        self._level = 0
        self._population = Population()
        self._is_informed = False
        self._due = 0
        self._slots = 0
        self._aimed_at = 0
        self._reports = 0
        self._has_dropped = False
        self._near = 0  # of them, heard without a repetition
        self._garbled_before = 0
        self._barren = 0
        self._crowd = 1
        self._turn = 0
        self._is_crowd = False  # a thin round heard somebody where there seemed to be nobody

    @property
    def credit(self) -> int:
        """Credit of the current level: of the request and of the reports it asks for."""
        return self._levels[self._level]

    def restart(self, now: int) -> None:
        """The modem has come up: go on with a burst, else let data have the line first."""
        self._due = now if self.is_burst else ticks_add(now, _LATE_MS)

    def wake(self, now: int) -> None:
        """A registration seems not to have arrived: that meter will report again."""
        if not self.is_burst:
            self.is_burst = True
            self._population.expect_some()
            self._due = now

    def ask(self, now: int) -> bool:
        """Management wants a burst; False when there is one."""
        if self.is_burst:
            return False
        self.wake(now)
        self._is_asked = True
        return True

    def due(self) -> int:
        """Tick of the next round."""
        return self._due

    def is_late(self, now: int) -> bool:
        """Waiting for an idle line has lasted long enough."""
        patience = _LATE_MS if self.is_burst and not self._is_asked else self._period_ms // 4
        return ticks_diff(now, self._due) > patience

    def begin(self, now: int, is_busy: bool) -> None:
        """Send a DiscoverRequest and hold the line for the reports."""
        # While head-ends wait, a window takes no longer with more credit.
        least = max(self._slots_min // (self.credit + 1), 2) if is_busy else self._slots_min
        most = least if is_busy or self._crowd > 1 else self._slots_max
        # The first round at a level is short: most networks are small, most levels empty.
        self._aimed_at = self._population.target(least) if self._is_informed else least * self._crowd
        self._is_informed = True
        probability = max(1, min(self._probability, 100 * most // self._aimed_at))
        self._slots = max((self._aimed_at * probability + 50) // 100, 1)
        self._reports = self._near = 0
        self._garbled_before = self._counters.get(counts.RX_BAD_CRC)
        self._counters.inc(counts.DISCOVER_ROUNDS)
        self.rounds += 1
        self.slots_used += self._slots * (self.credit + 1)
        length = ciase.put_discover(self._port.mv, APDU_OFF, probability, self._slots, self.credit, self._ic_equal)
        window_ms = self._port.reports_ms(self._slots, self.credit)
        self._port.send(now, self, length, self._broadcast, self.credit, window_ms)
        self._shared.record(DEBUG, events.DISCOVERY_ROUND, probability, self._slots)

    def note(self, systems: int, repetitions: int = 0) -> None:
        """A report heard after so many repetitions came in with so many systems not heard before in this round."""
        self._reports += systems
        if not repetitions:
            self._near += systems

    def note_registered(self) -> None:
        """Somebody could be registered: the burst is worth going on, or one worth beginning for a crowd."""
        self._barren = 0
        self._has_dropped = False
        self.is_burst = self.is_burst or self._is_crowd

    def on_line_sent(self, now: int) -> None:
        """LineOwner: nothing to do, reports are awaited."""

    def on_line_over(self, now: int, outcome: int) -> None:
        """LineOwner: the window is over (or the modem is gone): learn, plan the next round."""
        if outcome in (DONE_NOT_SENT, DONE_LINK_DOWN):
            self._due = ticks_add(now, _AGAIN_MS)
            return
        garbled = self._counters.get(counts.RX_BAD_CRC) - self._garbled_before
        self._population.update(self._slots, self._aimed_at, self._reports, garbled)
        self._population.remove(self._reports)
        self._barren += 1
        self._due = now
        if self._level and self._near >= _MANY_NEAR and not self._has_dropped:
            # NOTE: a blackout ends while the farthest are looked for: with credit 7 each round takes eight times as
            # long, and those who are back need none of it.
            self._level = 0
            self._has_dropped = True  # once, until one of them could be registered: the table may be full
            self._is_informed = False
            self._population.expect_some()
        is_thin, self._crowd = self._crowd > 1, 1
        if is_thin and self._reports:
            self._is_crowd = True
        if self._barren >= _BARREN_ROUNDS or (self._population.is_settled and (is_thin or self._is_crowd)):
            self._next_level(now)
        elif self._population.is_settled:
            # NOTE: a hundred meters come back after a blackout, all report in ten slots and spoil each other: the
            # round is as empty as with nobody, and so is every one after it. A few of them, asked alone, are heard.
            self._turn += 1
            self._crowd = _CROWDS[self._turn % 2]
            self._is_informed = False

    def _next_level(self, now: int) -> None:
        """Nobody is left here: look further out; after the farthest, once a period."""
        self._barren = 0
        self._is_informed = self._is_crowd = False
        self._level += 1
        self._population.expect_few()
        if self._level < len(self._levels) and self.is_burst:
            return
        self.is_burst = self._is_asked = False
        self._level %= len(self._levels)
        self._due = ticks_add(now, self._period_ms)


def _levels(first: int, last: int) -> "list[int]":
    """Credits tried one after another: each reaches about twice as far."""
    levels = [min(first, last)]
    while levels[-1] < last:
        levels.append(min(2 * levels[-1] + 1, last))
    return levels
