# SPDX-License-Identifier: MIT
"""The device's clocks: real, or virtual (time passes only when everybody waits).

Both count microseconds since power-on. Ticks start one minute before they wrap at 2**30, so
that every run crosses the wrap. The board's epoch is 2000-01-01, as on stm32.
"""

from __future__ import annotations

import asyncio
import calendar
import selectors
import time
from collections.abc import Callable
from typing import Any

TICKS_PERIOD = 1 << 30
TICKS_START_MS = TICKS_PERIOD - 60_000
EPOCH_2000_S = calendar.timegm((2000, 1, 1, 0, 0, 0))
VIRTUAL_START_S = calendar.timegm((2025, 1, 1, 0, 0, 0)) - EPOCH_2000_S


class RealClock:
    """The host's monotonic clock; the wall clock is the host's."""

    is_virtual = False
    wall_shift_ns = 0  # by setting the real-time clock

    def __init__(self) -> None:
        self._start_ns = time.monotonic_ns()

    @property
    def us(self) -> int:
        """Microseconds since power-on."""
        return (time.monotonic_ns() - self._start_ns) // 1000

    def wall_ns(self) -> int:
        """Nanoseconds since 2000-01-01."""
        return time.time_ns() - EPOCH_2000_S * 1_000_000_000 + self.wall_shift_ns

    def wait_us(self, us: int) -> None:
        """Block for `us` microseconds."""
        time.sleep(us / 1e6)

    def new_loop(self) -> asyncio.AbstractEventLoop:
        """An event loop in real time."""
        return asyncio.SelectorEventLoop()


class VirtualClock:
    """A clock that stands still while anything runs and jumps to the next timer when all wait."""

    is_virtual = True
    wall_shift_ns = 0

    def __init__(self, wall_s: int = VIRTUAL_START_S) -> None:
        self.us = 0
        self.wall_start_s = wall_s

    def wall_ns(self) -> int:
        """Nanoseconds since 2000-01-01."""
        return self.wall_start_s * 1_000_000_000 + self.us * 1000 + self.wall_shift_ns

    def wait_us(self, us: int) -> None:
        """Let `us` microseconds pass at once."""
        self.us += us

    def new_loop(self) -> asyncio.AbstractEventLoop:
        """An event loop whose time is this clock."""
        return VirtualLoop(self)


class _JumpingSelector:
    """A selector that lets virtual time pass instead of waiting."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._selector = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> Any:
        events = self._selector.select(0)
        if events or timeout == 0:
            return events
        if timeout is None:
            raise RuntimeError("virtual time stands still: every task waits and no timer is set")
        self._clock.us += max(1, round(timeout * 1e6))
        return events

    def __getattr__(self, name: str) -> Any:
        return getattr(self._selector, name)


class VirtualLoop(asyncio.SelectorEventLoop):
    """CPython's event loop on a VirtualClock."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        super().__init__(_JumpingSelector(clock))  # type: ignore[arg-type]
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._clock.us / 1e6


Clock = RealClock | VirtualClock


def ticks_diff(end: int, start: int) -> int:
    """Signed distance from `start` to `end` on the wrapping scale, in [-2**29, 2**29)."""
    half = TICKS_PERIOD // 2
    return ((end - start + half) & (TICKS_PERIOD - 1)) - half


def _gmtime(now_s: Callable[[], int], seconds: int | None = None) -> tuple[int, ...]:
    whole = now_s() if seconds is None else int(seconds)
    t = time.gmtime(whole + EPOCH_2000_S)
    return (t.tm_year, t.tm_mon, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, t.tm_wday, t.tm_yday)


def _tick_names(clock: Callable[[], Clock]) -> dict[str, Any]:
    def ticks_us() -> int:
        return (TICKS_START_MS * 1000 + clock().us) % TICKS_PERIOD

    return {
        "ticks_ms": lambda: (TICKS_START_MS + clock().us // 1000) % TICKS_PERIOD,
        "ticks_us": ticks_us,
        "ticks_cpu": ticks_us,
        "ticks_add": lambda ticks, delta: (ticks + delta) % TICKS_PERIOD,
        "ticks_diff": ticks_diff,
    }


def time_names(clock: Callable[[], Clock]) -> dict[str, Any]:
    """What `import time` has on the device, on whatever clock `clock()` is."""

    def now_s() -> int:
        return clock().wall_ns() // 1_000_000_000

    def gmtime(seconds: int | None = None) -> tuple[int, ...]:
        return _gmtime(now_s, seconds)

    return {
        **_tick_names(clock),
        "sleep": lambda seconds: clock().wait_us(round(seconds * 1_000_000)),
        "sleep_ms": lambda ms: clock().wait_us(ms * 1000),
        "sleep_us": lambda us: clock().wait_us(us),
        "time": now_s,
        "time_ns": lambda: clock().wall_ns(),
        "gmtime": gmtime,
        "localtime": gmtime,
        "mktime": lambda parts: calendar.timegm((*parts[:6], 0, 0, 0)) - EPOCH_2000_S,
    }
