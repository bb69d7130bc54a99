# SPDX-License-Identifier: MIT
"""The two loops that move the medium: octets in, deadlines due.

Each awaits one thing. The reader gives octets to the medium the moment they are there (the
chip waits 40 ms for its ACK); the timer asks every engine when it wants to be called.
"""

import asyncio

from micropython import const

from base.ticks import earliest, ticks_diff

TYPE_CHECKING = False
if TYPE_CHECKING:
    from app.forwarder import Forwarder
    from app.supervisor import Duty
    from plc.contract import Medium

_READ_LEN = const(256)
_LONGEST_SLEEP_MS = const(10)  # a deadline set meanwhile by the reader is met within this


class ModemReader:
    """UART to medium."""

    def __init__(self, port: "object", medium: "Medium", clock: "object") -> None:
        self._port = port
        self._medium = medium
        self._clock = clock
        self._view = memoryview(bytearray(_READ_LEN))

    async def run(self, duty: "Duty") -> None:
        """Until the port fails (OSError), which the supervisor answers by starting again."""
        while True:
            n = await self._port.readinto(self._view)  # type: ignore[attr-defined]
            self._medium.feed(self._clock.ticks_ms(), self._view, n)  # type: ignore[attr-defined]


class Timer:
    """Calls `on_deadline` of medium and forwarder when they are due."""

    def __init__(self, medium: "Medium", forwarder: "Forwarder", clock: "object") -> None:
        self._engines = (medium, forwarder)
        self._clock = clock

    async def run(self, duty: "Duty") -> None:
        """For ever; reports at every turn."""
        self._engines[0].start(self._clock.ticks_ms())  # type: ignore[attr-defined]
        while True:
            now = self._clock.ticks_ms()  # type: ignore[attr-defined]
            duty.beat(now)
            await asyncio.sleep_ms(self.turn(now))

    def turn(self, now: int) -> int:
        """Do what is due; milliseconds until the next turn. A hundred times a second: allocates nothing."""
        medium, forwarder = self._engines
        for engine in self._engines:
            due = engine.next_deadline()
            if due is not None and ticks_diff(due, now) <= 0:
                engine.on_deadline(now)
        soonest = earliest(medium.next_deadline(), forwarder.next_deadline())
        if soonest is None:
            return _LONGEST_SLEEP_MS
        return min(max(ticks_diff(soonest, now), 0), _LONGEST_SLEEP_MS)
