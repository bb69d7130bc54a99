# SPDX-License-Identifier: MIT
"""The node list as management reads it: EUI-64, address, state, parent, hops, LQI, last seen, RTT.

Source: issue 4 point 6, g3.md 5 (what concentrators in the field show), 10.
"""

from micropython import const

from plc.medium import NODE_FREE, NODE_QUARANTINED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.contract import Nodes
    from plc.g3.links import Links
    from plc.g3.shared import Shared

_EUI_LEN = const(8)


class NodeEntry:
    """One node; made for a reader, not on the path of a frame."""

    def __init__(self, nodes: "Nodes", links: "Links", row: int, age_s: int) -> None:
        title = bytearray(_EUI_LEN)
        nodes.title_into(row, title, 0)
        self.row = row
        self.eui64 = bytes(title)
        self.short_addr = nodes.addr(row)
        self.state = nodes.state(row)
        self.parent = links.parent(row)
        self.hops = links.hops(row)
        self.lqi = links.lqi(row)
        self.age_s = age_s  # since it was heard last, -1 = not since start
        self.rtt_ms = links.rtt_ms(row)
        self.fails = links.fails(row)


class NodeList:
    """Walks the registration table."""

    def __init__(self, nodes: "Nodes", links: "Links", shared: "Shared") -> None:
        self._nodes = nodes
        self._links = links
        self._shared = shared

    def count(self) -> int:
        """Number of nodes that hold a row."""
        return self._nodes.count()

    def entry(self, now: int, row: int) -> "NodeEntry | None":
        """The node of `row`; None when nobody holds it."""
        if not 0 <= row < self._nodes.end() or self._nodes.state(row) in (NODE_FREE, NODE_QUARANTINED):
            return None
        heard_s = self._nodes.last_heard_s(row)
        return NodeEntry(self._nodes, self._links, row, self._shared.seconds(now) - heard_s if heard_s else -1)
