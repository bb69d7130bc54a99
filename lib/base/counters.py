# SPDX-License-Identifier: MIT
"""Named 32-bit counters in one array: why something was dropped, refused or reset.

A counter is addressed by its index, a `const` of the module that owns the set; the names
travel with the set so that DLMS, the log and the tests print the same words.
"""

from array import array


class Counters:
    """One counter per name, from 0, wrapping at 2**30 (stays a small int on 32 bit)."""

    def __init__(self, names: "tuple[str, ...]") -> None:
        self.names = names
        self._values = array("I", [0] * len(names))

    def __len__(self) -> int:
        return len(self.names)

    def inc(self, index: int, by: int = 1) -> None:
        """Add `by` to the counter at `index`."""
        self._values[index] = (self._values[index] + by) & 0x3FFFFFFF

    def get(self, index: int) -> int:
        """Value of the counter at `index`."""
        return self._values[index]

    def named(self, name: str) -> int:
        """Value of the counter called `name`; for people and tests. ValueError if unknown."""
        return self._values[self.names.index(name)]

    def reset(self, index: int) -> None:
        """Set the counter at `index` back to 0."""
        self._values[index] = 0
