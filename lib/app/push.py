# SPDX-License-Identifier: MIT
"""Notifications of meters on their way out: the gateway's own connection to the head-end.

source wPort = the meter's SAP, destination wPort = as the meter sent it, APDU unchanged
(design/behaviour.md). A bounded queue in RAM keeps the order while the WAN is away; when it
is full the oldest makes room and is counted. A WPDU leaves the queue when the socket took it.
"""

import asyncio

from micropython import const

from app.replies import HEADROOM
from base import events
from base.counters import Counters
from base.log import WARNING
from base.ring import Ring
from dlms.wrapper import HEADER_LEN, encode_header_into

TYPE_CHECKING = False
if TYPE_CHECKING:
    from app.supervisor import Duty
    from base.log import Log
    from base.slab import Slab

NO_BUFFER = const(0)
OVERWRITTEN = const(1)
SENT = const(2)
CONNECT_FAILED = const(3)
NAMES = ("push-dropped-no-buffer", "push-dropped-oldest", "pushes-sent", "push-connect-failed")

_FIRST_PAUSE_MS = const(1000)
_MAX_PAUSE_MS = const(60000)
_PATIENCE_MS = const(30000)  # with a target that neither answers nor refuses


class PushRoute:
    """`targets` are (host, port) tried in order; `capacity` WPDUs wait at most."""

    def __init__(self, slab: "Slab", targets: "list[tuple[str, int]]", capacity: int, log: "Log") -> None:
        self._slab = slab
        self._targets = targets
        self._log = log
        self._queue = Ring(capacity)
        self._wake = asyncio.Event()
        self.connect = asyncio.open_connection
        self.counters = Counters(NAMES)

    def __len__(self) -> int:
        return len(self._queue)

    def offer(self, now: int, sap: int, client_sap: int, apdu: memoryview) -> None:
        """Queue one notification of the meter at `sap`; copies the APDU."""
        if len(self._queue) == self._queue.capacity:
            self._drop_oldest()
        buf = self._slab.alloc()
        if buf < 0:
            self.counters.inc(NO_BUFFER)
            return
        view = self._slab.view(buf)
        view[HEADROOM : HEADROOM + len(apdu)] = apdu
        encode_header_into(view, HEADROOM - HEADER_LEN, sap, client_sap, len(apdu))
        self._queue.push((buf, HEADER_LEN + len(apdu)))
        self._wake.set()

    async def run(self, duty: "Duty") -> None:
        """Connect when there is something to say, say it, hang up."""
        pause_ms = _FIRST_PAUSE_MS
        while True:
            if not len(self._queue):
                self._wake.clear()
                await self._wake.wait()
            if await self._deliver_all():
                pause_ms = _FIRST_PAUSE_MS
                continue
            self.counters.inc(CONNECT_FAILED)
            await asyncio.sleep_ms(pause_ms)
            pause_ms = min(2 * pause_ms, _MAX_PAUSE_MS)

    async def _deliver_all(self) -> bool:
        """Send the queue to the first target that takes it; False when none did."""
        for host, port in self._targets:
            try:
                await self._deliver_to(host, port)
            except (OSError, asyncio.TimeoutError):
                continue
            return True
        return False

    async def _deliver_to(self, host: str, port: int) -> None:
        _, writer = await asyncio.wait_for_ms(self.connect(host, port), _PATIENCE_MS)
        # NOTE: no lingering for the next one: a head-end hangs up after what it came for, and what is
        # written into a connection it has closed is lost without an error.
        try:
            await self._write_queue(writer)
        finally:
            writer.close()
            await writer.wait_closed()

    async def _write_queue(self, writer: "object") -> None:
        start = HEADROOM - HEADER_LEN
        while len(self._queue):
            item: "tuple[int, int]" = self._queue.peek()  # type: ignore[assignment]
            buf, length = item
            writer.write(self._slab.view(buf)[start : start + length])  # type: ignore[attr-defined]
            await asyncio.wait_for_ms(writer.drain(), _PATIENCE_MS)  # type: ignore[attr-defined]
            if self._queue.peek() is item:  # NOTE: a full queue may have dropped it meanwhile, and counted it
                self._queue.pop()
                self._slab.free(buf)
                self.counters.inc(SENT)

    def _drop_oldest(self) -> None:
        item: "tuple[int, int]" = self._queue.pop()  # type: ignore[assignment]
        buf, length = item
        self._slab.free(buf)
        self.counters.inc(OVERWRITTEN)
        self._log.add(WARNING, events.PUSH_DROPPED, a=length)
