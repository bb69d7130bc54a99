# SPDX-License-Identifier: MIT
"""Which EUI-64 may join: a blacklist, and a whitelist that binds once it has an entry.

Fixed rows of 8 octets and a mark; filled by the application from its configuration and by
management; keeping them across power cuts is the application's business.
"""

from micropython import const

from base.errors import LocalError

_EUI_LEN = const(8)
_ROW_LEN = const(9)

FREE = const(0)
ALLOWED = const(1)
BLOCKED = const(2)


class Access:
    """Room for `capacity` entries of either kind; with none everybody with a PSK may join."""

    def __init__(self, capacity: int) -> None:
        self._rows = bytearray(capacity * _ROW_LEN)
        self._end = capacity * _ROW_LEN
        self._allowed_cnt = 0

    def may_join(self, eui64: "bytes | bytearray | memoryview") -> bool:
        """Not blocked and, when there is a whitelist, on it."""
        mark = self._mark(eui64)
        return mark == ALLOWED or (mark == FREE and not self._allowed_cnt)

    def allow(self, eui64: "bytes | bytearray | memoryview") -> bool:
        """Put on the whitelist (and off the blacklist); False when there is no room."""
        return self._put(eui64, ALLOWED)

    def block(self, eui64: "bytes | bytearray | memoryview") -> bool:
        """Put on the blacklist (and off the whitelist); False when there is no room."""
        return self._put(eui64, BLOCKED)

    def forget(self, eui64: "bytes | bytearray | memoryview") -> None:
        """Take off either list."""
        at = self._find(eui64)
        if at >= 0:
            self._set(at, FREE)

    # --- inside ---

    def _put(self, eui64: "bytes | bytearray | memoryview", mark: int) -> bool:
        if len(eui64) != _EUI_LEN:
            raise LocalError("EUI-64 of %d octets" % len(eui64))
        at = self._find(eui64)
        if at < 0:
            at = self._free()
        if at < 0:
            return False
        self._rows[at : at + _EUI_LEN] = eui64
        self._set(at, mark)
        return True

    def _set(self, at: int, mark: int) -> None:
        self._allowed_cnt += (mark == ALLOWED) - (self._rows[at + _EUI_LEN] == ALLOWED)
        self._rows[at + _EUI_LEN] = mark

    def _mark(self, eui64: "bytes | bytearray | memoryview") -> int:
        at = self._find(eui64)
        return self._rows[at + _EUI_LEN] if at >= 0 else FREE

    def _find(self, eui64: "bytes | bytearray | memoryview") -> int:
        key = bytes(eui64)
        at = self._rows.find(key, 0, self._end)
        while at >= 0:
            if at % _ROW_LEN == 0 and self._rows[at + _EUI_LEN] != FREE:
                return at
            at = self._rows.find(key, at + 1, self._end)
        return -1

    def _free(self) -> int:
        for at in range(_EUI_LEN, self._end, _ROW_LEN):
            if self._rows[at] == FREE:
                return at - _EUI_LEN
        return -1
