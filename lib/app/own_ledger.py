# SPDX-License-Identifier: MIT
"""The airtime ledger on SAP 1: 0-0:128.7.e, Data objects; times as in gateway.ledger.

0 full minutes, newest first: structure{minute since start, used, lost, late, orphaned, housekeeping,
idle} in ms. 1 since start, tenths of seconds: the five columns. 2 head-ends: {IPv4 address, used,
wasted}. 3 client SAPs: {SAP, used, wasted}; SAP 0 = all beyond the eighth. 4 hours of the day from
0 (UTC): {asked, answered}. 5 nodes: {SAP, used, wasted}, tenths of seconds, staying at 65535.
6 nodes: {SAP, eight octets, one for each three hours of the day from 0 (UTC)}: 14 = all was answered
lately, 0 = nothing, 15 = nobody asked.
"""

from micropython import const

from app.own_nodes import NodeRows
from dlms.cosem.object import obis
from dlms.cosem.rows import RowObject
from gateway.ledger import CLIENTS, COLUMNS
from gateway.quality import MARKS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.cosem.object import CosemObject
    from dlms.cosem.rows import Row
    from gateway.ledger import Ledger
    from gateway.registration import Table

_MINUTES = const(0)
_TOTALS = const(1)
_HEAD_ENDS = const(2)
_CLIENTS = const(3)
_HOURS = const(4)
_NODES = const(5)
_QUALITY = const(6)
_HOURS_CNT = const(24)
_IDLE = const(6)

_WORDS = ("[IHHHHHH", "IIIII", "[oII", "[HII", "[HH", "[HHH", "[Ho")


def ledger_objects(ledger: "Ledger", table: "Table") -> "list[CosemObject]":
    """The seven objects."""
    source = LedgerSource(ledger, table)
    rows: "list[Row]" = [(key, 1, 0, obis(0, 0, 128, 7, key), "", _WORDS[key]) for key in range(len(_WORDS))]
    return [RowObject(row, source) for row in rows]


class LedgerSource:
    """RowSource of dlms.cosem.rows."""

    def __init__(self, ledger: "Ledger", table: "Table") -> None:
        self._ledger = ledger
        self._table = table
        self._nodes = NodeRows(table)
        self._readers = (
            self._minute, self._total, self._head_end, self._client, self._hour, self._node,
            self._quality,
        )  # fmt: skip

    def value(self, key: int, attribute: int, field: int, item: int) -> "int | bytes":
        """Field of an element."""
        return self._readers[key](field, item)

    def count(self, key: int, attribute: int) -> int:
        """Elements."""
        if key == _MINUTES:
            return self._ledger.kept()
        if key == _HEAD_ENDS:
            return len(self._ledger.peers) // 4
        if key >= _NODES:
            return self._table.count()
        return CLIENTS + 1 if key == _CLIENTS else _HOURS_CNT

    def generation(self, key: int, attribute: int) -> int:
        """Changes when elements come or go."""
        if key == _MINUTES:
            return self._ledger.minute
        return self._table.generation if key >= _NODES else 0

    def _minute(self, field: int, item: int) -> int:
        ago = item + 1
        if not field:
            return self._ledger.minute - ago
        return self._ledger.idle_ms(ago) if field == _IDLE else self._ledger.in_minute(ago, field - 1)

    def _total(self, field: int, item: int) -> int:
        return self._ledger.totals[field]

    def _head_end(self, field: int, item: int) -> "int | bytes":
        if not field:
            return bytes(self._ledger.peers[4 * item : 4 * item + 4])
        return self._ledger.share_ds[2 * item + field - 1]

    def _client(self, field: int, item: int) -> int:
        return self._ledger.client_ds[2 * item + field - 1] if field else self._ledger.clients[item]

    def _hour(self, field: int, item: int) -> int:
        return self._ledger.in_hour(item, bool(field))

    def _node(self, field: int, item: int) -> int:
        row = self._nodes.row_at(item)
        return self._table.air_ds(row, field - 1) if field else self._table.sap(row)

    def _quality(self, field: int, item: int) -> "int | bytes":
        row = self._nodes.row_at(item)
        if not field:
            return self._table.sap(row)
        return bytes([self._table.quality.mark(row, span) for span in range(MARKS)])


assert COLUMNS == len(_WORDS[_TOTALS]) == _IDLE - 1
