# SPDX-License-Identifier: MIT
"""Record log in RAM: fixed 20-octet rows in one bytearray, oldest overwritten.

A record is numbers only: time, level, event, row of the node (or -1) and two arguments;
text is made when somebody looks (console, DLMS). So logging never formats, never grows
and cannot leak an APDU: there is no place in a record to put one.
"""

import struct

from micropython import const

DEBUG = const(0)
NOTICE = const(1)
WARNING = const(2)
ERROR = const(3)
LEVELS = ("DEBUG", "NOTICE", "WARNING", "ERROR")
NO_NODE = const(-1)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_ROW = "<IBBhiii"
_ROW_LEN = const(20)


class Log:
    """Ring of `capacity` records. `now_s` is set by the application; `listener(log)` hears each record."""

    def __init__(self, capacity: int, level: int = NOTICE) -> None:
        self._rows = bytearray(capacity * _ROW_LEN)
        self._capacity = capacity
        self._next = 0
        self.level = level
        self.listener: "Callable[[Log], None] | None" = None
        self.now_s = 0

    def __len__(self) -> int:
        return min(self._next, self._capacity)

    @property
    def total(self) -> int:
        """Records ever added (those below `total - len` are overwritten)."""
        return self._next

    def add(self, level: int, event: int, node: int = NO_NODE, a: int = 0, b: int = 0) -> None:
        """Append a record; below the set level it is dropped. `a` and `b` are 32-bit signed."""
        if level < self.level:
            return
        off = (self._next % self._capacity) * _ROW_LEN
        struct.pack_into(_ROW, self._rows, off, self.now_s, level, event, node, a, b, 0)
        self._next += 1
        if self.listener is not None:
            self.listener(self)

    def record(self, back: int = 0) -> "tuple[int, int, int, int, int, int]":
        """(uptime s, level, event, node, a, b) of the record `back` places before the newest."""
        off = ((self._next - 1 - back) % self._capacity) * _ROW_LEN
        return struct.unpack_from(_ROW, self._rows, off)[:6]
