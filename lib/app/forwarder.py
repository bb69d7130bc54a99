# SPDX-License-Identifier: MIT
"""The one straight path, both directions; read it from top to bottom.

down:  on_request -> router -> (own device | refusal | exchange) -> scheduler -> medium
up:    medium -> on_uplink -> the exchange that waits for it -> wrapper -> session
The APDU is copied once, uplink, out of the modem's receive buffer. It is never changed,
never sent twice by us, never given to anybody but the session that asked.
"""

from app.endings import Endings
from app.replies import HEADROOM, Replies
from app.unasked import Unasked
from base.counters import Counters
from base.ticks import ticks_add
from gateway import answer, refusal
from gateway.admission import ACCEPTED, Admission
from gateway.copies import Copies
from gateway.exchange import (
    ANSWERED,
    DONE,
    GUARD,
    ON_AIR,
    OVER,
    QUEUED,
    REPLIED,
    SENT,
    Exchanges,
)
from gateway.router import TO_OWN
from gateway.scheduler import Scheduler
from plc.medium import (
    BROADCAST,
    DONE_LINK_DOWN,
    DONE_NOT_SENT,
    DONE_REPLIED,
    DONE_SENT,
    NODE_GONE_EVENT,
    NODE_LOST_EVENT,
    STAT_LATE,
    STAT_RX,
    STAT_TX,
    UPLINK_FOREIGN,
    UPLINK_LAST,
    UPLINK_MORE,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from app.contract import Device, PushRoute, Session
    from base.slab import Slab
    from gateway.exchange import Exchange
    from gateway.registration import Table
    from gateway.router import Router
    from gateway.rules import Rules
    from plc.contract import Medium


class Forwarder:
    """Implements `plc.contract.MediumSink`; sessions call `on_request` and `on_session_end`.

    `medium`, `device` (own logical device), `push` and `on_event` are wired by main.py
    after construction. A session has: number, is_open, peer, port, send(buf, off, length).
    """

    medium: "Medium"
    device: "Device"

    def __init__(self, table: "Table", slab: "Slab", router: "Router", rules: "Rules") -> None:
        self._table = table
        self._slab = slab
        self._router = router
        self._rules = rules
        self.exchanges = Exchanges(rules.exchanges_cnt, rules.per_node_cnt)
        self._copies = Copies()
        self.admission = Admission(table, router, self.exchanges, rules)
        self.counters = Counters(refusal.NAMES)
        self._replies = Replies(slab, self.counters, rules.refuse_by_exception)
        self._unasked = Unasked(table, self.exchanges, self.admission, self.counters, rules.late_ms)
        self._endings = Endings(table, slab, self.admission, rules)
        self.ledger = self._endings.ledger
        self._scheduler = Scheduler(self.exchanges, rules.sessions_cnt, self.ledger)
        self._endings.wire(self.exchanges, self._scheduler, self._replies, self.counters)
        self._holds = 0
        self.push: "PushRoute | None" = None
        self.on_event: "Callable[[int, int], None] | None" = None

    # --- down: WAN to PLC ---

    def may_read(self) -> bool:
        """A WAN session may take a buffer: enough stay free for what comes up the line."""
        return self._slab.free_cnt > self._rules.uplink_reserve_cnt

    def on_request(self, now: int, session: "Session", ports: "tuple[int, int]", buf: int, length: int) -> None:
        """One APDU from the WAN in slab buffer `buf` at HEADROOM, ours now; `ports` = (source, destination) wPort."""
        exchange = None
        try:
            exchange = self._take(now, session, ports, buf, length)
        finally:
            # NOTE: also when memory ran out: buffers lost for good end in a gateway that hears nobody.
            if exchange is None:
                self._slab.free(buf)
        if exchange is not None:
            # NOTE: not in `_take`: should memory run out in here, the slot keeps its buffer. Freed under it, the
            # next APDU would have gone to this node too.
            self._scheduler.came(exchange, self.medium)
            if self.exchanges.repeats_pending(exchange, self._slab):
                self.counters.inc(refusal.DUPLICATE)
                self._endings.end(now, exchange, OVER)
            self.on_free(now)

    def _take(
        self, now: int, session: "Session", ports: "tuple[int, int]", buf: int, length: int
    ) -> "Exchange | None":
        """The exchange that has the buffer now; None: it was answered at once."""
        source, destination = ports
        view = self._slab.view(buf)
        target = self._router.resolve(destination, view, HEADROOM, length)
        if target == TO_OWN:
            self._replies.from_device(now, self.device, session, source, view, length)
            return None
        off = HEADROOM + self._router.prefix_len
        apdu = view[off : HEADROOM + length]
        prefix = bytes(view[HEADROOM:off]) if self._router.prefix_len else b""
        reason = self.admission.judge(now, self.medium, target, session, source, apdu)
        if reason != ACCEPTED:
            self._replies.refuse(session, reason, (destination, source), prefix)
            return None
        exchange = self.exchanges.open(now, session, self._router.node, self._rules.queue_ms)
        exchange.client_sap, exchange.wport = ports
        exchange.server_sap = self._router.server_sap
        exchange.traffic_class = self.admission.traffic_class
        exchange.answer_by = ticks_add(now, self.admission.classes.answer_ms)
        exchange.hold(buf, off, apdu)
        exchange.prefix = prefix
        return exchange

    def on_free(self, now: int) -> None:
        """The line is free: give it the next request, if there is one."""
        if self._holds:
            return
        exchange = self._scheduler.pick(now, self.medium)
        while exchange is not None and self._submit(now, exchange):
            exchange = self._scheduler.pick(now, self.medium)

    def hold(self) -> None:
        """Nothing more goes out until `let_go`, called as often; what is on the line goes on."""
        self._holds += 1

    @property
    def is_held(self) -> bool:
        """Between `hold` and `let_go`: the segment's own traffic waits too."""
        return self._holds > 0

    def let_go(self, now: int) -> None:
        """The end of a `hold`."""
        self._holds -= 1
        self.on_free(now)

    def is_on_line(self) -> bool:
        """A request is on the air, or its answer is waited for."""
        for exchange in self.exchanges.slots:
            if ON_AIR <= exchange.state <= REPLIED:
                return True
        return False

    def is_control_waiting(self) -> bool:
        """A control request is there for the next turn on the line."""
        return self._scheduler.is_control_waiting()

    def _submit(self, now: int, exchange: "Exchange") -> bool:
        view = self._slab.view(exchange.buf)
        expects_reply = exchange.node != BROADCAST and not answer.needs_no_reply(view, exchange.off, exchange.length)
        saps = (exchange.client_sap, exchange.server_sap)
        if not self.medium.submit(now, exchange.node, saps, view, exchange.off, exchange.length, expects_reply):
            return False
        exchange.begin(now, expects_reply)
        self._scheduler.went(exchange, self.medium)
        return True

    def on_sent(self, now: int, node: int) -> None:
        """The modem confirmed the first transmission: from here on an answer is possible."""
        exchange = self.exchanges.on_line(node)
        if exchange is None:
            return
        exchange.confirmed(now)
        self.counters.inc(refusal.BROADCAST if node == BROADCAST else refusal.FORWARDED)
        if node != BROADCAST:
            self._table.note(node, STAT_TX)

    # --- up: PLC to WAN ---

    def on_uplink(
        self, now: int, node: int, client_sap: int, server_sap: int, mv: memoryview, off: int, length: int
    ) -> int:
        """One APDU from `node`: to the exchange that waits for it, to the push route, or dropped."""
        if not length:  # an empty APDU is never passed on: head-ends stumble over it (facts/dlms.md 10)
            self._count_node(refusal.STALE, node, STAT_LATE)
            return UPLINK_FOREIGN
        exchange = self.exchanges.active(node)
        if exchange is not None and not exchange.is_between(client_sap, server_sap):
            exchange = None
        apdu = mv[off : off + length]
        if exchange is None or answer.is_unsolicited(apdu[0]):
            self._unasked.take(now, self.push, node, client_sap, apdu)
            return UPLINK_FOREIGN
        # NOTE: the guard goes on after a late answer: a second copy of it may still follow.
        if exchange.state == GUARD:
            self._endings.came_late(now, exchange)
            return UPLINK_FOREIGN
        # NOTE: before the confirm nothing can be an answer to this request; it is the late or
        # repeated answer to the one before (request, no answer, next request, late answer).
        # After the last answer it is a copy of that.
        request = self._slab.view(exchange.buf)
        fits = exchange.state == SENT and answer.fits(request, exchange.off, exchange.length, apdu)
        if not fits or self._copies.is_copy(exchange, apdu):
            self._count_node(refusal.STALE, node, STAT_LATE)
            return UPLINK_FOREIGN
        self._deliver(exchange, apdu)
        if answer.is_more_coming(apdu) and exchange.takes_another():
            return UPLINK_MORE
        exchange.fire(now, ANSWERED)
        return UPLINK_LAST

    def _deliver(self, exchange: "Exchange", apdu: memoryview) -> None:
        """Wrap and hand the APDU to the session that asked; wPorts swapped, prefix echoed as E7."""
        self._table.note(exchange.node, STAT_RX)
        exchange.heard_len += len(apdu)
        if exchange.session is None:
            self.counters.inc(refusal.ORPHAN)
            return
        # NOTE: not for an orphan: its pair may have a new owner by now.
        if answer.ends_association(exchange.tag, apdu):
            self.admission.ownership.release(exchange.node, exchange.client_sap, exchange.session)
        ports = (exchange.wport, exchange.client_sap)
        if self._replies.deliver(exchange.session, ports, exchange.prefix, apdu):
            self.counters.inc(refusal.DELIVERED)

    # --- how exchanges end ---

    def on_done(self, now: int, node: int, outcome: int) -> None:
        """The medium is through with the request it had taken for `node`."""
        exchange = self.exchanges.on_line(node)
        if exchange is None:
            return
        self._endings.left_air(now, exchange, self.medium)
        if exchange.state == REPLIED or outcome in (DONE_REPLIED, DONE_SENT):
            self._endings.end(now, exchange, DONE)
        elif outcome == DONE_NOT_SENT and exchange.state == ON_AIR:
            self._endings.retry_or_refuse(now, exchange)
        else:
            cut_ms = self.medium.airtime_ms(node, 2048, 2048) if outcome == DONE_LINK_DOWN else 0  # the window
            self._endings.await_late_answer(now, exchange, cut_ms)

    def _count_node(self, reason: int, node: int, stat: int) -> None:
        self.counters.inc(reason)
        if node != BROADCAST:
            self._table.note(node, stat)

    # --- what else ends them ---

    def on_session_end(self, now: int, session: "Session") -> None:
        """The head-end is gone: what waits is dropped, what is on the air becomes an orphan."""
        self._endings.session_gone(now, session)
        self.device.close_connection(session.number)

    def on_node(self, now: int, node: int, event: int) -> None:
        """A node changed: nobody waits in the queue of a node that is lost or gone."""
        if event in (NODE_LOST_EVENT, NODE_GONE_EVENT):
            self._endings.node_away(now, node)
        if self.on_event is not None:
            self.on_event(node, event)

    def on_link(self, now: int, is_up: bool) -> None:
        """The modem went down (requests wait, up to their queue time) or came back."""
        if is_up:
            self.on_free(now)

    def next_deadline(self) -> "int | None":
        """When `on_deadline` is due: a queued request expires or a guard time ends."""
        return self.exchanges.next_deadline()

    def on_deadline(self, now: int) -> None:
        """Refuse what has waited too long; end guard times."""
        exchange = self.exchanges.next_due(now)
        while exchange is not None:
            if exchange.state == QUEUED:
                self._endings.refuse_overdue(now, exchange, self.medium)
            else:
                self._endings.end(now, exchange, OVER)
            exchange = self.exchanges.next_due(now)
        self.on_free(now)
