# SPDX-License-Identifier: MIT
"""Systems that reported themselves as NEW and wait for their registration.

Also what COSEM class 56 shows (reporting_system_list: newest first, unique, removed on
Register). Fixed rows in one bytearray; when full, a further report is dropped and counted:
that meter reports again in a later round.
"""

from micropython import const

CAPACITY = const(64)
ADDED = const(0)
KNOWN = const(1)
FULL = const(2)


class Reports:
    """First-in first-out list of titles of `title_len` octets, each with repetitions heard."""

    def __init__(self, title_len: int) -> None:
        self._title_len = title_len
        self._stride = title_len + 1
        self._rows = bytearray(CAPACITY * self._stride)
        self.count = 0
        self.generation = 0

    def add(self, mv: "memoryview | bytes", pos: int, repetitions: int) -> int:
        """Note the title at mv[pos:]; ADDED, KNOWN (already waiting) or FULL."""
        for i in range(self.count):
            if self._is_at(i, mv, pos):
                return KNOWN
        if self.count == CAPACITY:
            return FULL
        at = self.count * self._stride
        for i in range(self._title_len):
            self._rows[at + i] = mv[pos + i]
        self._rows[at + self._title_len] = repetitions
        self.count += 1
        self.generation += 1
        return ADDED

    def title(self, index: int) -> bytes:
        """Title `index`, oldest first (allocates)."""
        at = index * self._stride
        return bytes(self._rows[at : at + self._title_len])

    def repetitions(self, index: int) -> int:
        """How many repetitions it took to hear that report."""
        return self._rows[index * self._stride + self._title_len]

    def drop(self, count: int) -> None:
        """Forget the `count` oldest."""
        keep = (self.count - count) * self._stride
        start = count * self._stride
        self._rows[:keep] = self._rows[start : start + keep]
        self.count -= count
        self.generation += 1

    def _is_at(self, index: int, mv: "memoryview | bytes", pos: int) -> bool:
        at = index * self._stride
        for i in range(self._title_len):
            if self._rows[at + i] != mv[pos + i]:
                return False
        return True
