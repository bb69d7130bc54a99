# SPDX-License-Identifier: MIT
"""Exchanges: one request of a head-end with all its replies; a fixed pool of them.

A node has at most one exchange on the air; its others wait in order. After a request that
got no answer the node rests in GUARD for a while: the answer may still come and must meet
nobody. An exchange outlives its session: what is on the air is waited for, then dropped.
Law: every accepted request ends in exactly one of: answered, refused, silent.
"""

from micropython import const

from base.errors import LocalError
from base.ticks import ticks_add, ticks_diff
from gateway.traffic_class import CONTROL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.slab import Slab

_SHARE = const(4)  # sessions by default: each is sure of a quarter; alone, one gets 23 of 28 slots
_RESERVE = const(8)  # one slot in eight, where there are so many, is for control requests only
_MAX_WINDOW = const(63)  # six bits of the general-block-transfer block control (Green Book)

# States.
FREE = const(0)
QUEUED = const(1)
ON_AIR = const(2)  # taken by the medium, transmission not confirmed yet
SENT = const(3)  # first transmission confirmed, reply window open
REPLIED = const(4)  # last answer delivered; the medium still has the buffer
GUARD = const(5)  # no answer in time; a late one must not meet the node's next exchange

# Events.
SUBMITTED = const(0)
CONFIRMED = const(1)
ANSWERED = const(2)  # the last answer came
DONE = const(3)  # the medium is through with it and nothing more is expected
NOT_SENT = const(4)  # the modem never put it on the air
UNANSWERED = const(5)
OVER = const(6)  # deadline reached, or cancelled

_NO = -1
# rows: FREE QUEUED ON_AIR SENT REPLIED GUARD; columns: the events in order
_NEXT = (
    (_NO, _NO, _NO, _NO, _NO, _NO, _NO),
    (ON_AIR, _NO, _NO, _NO, _NO, _NO, FREE),
    (_NO, SENT, _NO, FREE, QUEUED, GUARD, _NO),
    (_NO, SENT, REPLIED, FREE, _NO, GUARD, _NO),
    (_NO, REPLIED, _NO, FREE, _NO, _NO, _NO),
    (_NO, _NO, _NO, _NO, _NO, _NO, FREE),
)


def next_state(state: int, event: int) -> int:
    """The state after `event`; raises LocalError for a cell that cannot happen."""
    after = _NEXT[state][event]
    if after == _NO:
        raise LocalError("exchange: event %d in state %d" % (event, state))
    return after


class Exchange:
    """One slot of the pool. `buf` is a slab number, -1 when given back."""

    def __init__(self) -> None:
        self.state = FREE
        self.session: "object | None" = None
        self.node = -1
        self.client_sap = 0
        self.server_sap = 0
        self.wport = 0  # server wPort the head-end asked for: the source of the answers
        self.buf = -1
        self.off = 0
        self.length = 0
        self.tag = 0
        self.order = 0  # of arrival
        self.traffic_class = 0
        self.share = -1  # of the air: its session's, see gateway.scheduler
        self.air_ms = 0  # charged while it is on the air
        self.spent_ms = 0  # what that really took
        self.expects_reply = True
        self.on_air_at = 0  # tick at which the medium took it
        self.confirm_ms = -1  # from there to the confirm, -1 = none yet
        self.answer_by = 0  # tick after which nobody waits for an answer
        self.heard_len = 0  # octets of answers
        self.tries = 0
        self.blocks = 0  # answers so far that others follow
        self.since = 0  # tick of the last change of state
        self.deadline = 0
        self.answer_crc = -1  # of the last answer, -1 = none yet
        self.prefix = b""  # E6 prefix the answer must carry: in the buffer the frame header is written over it

    def hold(self, buf: int, off: int, apdu: memoryview) -> None:
        """`apdu` stands in slab buffer `buf` at `off`: the buffer is this exchange's. Allocates nothing."""
        self.buf = buf
        self.off = off
        self.length = len(apdu)
        self.tag = apdu[0]

    def apdu(self, slab: "Slab") -> memoryview:
        """The request it holds."""
        return slab.view(self.buf)[self.off : self.off + self.length]

    def is_between(self, client_sap: int, server_sap: int) -> bool:
        """Its request went from this client to this server inside the meter."""
        return self.client_sap == client_sap and self.server_sap == server_sap

    def is_pair_of(self, other: "Exchange") -> bool:
        """Same head-end, same client: one association, whose requests keep their order."""
        return self.session is other.session and self.client_sap == other.client_sap

    def takes_another(self) -> bool:
        """One more streamed block was passed on; False when no window can hold a further one."""
        self.blocks += 1
        return self.blocks < _MAX_WINDOW

    def begin(self, now: int, expects_reply: bool) -> None:
        """The medium took it."""
        self.expects_reply = expects_reply
        self.fire(now, SUBMITTED)
        self.tries += 1
        self.on_air_at = now
        self.confirm_ms = -1

    def confirmed(self, now: int) -> None:
        """The modem confirmed a transmission; the first one counts."""
        self.fire(now, CONFIRMED)
        if self.confirm_ms < 0:
            self.confirm_ms = max(ticks_diff(now, self.on_air_at), 0)

    def fire(self, now: int, event: int) -> int:
        """Go to the next state; returns it."""
        self.state = next_state(self.state, event)
        self.since = now
        return self.state


def _same_route(a: Exchange, b: Exchange) -> bool:
    return (
        a.session is b.session
        and a.node == b.node
        and a.client_sap == b.client_sap
        and a.server_sap == b.server_sap
        and a.wport == b.wport
        and a.prefix == b.prefix
        and a.length == b.length
    )


