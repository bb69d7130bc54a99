# SPDX-License-Identifier: MIT
"""Sessions: one per HES TCP connection, and the listener that lets them in.

Back-pressure: no free buffer, no reading of that socket. A peer that does not read its
answers is closed when its bounded queue is full or stands still. Dead peers are found by
timers, for the board's sockets have no keep-alive. Law: a session never waits for another.
"""

import asyncio

from micropython import const

from app.door import DENIED, HANDSHAKES, LETS_IN, TOO_FAST, TOO_MANY, Door
from app.firewall import DLMS, TLS
from app.replies import HEADROOM
from base import events
from base.allowance import Allowance
from base.counters import Counters
from base.errors import RemoteError
from base.log import NOTICE, WARNING
from base.ring import Ring
from base.ticks import ticks_diff
from dlms.wrapper import WPDU_HEADER, WPDU_READY, WpduReader
from hal.net import peer_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from app.config import Config
    from app.forwarder import Forwarder
    from base.log import Log
    from base.slab import Slab

_BUFFER_WAIT_MS = const(5)
# Sessions that leave records (opened, closed, why): so many at once, then one in so many seconds. The others are
# counted: the nodes' records share a log with these, and whoever may connect could wash them away.
_TOLD = const(60)
_TOLD_S = const(20)

# Why a session was closed, or never opened.
BY_PEER = const(0)
BAD_HEADER = const(1)
IDLE = const(2)
PARTIAL = const(3)
SLOW = const(4)
NETWORK = const(7)
TLS_FAILED = const(11)
NAMES = (
    "closed-by-peer", "closed-bad-header", "closed-idle", "closed-partial-wpdu", "closed-slow-peer",
    "refused-too-many", "refused-too-fast", "closed-network-error", "opened", "refused-by-firewall",
    "refused-handshakes", "closed-tls-failed",
)  # fmt: skip
_OPENED = const(8)
assert (TOO_MANY, TOO_FAST, DENIED, HANDSHAKES) == (5, 6, 9, 10)


class Session:
    """One connection. `send` takes slab buffers; its writer task gives them back."""

    def __init__(self, number: int, stream: "object", slab: "Slab", queue_len: int) -> None:
        self.number = number
        self.stream = stream
        self._slab = slab
        self._queue = Ring(queue_len)
        self._wake = asyncio.Event()
        self.cause = -1  # set once, by whoever closes
        self.reading: "object | None" = None
        self.writing: "object | None" = None
        self.reading_buf = -1
        self.owes_octets = False  # a WPDU has begun and is not complete, or a handshake
        self.is_secured = True  # nothing more to agree on before the first WPDU
        self.is_told = False  # it leaves records in the log
        self.service = DLMS  # of app.firewall: which listener it came in by
        self.peer = b""  # IPv4 address
        self.heard_at = 0
        self.sending_since = -1  # tick at which the write in progress began

    @property
    def is_open(self) -> bool:
        """Nobody has closed it yet."""
        return self.cause < 0

    @property
    def room(self) -> int:
        """Buffers the queue still takes."""
        return self._queue.capacity - len(self._queue)

    def send(self, buf: int, off: int, length: int) -> bool:
        """Queue slab buffer `buf`; False when the queue is full (the session is closed then)."""
        if not self.is_open:
            return False
        if not self._queue.push((buf, off, length)):
            self.close(SLOW)
            return False
        self._wake.set()
        return True

    def close(self, cause: int) -> None:
        """Mark closed and stop its tasks; the listener tidies up. The first cause counts."""
        if not self.is_open:
            return
        self.cause = cause
        me = asyncio.current_task()
        # NOTE: on MicroPython closing a stream wakes nobody who waits for it; cancelling does.
        for task in (self.reading, self.writing):
            if task is not None and task is not me:
                task.cancel()  # type: ignore[attr-defined]

    def close_idle(self) -> None:
        """Closed for its silence."""
        self.close(IDLE)

    async def write_out(self, clock: "object") -> None:
        """The writer task: queue to socket until closed."""
        while self.is_open:
            item: "tuple[int, int, int] | None" = self._queue.pop()  # type: ignore[assignment]
            if item is None:
                self._wake.clear()
                await self._wake.wait()
                continue
            buf, off, length = item
            self.sending_since = clock.ticks_ms()  # type: ignore[attr-defined]
            try:
                self.stream.write(self._slab.view(buf)[off : off + length])  # type: ignore[attr-defined]
                await self.stream.drain()  # type: ignore[attr-defined]
                self.sending_since = -1
            except OSError:
                self.close(NETWORK)
            finally:
                self._slab.free(buf)

    def give_back(self) -> None:
        """Return the buffers of what was never sent and of the APDU half read."""
        if self.reading_buf >= 0:
            self._slab.free(self.reading_buf)
            self.reading_buf = -1
        item = self._queue.pop()
        while item is not None:
            self._slab.free(item[0])  # type: ignore[index]
            item = self._queue.pop()


