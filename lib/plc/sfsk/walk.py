# SPDX-License-Identifier: MIT
"""An even walk over the rows of the table: each is visited once per period.

Own policy: work that is due for many rows at once (1,200 nodes registered in one night) is
spread by the pace of the walk, not bunched by their ages.
"""

from micropython import const

from base.ticks import ticks_add, ticks_diff

_STEP_MS = const(1000)  # not more often than this


class Walk:
    """Cursor over rows 0..rows-1; allocates nothing after construction."""

    def __init__(self, period_ms: int) -> None:
        self.period_ms = period_ms
        self.row = -1
        self._due = 0
        self._left = 0  # rows still to be visited in this step

    def restart(self, now: int) -> None:
        """The next step is due now; the cursor stays where it is."""
        self._due = now
        self._left = 0

    def due(self) -> int:
        """Tick of the next step."""
        return self._due

    def step(self, now: int, rows: int) -> bool:
        """Move to the next row if one may be visited at `now`; `row` is it.

        Called until it says False: then the step is done and the next one is due later.
        """
        if ticks_diff(now, self._due) < 0 or not rows:
            return False
        if not self._left:
            self._left = max(1, (rows * _STEP_MS + self.period_ms - 1) // self.period_ms)
        self.row = (self.row + 1) % rows
        self._left -= 1
        if not self._left:
            self._due = ticks_add(self._due, self._interval_ms(rows))
        return True

    def lag_ms(self, now: int) -> int:
        """How far the walk is behind its pace, because somebody stopped it at a row."""
        return max(ticks_diff(now, self._due), 0)

    def idle(self, now: int) -> None:
        """There are no rows: look again after a step."""
        self._due = ticks_add(now, _STEP_MS)

    def _interval_ms(self, rows: int) -> int:
        at_once = max(1, (rows * _STEP_MS + self.period_ms - 1) // self.period_ms)
        return min(self.period_ms * at_once // rows, 1 << 28)
