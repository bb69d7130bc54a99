# SPDX-License-Identifier: MIT
"""Record log in RAM: fixed 20-octet rows in one bytearray, a ring per category, oldest overwritten.

A record is numbers only: time, level, event, row of the node (or -1), two arguments and its own
number; text is made when somebody looks (console, DLMS). So logging never formats, never grows
and cannot leak an APDU: there is no place in a record to put one. Records of earlier starts come
back as rows that `copy_row` gave (app.log_file); numbers go on above theirs.
"""

import struct
from array import array

from micropython import const

from base import events
from base.errors import LocalError

DEBUG = const(0)
NOTICE = const(1)
WARNING = const(2)
ERROR = const(3)
LEVELS = ("DEBUG", "NOTICE", "WARNING", "ERROR")
NO_NODE = const(-1)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ROW_LEN = const(20)
DATED = const(0x80)  # in the level of a row: its time is a UTC second, not one of uptime

_ROW = "<IBBhiii"
_ORDER_OFF = const(16)
# Numbers are 32 bits with a sign; a start has 16 million. After 32,512 starts, a year of one in 16 minutes, they
# begin anew.
_LAST_START = const(0x7F000000)
_GAP = const(0xFFFF)  # numbers a start may have given that never came to flash: days of a noisy line make no write

# Share of the records each category has, in sixteenths. Nodes and head-ends say most; what concerns
# security is kept longest, and nothing else can push it out.
_SHARES = b"\x04\x04\x06\x02"


