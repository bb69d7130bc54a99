# SPDX-License-Identifier: MIT
"""Initial credit per node, learned: up on silence, down to the deepest repetition needed.

Source: sfsk.md 1.4: IC - CC of what is heard is how many repetitions it took. Policy (none
is specified): a reply after r repetitions needs at least r; silence asks for one more, then
two, then all; after `_WINDOW` replies without need of the last one, one is taken away, but
later the more often the node has been silent: a lossy line keeps what it needs.
"""

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.contract import Nodes
    from plc.sfsk.settings import Settings

_WINDOW = const(8)
_IS_LEARNED = const(0x80)  # of _seen: heard since start; below it: replies in the window << 3 | deepest
_MISSES = const(0x07)  # of _missed: replies missing in a row; above it: windows before a credit may go
_MAX_PATIENCE = const(31)
_PATIENCE = const(4)  # windows a silence adds


class Credits:
    """Two octets of bookkeeping per row beside the credit kept in the table."""

    def __init__(self, nodes: "Nodes", settings: "Settings") -> None:
        self._nodes = nodes
        self._max = settings["max_credit"]
        self._initial = settings["initial_credit"]
        self._margin = settings["credit_margin"]
        self._restored = min(settings["restored_credit"], self._max)
        self._seen = bytearray(nodes.capacity)
        self._missed = bytearray(nodes.capacity)

    def of(self, row: int) -> int:
        """Credit for the next frame to `row`; generous while it has not been heard yet.

        For plc.medium.BROADCAST: what the farthest node needs.
        """
        if row < 0:
            return self._deepest()
        credit = self._nodes.credit(row)
        if not self._seen[row]:
            credit = max(credit, self._restored)
        return min(credit, self._max)

    def misses(self, row: int) -> int:
        """Replies missing in a row, up to 7."""
        return self._missed[row] & _MISSES

    def learn(self, row: int, repetitions: int) -> None:
        """First sign of a node (report, first reply since start): believe it as it is."""
        self._missed[row] = 0
        self._seen[row] = _IS_LEARNED
        self._nodes.set_credit(row, self._bounded(repetitions + self._margin))

    def observe(self, row: int, repetitions: int) -> None:
        """A frame of the node was heard after `repetitions` (0..7)."""
        if not self._seen[row]:
            return self.learn(row, repetitions)
        need = self._bounded(repetitions + self._margin)
        credit = max(self._after_silence(row, need), need)
        self._missed[row] &= ~_MISSES & 0xFF
        seen = self._seen[row]
        deepest = max(seen & 7, repetitions)
        count = (seen >> 3 & 0xF) + 1
        if count >= _WINDOW:
            if credit > self._bounded(deepest + self._margin) and self._is_patient_enough(row):
                credit -= 1
            count = deepest = 0
        self._seen[row] = _IS_LEARNED | count << 3 | deepest
        self._nodes.set_credit(row, credit)
        return None

    def missed(self, row: int) -> None:
        """No reply came: ask for more repetitions next time."""
        misses = min(self.misses(row) + 1, _MISSES)
        patience = min((self._missed[row] >> 3) + _PATIENCE, _MAX_PATIENCE)
        self._missed[row] = patience << 3 | misses
        self._seen[row] &= _IS_LEARNED
        step = misses if misses < 3 else self._max
        self._nodes.set_credit(row, self._bounded(self._nodes.credit(row) + step))

    def _deepest(self) -> int:
        credit = self._initial
        for row in range(self._nodes.end()):
            credit = max(credit, self._nodes.credit(row))
        return min(credit, self._max)

    def _after_silence(self, row: int, need: int) -> int:
        """The credit with what a longer silence added in vain taken back, but for one."""
        credit = self._nodes.credit(row)
        misses = self.misses(row)
        if misses == 2:
            return max(credit - 2, need)
        return min(credit, self._bounded(need + 1)) if misses > 2 else credit

    def _is_patient_enough(self, row: int) -> bool:
        patience = self._missed[row] >> 3
        if patience:
            self._missed[row] = (patience - 1) << 3 | self.misses(row)
        return not patience

    def _bounded(self, credit: int) -> int:
        return max(0, min(credit, self._max, 7))
