# SPDX-License-Identifier: MIT
"""The nodes as SAP 1 shows them: the SAP assignment list, and what the table knows of each.

Rows are encoded one by one while a client reads them; nothing is kept but a place in the table.
"""

from binascii import hexlify

from dlms.axdr import OCTET_STRING, UINT8, UINT16, UINT32
from dlms.cosem import basic
from gateway.router import OWN_SAP
from plc.medium import STAT_LATE, STAT_RX, STAT_TIMEOUT, STAT_TX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.axdr import Writer
    from gateway.registration import Table


class NodeRows:
    """Walks the listed rows of the table in SAP order; remembers where the last item was."""

    def __init__(self, table: "Table") -> None:
        self._table = table
        self._index = 0
        self._row = -1
        self._seen = -1

    @property
    def generation(self) -> int:
        """Changes with every node that comes or goes."""
        return self._table.generation

    def row_at(self, index: int) -> int:
        """Row of the `index`-th held node; amortised one step when asked in order."""
        if self._seen != self._table.generation or index < self._index or self._row < 0:
            self._seen = self._table.generation
            self._index = 0
            self._row = self._next(-1)
        while self._index < index:
            self._row = self._next(self._row)
            self._index += 1
        return self._row

    def _next(self, row: int) -> int:
        table = self._table
        row += 1
        while row < table.end() and not self.is_listed(row):
            row += 1
        return row

    def is_listed(self, row: int) -> bool:
        """Every node that holds a row."""
        return self._table.row_of_addr(self._table.addr(row)) == row


class SapList(NodeRows):
    """Items of the SAP assignment list: SAP 1, the meters in SAP order, then extra SAPs.

    `ldn_prefix` "" gives the title as upper-case hex digits, else prefix + title octets.
    `extras` = (sap, ldn) of extra logical devices, in SAP order.
    """

    def __init__(self, table: "Table", own_ldn: bytes, ldn_prefix: str, extras: "list[tuple[int, bytes]]") -> None:
        super().__init__(table)
        self._own_ldn = own_ldn
        self._prefix = ldn_prefix.encode()
        self._extras = extras

    def is_listed(self, row: int) -> bool:
        """Nodes that have answered once: what is listed can be talked to."""
        return self._table.is_published(row)

    def count(self) -> int:
        """Items: this device, the nodes, the extra ones."""
        return 1 + self._table.published_cnt + len(self._extras)

    def encode_item(self, index: int, writer: "Writer") -> None:
        """Item `index` as structure{long-unsigned, octet-string}."""
        if index == 0:
            basic.write_sap(writer, OWN_SAP, self._own_ldn)
        elif index <= self._table.published_cnt:
            row = self.row_at(index - 1)
            basic.write_sap(writer, self._table.sap(row), self.ldn(self._table.title(row)))
        else:
            sap, ldn = self._extras[index - 1 - self._table.published_cnt]
            basic.write_sap(writer, sap, ldn)

    def ldn(self, title: bytes) -> bytes:
        """Logical device name of the meter with this title."""
        return self._prefix + title if self._prefix else hexlify(title).upper()


class NodeList(NodeRows):
    """0-0:128.3.0: structure{SAP, title, address, state, credit, think ms, last heard s,
    requests, replies, time-outs, late} per node; last heard in uptime seconds, 0 = never."""

    def count(self) -> int:
        """Nodes that hold a row."""
        return self._table.count()

    def encode_item(self, index: int, writer: "Writer") -> None:
        """The structure of node `index`."""
        table = self._table
        row = self.row_at(index)
        writer.structure(11)
        writer.number(UINT16, table.sap(row))
        writer.string(OCTET_STRING, table.title(row))
        writer.number(UINT16, table.addr(row))
        writer.number(UINT8, table.state(row))
        writer.number(UINT8, table.credit(row))
        writer.number(UINT16, table.think_ms(row))
        writer.number(UINT32, table.last_heard_s(row))
        for what in (STAT_TX, STAT_RX, STAT_TIMEOUT, STAT_LATE):
            writer.number(UINT16, table.stat(row, what))
