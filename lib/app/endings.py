# SPDX-License-Identifier: MIT
"""How an exchange ends: answered, refused before it was on the air, or silent (design/behaviour.md).

Every end goes through here, so that buffer, slot, ownership and airtime are settled in one
place. Law: a head-end is told of a refusal only while its request has not been on the air.
"""

from micropython import const

from base.ticks import ticks_add, ticks_diff
from gateway import answer, refusal
from gateway.exchange import NOT_SENT, OVER, QUEUED, UNANSWERED
from gateway.ledger import LOST, ORPHANED, USED, Ledger
from gateway.quality import Quality
from plc.medium import BROADCAST, STAT_LATE, STAT_TIMEOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from app.replies import Replies
    from base.counters import Counters
    from base.slab import Slab
    from gateway.admission import Admission
    from gateway.exchange import Exchange, Exchanges
    from gateway.registration import Table
    from gateway.rules import Rules
    from gateway.scheduler import Scheduler
    from plc.contract import Medium

_AT_ONCE_MS = const(1000)
_MAX_TRIES = const(3)  # of handing one APDU to a modem that never got it on the air


class Endings:
    """Uses the forwarder's parts."""

    def __init__(self, table: "Table", slab: "Slab", admission: "Admission", rules: "Rules") -> None:
        if rules.keeps_quality:
            table.quality = Quality(table.capacity)
        self.ledger = Ledger(table, rules.ledger_minutes, rules.sessions_cnt)
        self._table = table
        self._slab = slab
        self._admission = admission
        self._guard_ms = rules.guard_ms

    def wire(self, exchanges: "Exchanges", scheduler: "Scheduler", replies: "Replies", counters: "Counters") -> None:
        """The rest of what it needs, once."""
        self._exchanges = exchanges
        self._scheduler = scheduler
        self._replies = replies
        self._counters = counters

    def left_air(self, now: int, exchange: "Exchange", medium: "Medium") -> None:
        """The medium is through with it: what it cost is charged to its session and entered."""
        held_ms = max(ticks_diff(now, exchange.on_air_at), 0)
        confirm_ms = exchange.confirm_ms if exchange.confirm_ms >= 0 else held_ms
        spent_ms = medium.spent_ms(exchange.node, exchange.heard_len, confirm_ms, held_ms)
        self._scheduler.ended(exchange, spent_ms)
        column = USED if exchange.heard_len or not exchange.expects_reply else LOST
        if exchange.session is None:
            column = ORPHANED
        self.ledger.enter(now, exchange, column, spent_ms)
        exchange.spent_ms = spent_ms

    def came_late(self, now: int, exchange: "Exchange") -> None:
        """The answer came while its node rests: counted once, for a second copy may follow."""
        self._counters.inc(refusal.LATE)
        self._table.note(exchange.node, STAT_LATE)
        self.ledger.came_late(now, exchange.spent_ms)
        exchange.spent_ms = 0

    def await_late_answer(self, now: int, exchange: "Exchange", cut_ms: int) -> None:
        """No answer came: its node rests, for the answer may still come and must meet nobody.

        `cut_ms`: what the reply window had left when the modem failed.
        """
        self._counters.inc(refusal.NO_ANSWER)
        if exchange.node != BROADCAST:
            self._table.note(exchange.node, STAT_TIMEOUT)
        exchange.fire(now, UNANSWERED)
        exchange.deadline = ticks_add(now, cut_ms + self._guard_ms)
        self._give_back(exchange)

    def retry_or_refuse(self, now: int, exchange: "Exchange") -> None:
        """It never went on the air, so handing it to the modem again is not sending it again."""
        exchange.fire(now, NOT_SENT)
        if exchange.session is None:
            self._drop(now, exchange)
        elif exchange.tries >= _MAX_TRIES:
            self.refuse(now, exchange, refusal.MODEM_REFUSED)

    def refuse(self, now: int, exchange: "Exchange", reason: int) -> None:
        """A QUEUED one will not go: its head-end is told why it must not wait."""
        if answer.opens_association(exchange.tag):
            self._admission.ownership.release(exchange.node, exchange.client_sap, exchange.session)
        ports = (exchange.wport, exchange.client_sap)
        self._replies.refuse(exchange.session, reason, ports, exchange.prefix)
        self.end(now, exchange, OVER)

    def refuse_overdue(self, now: int, exchange: "Exchange", medium: "Medium") -> None:
        """A QUEUED one has waited too long, or so long that its answer could not be in time."""
        is_late = self._scheduler.is_late(now, exchange, medium)
        # NOTE: an answer as late as the deadline is long, once: with nobody asking, the node would keep that
        # think time, and every further request would be late when it comes. So each lets it fall a little.
        if is_late and not exchange.tries and exchange.node != BROADCAST:
            if ticks_diff(now, exchange.since) < _AT_ONCE_MS and self._table.think_ms(exchange.node):
                self._table.note_think(exchange.node, 1)
        self.refuse(now, exchange, refusal.TOO_LATE if is_late else refusal.QUEUE_EXPIRED)

    def end(self, now: int, exchange: "Exchange", event: int) -> None:
        """Buffer and slot are free again."""
        exchange.fire(now, event)
        self._give_back(exchange)
        self._exchanges.close(exchange)

    def session_gone(self, now: int, session: object) -> None:
        """What waits is dropped before it uses air, what is on the air becomes an orphan."""
        for exchange in self._exchanges.slots:
            if exchange.session is not session:
                continue
            if exchange.state == QUEUED:
                self._drop(now, exchange)
            else:
                exchange.session = None
        self._scheduler.left(session)
        self._admission.ownership.release_session(session)

    def node_away(self, now: int, node: int) -> None:
        """Nobody waits in the queue of a node that is lost or gone."""
        for exchange in self._exchanges.slots:
            if exchange.state == QUEUED and exchange.node == node:
                self.refuse(now, exchange, refusal.NODE_AWAY)

    def _drop(self, now: int, exchange: "Exchange") -> None:
        self._counters.inc(refusal.SESSION_GONE)
        self.end(now, exchange, OVER)

    def _give_back(self, exchange: "Exchange") -> None:
        if exchange.buf >= 0:
            self._slab.free(exchange.buf)
            exchange.buf = -1
