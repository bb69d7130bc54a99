# SPDX-License-Identifier: MIT
"""Joins under way: who was given an address and must have finished by when. Bounded, in RAM."""


from micropython import const

from base.ticks import earliest, ticks_add, ticks_diff
from plc.g3 import counts
from plc.g3 import shared as kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.g3.shared import Shared

_CAPACITY = const(16)
_EUI_LEN = const(8)


class Pending:
    """Up to 16 joins; the oldest is forgotten for a new one (it is in the table all the same)."""

    def __init__(self, shared: "Shared") -> None:
        self._shared = shared
        self._timeout_ms = 1000 * shared.settings["join_timeout_s"]
        self._euis = memoryview(bytearray(_CAPACITY * _EUI_LEN))
        self._dues = [0] * _CAPACITY  # ticks: wider than 32 bits on some ports
        self._is_held = bytearray(_CAPACITY)
        self._next = 0

    def clear(self) -> None:
        """Forget all."""
        for i in range(_CAPACITY):
            self._is_held[i] = 0

    def add(self, now: int, eui64: memoryview) -> None:
        """This node has been given its address."""
        i = self._find(eui64)
        if i < 0:
            i = self._next
            self._next = (i + 1) % _CAPACITY
        self._euis[i * _EUI_LEN : (i + 1) * _EUI_LEN] = eui64
        self._dues[i] = ticks_add(now, self._timeout_ms)
        self._is_held[i] = 1

    def take(self, eui64: memoryview) -> bool:
        """It finished; False when it was not waited for."""
        i = self._find(eui64)
        if i < 0:
            return False
        self._is_held[i] = 0
        return True

    def has(self, eui64: memoryview) -> bool:
        """It is waited for."""
        return self._find(eui64) >= 0

    def expire(self, now: int) -> None:
        """Tell those that did not finish in time: a wrong PSK, or out of reach."""
        for i in range(_CAPACITY):
            if self._is_held[i] and ticks_diff(now, self._dues[i]) >= 0:
                self._is_held[i] = 0
                self._shared.counters.inc(counts.JOIN_TIMEOUT)
                eui64 = self._euis[i * _EUI_LEN : (i + 1) * _EUI_LEN]
                self._shared.tell(now, kinds.JOIN_FAILED, eui64, counts.JOIN_TIMEOUT)

    def next_deadline(self) -> "int | None":
        """Soonest of them."""
        due = None
        for i in range(_CAPACITY):
            if self._is_held[i]:
                due = earliest(due, self._dues[i])
        return due

    def _find(self, eui64: memoryview) -> int:
        for i in range(_CAPACITY):
            if self._is_held[i] and self._euis[i * _EUI_LEN : (i + 1) * _EUI_LEN] == eui64:
                return i
        return -1
