# SPDX-License-Identifier: MIT
"""What SAP 1 shows of the nodes of a G3 PAN beside the node list of every medium: the way to each."""

from app.own_nodes import NodeList
from dlms.axdr import OCTET_STRING, UINT8, UINT16

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.axdr import Writer
    from gateway.registration import Table
    from plc.g3.links import Links


class G3NodeList(NodeList):
    """0-0:128.3.1: structure{SAP, EUI-64, short address, parent's short address, hops,
    LQI, round trip ms, paths failed in a row} per node; 0 = not known
    (parent: or the coordinator)."""

    def __init__(self, table: "Table", links: "Links") -> None:
        super().__init__(table)
        self._links = links

    def encode_item(self, index: int, writer: "Writer") -> None:
        """The structure of node `index`."""
        table, links = self._table, self._links
        row = self.row_at(index)
        writer.structure(8)
        writer.number(UINT16, table.sap(row))
        writer.string(OCTET_STRING, table.title(row))
        writer.number(UINT16, table.addr(row))
        writer.number(UINT16, links.parent(row))
        writer.number(UINT8, links.hops(row))
        writer.number(UINT8, links.lqi(row))
        writer.number(UINT16, links.rtt_ms(row))
        writer.number(UINT8, links.fails(row))
