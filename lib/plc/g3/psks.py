# SPDX-License-Identifier: MIT
"""Where a node's PSK comes from: provided by the head-end and kept in RAM, or a local table.

Source: g3.md 5 (PSK on demand is what concentrators in the field do), 2.10. PskCache: an unknown
joiner raises an event, is refused, tries again; by then the PSK is here. What it costs: joins
and rekeys need the head-end on line; who steals the box switched off has no PSK. LocalPsks:
a file the operator chose to have; works without WAN; who steals the box has every PSK in it.
"""


from micropython import const

from base.errors import LocalError
from base.ticks import ticks_add, ticks_diff

_EUI_LEN = const(8)
_PSK_LEN = const(16)
_ROW_LEN = const(24)


class PskCache:
    """`capacity` PSKs, each for `ttl_s` seconds from when it was provided; the oldest gives way.

    `at(now)` must be called at least once in 6 days (the application's timer does).
    """

    def __init__(self, capacity: int, ttl_s: int) -> None:
        self._capacity = capacity
        self._rows = bytearray(capacity * _ROW_LEN)
        self._until = [0] * capacity
        self._is_held = bytearray(capacity)
        self._ttl_ms = 1000 * ttl_s

    def provide(self, now: int, eui64: "bytes | memoryview", psk: "bytes | bytearray | memoryview") -> None:
        """The head-end knows this node's PSK (16 octets)."""
        if len(eui64) != _EUI_LEN or len(psk) != _PSK_LEN:
            raise LocalError("PSK of %d octets" % len(psk))
        row = self._find(eui64)
        if row < 0:
            row = self._room()
        base = row * _ROW_LEN
        self._rows[base : base + _EUI_LEN] = eui64
        self._rows[base + _EUI_LEN : base + _ROW_LEN] = psk
        self._is_held[row] = 1
        self._until[row] = ticks_add(now, self._ttl_ms)

    def psk_into(self, eui64: "bytes | memoryview", dst: "bytearray | memoryview") -> bool:
        """PskProvider."""
        row = self._find(eui64)
        if row < 0:
            return False
        base = row * _ROW_LEN + _EUI_LEN
        for i in range(_PSK_LEN):
            dst[i] = self._rows[base + i]
        return True

    def at(self, now: int) -> None:
        """Wipe what has expired."""
        for row in range(self._capacity):
            if self._is_held[row] and ticks_diff(now, self._until[row]) >= 0:
                self._wipe(row)

    def wipe(self, eui64: "bytes | memoryview") -> None:
        """Forget one PSK."""
        row = self._find(eui64)
        if row >= 0:
            self._wipe(row)

    def _wipe(self, row: int) -> None:
        self._is_held[row] = 0
        for i in range(row * _ROW_LEN, (row + 1) * _ROW_LEN):
            self._rows[i] = 0

    def _room(self) -> int:
        oldest = 0
        for row in range(self._capacity):
            if not self._is_held[row]:
                return row
            if ticks_diff(self._until[row], self._until[oldest]) < 0:
                oldest = row
        return oldest

    def _find(self, eui64: "bytes | memoryview") -> int:
        key = bytes(eui64)
        at = _find(self._rows, key)
        while at >= 0 and not self._is_held[at // _ROW_LEN]:
            at = _find(self._rows, key, at + 1)
        return at // _ROW_LEN


class LocalPsks:
    """PSKs in `rows`, 24 octets each: EUI-64, PSK. `other`: that of everybody else, empty = nobody else has one."""

    def __init__(self, rows: "bytes | bytearray", other: bytes = b"") -> None:
        self.rows = rows
        self.other = other

    def has(self, eui64: bytes) -> bool:
        """It is named; empty: there is one for everybody else."""
        return _find(self.rows, eui64) >= 0 if eui64 else bool(self.other)

    def psk_into(self, eui64: "bytes | memoryview", dst: "bytearray | memoryview") -> bool:
        """PskProvider."""
        at = _find(self.rows, bytes(eui64))
        psk = self.rows[at + _EUI_LEN : at + _ROW_LEN] if at >= 0 else self.other
        if psk:
            dst[:_PSK_LEN] = psk
        return bool(psk)


def _find(rows: "bytes | bytearray", key: bytes, start: int = 0) -> int:
    """Octet at which the row of an EUI-64 begins, -1 when there is none from `start` on."""
    at = rows.find(key, start)
    while at >= 0 and at % _ROW_LEN:
        at = rows.find(key, at + 1)
    return at
