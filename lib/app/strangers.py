# SPDX-License-Identifier: MIT
"""Nodes that asked to join and were not let in: the last of them, why, how often, when.

A head-end reads here whose PSK it should provide. Law: whoever knocks without end fills neither
the log nor the memory: fixed rows, the longest silent gives way; one record per node and reason
in 10 minutes, and few of all strangers together. The counters count each knock.
"""

import struct

from micropython import const

_CAPACITY = const(16)
_ROW = "<8sBxHII"  # EUI-64, reason (an event number), knocks, uptime of the last, of the record about it
_ROW_LEN = const(20)
_QUIET_S = const(600)
_BURST = const(20)  # records at once
_REFILL_S = const(10)  # and one more each


class Strangers:
    """`generation` changes when one is added."""

    def __init__(self) -> None:
        self.generation = 0
        self._rows = bytearray(_CAPACITY * _ROW_LEN)
        self._cnt = 0
        self._budget = _BURST
        self._refilled_s = 0

    def count(self) -> int:
        """Rows in use."""
        return self._cnt

    def row(self, index: int) -> "tuple[bytes, int, int, int]":
        """(EUI-64, reason, knocks, uptime s of the last) of one, in no order."""
        return self._get(index)[:4]

    def knock(self, now_s: int, eui64: bytes, reason: int) -> bool:
        """Note it; True when the log should have a record of it."""
        index = self._find(eui64)
        if index < 0:
            index = self._room()
            self.generation += 1
            knocks, told_s, before = 0, 0, reason
        else:
            _, before, knocks, _, told_s = self._get(index)
        is_news = not told_s or before != reason or now_s - told_s >= _QUIET_S
        is_told = is_news and self.may_tell(now_s)
        row = (eui64, reason, min(knocks + 1, 0xFFFF), now_s, now_s if is_told else told_s)
        struct.pack_into(_ROW, self._rows, index * _ROW_LEN, *row)
        return is_told

    def forget(self, eui64: "bytes | memoryview") -> None:
        """It is one no more."""
        index = self._find(bytes(eui64))
        if index >= 0:
            self._cnt -= 1
            self.generation += 1
            last = self._cnt * _ROW_LEN
            self._rows[index * _ROW_LEN : (index + 1) * _ROW_LEN] = self._rows[last : last + _ROW_LEN]

    def may_tell(self, now_s: int) -> bool:
        """One more record about somebody outside may be written."""
        earned = (now_s - self._refilled_s) // _REFILL_S
        if earned > 0:
            self._budget = min(self._budget + earned, _BURST)
            self._refilled_s += earned * _REFILL_S
        if not self._budget:
            return False
        self._budget -= 1
        return True

    # --- inside ---

    def _get(self, index: int) -> "tuple[bytes, int, int, int, int]":
        return struct.unpack_from(_ROW, self._rows, index * _ROW_LEN)

    def _find(self, eui64: bytes) -> int:
        for index in range(self._cnt):
            if self._rows[index * _ROW_LEN : index * _ROW_LEN + 8] == eui64:
                return index
        return -1

    def _room(self) -> int:
        if self._cnt < _CAPACITY:
            self._cnt += 1
            return self._cnt - 1
        longest = 0
        for index in range(1, _CAPACITY):
            if self._get(index)[3] < self._get(longest)[3]:
                longest = index
        return longest
