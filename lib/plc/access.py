# SPDX-License-Identifier: MIT
"""Which system titles (S-FSK) or EUI-64 (G3) may be registered: a blacklist and a whitelist.

The whitelist binds once it has an entry. Fixed rows of 8 octets and a mark; a title of 6
octets is followed by two zeros. Filled by the application from flash and by management; who
is registered already is not its business.
"""

from micropython import const

from base.errors import LocalError

_TITLE_LEN = const(8)
_ROW_LEN = const(9)

FREE = const(0)
ALLOWED = const(1)
BLOCKED = const(2)


class Access:
    """Room for `capacity` entries of either kind. `generation` changes with every change."""

    def __init__(self, capacity: int) -> None:
        self._rows = bytearray(capacity * _ROW_LEN)
        self._end = capacity * _ROW_LEN
        self._allowed_cnt = 0
        self._count = 0
        self.generation = 0
        self._index = self._at = 0  # of the entry asked for last
        self._seen = -1

    def may_join(self, title: "bytes | bytearray | memoryview") -> bool:
        """Not blocked and, when there is a whitelist, on it."""
        mark = self.mark(title)
        return mark == ALLOWED or (mark == FREE and not self._allowed_cnt)

    def mark(self, title: "bytes | bytearray | memoryview") -> int:
        """ALLOWED, BLOCKED, or FREE when it is on no list."""
        at = self._find(title)
        return self._rows[at + _TITLE_LEN] if at >= 0 else FREE

    def has_room(self, title: "bytes | bytearray | memoryview") -> bool:
        """The title can be put on a list."""
        return self._find(title) >= 0 or self._free() >= 0

    def allow(self, title: "bytes | bytearray | memoryview") -> bool:
        """Put on the whitelist (and off the blacklist); False when there is no room."""
        return self.put(title, ALLOWED)

    def block(self, title: "bytes | bytearray | memoryview") -> bool:
        """Put on the blacklist (and off the whitelist); False when there is no room."""
        return self.put(title, BLOCKED)

    def forget(self, title: "bytes | bytearray | memoryview") -> None:
        """Take off either list."""
        self.put(title, FREE)

    def put(self, title: "bytes | bytearray | memoryview", mark: int) -> bool:
        """Give a title (6 or 8 octets) its mark, FREE = off the lists; False when there is no room."""
        if len(title) not in (6, _TITLE_LEN):
            raise LocalError("title of %d octets" % len(title))
        at = self._find(title)
        if at < 0:
            if mark == FREE:
                return True
            at = self._free()
        if at < 0:
            return False
        self._rows[at : at + _TITLE_LEN] = _key(title)
        old = self._rows[at + _TITLE_LEN]
        self._rows[at + _TITLE_LEN] = mark
        self._allowed_cnt += (mark == ALLOWED) - (old == ALLOWED)
        self._count += (mark != FREE) - (old != FREE)
        self.generation += 1
        return True

    def count(self) -> int:
        """Entries of both lists."""
        return self._count

    def entry(self, index: int) -> "tuple[bytes, int]":
        """(title with its padding, mark) of entry `index`, 0..count - 1 (allocates); one step when asked in order."""
        if not 0 <= index < self._count:
            raise LocalError("no such entry")
        if self._seen != self.generation or index < self._index:
            self._seen = self.generation
            self._index, self._at = -1, -_ROW_LEN
        while self._index < index:
            self._at += _ROW_LEN
            if self._rows[self._at + _TITLE_LEN] != FREE:
                self._index += 1
        return bytes(self._rows[self._at : self._at + _TITLE_LEN]), self._rows[self._at + _TITLE_LEN]

    def count_of(self, mark: int) -> int:
        """Entries of the whitelist (ALLOWED) or the blacklist (BLOCKED)."""
        return self._allowed_cnt if mark == ALLOWED else self._count - self._allowed_cnt

    def title_of(self, mark: int, index: int) -> bytes:
        """Title, with its padding, of entry `index` of one list."""
        for at in range(_TITLE_LEN, self._end, _ROW_LEN):
            if self._rows[at] == mark:
                if not index:
                    return bytes(self._rows[at - _TITLE_LEN : at])
                index -= 1
        raise LocalError("no such entry")

    # --- inside ---

    def _find(self, title: "bytes | bytearray | memoryview") -> int:
        key = _key(title)
        at = self._rows.find(key, 0, self._end)
        while at >= 0:
            if at % _ROW_LEN == 0 and self._rows[at + _TITLE_LEN] != FREE:
                return at
            at = self._rows.find(key, at + 1, self._end)
        return -1

    def _free(self) -> int:
        for at in range(_TITLE_LEN, self._end, _ROW_LEN):
            if self._rows[at] == FREE:
                return at - _TITLE_LEN
        return -1


def _key(title: "bytes | bytearray | memoryview") -> bytes:
    return bytes(title) + bytes(_TITLE_LEN - len(title))
