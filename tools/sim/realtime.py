# SPDX-License-Identifier: MIT
"""Runs a Kernel against the wall clock inside asyncio.

Everything that comes from outside (a socket, a signal) enters through `call`, so that the
simulated world is first brought up to the present. Kernel callbacks never block.
"""

import asyncio
import time
from collections.abc import Callable

from tools.sim.kernel import Kernel


class RealTime:
    """Binds a kernel to the running event loop; create inside a coroutine."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self._loop = asyncio.get_running_loop()
        self._origin_us = time.monotonic_ns() // 1000 - kernel.now_us
        self._handle: "asyncio.TimerHandle | None" = None
        self.max_lag_us = 0

    def call(self, fn: "Callable[..., object]", *args: object) -> object:
        """Bring the world up to now, run fn(*args) in it, then arm the next event."""
        try:
            self._advance()
            result = fn(*args)
            self._advance()
        finally:
            self._arm()
        return result

    def start(self) -> None:
        """Begin to run; from here on the kernel follows the clock."""
        self.call(lambda: None)

    def stop(self) -> None:
        """Stop following the clock."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _advance(self) -> None:
        now_us = time.monotonic_ns() // 1000 - self._origin_us
        due_us = self.kernel.next_event_us()
        if due_us is not None:
            self.max_lag_us = max(self.max_lag_us, now_us - due_us)
        self.kernel.run_until(now_us)

    def _arm(self) -> None:
        self.stop()
        due_us = self.kernel.next_event_us()
        if due_us is not None:
            delay_s = max(0, due_us - self.kernel.now_us) / 1e6
            self._handle = self._loop.call_later(delay_s, self._tick)

    def _tick(self) -> None:
        self._handle = None
        try:
            self._advance()
        finally:  # a callback that failed is reported by the loop; the world must not stand still
            self._arm()
