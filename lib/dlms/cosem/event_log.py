# SPDX-License-Identifier: MIT
"""The event logs over DLMS: Profile generic (class 7, version 1), 0-0:99.98.e.255.

e = 0 standard, 1 security, 2 communication, 3 firmware. A row is structure{date-time octet-string, uptime s
double-long-unsigned, level unsigned, event long-unsigned, SAP long-unsigned (0 = none), a double-long, b
double-long, number double-long-unsigned}; event numbers are those of base.events, `number` counts the records of
all four, through restarts. All columns but the first are elements 1..7 of the Data object 0-0:128.2.0.255, the last
record. A record of this start is told in the time the clock has when reading begins, one of an earlier start in the
time it had then; where it had none, not specified. Law: records overwritten while they are read end the transfer;
records added, or a clock that is set, do not.
"""

from micropython import const

from base import events
from base.log import DATED, NOTICE
from dlms import apdu
from dlms.axdr import INT8, INT32, UINT8, UINT16, UINT32
from dlms.cosem.basic import data
from dlms.cosem.clock import CLOCK_CLASS, CLOCK_NAME
from dlms.cosem.object import CosemObject
from dlms.cosem.rows import objects
from dlms.cosem.selection import BY_RANGE, Entries, Range
from dlms.cosem.values import Encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from base.log import Log
    from dlms.axdr import Reader, Writer
    from dlms.cosem.clock import Clock
    from dlms.cosem.values import Value

# 2 buffer, 3 capture_objects, 4 capture_period, 5 sort_method, 6 sort_object, 7 entries_in_use,
# 8 profile_entries; methods reset, capture (events capture themselves)
_WORDS = const("*3 [HobH I e HobH I I")
_ROWS = (
    (0, 7, 1, b"\x00\x00\x63\x62\x00\xff", "m-", _WORDS),
    (1, 7, 1, b"\x00\x00\x63\x62\x01\xff", "m-", _WORDS),
    (2, 7, 1, b"\x00\x00\x63\x62\x02\xff", "m-", _WORDS),
    (3, 7, 1, b"\x00\x00\x63\x62\x03\xff", "m-", _WORDS),
)
_CAPTURE_OBJECTS, _PERIOD, _SORT_METHOD, _SORT_OBJECT, _IN_USE = const(3), const(4), const(5), const(6), const(7)
_SORT_FIFO = const(1)
_DATA = const(1)
_RECORD_NAME = b"\x00\x00\x80\x02\x00\xff"
_FIELD_CNT = const(7)
COLUMN_CNT = const(8)
_NO_SORT_OBJECT = (0, bytes(6), 0, 0)


def column(index: int) -> "tuple[int, bytes, int, int]":
    """Capture object of a column: class, logical name, attribute, element of it (0 = all of it)."""
    return (_DATA, _RECORD_NAME, 2, index) if index else (CLOCK_CLASS, CLOCK_NAME, 2, 0)


