# SPDX-License-Identifier: MIT
"""Notifications of meters that wait in RAM for the head-end, and what the gateway makes of them.

source wPort = the meter's SAP, destination wPort = as the meter sent it, APDU unchanged
(design/behaviour.md), or with the origin header around it, or not at all: `push.relay`. When
the queue is full the oldest makes room and is counted; app.push_keeper moves it to flash before.
Law: a WPDU leaves the queue when the socket took it or the flash has it.
"""

from micropython import const

from app.replies import HEADROOM
from base import events
from base.counters import Counters
from base.log import WARNING
from base.ring import Ring
from dlms.wrapper import HEADER_LEN, encode_header_into

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from app.push_ring import PushRing
    from base.log import Log
    from base.slab import Slab

    Item = tuple[int, int, int]  # (slab buffer, octets of the WPDU, uptime second it came)

# Kinds of records on flash (app.push_ring).
KIND_WPDU = const(1)  # of a meter, as it goes out
KIND_EVENTS = const(2)  # own events, rows of app.push_events

NO_BUFFER = const(0)
OVERWRITTEN = const(1)
SENT = const(2)
CONNECT_FAILED = const(3)
RELAY_OFF = const(4)
ORIGIN_TOO_LONG = const(5)
TO_FLASH = const(6)
FLASH_LOST = const(7)
FLASH_WRITES = const(8)
FLASH_FAILED = const(9)
FLASH_SPARED = const(10)
OWN_SENT = const(11)
OWN_LOST = const(12)
TOO_LONG = const(13)
NAMES = (
    "push-dropped-no-buffer", "push-dropped-oldest", "pushes-sent", "push-connect-failed", "push-dropped-relay-off",
    "push-origin-too-long", "pushes-kept-on-flash", "push-dropped-from-flash", "push-flash-writes",
    "push-flash-failed", "push-flash-spared", "own-events-pushed", "own-events-lost",
    "push-dropped-too-long",
)  # fmt: skip

WPDU_OFF = HEADROOM - HEADER_LEN  # of a WPDU in its slab buffer
_MOST_AT_ONCE = const(2048)  # octets written to flash in one turn


class PushRoute:
    """Queue of `capacity` WPDUs. `wake()` is called when one came; `add_origin` replaces an APDU:

    `add_origin(sap, apdu, dst, off)` writes it anew and answers its length, 0 = it does not fit.
    """

    def __init__(self, slab: "Slab", capacity: int, log: "Log") -> None:
        self.slab = slab
        self._log = log
        self._queue = Ring(capacity)
        self.is_relaying = True
        self.wake: "Callable[[], None] | None" = None
        self.on_save: "Callable[[], None] | None" = None
        self.add_origin: "Callable[[int, memoryview, memoryview, int], int] | None" = None
        self.counters = Counters(NAMES)

    def __len__(self) -> int:
        return len(self._queue)

    def offer(self, now: int, sap: int, client_sap: int, apdu: memoryview) -> None:
        """Queue one notification of the meter at `sap`; copies the APDU."""
        if not self.is_relaying:
            self.counters.inc(RELAY_OFF)
            return
        if len(apdu) > self.slab.size:  # NOTE: a G3 node may send up to 1,224 octets, whatever we take from the WAN
            self.counters.inc(TOO_LONG)
            return
        if len(self._queue) == self._queue.capacity:
            self._drop_oldest()
        buf = self.slab.alloc()
        if buf < 0:
            self.counters.inc(NO_BUFFER)
            return
        view = self.slab.view(buf)
        length = self._write_apdu(view, sap, apdu)
        encode_header_into(view, WPDU_OFF, sap, client_sap, length)
        self._queue.push((buf, HEADER_LEN + length, self._log.now_s))
        if self.wake is not None:
            self.wake()

    def _write_apdu(self, view: memoryview, sap: int, apdu: memoryview) -> int:
        if self.add_origin is not None:
            length = self.add_origin(sap, apdu, view, HEADROOM)
            if length:
                return length
            self.counters.inc(ORIGIN_TOO_LONG)  # NOTE: relayed as it is; a header is not worth a notification
        view[HEADROOM : HEADROOM + len(apdu)] = apdu
        return len(apdu)

    def save(self) -> None:
        """A restart is near: what waits goes to flash, where there is a ring."""
        if self.on_save is not None:
            self.on_save()

    # --- out ---

    def oldest(self) -> "Item | None":
        """The next to go, left in the queue."""
        return self._queue.peek()  # type: ignore[return-value]

    def wpdu(self, item: "Item") -> memoryview:
        """Its octets, borrowed while it is in the queue."""
        return self.slab.view(item[0])[WPDU_OFF : WPDU_OFF + item[1]]

    def sent(self, item: "Item") -> None:
        """The socket took it."""
        if self._queue.peek() is item:  # NOTE: a full queue may have dropped it meanwhile, and counted it
            self._pop()
            self.counters.inc(SENT)

    def came_before(self, uptime_s: int) -> int:
        """How many came before that second of uptime."""
        found = 0
        while found < len(self._queue) and self._queue.peek(found)[2] < uptime_s:  # type: ignore[index]
            found += 1
        return found

    def is_nearly_full(self) -> bool:
        """More than three quarters are taken."""
        return 4 * len(self._queue) > 3 * self._queue.capacity

    def move_to(self, ring: "PushRing", boot_s: int) -> bool:
        """Move the oldest, as many as one turn allows, to flash; False when that failed or none waits.

        `boot_s` = wall second of uptime 0, 0 when the clock is not set.
        """
        count = octets = 0
        while count < len(self._queue) and octets < _MOST_AT_ONCE:
            octets += self._queue.peek(count)[1]  # type: ignore[index]
            count += 1
        for index in range(count):
            item: "Item" = self._queue.peek(index)  # type: ignore[assignment]
            meta = (KIND_WPDU, 1, boot_s + item[2] if boot_s else 0)
            if not ring.put(self.slab.view(item[0]), WPDU_OFF, item[1], meta, index == count - 1):
                return False
        # NOTE: only now: none of them was durable before the last.
        for _ in range(count):
            self._pop()
            self.counters.inc(TO_FLASH)
        return count > 0

    def _pop(self) -> "Item":
        item: "Item" = self._queue.pop()  # type: ignore[assignment]
        self.slab.free(item[0])
        return item

    def _drop_oldest(self) -> None:
        item = self._pop()
        self.counters.inc(OVERWRITTEN)
        self._log.add(WARNING, events.PUSH_DROPPED, a=item[1])
