# SPDX-License-Identifier: MIT
"""Delivery of notifications: the gateway's own connection to the first head-end that takes them.

Attempts as Push setup (class 40) has them: a random wait before the first, targets in order,
back-off between attempts; after so many in a row delivery counts as failed, and what waits is
kept on flash (app.push_keeper), but the attempts go on. WPDUs are not answered (facts/dlms.md 6).
Law: a notification is forgotten when the socket took it, so a connection that breaks loses none
that it had not taken.
"""

import asyncio

from micropython import const

from app import push
from app.push_turns import NOBODY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from app.push import PushRoute
    from app.push_turns import Turns
    from app.supervisor import Duty

    Target = tuple[str, int, int]  # host, port, client SAP of our own notifications there

_PATIENCE_MS = const(30000)  # with a target that neither answers nor refuses
_JITTER = const(4)  # a pause is up to a quarter longer, else all gateways of a town come at once


class Pace:
    """When to try; settings push.*, changed while running."""

    random_s = 0  # before the first attempt
    retries = 5  # attempts after the first, until delivery counts as failed
    min_s = 1
    exponent = 200  # percent: each pause is so much of the one before
    max_s = 60

    def pause_ms(self, tries: int) -> int:
        """After `tries` failed attempts in a row."""
        pause_ms = 1000 * self.min_s
        for _ in range(min(tries - 1, 32)):
            pause_ms = min(pause_ms * self.exponent // 100, 1000 * self.max_s)
        return pause_ms


class Delivery:
    """`targets` are tried in order; `random(n)` gives 0 .. n - 1."""

    def __init__(
        self,
        route: "PushRoute",
        turns: "Turns",
        targets: "list[Target]",
        pace: Pace,
        random: "Callable[[int], int]",
    ) -> None:
        self._route = route
        self._turns = turns
        self._targets = targets
        self._pace = pace
        self._random = random
        self._wake = asyncio.Event()
        self.is_connected = False
        self.is_sending = False  # a notification is with the socket: its place must not change
        self.tries = 0  # failed attempts in a row
        self.connect: "Callable[[str, int], Coroutine[object, object, object]]" = asyncio.open_connection

    def wake(self) -> None:
        """Something waits."""
        self._wake.set()

    def has_failed(self) -> bool:
        """So many attempts have failed that delivery is not to be expected soon."""
        return self.tries > self._pace.retries

    async def run(self, duty: "Duty") -> None:
        """Connect when there is something to say, say it, hang up."""
        while True:
            if self._turns.turn() == NOBODY:
                self._wake.clear()
                await self._wake.wait()
                continue
            if not self.tries and self._pace.random_s:
                await asyncio.sleep_ms(self._random(1000 * self._pace.random_s))
            if await self._deliver_all():
                self.tries = 0
                continue
            self._route.counters.inc(push.CONNECT_FAILED)
            self.tries += 1
            pause_ms = self._pace.pause_ms(self.tries)
            await asyncio.sleep_ms(pause_ms + self._random(1 + pause_ms // _JITTER))

    async def _deliver_all(self) -> bool:
        """Send all to the first target that takes it; False when none did."""
        for host, port, client_sap in self._targets:
            try:
                await self._deliver_to(host, port, client_sap)
            except (OSError, asyncio.TimeoutError):
                continue
            return True
        return False

    async def _deliver_to(self, host: str, port: int, client_sap: int) -> None:
        streams = await asyncio.wait_for_ms(self.connect(host, port), _PATIENCE_MS)
        writer = streams[1]
        # NOTE: no lingering for the next one: a head-end hangs up after what it came for, and what is
        # written into a connection it has closed is lost without an error.
        self.is_connected = True
        try:
            await self._write_all(writer, client_sap)
        finally:
            self.is_connected = self.is_sending = False
            self._turns.give_back()
            if self._turns.ring is not None:
                self._turns.ring.ack()
            writer.close()
            await writer.wait_closed()

    async def _write_all(self, writer: "object", client_sap: int) -> None:
        turns = self._turns
        late = turns.late(client_sap)
        if late is not None:
            await self._write(writer, late)
        turn = turns.turn()
        while turn != NOBODY:
            wpdu = turns.load(turn, client_sap)
            if wpdu is not None:
                await self._write(writer, wpdu)
                turns.done(turn)
                self.is_sending = False
            turn = turns.turn()

    async def _write(self, writer: "object", wpdu: memoryview) -> None:
        self.is_sending = True
        writer.write(wpdu)  # type: ignore[attr-defined]
        await asyncio.wait_for_ms(writer.drain(), _PATIENCE_MS)  # type: ignore[attr-defined]