class Log:
    """`capacity` records in a ring for each category of base.events, one at least in each, so that a flood of
    one kind washes out its own kind only. `now_s` is set by the application; `listener(log)` hears each record.

    Records of a category have serial numbers from 0 on, in the order they were made. `start` = number of the first
    record of this start.
    """

    def __init__(self, capacity: int, level: int = NOTICE) -> None:
        caps = [max(1, capacity * share // 16) for share in _SHARES]
        self._caps = array("H", caps)
        self._rows = bytearray(sum(caps) * ROW_LEN)
        self._nexts = array("I", [0] * len(caps))
        self._firsts = array("I", [0] * len(caps))
        self._total = self.start = 0
        self.level = level
        self.listener: "Callable[[Log], None] | None" = None
        self.now_s = 0
        self.urgency = 0  # the most of base.events.urgency since somebody set it to 0

    def __len__(self) -> int:
        return sum([self._nexts[i] - self.first(i) for i in range(len(self._caps))])

    def capacity(self, category: int) -> int:
        """Records there is room for."""
        return self._caps[category]

    def first(self, category: int) -> int:
        """Serial number of the oldest record kept; `end` when there is none."""
        return max(self._firsts[category], self._nexts[category] - self._caps[category])

    def end(self, category: int) -> int:
        """Serial number the next record will have."""
        return self._nexts[category]

    def clear(self, category: int) -> None:
        """Forget the records of a category; serial numbers go on."""
        self._firsts[category] = self._nexts[category]
        self.urgency = 4  # NOTE: not left to the record of it, which the set level may drop

    def add(self, level: int, event: int, node: int = NO_NODE, a: int = 0, b: int = 0) -> None:
        """Append a record; below the set level it is dropped. `a` and `b` are 32-bit signed."""
        if level < self.level:
            return
        category = events.category(event)
        off = self._off(category, self._nexts[category])
        struct.pack_into(_ROW, self._rows, off, self.now_s, level, event, node, a, b, self._total)
        self._nexts[category] += 1
        self._total += 1
        self.urgency = max(self.urgency, events.urgency(event, level > NOTICE))
        if self.listener is not None:
            self.listener(self)

    def at(self, category: int, serial: int) -> "tuple[int, int, int, int, int, int]":
        """(uptime s, level, event, node, a, b) of a record with `first` <= serial < `end`.

        The uptime is that of the start it was made in; 0 when `row` has its date instead.
        """
        time_s, level, event, node, a, b, _ = self.row(category, serial)
        return 0 if level & DATED else time_s, level & ~DATED, event, node, a, b

    def row(self, category: int, serial: int) -> "tuple[int, int, int, int, int, int, int]":
        """As it is kept: (time s, level, event, node, a, b, number); `level` with DATED: the time is UTC."""
        return struct.unpack_from(_ROW, self._rows, self._off(category, serial))

    # --- from start to start ---

    def copy_row(self, dst: memoryview, category: int, serial: int, utc_s: "Callable[[int], int | None]") -> None:
        """Its ROW_LEN octets to `dst`; `utc_s(uptime s)` dates one of this start, None = it cannot."""
        off = self._off(category, serial)
        for i in range(ROW_LEN):  # NOTE: a slice is garbage, and hundreds are copied at once
            dst[i] = self._rows[off + i]
        if self._order(category, serial) >= self.start:
            uptime_s, level = struct.unpack_from("<IB", dst, 0)
            date = utc_s(uptime_s)
            if date is not None:
                struct.pack_into("<IB", dst, 0, date, level | DATED)

    def restore(self, src: memoryview) -> bool:
        """Append a row of an earlier start; False: it is no record of ours, or not newer than the last of its kind."""
        _, _, event, _, _, _, number = struct.unpack_from(_ROW, src, 0)
        category = events.category(event)
        end = self._nexts[category]
        last = self._order(category, end - 1) if end > self.first(category) else -1
        if number <= last:
            return False
        off = self._off(category, end)
        self._rows[off : off + ROW_LEN] = src
        self._nexts[category] += 1
        self._total = max(self._total, number + 1)
        return True

    def resume(self) -> None:
        """All has been restored: what follows is of this start."""
        if self._total > _LAST_START:
            for category in range(len(self._caps)):
                self.clear(category)
            self._total = 0
        if self._total:
            self._total = self.start = (self._total | _GAP) + 1

    @property
    def total(self) -> int:
        """Records ever added, of all categories: the order the next one will have."""
        return self._total

    def seek(self, order: int) -> int:
        """Order of the oldest record kept that has at least this one; `total` when there is none."""
        found = self._total
        for category in range(len(self._caps)):
            serial = self._find(category, order)
            if serial < self._nexts[category]:
                found = min(found, self._order(category, serial))
        return found

    def is_pressing(self, order: int) -> bool:
        """Records from `order` on fill more than half the room of a category: the first of them are soon lost."""
        for category in range(len(self._caps)):
            if 2 * (self._nexts[category] - self._find(category, order)) > self._caps[category]:
                return True
        return False

    def by_order(self, order: int) -> "tuple[int, int, int, int, int, int]":
        """As `at`, of the record that was added when there were `order`. LocalError when it is not kept any more."""
        for category in range(len(self._caps)):
            serial = self._find(category, order)
            if serial < self._nexts[category] and self._order(category, serial) == order:
                return self.at(category, serial)
        raise LocalError("no such record")

    def newest(self) -> int:
        """Number of the newest record kept; -1 when there is none."""
        return self._before(self._total)

    def record(self, back: int = 0) -> "tuple[int, int, int, int, int, int]":
        """As `at`, of the record `back` places before the newest of all. LocalError when there is none."""
        order = self._total
        for _ in range(back + 1):
            order = self._before(order)
        return self.by_order(order)

    def _before(self, order: int) -> int:
        """Order of the newest record kept before `order`; -1 when there is none."""
        found = -1
        for category in range(len(self._caps)):
            serial = self._find(category, order) - 1
            if serial >= self.first(category):
                found = max(found, self._order(category, serial))
        return found

    def _find(self, category: int, order: int) -> int:
        """Serial number of the first record kept with at least this order, else `end`."""
        low, high = self.first(category), self._nexts[category]
        while low < high:
            middle = (low + high) // 2
            if self._order(category, middle) < order:
                low = middle + 1
            else:
                high = middle
        return low

    def _order(self, category: int, serial: int) -> int:
        order: int = struct.unpack_from("<i", self._rows, self._off(category, serial) + _ORDER_OFF)[0]
        return order

    def _off(self, category: int, serial: int) -> int:
        place = serial % self._caps[category]
        for i in range(category):
            place += self._caps[i]
        return place * ROW_LEN