class Listener:
    """Accepts head-ends, reads their WPDUs into slab buffers, hands them to the forwarder."""

    def __init__(self, forwarder: "Forwarder", slab: "Slab", config: "Config", clock: "object", log: "Log") -> None:
        self._forwarder = forwarder
        self._slab = slab
        self._config = config
        self._clock = clock
        self._log = log
        self.sessions: "list[Session]" = []
        self.counters = Counters(NAMES)
        self._numbers = 0
        self._told = Allowance(_TOLD, _TOLD_S)
        self.door = Door(config, self.sessions, clock.ticks_ms())  # type: ignore[attr-defined]
        self.secure: "Callable[[object], object] | None" = None  # TLS over an accepted stream; OSError

    async def serve(self, stream: "object", service: int = DLMS) -> None:
        """One connection, from accept to close; `stream` reads and writes."""
        now = self._clock.ticks_ms()  # type: ignore[attr-defined]
        peer = peer_address(stream)
        refusal = self.door.refusal(now, service, peer)
        secured = stream
        if refusal == LETS_IN and service == TLS:
            secured = self._secured(stream)
            refusal = LETS_IN if secured is not None else TLS_FAILED
        if refusal != LETS_IN:
            self.counters.inc(refusal)
            if self.door.is_loud(now, self._log.now_s):
                self._log.add(WARNING, events.WAN_REFUSED, a=refusal)
            await _close(stream)
            return
        session = self._admit(now, secured, service, peer)
        session.is_secured = service != TLS
        session.owes_octets = not session.is_secured  # the handshake: who is not through in time goes
        try:
            self._begin(session)
            await self._read_in(session, secured)
            session.close(BY_PEER)
        except OSError:
            session.close(NETWORK if session.is_secured else TLS_FAILED)
        finally:
            session.close(NETWORK)
            await self._end(session)

    def on_deadline(self, now: int) -> None:
        """Close the idle, the half-said and the stuck; called about once a second."""
        for session in self.sessions:
            silent_ms = ticks_diff(now, session.heard_at)
            if silent_ms > 1000 * self._config.number("wan.idle_s"):
                session.close(IDLE)
            elif session.owes_octets and silent_ms > 1000 * self._config.number("wan.partial_s"):
                session.close(PARTIAL)
            elif session.sending_since >= 0:
                stuck_ms = ticks_diff(now, session.sending_since)
                if stuck_ms > 1000 * self._config.number("wan.send_s"):
                    session.close(SLOW)

    # --- inside ---

    def _secured(self, stream: object) -> "object | None":
        """TLS over the stream; None when there is no memory for it, or no certificate."""
        try:
            return None if self.secure is None else self.secure(stream)
        except (OSError, ValueError, MemoryError):
            return None

    def _admit(self, now: int, stream: "object", service: int, peer: bytes) -> Session:
        self._numbers += 1
        session = Session(self._numbers, stream, self._slab, self._config.number("wan.send_queue"))
        session.heard_at = now
        session.service = service
        session.peer = peer
        self.sessions.append(session)
        return session

    def _begin(self, session: Session) -> None:
        session.reading = asyncio.current_task()
        session.writing = asyncio.create_task(session.write_out(self._clock))
        self.counters.inc(_OPENED)
        session.is_told = self._told.take(self._log.now_s)
        if session.is_told:
            self._log.add(NOTICE, events.WAN_OPEN, a=session.number)

    async def _read_in(self, session: Session, reader: "object") -> None:
        wpdu = WpduReader(self._config.number("wan.max_apdu"))
        while session.is_open:
            n = await reader.readinto(wpdu.target())  # type: ignore[attr-defined]
            if n is None:  # woken for nothing
                continue
            if not n:
                return
            now = self._clock.ticks_ms()  # type: ignore[attr-defined]
            # NOTE: not for each octet: one every half minute would keep a session, and its buffer, for hours.
            if not session.owes_octets:
                session.heard_at = now
            session.is_secured = True
            try:
                step = wpdu.advance(n)
            except RemoteError:
                self._complain(session, wpdu)
                session.close(BAD_HEADER)
                return
            session.owes_octets = wpdu.is_partial
            if step == WPDU_HEADER:
                wpdu.give(await self._buffer_for(session), HEADROOM)
                session.heard_at = self._clock.ticks_ms()  # type: ignore[attr-defined]
                session.owes_octets = True  # from now on: the wait for the buffer was ours
            elif step == WPDU_READY:
                buf, session.reading_buf = session.reading_buf, -1
                ports = (wpdu.source, wpdu.destination)
                session.heard_at = now
                self._forwarder.on_request(now, session, ports, buf, wpdu.length)

    def _complain(self, session: Session, wpdu: WpduReader) -> None:
        if not session.is_told:
            return
        if wpdu.version == 1:
            self._log.add(WARNING, events.WAN_BAD_LENGTH, a=session.number, b=wpdu.length)
        else:
            self._log.add(WARNING, events.WAN_BAD_HEADER, a=session.number, b=wpdu.version)

    async def _buffer_for(self, session: Session) -> memoryview:
        """Wait until the forwarder can spare a buffer: this socket is not read meanwhile."""
        while not self._forwarder.may_read():
            await asyncio.sleep_ms(_BUFFER_WAIT_MS)
        session.reading_buf = self._slab.alloc()
        return self._slab.view(session.reading_buf)

    async def _end(self, session: Session) -> None:
        """Everything the session held goes back; its exchanges end or become orphans."""
        self.sessions.remove(session)
        session.give_back()
        self._forwarder.on_session_end(self._clock.ticks_ms(), session)  # type: ignore[attr-defined]
        self.counters.inc(session.cause)
        if session.is_told:
            self._log.add(NOTICE, events.WAN_CLOSED, a=session.number, b=session.cause)
        await _close(session.stream)


async def _close(stream: "object") -> None:
    """Close a stream whatever state its peer left it in."""
    try:
        stream.close()  # type: ignore[attr-defined]
        await stream.wait_closed()  # type: ignore[attr-defined]
    except OSError:
        return
