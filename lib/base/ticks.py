# SPDX-License-Identifier: MIT
"""Arithmetic on wrapping millisecond ticks, and seconds of uptime from them.

A tick value wraps at 2**30 (12.4 days), so two of them are only ever compared through
`ticks_diff`, valid within +-6.2 days. Nothing here reads a clock: `now` is always given.
"""

from time import ticks_add, ticks_diff

__all__ = ("Uptime", "earliest", "ticks_add", "ticks_diff")


def earliest(a: "int | None", b: "int | None") -> "int | None":
    """The sooner of two deadlines; None means no deadline."""
    if a is None:
        return b
    if b is None or ticks_diff(a, b) <= 0:
        return a
    return b


class Uptime:
    """Whole seconds since the first `now`, free of wrapping for 34 years.

    `seconds(now)` must be called at least once in 6 days; the supervisor's timer does.
    Starts at 1 so that 0 can mean "never" in tables.
    """

    def __init__(self, now: int) -> None:
        self._ticks = now
        self._seconds = 1

    def seconds(self, now: int) -> int:
        """Seconds up to `now`; a `now` that lies before the last one changes nothing."""
        elapsed_ms = ticks_diff(now, self._ticks)
        if elapsed_ms >= 1000:
            whole = elapsed_ms // 1000
            self._seconds += whole
            self._ticks = ticks_add(self._ticks, whole * 1000)
        return self._seconds
