# SPDX-License-Identifier: MIT
"""Initial credit per node, learned: up on silence, down to the deepest repetition needed.

Source: sfsk.md 1.4: IC - CC of what is heard is how many repetitions it took. Policy (none
is specified): a reply after r repetitions needs at least r; silence asks for 1, 2, then all;
after `_WINDOW` replies without need of the last one, one is taken away.
"""

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.contract import Nodes
    from plc.sfsk.settings import Settings

_WINDOW = const(8)
_IS_LEARNED = const(0x80)  # heard since start; below it: replies in the window << 3 | deepest
_MAX_MISSES = const(255)


class Credits:
    """Two octets of bookkeeping per row beside the credit kept in the table."""

    def __init__(self, nodes: "Nodes", settings: "Settings") -> None:
        self._nodes = nodes
        self._max = settings["max_credit"]
        self._margin = settings["credit_margin"]
        self._restored = min(settings["restored_credit"], self._max)
        self._seen = bytearray(nodes.capacity)  # _IS_LEARNED, replies, deepest
        self._missed = bytearray(nodes.capacity)

    def of(self, row: int) -> int:
        """Credit for the next frame to `row`; generous while it has not been heard yet."""
        credit = self._nodes.credit(row)
        if not self._seen[row]:
            credit = max(credit, self._restored)
        return min(credit, self._max)

    def misses(self, row: int) -> int:
        """Replies missing in a row."""
        return self._missed[row]

    def learn(self, row: int, repetitions: int) -> None:
        """First sign of a node (report, first reply since start): believe it as it is."""
        self._missed[row] = 0
        self._seen[row] = _IS_LEARNED
        self._nodes.set_credit(row, self._bounded(repetitions + self._margin))

    def observe(self, row: int, repetitions: int) -> None:
        """A frame of the node was heard after `repetitions` (0..7)."""
        if not self._seen[row]:
            return self.learn(row, repetitions)
        credit = self._nodes.credit(row)
        need = self._bounded(repetitions + self._margin)
        if self._missed[row]:  # what silence added is taken back at once, but for one
            credit = min(credit, self._bounded(need + 1))
        credit = max(credit, need)
        self._nodes.set_credit(row, credit)
        self._missed[row] = 0
        seen = self._seen[row]
        deepest = max(seen & 7, repetitions)
        count = (seen >> 3 & 0xF) + 1
        if count >= _WINDOW:
            if credit > self._bounded(deepest + self._margin):
                self._nodes.set_credit(row, credit - 1)
            count = deepest = 0
        self._seen[row] = _IS_LEARNED | count << 3 | deepest
        return None

    def missed(self, row: int) -> None:
        """No reply came: ask for more repetitions next time."""
        misses = min(self._missed[row] + 1, _MAX_MISSES)
        self._missed[row] = misses
        self._seen[row] &= _IS_LEARNED
        step = misses if misses < 3 else self._max
        self._nodes.set_credit(row, self._bounded(self._nodes.credit(row) + step))

    def _bounded(self, credit: int) -> int:
        return max(0, min(credit, self._max, 7))