class Exchanges:
    """The pool: `capacity` slots, at most `per_node` of them for one node.

    `slots` is for walking over them: a `for` over a list costs no heap, over an object it does.
    """

    def __init__(self, capacity: int, per_node: int) -> None:
        self.slots = [Exchange() for _ in range(capacity)]
        self._per_node = per_node
        self._arrivals = 0
        self._cursor = -1
        self.open_cnt = 0
        self.max_open = 0

    def has_room(self, node: int, session: object, traffic_class: int) -> bool:
        """One more request of `session` for `node` would be taken.

        A session may have its share of the slots, and more only while enough are left for the others:
        one head-end with a full queue leaves room for the rest. The last slots are for control requests, of
        which it is sure of as many; at the node only what would go before them counts. A full queue of a node
        takes one more of a session that has none in it.
        """
        is_control = traffic_class == CONTROL
        reserve = len(self.slots) // _RESERVE
        waiting = own_waiting = held = held_control = 0
        for exchange in self.slots:
            if exchange.state == FREE:
                continue
            is_before = not is_control or exchange.traffic_class == CONTROL
            is_waiting = is_before and exchange.state == QUEUED and exchange.node == node
            waiting += is_waiting
            if exchange.session is session:
                own_waiting += is_waiting
                held += 1
                held_control += exchange.traffic_class == CONTROL
        free = len(self.slots) - self.open_cnt - (0 if is_control else reserve)
        if free <= 0 or (own_waiting and waiting >= self._per_node):
            return False
        # NOTE: with all its control requests on top of a full queue, one head-end left the others no slot.
        is_sure = held_control < reserve if is_control else held < (len(self.slots) - reserve) // _SHARE
        return is_sure or held < _SHARE * free

    def raise_older(self, candidate: Exchange) -> None:
        """What the association of `candidate` asked that node before goes no later than it: it must go first."""
        for other in self.slots:
            if other.state == QUEUED and other.node == candidate.node and other.is_pair_of(candidate):
                other.traffic_class = min(other.traffic_class, candidate.traffic_class)

    def open(self, now: int, session: object, node: int, queue_ms: int) -> Exchange:
        """Take a slot in state QUEUED; the caller fills in the request. Needs `has_room`."""
        exchange = self._next_free()
        self._arrivals = (self._arrivals + 1) & 0x3FFFFFFF
        exchange.state = QUEUED
        exchange.session = session
        exchange.node = node
        exchange.order = self._arrivals
        exchange.tries = 0
        exchange.blocks = 0
        exchange.since = now
        exchange.deadline = ticks_add(now, queue_ms)
        exchange.prefix = b""
        exchange.answer_crc = -1
        exchange.share = -1
        exchange.air_ms = exchange.spent_ms = exchange.heard_len = 0
        exchange.answer_by = exchange.deadline
        self.open_cnt += 1
        self.max_open = max(self.max_open, self.open_cnt)
        return exchange

    def close(self, exchange: Exchange) -> None:
        """Free the slot; its buffer must have been given back."""
        if exchange.buf >= 0:
            raise LocalError("exchange closed with a buffer")
        exchange.state = FREE
        exchange.session = None
        if not exchange.tries:
            exchange.node = -1  # it was never on the air: no late answer can come of it
        self.open_cnt -= 1

    def ended_lately(self, now: int, node: int, client_sap: int, within_ms: int) -> bool:
        """The pair had an exchange that ended less than `within_ms` ago (as far as slots remember)."""
        for exchange in self.slots:
            if exchange.state == FREE and exchange.node == node and exchange.client_sap == client_sap:
                # NOTE: below 0 it is older than the ticks can say (6 days), not younger.
                if 0 <= ticks_diff(now, exchange.since) < within_ms:
                    return True
        return False

    def repeats_pending(self, candidate: Exchange, slab: "Slab") -> bool:
        """`candidate` (open, request filled in) equals a pending request of its session."""
        for other in self.slots:
            if other is candidate or other.buf < 0 or not _same_route(other, candidate):
                continue
            if other.apdu(slab) == candidate.apdu(slab):
                return True
        return False

    def _next_free(self) -> Exchange:
        """The free slot that has rested longest: it still knows whose exchange ended in it."""
        for _ in range(len(self.slots)):
            self._cursor = (self._cursor + 1) % len(self.slots)
            if self.slots[self._cursor].state == FREE:
                return self.slots[self._cursor]
        raise LocalError("no exchange slot: ask has_room first")

    def active(self, node: int) -> "Exchange | None":
        """The exchange of `node` that is on the air or in its guard time."""
        for exchange in self.slots:
            if exchange.state >= ON_AIR and exchange.node == node:
                return exchange
        return None

    def on_line(self, node: int) -> "Exchange | None":
        """The exchange of `node` that the medium has now."""
        for exchange in self.slots:
            if exchange.state in (ON_AIR, SENT, REPLIED) and exchange.node == node:
                return exchange
        return None

    def next_due(self, now: int) -> "Exchange | None":
        """A QUEUED or GUARD exchange whose deadline has come, or None."""
        for exchange in self.slots:
            if exchange.state in (QUEUED, GUARD) and ticks_diff(exchange.deadline, now) <= 0:
                return exchange
        return None

    def next_deadline(self) -> "int | None":
        """The soonest deadline of a QUEUED or GUARD exchange. Asked a hundred times a second."""
        if not self.open_cnt:
            return None
        soonest = None
        for exchange in self.slots:
            if exchange.state not in (QUEUED, GUARD):
                continue
            if soonest is None or ticks_diff(exchange.deadline, soonest) < 0:
                soonest = exchange.deadline
        return soonest
