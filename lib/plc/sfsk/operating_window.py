# SPDX-License-Identifier: MIT
"""Operating window: the hours in which this segment may put anything on the line.

Own policy; start and end are minutes of the day (UTC), a window may span midnight. Until the
application has told the time the window counts as open: a gateway without a clock that stays
silent would never get one.
"""

from micropython import const

from base.ticks import ticks_diff
from plc.sfsk.settings import minute_of_day

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.sfsk.settings import Settings

_DAY_MIN = const(1440)


class OperatingWindow:
    """`set_clock` at least once a day while the window is not the whole day."""

    def __init__(self, settings: "Settings") -> None:
        start, end = settings.text("operating_window.start"), settings.text("operating_window.end")
        self.change(minute_of_day(start), minute_of_day(end))
        self._is_known = False
        self._set_at = 0
        self._set_s = 0

    def change(self, start: int, end: int) -> None:
        """From now on the window is from minute `start` to `end` of the day."""
        self._start = start
        self._end = end

    @property
    def is_whole_day(self) -> bool:
        """No restriction is configured."""
        return (self._end - self._start) % _DAY_MIN == 0

    def set_clock(self, now: int, second_of_day: int) -> None:
        """The time of day (UTC) is `second_of_day` at tick `now`."""
        self._is_known = True
        self._set_at = now
        self._set_s = second_of_day

    def is_open(self, now: int) -> bool:
        """Traffic is allowed at `now`."""
        if self.is_whole_day or not self._is_known:
            return True
        minute = (self._set_s + ticks_diff(now, self._set_at) // 1000) // 60 % _DAY_MIN
        if self._start < self._end:
            return self._start <= minute < self._end
        return minute >= self._start or minute < self._end
