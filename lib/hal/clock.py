# SPDX-License-Identifier: MIT
"""The only reader of the clocks: wrapping ticks for the protocols, wall seconds for people."""

import time

from hal.leaf import leaf

_EPOCH_2000 = 946684800  # MicroPython on boards counts from 2000-01-01, elsewhere from 1970
_OFFSET_S = _EPOCH_2000 if time.gmtime(0)[0] == 2000 else 0

_shift_s = [0]

ticks_ms = time.ticks_ms


def wall_s() -> int:
    """Seconds since 1970-01-01 UTC by the real-time clock; small numbers if it was never set."""
    return int(time.time()) + _OFFSET_S + _shift_s[0]


def set_wall_s(wall: int) -> None:
    """Set the real-time clock; where it is not ours to set (a PC's), only what this process thinks of it."""
    shift = wall - wall_s()
    if not leaf.set_rtc(calendar(wall)):
        _shift_s[0] += shift


def calendar(wall: int) -> "tuple[int, ...]":
    """(year, month, day, hour, minute, second, weekday 0 = Monday, ...) in UTC of `wall_s()`."""
    return tuple(time.gmtime(wall - _OFFSET_S))
