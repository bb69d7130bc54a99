# SPDX-License-Identifier: MIT
"""Where the live values of class 20002 come from: the way to each node, counts, results, strangers, lists.

dlms.cosem.g3_network says what they are. Law: everything is made when it is asked for.
"""

from micropython import const

from app.own_nodes import NodeList
from dlms.cosem import g3_network as net
from plc.access import ALLOWED, BLOCKED
from plc.medium import NODE_ASSIGNED, NODE_LOST, NODE_ONLINE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from app.g3_actions import G3Actions
    from app.strangers import Strangers
    from dlms.axdr import Reader, Writer
    from gateway.registration import Table
    from plc.access import Access
    from plc.g3.segment import Segment

_BLACKLISTED = const(4)
_STATES = {NODE_ASSIGNED: 1, NODE_ONLINE: 2, NODE_LOST: 3}  # facts dlms 7; 0 unknown
_MARKS = {net.BLACKLISTED: BLOCKED, net.WHITELIST: ALLOWED}


class G3Network:
    """Source of the one row. `association_s`: after which an unused association gives way."""

    def __init__(
        self, segment: "Segment", table: "Table", actions: "G3Actions", strangers: "Strangers", access: "Access"
    ) -> None:
        self.association_s = 0
        self._segment = segment
        self._table = table
        self._actions = actions
        self._strangers = strangers
        self._access = access
        self._nodes = NodeList(table)

    def count(self, key: int, attribute: int) -> int:
        """Elements of an array."""
        if attribute == net.NODE_LIST:
            return self._nodes.count()
        if attribute == net.STRANGERS:
            return self._strangers.count()
        return len(self._actions.results) if attribute == net.RESULTS else self._access.count_of(_MARKS[attribute])

    def generation(self, key: int, attribute: int) -> int:
        """Changes when such an array does."""
        if attribute == net.NODE_LIST:
            return self._nodes.generation
        if attribute == net.STRANGERS:
            return self._strangers.generation
        return self._access.generation if attribute in _MARKS else 0

    def value(self, key: int, attribute: int, field: int, item: int) -> "int | bytes":
        """One field."""
        if attribute == net.NODE_LIST:
            return _NODE[field](self, self._nodes.row_at(item))
        if attribute == net.RESULTS:
            result = self._actions.results[item]
            return (item + net.PATH_REQUEST, result.eui64, result.state, result.value, result.at_s)[field]
        if attribute == net.STRANGERS:
            return self._strangers.row(item)[field]
        if attribute == net.REKEY:
            rekey = self._segment.rekey
            return ((rekey.phase,) + rekey.progress() + (self._segment.modem.active_key,))[field]
        if attribute in _MARKS:
            return self._access.title_of(_MARKS[attribute], item)
        return _NUMBERS[attribute](self)

    def call(self, now: int, key: int, method: int, reader: "Reader | None", writer: "Writer") -> int:
        """Action-Result."""
        return self._actions.call(now, method, reader)

    # --- fields of the node list ---

    def _eui64(self, row: int) -> bytes:
        return self._table.title(row)

    def _parent_eui64(self, row: int) -> bytes:
        links = self._segment.links
        if not links.hops(row):
            return b""
        parent = links.parent(row)
        at = self._table.row_of_addr(parent) if parent else -1
        return self._table.title(at) if at >= 0 else self._segment.modem.eui64 if not parent else b""

    def _short_addr(self, row: int) -> int:
        return self._table.addr(row)

    def _heard_s(self, row: int) -> int:
        return self._table.last_heard_s(row)

    def _asked_s(self, row: int) -> int:
        return self._segment.links.asked_s(row)

    def _parent(self, row: int) -> int:
        return self._segment.links.parent(row)

    def _state(self, row: int) -> int:
        if self._access.mark(self._table.title(row)) == BLOCKED:
            return _BLACKLISTED
        return _STATES.get(self._table.state(row), 0)

    def _lqi(self, row: int) -> int:
        return self._segment.links.lqi(row)

    def _rtt_ms(self, row: int) -> int:
        return self._segment.links.rtt_ms(row)

    def _hops(self, row: int) -> int:
        return self._segment.links.hops(row)

    def _not_known(self, row: int) -> int:
        return 0

    # --- numbers ---

    def _joining(self) -> int:
        return self._in_state(NODE_ASSIGNED)

    def _available(self) -> int:
        return self._in_state(NODE_ONLINE)

    def _in_state(self, state: int) -> int:
        return sum([self._table.state(row) == state for row in range(self._table.end())])

    def _mean_rtt_ms(self) -> int:
        return self._mean(self._segment.links.rtt_ms, 1)

    def _mean_hops(self) -> int:
        return self._mean(self._segment.links.hops, 10)

    def _mean(self, of: "Callable[[int], int]", scale: int) -> int:
        """Over the nodes whose number is known."""
        total = known = 0
        for row in range(self._table.end()):
            if self._table.state(row) == NODE_ONLINE and of(row):
                total += of(row)
                known += 1
        return scale * total // known if known else 0

    def _port(self) -> int:
        return self._segment.settings["udp_port"]

    def _association_s(self) -> int:
        return self.association_s


_N = G3Network
_NODE = (
    _N._eui64,
    _N._parent_eui64,
    _N._short_addr,
    _N._heard_s,
    _N._asked_s,
    _N._parent,
    _N._state,
    _N._not_known,
    _N._lqi,
    _N._not_known,
    _N._rtt_ms,
    _N._not_known,
    _N._hops,
)
_NUMBERS = {
    net.JOINING: _N._joining,
    net.AVAILABLE: _N._available,
    net.ROUND_TRIP: _N._mean_rtt_ms,
    net.HOPS: _N._mean_hops,
    net.DLMS_PORT: _N._port,
    net.PUSH_PORT: _N._port,
    net.ASSOCIATION_S: _N._association_s,
}
