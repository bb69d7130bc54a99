# SPDX-License-Identifier: MIT
"""Discrete-event kernel in virtual time.

Time is an integer number of microseconds since the start. Events of the same instant run in the
order in which they were asked for, so a run is a pure function of its inputs and seeds.
Law: nothing in here reads a clock or sleeps; `realtime.RealTime` runs the same kernel on a wall clock.
"""

import heapq
from collections.abc import Callable


class Timer:
    """One scheduled call; `cancel()` may be called at any time, also after it ran."""

    __slots__ = ("at_us", "fn", "args")

    def __init__(self, at_us: int, fn: "Callable[..., object]", args: tuple) -> None:
        self.at_us = at_us
        self.fn: "Callable[..., object] | None" = fn
        self.args = args

    def cancel(self) -> None:
        """Forget the call."""
        self.fn = None
        self.args = ()

    @property
    def is_pending(self) -> bool:
        """True until it ran or was cancelled."""
        return self.fn is not None


class Kernel:
    """A heap of timers and the virtual clock."""

    def __init__(self) -> None:
        self.now_us = 0
        self.events_cnt = 0
        self._heap: list[tuple[int, int, Timer]] = []
        self._order = 0

    def call_at(self, at_us: int, fn: "Callable[..., object]", *args: object) -> Timer:
        """Run fn(*args) at `at_us`; an instant that has passed means now."""
        at_us = max(int(at_us), self.now_us)
        timer = Timer(at_us, fn, args)
        self._order += 1
        heapq.heappush(self._heap, (at_us, self._order, timer))
        return timer

    def call_later(self, delay_us: int, fn: "Callable[..., object]", *args: object) -> Timer:
        """Run fn(*args) after `delay_us`."""
        return self.call_at(self.now_us + delay_us, fn, *args)

    def next_event_us(self) -> int | None:
        """Instant of the next pending call, None when there is none."""
        heap = self._heap
        while heap and heap[0][2].fn is None:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def step(self) -> bool:
        """Run the next call, moving the clock to it. False when nothing is pending."""
        at_us = self.next_event_us()
        if at_us is None:
            return False
        timer = heapq.heappop(self._heap)[2]
        fn, args = timer.fn, timer.args
        timer.fn = None
        self.now_us = at_us
        self.events_cnt += 1
        if fn is not None:
            fn(*args)
        return True

    def run_until(self, until_us: int) -> None:
        """Run everything due up to and including `until_us`, then set the clock to it."""
        while True:
            at_us = self.next_event_us()
            if at_us is None or at_us > until_us:
                break
            self.step()
        self.now_us = max(self.now_us, until_us)

    def run_for(self, span_us: int) -> None:
        """run_until(now + span)."""
        self.run_until(self.now_us + span_us)

    def run_until_idle(self, limit_us: int) -> bool:
        """Run until nothing is pending or the next call lies after `limit_us` (absolute).

        Returns True when it became idle. The clock stays at the last call that ran.
        """
        while True:
            at_us = self.next_event_us()
            if at_us is None:
                return True
            if at_us > limit_us:
                return False
            self.step()
