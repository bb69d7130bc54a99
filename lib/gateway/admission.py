# SPDX-License-Identifier: MIT
"""May this request go on the air? Everything that is known before it does (behaviour.md).

Answers a refusal reason or ACCEPTED. The order of the checks is the order in which a
head-end should learn of them: address first, then size, node, window, room, ownership.
"""

from micropython import const

from gateway import answer, refusal
from gateway.ownership import Ownership
from gateway.router import TO_ALL, TO_BAD, TO_NOBODY
from gateway.traffic_class import ON_DEMAND, Classes
from plc.medium import BROADCAST, NODE_ONLINE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.exchange import Exchanges
    from gateway.registration import Table
    from gateway.router import Router
    from gateway.rules import Rules
    from gateway.traffic_class import Session
    from plc.contract import Medium

ACCEPTED = const(-1)


class Admission:
    """Judges the request the router has just resolved; keeps who owns which association."""

    def __init__(self, table: "Table", router: "Router", exchanges: "Exchanges", rules: "Rules") -> None:
        self._table = table
        self._router = router
        self._exchanges = exchanges
        self._own_saps = rules.own_saps
        self.classes = Classes(rules.classes, rules.answer_ms)
        self.traffic_class = ON_DEMAND  # of the request judged last
        self.ownership = Ownership(rules.associations_cnt, rules.association_ms)

    def judge(
        self, now: int, medium: "Medium", target: int, session: "Session", client_sap: int, apdu: memoryview
    ) -> int:
        """ACCEPTED, or the reason of gateway.refusal; an accepted AARQ takes its pair."""
        if target == TO_NOBODY:
            return refusal.UNKNOWN_SAP
        if target == TO_BAD:
            return refusal.BAD_PREFIX
        if not (self._is_usable(medium, client_sap) and self._is_usable(medium, self._router.server_sap)):
            return refusal.CLIENT_SAP
        if len(apdu) > medium.max_apdu:
            return refusal.TOO_LONG
        node = self._router.node
        if target != TO_ALL and self._table.state(node) != NODE_ONLINE:
            return refusal.NODE_AWAY
        if not medium.is_open:
            return refusal.OUTSIDE_WINDOW
        self.traffic_class = self.classes.of(session, client_sap, apdu)
        if not self._exchanges.has_room(node, session, self.traffic_class):
            return refusal.QUEUE_FULL
        if node == BROADCAST:
            # NOTE: it gets into the association somebody else has opened with any of the meters.
            return refusal.PAIR_BUSY if self.ownership.is_with_others(now, client_sap, session) else ACCEPTED
        return self._claim(now, session, node, client_sap, apdu[0])

    def _is_usable(self, medium: "Medium", sap: int) -> bool:
        """NOTE: through the SAPs of CIASE a head-end could register or silence meters, and what a meter
        answers to one of them never comes back."""
        return 0 < sap <= medium.max_sap and sap not in self._own_saps

    def _claim(self, now: int, session: object, node: int, client_sap: int, tag: int) -> int:
        """The (node, client SAP) pair: refuse it to all but its owner."""
        owner = self.ownership.owner(now, node, client_sap)
        if owner is not None and owner is not session:
            return refusal.PAIR_BUSY
        if owner is session:
            self.ownership.refresh(now, node, client_sap)
        elif answer.opens_association(tag) and not self.ownership.take(now, node, client_sap, session):
            return refusal.OWNERS_FULL
        return ACCEPTED
