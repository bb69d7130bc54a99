# SPDX-License-Identifier: MIT
"""Comparing secrets: how long it takes says nothing about where they differ."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    Octets = bytes | bytearray | memoryview


def is_equal(a: "Octets", b: "Octets") -> bool:
    """Equal octets; takes as long for a difference in the first as in the last."""
    return len(a) == len(b) and is_equal_at(a, 0, b, 0, len(a))


def is_equal_at(a: "Octets", a_off: int, b: "Octets", b_off: int, length: int) -> bool:
    """`length` octets of `a` from `a_off` and of `b` from `b_off` are equal. Allocates nothing."""
    difference = 0
    for i in range(length):
        difference |= a[a_off + i] ^ b[b_off + i]
    return difference == 0