class EventLogs:
    """RowSource of the four logs, key = category. `sap_of(row)` gives the SAP of a node; it is asked per record."""

    def __init__(self, log: "Log", clock: "Clock", sap_of: "Callable[[int], int]") -> None:
        self.log = log
        self.clock = clock
        self._sap_of = sap_of

    def objects(self) -> "list[CosemObject]":
        """The profiles and the Data object of the last record."""
        return objects(_ROWS, self) + [data(_RECORD_NAME, Encoded(self._encode_last))]

    def value(self, key: int, attribute: int, field: int, item: int) -> "int | bytes":
        """All attributes but the buffer."""
        if attribute == _CAPTURE_OBJECTS:
            return column(item)[field]
        if attribute == _SORT_OBJECT:
            return _NO_SORT_OBJECT[field]
        if attribute == _IN_USE:
            return self.log.end(key) - self.log.first(key)
        if attribute == _PERIOD:
            return 0
        return _SORT_FIFO if attribute == _SORT_METHOD else self.log.capacity(key)

    def count(self, key: int, attribute: int) -> int:
        """Columns."""
        return COLUMN_CNT

    def generation(self, key: int, attribute: int) -> int:
        """The columns never change."""
        return 0

    def special(self, key: int, attribute: int) -> "Value":
        """The whole buffer."""
        return Records(self, key)

    def select(self, key: int, attribute: int, selector: int, reader: "Reader") -> "Value | None":
        """Selective access by range of time and by entry."""
        records = Records(self, key)
        if selector == BY_RANGE:
            wanted = Range(reader, COLUMN_CNT, column)
            return records if wanted.narrow(records, self.clock) else None
        return records if Entries(reader, COLUMN_CNT).narrow(records) else None

    def call(self, now: int, key: int, method: int, reader: "Reader | None", writer: "Writer") -> int:
        """reset: the records are gone, and the log says so."""
        if reader is None:
            return apdu.TYPE_UNMATCHED
        reader.number(INT8)
        lost = self.log.end(key) - self.log.first(key)
        self.log.clear(key)
        self.log.add(NOTICE, events.LOG_CLEARED, a=key, b=lost)
        return apdu.SUCCESS

    # --- rows ---

    def write_record(self, writer: "Writer", category: int, serial: int, mask: int, boot_s: int) -> None:
        """The columns of one record whose bits are set in `mask`."""
        writer.structure(sum([mask >> i & 1 for i in range(COLUMN_CNT)]))
        if mask & 1:
            self.clock.write(writer, self.utc_s(category, serial, boot_s))
        self._write_fields(self.log.at(category, serial), self.log.row(category, serial)[-1], writer, mask)

    def boot_s(self) -> int:
        """UTC second of uptime 0 as the clock goes now; 0: it is not set."""
        return self.clock.utc_s(0) or 0

    def utc_s(self, category: int, serial: int, boot_s: int) -> "int | None":
        """When a record was made; None: the clock has never been set in that start."""
        row = self.log.row(category, serial)
        if row[1] & DATED:
            return row[0]
        return boot_s + row[0] if boot_s and row[-1] >= self.log.start else None

    def _encode_last(self, writer: "Writer") -> None:
        writer.structure(_FIELD_CNT)
        if len(self.log):
            self._write_fields(self.log.record(), self.log.newest(), writer, 0xFF)
        else:
            self._write_fields((0, 0, 0, -1, 0, 0), 0, writer, 0xFF)

    def _write_fields(
        self, record: "tuple[int, int, int, int, int, int]", number: int, writer: "Writer", mask: int
    ) -> None:
        uptime_s, level, event, node, a, b = record
        sap = self._sap_of(node) if node >= 0 else 0
        fields = (
            (UINT32, uptime_s), (UINT8, level), (UINT16, event), (UINT16, sap), (INT32, a), (INT32, b), (UINT32, number)
        )  # fmt: skip
        for i in range(_FIELD_CNT):
            if mask >> i + 1 & 1:
                writer.number(fields[i][0], fields[i][1])


class Records:
    """Value: the records `first` <= serial < `end` of a category, as they were when it was made, oldest first."""

    def __init__(self, logs: "EventLogs", category: int) -> None:
        self._logs = logs
        self.category = category
        self.first = logs.log.first(category)
        self.end = logs.log.end(category)
        self.mask = (1 << COLUMN_CNT) - 1

    def utc_s(self, serial: int) -> "int | None":
        """When a record was made."""
        return self._logs.utc_s(self.category, serial, self._logs.boot_s())

    def begin(self) -> int:
        """The clock that tells all rows of one reading: one set between two blocks would tear their order, and a date
        where a block is shorter than a row."""
        return self._logs.boot_s()

    def chunk_cnt(self, mark: int) -> int:
        """Head and rows."""
        return 1 + self.end - self.first

    def is_intact(self, mark: int, chunk: int) -> bool:
        """The next row to be sent is still there."""
        return self.first == self.end or self.first + max(chunk, 1) - 1 >= self._logs.log.first(self.category)

    def encode_chunk(self, chunk: int, writer: "Writer", mark: int) -> None:
        """Head, then one row."""
        if chunk:
            self._logs.write_record(writer, self.category, self.first + chunk - 1, self.mask, mark)
        else:
            writer.array(self.end - self.first)
