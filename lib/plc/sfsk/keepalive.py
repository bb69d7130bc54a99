# SPDX-License-Identifier: MIT
"""Keep-alive: every registered meter is addressed well inside time_out_not_addressed.

Source: sfsk.md 3.8 step 4, 3.9 (a meter not addressed for that long falls back to NEW). With
T = time-out / fraction the walk visits each row every T/2 and pings it unless some frame was
sent to it in the last T/4: so no row waits longer than 3/4 T, plus what a busy line adds;
beyond 1/8 T of that the ping is urgent. Lost rows are tried again by a second walk that may
use a small share of the line only.
"""

from micropython import const

from base.ticks import earliest, ticks_add, ticks_diff
from plc.medium import NODE_ASSIGNED, NODE_LOST, NODE_ONLINE
from plc.sfsk.walk import Walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.contract import Nodes
    from plc.sfsk.settings import Settings
    from plc.sfsk.shared import Shared
    from plc.sfsk.watch import Watch

_FIRST_WALK_MS = const(3600000)  # restored nodes are verified within the first hour
_LONGEST_PING_MS = const(300000)  # all credits at the slowest speed
_LOST_PATIENCE_MS = const(30000)
_NEVER_S = const(5529600)  # 64 days: the meters' time-out is off


class KeepAlive:
    """One job of the initiator: chooses rows, the pings are `watch`'s."""

    def __init__(self, nodes: "Nodes", watch: "Watch", settings: "Settings", shared: "Shared") -> None:
        self._nodes = nodes
        self._watch = watch
        self._shared = shared
        minutes = settings["keepalive.time_out_not_addressed_min"]
        self.span_s = minutes * 60 // settings["keepalive.fraction"] if minutes else _NEVER_S
        half_ms = max(self.span_s * 500, 1000)
        self._walk = Walk(min(half_ms, _FIRST_WALK_MS))
        self._half_ms = half_ms
        self._lost_walk = Walk(settings["lost_retry_s"] * 1000)
        self._lost_s = settings["lost_retry_s"]
        self._rest_factor = 100 // max(settings["lost_airtime_percent"], 1) - 1
        self._row = -1
        self._row_since_s = 0
        self._lost_after = 0  # tick before which no lost row is tried
        self._lost_row = -1
        self._lost_since = 0
        self._lost_begun = -1
        self._is_resting = False

    def restart(self, now: int) -> None:
        """The modem has come up."""
        self._walk.restart(now)
        self._lost_walk.restart(now)

    def due(self) -> "int | None":
        """Tick of the next visit."""
        lost = self._lost_after if self._is_resting else self._lost_walk.due()
        return earliest(self._walk.due(), lost)

    def is_ready(self, now: int) -> bool:
        """A row must be pinged; the walk stands there until it has been."""
        if self._row >= 0 and not self._needs_ping(now, self._row):
            self._row = -1  # somebody else's frame did it
        while self._row < 0 and self._walk.step(now, self._rows(now)):
            if self._needs_ping(now, self._walk.row):
                self._row = self._walk.row
                self._row_since_s = self._shared.seconds(now)
            elif self._walk.row == 0:
                self._walk.period_ms = self._half_ms
        return self._row >= 0

    def is_urgent(self, now: int) -> bool:
        """The waiting row cannot wait for an idle line any longer."""
        waited_s = max(self._shared.seconds(now) - self._row_since_s, self._walk.lag_ms(now) // 1000)
        return self._row >= 0 and waited_s >= self.span_s // 8

    def begin(self, now: int) -> None:
        """Ping the row `is_ready` stopped at."""
        row, self._row = self._row, -1
        self._watch.begin(now, row)

    def begin_lost(self, now: int) -> bool:
        """Ping a lost or never verified row, if its turn and the share of the line allow it."""
        if self._lost_begun >= 0:
            self._rest(now)
        if self._is_resting and ticks_diff(now, self._lost_after) < 0:
            return False
        self._is_resting = False
        if not self._find_lost(now):
            return False
        row, self._lost_row = self._lost_row, -1
        self._lost_begun = now
        self._watch.begin(now, row)
        return True

    def is_lost_late(self, now: int) -> bool:
        """The walk over lost rows has waited long enough for idle air.

        NOTE: on a line that data never leaves, a meter that is back would else stay lost, and be refused, for ever.
        """
        if self._is_resting and ticks_diff(now, self._lost_after) < 0:
            return False
        return self._find_lost(now) and ticks_diff(now, self._lost_since) > _LOST_PATIENCE_MS

    # --- inside ---

    def _find_lost(self, now: int) -> bool:
        """The walk stands at a row that is to be tried."""
        if self._lost_row >= 0 and not self._needs_retry(now, self._lost_row):
            self._lost_row = -1
        while self._lost_row < 0 and self._lost_walk.step(now, self._rows(now)):
            if self._needs_retry(now, self._lost_walk.row):
                self._lost_row = self._lost_walk.row
                self._lost_since = now
        return self._lost_row >= 0

    def _rows(self, now: int) -> int:
        rows = self._nodes.end()
        if not rows:
            self._walk.idle(now)
            self._lost_walk.idle(now)
        return rows

    def _needs_ping(self, now: int, row: int) -> bool:
        if self._nodes.state(row) != NODE_ONLINE:
            return False
        addressed_s = self._nodes.addressed_s(row)
        return not addressed_s or self._shared.seconds(now) - addressed_s >= self.span_s // 4

    def _needs_retry(self, now: int, row: int) -> bool:
        if self._nodes.state(row) not in (NODE_LOST, NODE_ASSIGNED):
            return False
        addressed_s = self._nodes.addressed_s(row)
        return not addressed_s or self._shared.seconds(now) - addressed_s >= self._lost_s // 2

    def _rest(self, now: int) -> None:
        """The last retry is over; it took this long, so rest a multiple of that."""
        # NOTE: the line may have rested meanwhile (operating window, modem): hours of that are nobody's airtime,
        # and a multiple of them is more than ticks can add.
        spent_ms = min(max(ticks_diff(now, self._lost_begun), 0), _LONGEST_PING_MS)
        self._lost_begun = -1
        self._lost_after = ticks_add(now, spent_ms * self._rest_factor)
        self._is_resting = True
