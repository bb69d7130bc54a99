# SPDX-License-Identifier: MIT
"""Bounded first-in first-out queue of small objects, allocated once.

Overflow rule: `push` on a full ring takes nothing and returns False; the caller counts
and refuses. `max_used` records the deepest the ring has ever been.
"""


class Ring:
    """FIFO of at most `capacity` items; `None` cannot be an item."""

    def __init__(self, capacity: int) -> None:
        self._items: "list[object]" = [None] * capacity
        self._head = 0
        self._count = 0
        self.max_used = 0

    def __len__(self) -> int:
        return self._count

    @property
    def capacity(self) -> int:
        """The number of items the ring can hold."""
        return len(self._items)

    def push(self, item: object) -> bool:
        """Append `item`; False when full (nothing taken)."""
        if self._count == len(self._items):
            return False
        self._items[(self._head + self._count) % len(self._items)] = item
        self._count += 1
        if self._count > self.max_used:
            self.max_used = self._count
        return True

    def pop(self) -> object:
        """Remove and return the oldest item; None when empty."""
        if not self._count:
            return None
        item = self._items[self._head]
        self._items[self._head] = None
        self._head = (self._head + 1) % len(self._items)
        self._count -= 1
        return item

    def peek(self, index: int = 0) -> object:
        """The item `index` places behind the oldest, left in the ring; None beyond the end."""
        if index >= self._count:
            return None
        return self._items[(self._head + index) % len(self._items)]
