# SPDX-License-Identifier: MIT
"""How well each node answers at which time of day: eight marks of four bits, 4 octets a node.

A mark covers three hours (UTC) of all days, the younger ones counting more: a quarter of the way
to the end of the scale with every exchange. Lines have their hours: what 18:00 does to a node at the far
end does not show in a mean over the day. Law: fixed size; nothing is kept while the clock is not set.
"""

from micropython import const

MARKS = const(8)
BEST = const(14)  # 0 = nothing was answered lately
NEVER = const(15)  # nobody asked at this time of day
_ROW_LEN = const(4)
_DAY_S = const(86400)
_SPAN_S = const(10800)
_SHIFT = const(2)


class Quality:
    """Marks of `rows` nodes; 0 rows: none are kept."""

    def __init__(self, rows: int) -> None:
        self._marks = bytearray(b"\xff" * (rows * _ROW_LEN))

    def note(self, row: int, wall_s: int, is_answered: bool) -> None:
        """An exchange with the node of that row ended at `wall_s` (0 = the clock is not set). Allocates nothing."""
        at = row * _ROW_LEN
        if not wall_s or at >= len(self._marks):
            return
        span = wall_s % _DAY_S // _SPAN_S
        before = self.mark(row, span)
        if before == NEVER:
            after = BEST if is_answered else 0
        elif is_answered:
            after = before + (BEST - before + 3 >> _SHIFT)
        else:
            after = before - (before + 3 >> _SHIFT)
        at += span >> 1
        shift = 4 * (span & 1)
        self._marks[at] = self._marks[at] & ~(15 << shift) | after << shift

    def mark(self, row: int, span: int) -> int:
        """0..BEST of the hours 3 x `span` to 3 x `span` + 3, or NEVER."""
        at = row * _ROW_LEN + (span >> 1)
        return self._marks[at] >> 4 * (span & 1) & 15 if at < len(self._marks) else NEVER

    def forget(self, row: int) -> None:
        """The row has another node."""
        for at in range(row * _ROW_LEN, min((row + 1) * _ROW_LEN, len(self._marks))):
            self._marks[at] = 0xFF
