# SPDX-License-Identifier: MIT
"""Whose turn on the air: by class, within a class by the airtime each head-end has had.

Start-time fair queueing (Goyal, Vin, Cheng 1996) with airtime as the cost: every session has a
virtual time, the airtime charged to it; the one that has had least goes next. Charged is the
estimate when it goes, and the difference to what it really took when it ends. Classes are
strict, but no class waits for ever: after `_STARVE_MS` of air given to higher ones it has a turn.
Law: a control request goes next when it comes, unless other control requests are before it.
"""

from array import array

from micropython import const

from base.ticks import ticks_add, ticks_diff
from gateway.exchange import ON_AIR, QUEUED, REPLIED
from gateway.traffic_class import CLASSES_CNT, CONTROL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.exchange import Exchange, Exchanges
    from gateway.ledger import Ledger
    from plc.contract import Medium

_STARVE_MS = const(15000)  # of airtime: half a dozen long S-FSK exchanges
_WRAP = const(1 << 28)  # ms of airtime, three days: then all virtual times are set back together
_SHORTEST = const(13)  # octets of an answer at least; what cannot be in time with it never is
_BLEND = const(8)  # answers until most of an old mean is forgotten
_NOBODY = const(-1)


class Scheduler:
    """Picks from the pool. `shares` sessions have a virtual time of their own."""

    def __init__(self, exchanges: "Exchanges", shares: int, ledger: "Ledger") -> None:
        self._exchanges = exchanges
        self._ledger = ledger
        self._sessions: "list[object | None]" = [None] * shares
        self._had = array("i", [0] * shares)  # ms of airtime
        self._floor = 0  # virtual time of the last one that went
        self._starved = array("i", [0] * CLASSES_CNT)  # ms that higher classes had while this one waited
        self._last_class = _NOBODY
        self._reply_len = _SHORTEST  # octets of an answer as they come these days

    # --- sessions ---

    def came(self, exchange: "Exchange", medium: "Medium") -> None:
        """`exchange` was accepted: it gets its session's share, and goes no later than its answer is of use."""
        self._exchanges.raise_older(exchange)
        latest = ticks_add(exchange.answer_by, -self._shortest_ms(exchange, medium))
        if ticks_diff(latest, exchange.deadline) < 0:
            exchange.deadline = latest
        share = self._share_of(exchange.session)
        if share < 0:
            share = self._new_share()
            self._sessions[share] = exchange.session
            self._ledger.new_share(share, exchange.session.peer)  # type: ignore[attr-defined]
        elif not self._is_busy(share):
            self._had[share] = max(self._had[share], self._floor)  # nobody saves up air by being idle
        exchange.share = share

    def left(self, session: object) -> None:
        """The session is gone."""
        share = self._share_of(session)
        if share >= 0:
            self._sessions[share] = None
            for exchange in self._exchanges.slots:
                if exchange.share == share:
                    exchange.share = _NOBODY

    def _share_of(self, session: object) -> int:
        for share in range(len(self._sessions)):
            if self._sessions[share] is session:
                return share
        return _NOBODY

    def _new_share(self) -> int:
        """A share behind all that are at work; with more sessions than shares the last one is common.

        NOTE: with the floor, who hangs up and connects again with every request would always be first.
        What is in the air now is not counted: its estimate may be far too high.
        """
        had, share = self._floor, len(self._sessions) - 1
        for other in range(len(self._sessions)):
            if self._sessions[other] is None:
                share = other
            elif self._is_busy(other):
                had = max(had, self._had[other] - self._in_air_ms(other))
        self._had[share] = had
        return share

    def _is_busy(self, share: int) -> bool:
        for exchange in self._exchanges.slots:
            if exchange.state >= QUEUED and exchange.share == share:
                return True
        return False

    def _in_air_ms(self, share: int) -> int:
        air_ms = 0
        for exchange in self._exchanges.slots:
            if exchange.state >= QUEUED and exchange.share == share:
                air_ms += exchange.air_ms
        return air_ms

    # --- turns ---

    def pick(self, now: int, medium: "Medium") -> "Exchange | None":
        """The QUEUED exchange to submit now, or None. Does not change it.

        Where the medium keeps several open, the last place is a control request's, and while the answer to one
        is due nothing of another class is begun: it would contend with that answer.
        """
        first = self._first_class()
        is_shut = not medium.has_spare or (first == CONTROL and self._is_control_due(now, medium))
        most = CONTROL + 1 if is_shut else CLASSES_CNT
        best = None
        for exchange in self._exchanges.slots:
            if exchange.state != QUEUED or exchange.traffic_class >= most:
                continue
            if best is not None and not self._goes_before(exchange, best, first):
                continue
            if self._may_go(exchange) and self._is_in_time(now, exchange, medium):
                best = exchange
        return best

    def is_late(self, now: int, exchange: "Exchange", medium: "Medium") -> bool:
        """Nobody would wait for its answer any more, as short as it may be."""
        return ticks_diff(exchange.answer_by, ticks_add(now, self._shortest_ms(exchange, medium))) <= 0

    def _is_in_time(self, now: int, exchange: "Exchange", medium: "Medium") -> bool:
        if ticks_diff(exchange.deadline, now) > 0 and self.is_late(now, exchange, medium):
            exchange.deadline = now  # the way has become longer since it came: it is refused at once
        return ticks_diff(exchange.deadline, now) > 0

    def _shortest_ms(self, exchange: "Exchange", medium: "Medium") -> int:
        return medium.airtime_ms(exchange.node, exchange.length, _SHORTEST)

    def is_control_waiting(self) -> bool:
        """A control request could go now."""
        for exchange in self._exchanges.slots:
            if exchange.state == QUEUED and exchange.traffic_class == CONTROL and self._may_go(exchange):
                return True
        return False

    def _is_control_due(self, now: int, medium: "Medium") -> bool:
        for exchange in self._exchanges.slots:
            if exchange.traffic_class == CONTROL and ON_AIR <= exchange.state < REPLIED:
                # a silent meter stops nobody for longer than one that answers
                if ticks_diff(now, exchange.on_air_at) < self._shortest_ms(exchange, medium):
                    return True
        return False

    def went(self, exchange: "Exchange", medium: "Medium") -> None:
        """The medium took this one: what it will cost is charged at once, so that others may follow."""
        air_ms = medium.airtime_ms(exchange.node, exchange.length, self._reply_len)
        exchange.air_ms = air_ms
        if exchange.share >= 0:
            self._floor = self._had[exchange.share]
            self._charge(exchange.share, air_ms)
        self._note_starved(exchange.traffic_class, air_ms)
        self._last_class = exchange.traffic_class

    def ended(self, exchange: "Exchange", spent_ms: int) -> None:
        """It took `spent_ms` of the line after all."""
        if exchange.share >= 0:
            self._charge(exchange.share, spent_ms - exchange.air_ms)
        exchange.air_ms = 0
        if exchange.heard_len:
            self._reply_len += (exchange.heard_len - self._reply_len) // _BLEND

    def _charge(self, share: int, air_ms: int) -> None:
        self._had[share] += air_ms
        if self._had[share] >= _WRAP:
            for other in range(len(self._had)):
                self._had[other] = max(self._had[other] - _WRAP // 2, 0)
            self._floor = max(self._floor - _WRAP // 2, 0)

    def _note_starved(self, went_class: int, air_ms: int) -> None:
        self._starved[went_class] = 0
        for lower in range(went_class + 1, CLASSES_CNT):
            self._starved[lower] = self._starved[lower] + air_ms if self._is_waiting(lower) else 0

    def _is_waiting(self, traffic_class: int) -> bool:
        for exchange in self._exchanges.slots:
            if exchange.state == QUEUED and exchange.traffic_class == traffic_class:
                return True
        return False

    def _first_class(self) -> int:
        """The class that has waited too long, or CONTROL.

        NOTE: right after another class's turn it is control's: one that has just come must not find
        two frames in front of it.
        """
        if self._last_class != CONTROL and self.is_control_waiting():
            return CONTROL
        for lower in range(CONTROL + 1, CLASSES_CNT):
            if self._starved[lower] >= _STARVE_MS:
                return lower
        return CONTROL

    def _may_go(self, candidate: "Exchange") -> bool:
        """Its node has nothing on the air and no guard time, and nothing older of it goes first.

        NOTE: a control request passes what others wait for, but not what its own association has
        sent before it: the counters in ciphered APDUs only rise.
        """
        for other in self._exchanges.slots:
            if other.node != candidate.node or other is candidate:
                continue
            if other.state >= ON_AIR:
                return False
            if other.state == QUEUED and other.order < candidate.order:
                if other.traffic_class <= candidate.traffic_class or other.is_pair_of(candidate):
                    return False
        return True

    def _goes_before(self, a: "Exchange", b: "Exchange", first: int) -> bool:
        if a.traffic_class != b.traffic_class:
            if b.traffic_class == first:
                return False
            return a.traffic_class == first or a.traffic_class < b.traffic_class
        had_a = self._had[a.share] if a.share >= 0 else 0
        had_b = self._had[b.share] if b.share >= 0 else 0
        if had_a != had_b:
            return had_a < had_b
        # NOTE: a node without a route costs a G3 modem 20 s at each try: the session's other requests go first.
        return a.order < b.order if a.tries == b.tries else a.tries < b.tries
