# SPDX-License-Identifier: MIT
"""Uplink APDUs that no exchange waits for: notifications for the push route, the rest dropped.

Facts: dlms.md 4 and 6. The tag alone decides for DataNotification and EventNotification; the
ciphered forms DB..DF look the same in an answer and in a push. Law: an old answer is never
taken for a push while somebody could still be waiting for it.
"""

from gateway import answer, refusal
from plc.medium import STAT_LATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from app.contract import PushRoute
    from base.counters import Counters
    from gateway.admission import Admission
    from gateway.exchange import Exchanges
    from gateway.registration import Table


class Unasked:
    """Sorts them. `late_ms`: a ciphered APDU within that time of an exchange may be its answer."""

    def __init__(
        self, table: "Table", exchanges: "Exchanges", admission: "Admission", counters: "Counters", late_ms: int
    ) -> None:
        self._table = table
        self._exchanges = exchanges
        self._admission = admission
        self._counters = counters
        self._late_ms = late_ms

    def take(self, now: int, route: "PushRoute | None", node: int, client_sap: int, apdu: memoryview) -> None:
        """Offer `apdu` (1 octet or more, borrowed) to `route`, or drop and count it."""
        if not self._is_push(now, node, client_sap, apdu[0]):
            self._counters.inc(refusal.STALE)
            self._table.note(node, STAT_LATE)
        elif route is None:
            self._counters.inc(refusal.PUSH_NO_ROUTE)
        else:
            route.offer(now, self._table.sap(node), client_sap, apdu)
            self._counters.inc(refusal.PUSHED)

    def _is_push(self, now: int, node: int, client_sap: int, tag: int) -> bool:
        """NOTE: a ciphered push is taken for a late answer while a session owns the pair, or
        when the pair has just had an exchange; only otherwise is it a push."""
        if not answer.may_be_push(tag):
            return answer.is_unsolicited(tag)
        if self._admission.ownership.owner(now, node, client_sap) is not None:
            return False
        return not self._exchanges.ended_lately(now, node, client_sap, self._late_ms)
