# SPDX-License-Identifier: MIT
"""Whose turn on the air: round robin over sessions, in order of arrival within each.

A request may go when its node has nothing on the air and is not in guard time, and when
no older request of the same node waits. Sessions take turns, so that a head-end with a
full queue cannot starve another one with a single request.
"""

from gateway.exchange import ON_AIR, QUEUED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.exchange import Exchange, Exchanges


class Scheduler:
    """Picks from the pool; remembers only which session went when."""

    def __init__(self, exchanges: "Exchanges") -> None:
        self._exchanges = exchanges
        self._turn = 0

    def pick(self) -> "Exchange | None":
        """The QUEUED exchange to submit now, or None. Does not change it."""
        best = None
        for exchange in self._exchanges:
            if exchange.state != QUEUED or (best is not None and not self._goes_before(exchange, best)):
                continue
            if self._may_go(exchange):
                best = exchange
        return best

    def came(self, session: object) -> None:
        """A request of `session` was accepted: a new one goes before the session that went last, behind all others.

        NOTE: before all, who hangs up and connects again with every request would always be first.
        """
        if not session.last_turn:  # type: ignore[attr-defined]
            session.last_turn = self._turn - 1  # type: ignore[attr-defined]

    def went(self, exchange: "Exchange") -> None:
        """The medium took this one: its session goes to the end of the line."""
        self._turn += 2
        if exchange.session is not None:
            exchange.session.last_turn = self._turn  # type: ignore[attr-defined]

    def _may_go(self, candidate: "Exchange") -> bool:
        for other in self._exchanges:
            if other.node != candidate.node or other is candidate:
                continue
            if other.state >= ON_AIR or (other.state == QUEUED and other.order < candidate.order):
                return False
        return True

    def _goes_before(self, a: "Exchange", b: "Exchange") -> bool:
        turn_a = a.session.last_turn if a.session is not None else 0  # type: ignore[attr-defined]
        turn_b = b.session.last_turn if b.session is not None else 0  # type: ignore[attr-defined]
        if turn_a != turn_b:
            return turn_a < turn_b
        # NOTE: a node without a route costs a G3 modem 20 s at each try: the session's other requests go first.
        return a.order < b.order if a.tries == b.tries else a.tries < b.tries
