# SPDX-License-Identifier: MIT
"""Who hears whom: a seeded tree in layers. A node at depth d hears the modem (d = 0) or some nodes at depth d - 1.

`hops` of a station = its layer; the modem is layer 0, a node at depth d is layer d + 1.
"""

from collections.abc import Sequence

from tools.sim.g3.line import G3Line
from tools.sim.g3.node import G3Node
from tools.sim.g3.station import Station


class Topology:
    """Places nodes one after the other; the same nodes in the same order give the same tree."""

    def __init__(self, line: G3Line, shares: Sequence[float]) -> None:
        self._line, self._shares = line, shares
        self._random = line.random["topology"]
        self._layers: "list[list[Station]]" = [[line.coordinator]]

    def place(self, node: G3Node) -> None:
        """Give a node its layer and its links; never deeper than one layer below the deepest so far."""
        depth = self._draw() if node.options.depth is None else node.options.depth
        depth = min(depth, len(self._layers) - 1)
        node.hops = depth + 1
        above = self._layers[depth]
        for station in self._random.sample(above, min(max(1, node.options.uplinks), len(above))):
            self._line.link(node, station, self._random.randint(*self._line.options.lqi))
        if len(self._layers) == node.hops:
            self._layers.append([])
        self._layers[node.hops].append(node)

    def _draw(self) -> int:
        return self._random.choices(range(len(self._shares)), self._shares)[0]
