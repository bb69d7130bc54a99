# SPDX-License-Identifier: MIT
"""How far each node is in a rotation of the group key, and whose turn is next: the farthest first.

Own policy. One octet per row of the table; lives in RAM, a restart begins the rotation anew.
NOTE: a node that did not hear the last activation still seals with the key this rotation replaces, and
relays others' frames with it. So the farthest get the new key first, while those above them still have
that one. Nearest first, one such relay cost its whole branch: 13 of 30 nodes without a key for a day.
"""

from micropython import const

from plc.medium import NODE_ONLINE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.contract import Nodes
    from plc.g3.links import Links

OUT = const(0)  # not part of it
TODO = const(1)
GOT = const(2)  # has the new key
ACTIVE = const(3)  # has been told to use it
MISSED = const(4)
_MARKS = const(5)
_FARTHEST = const(14)  # hops; plc.g3.links keeps none longer
_USUAL = const(3)  # hops of one whose way is not known


class RekeyNodes:
    """`marks[row]` is one of the above."""

    def __init__(self, nodes: "Nodes", links: "Links") -> None:
        self.marks = bytearray(nodes.capacity)
        self._nodes = nodes
        self._links = links
        self._hops = self._cursor = 0

    def start(self) -> None:
        """A rotation begins: all that are there are part of it."""
        for row in range(self._nodes.capacity):
            is_there = row < self._nodes.end() and self._nodes.state(row) == NODE_ONLINE
            self.marks[row] = TODO if is_there else OUT

    def rewind(self) -> None:
        """A pass begins."""
        self._hops, self._cursor = _FARTHEST, 0

    def next(self, mark: int) -> int:
        """The next row of this pass that stands at `mark`; -1 at its end."""
        end = self._nodes.end()
        while self._hops >= 0:
            while self._cursor < end:
                row = self._cursor
                self._cursor += 1
                if self.marks[row] == mark and self._links.hops(row) == self._hops:
                    return row
            self._hops -= 1
            self._cursor = 0
        return -1

    def count(self, mark: int) -> int:
        """Rows that stand at `mark`."""
        return sum([self.marks[row] == mark for row in range(self._nodes.end())])

    def relays(self, row: int) -> int:
        """Stations between the coordinator and `row`, as far as known."""
        return max((self._links.hops(row) or _USUAL) - 1, 0)

    def is_new(self, row: int) -> bool:
        """Not there when it began: a join under way has ended meanwhile, or a lost node is back; with the old key."""
        return self.marks[row] == OUT and self._nodes.state(row) == NODE_ONLINE

    def progress(self) -> "tuple[int, int, int, int]":
        """Nodes (to do, with the new key, told to use it, missed)."""
        cnts = [0] * _MARKS
        for mark in self.marks:
            cnts[mark] += 1
        return cnts[TODO], cnts[GOT], cnts[ACTIVE], cnts[MISSED]

    def heard_since(self, second: int) -> int:
        """Those told to use the new key that have been heard after uptime second `second`."""
        return sum(
            [
                self.marks[row] == ACTIVE and self._nodes.last_heard_s(row) > second
                for row in range(self._nodes.end())
            ]
        )
