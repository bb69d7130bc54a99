# SPDX-License-Identifier: MIT
"""Whose turn it is to be pushed, and the WPDU of that turn.

Order: a heartbeat; what flash holds (older than all the rest); then in turns a meter's and one of
our own, so neither can starve the other. What waited longer than `late_s` is announced by an own
event in front of it: a meter's APDU carries no mark, for it must not be changed.
Law: nothing leaves its queue before `done`.
"""

from errno import ENOMEM

from micropython import const

from app import push
from app.push_events import HEARTBEAT as HEARTBEAT_EVENT
from app.push_events import LATE, MOST_ROWS, ROW_LEN
from app.replies import HEADROOM
from dlms.wrapper import encode_header_into
from gateway.router import OWN_SAP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from app.push import Item, PushRoute
    from app.push_events import OwnEvents
    from app.push_ring import PushRing
    from base.log import Log

NOBODY = const(0)
HEARTBEAT = const(1)
RING = const(2)
METER = const(3)
OWN = const(4)

_ALL_KINDS = const(0xFF)
_SILENCE_S = const(60)


class Turns:
    """`wall_s()`: seconds since 1970, 0 while the clock is not set."""

    def __init__(self, route: "PushRoute", own: "OwnEvents", log: "Log", wall_s: "Callable[[], int]") -> None:
        self._route = route
        self._log = log
        self.wall_s = wall_s
        self._buf = -1  # slab buffer for what is made or read here; see `give_back`
        self._item: "Item | None" = None
        self._was_own = False
        self._events_at = (0, 0)  # place in the ring of the record of events in front
        self._events_sent = 0  # of its events
        self._rows = 0  # events in the notification made last
        self.own = own
        self.ring: "PushRing | None" = None
        self.batch = 1  # own events in one notification, at most
        self.late_s = 0  # 0 = nobody is told
        self.seal: "Callable[[memoryview, int], int] | None" = None
        self.is_mute = False  # nothing of our own is pushed: it should be ciphered and cannot
        self._silent_until_s = 0  # flash has refused a counter for it
        self.is_heartbeat_due = False

    def boot_s(self) -> int:
        """Wall second of uptime 0; 0 while the clock is not set."""
        wall = self.wall_s()
        return wall - self._log.now_s if wall else 0

    def _is_silent(self) -> bool:
        return self.is_mute or self._log.now_s < self._silent_until_s

    def turn(self) -> int:
        """HEARTBEAT, RING, METER, OWN or NOBODY."""
        ring = self.ring
        if ring is not None and not ring.is_ready:
            return NOBODY  # what it holds goes first
        if self.is_heartbeat_due and not self._is_silent():
            return HEARTBEAT
        if ring is not None and len(ring):
            return RING
        has_own = not self._is_silent() and self.own.is_pending()
        if len(self._route) and not (has_own and not self._was_own):
            return METER
        return OWN if has_own else NOBODY

    def load(self, turn: int, client_sap: int) -> "memoryview | None":
        """The WPDU of that turn, borrowed until the next call; None: there is nothing after all.

        `client_sap`: destination wPort of our own. OSError when no buffer is free.
        """
        if turn == METER:
            self._item = self._route.oldest()
            return None if self._item is None else self._route.wpdu(self._item)
        view = self._scratch()
        if turn == RING and self.ring is not None:
            return self._load_ring(self.ring, view, client_sap)
        own, wall = self.own, self.wall_s()
        if turn == HEARTBEAT:
            self._rows = 1
            return self._own_wpdu(turn, view, client_sap, own.encode_one(HEARTBEAT_EVENT, (wall, wall), 0, 0, view))
        boot_s = self.boot_s()
        found = own.gather(own.rows, self.batch, _ALL_KINDS, boot_s)
        length, self._rows = own.encode(own.rows, found, view, wall)
        if self._rows < found:  # they did not all fit: the cursor will stand behind those that did
            own.gather(own.rows, self._rows, _ALL_KINDS, boot_s)
        return self._own_wpdu(turn, view, client_sap, length)

    def _load_ring(self, ring: "PushRing", view: memoryview, client_sap: int) -> "memoryview | None":
        length = ring.peek_into(view, push.WPDU_OFF)
        if not length:
            return None
        if ring.kind != push.KIND_EVENTS:
            return view[push.WPDU_OFF : push.WPDU_OFF + length]
        if self._is_silent():
            self.own.lost += ring.count
            ring.drop()
            return None
        if ring.position != self._events_at:
            self._events_at, self._events_sent = ring.position, 0
        own = self.own
        first = push.WPDU_OFF + ROW_LEN * self._events_sent
        count = min(ring.count - self._events_sent, self.batch, MOST_ROWS)
        own.rows[: ROW_LEN * count] = view[first : first + ROW_LEN * count]
        length, self._rows = own.encode(own.rows, count, view, self.wall_s())
        return self._own_wpdu(RING, view, client_sap, length)

    def _own_wpdu(self, turn: int, view: memoryview, client_sap: int, length: int) -> "memoryview | None":
        """As `_wpdu`; what does not fit an APDU at all is given up and counted: it would never leave its queue."""
        if length:
            return self._wpdu(view, client_sap, length)
        self._route.counters.inc(push.TOO_LONG, self._rows)
        self._leave(turn)
        return None

    def done(self, turn: int) -> None:
        """The socket took what `load` gave."""
        self._was_own = turn == OWN
        if turn == METER and self._item is not None:
            self._route.sent(self._item)
        elif turn == RING and self.ring is not None and self.ring.kind != push.KIND_EVENTS:
            self.ring.drop()
            self._route.counters.inc(push.SENT)
        else:
            if turn != HEARTBEAT:
                self._route.counters.inc(push.OWN_SENT, self._rows)
            self._leave(turn)

    def _leave(self, turn: int) -> None:
        """What was made of our own events last leaves its queue."""
        if turn == HEARTBEAT:
            self.is_heartbeat_due = False
        elif turn == OWN:
            self.own.advance()
        elif self.ring is not None:
            self._events_sent += self._rows
            if self._events_sent >= self.ring.count:
                self.ring.drop()

    def late(self, client_sap: int) -> "memoryview | None":
        """The WPDU that says how many of those that follow are late and since when; None when none is."""
        if not self.late_s or self._is_silent():
            return None
        wall, boot_s = self.wall_s(), self.boot_s()
        count = self._route.came_before(self._log.now_s - self.late_s)
        item, came, age_s = self._route.oldest(), 0, -1
        if count and item is not None:
            came, age_s = boot_s and boot_s + item[2], self._log.now_s - item[2]
        view = self._scratch()
        if self.ring is not None and len(self.ring):
            count += len(self.ring)
            came = self.ring.wall if self.ring.peek_into(view, push.WPDU_OFF) else 0
            age_s = wall - came if wall >= came > 0 else -1  # NOTE: the clock may have been set back since
        if not count:
            return None
        length = self.own.encode_one(LATE, (came, wall), count, age_s, view)
        return self._wpdu(view, client_sap, length) if length else None

    def give_back(self) -> None:
        """The connection has ended: free the buffer."""
        if self._buf >= 0:
            self._route.slab.free(self._buf)
            self._buf = -1

    def _scratch(self) -> memoryview:
        if self._buf < 0:
            self._buf = self._route.slab.alloc()
        if self._buf < 0:
            self._route.counters.inc(push.NO_BUFFER)
            raise OSError(ENOMEM)
        return self._route.slab.view(self._buf)

    def _wpdu(self, view: memoryview, client_sap: int, length: int) -> "memoryview | None":
        """The WPDU around an APDU of our own, sealed where it has to be; None: refused, so we fall silent."""
        if self.seal is not None:
            length = self.seal(view, length)
            if not length:
                # NOTE: not an error of the connection, else meters would wait for our flash
                self._silent_until_s = self._log.now_s + _SILENCE_S
                return None
        encode_header_into(view, push.WPDU_OFF, OWN_SAP, client_sap, length)
        return view[push.WPDU_OFF : HEADROOM + length]
