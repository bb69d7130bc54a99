# SPDX-License-Identifier: MIT
"""Selective access to the buffer of a Profile generic whose rows are in the order of time (Blue Book 4.3.6.2).

1 by range: structure{restricting object (the clock's time), from, to, array of the capture objects wanted}.
2 by entry: structure{from entry, to entry, from column, to column}, all from 1; a "to" of 0 = the last.
Law: what a selection asks for is read and checked before anything is looked at.
"""

from micropython import const

from dlms.axdr import ARRAY, INT8, OCTET_STRING, STRUCTURE, UINT16, UINT32
from dlms.cosem import date_time
from dlms.cosem.clock import CLOCK_CLASS, CLOCK_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from dlms.axdr import Reader
    from dlms.cosem.clock import Clock

    Column = tuple[int, bytes, int, int]

    class Rows(Protocol):
        """Rows `first` <= serial < `end`, columns by bits of `mask`: what a selection narrows."""

        first: int
        end: int
        mask: int

        def utc_s(self, serial: int) -> "int | None":
            """When it was made; None where no clock knew."""


BY_RANGE = const(1)
BY_ENTRY = const(2)


def _read_column(reader: "Reader") -> "Column":
    reader.elements(STRUCTURE, 4, 4)
    class_id = reader.number(UINT16)
    logical_name = reader.string(OCTET_STRING, 6, 6)
    return class_id, logical_name, reader.number(INT8), reader.number(UINT16)


class Range:
    """Selector 1, read. RemoteError when it is malformed."""

    def __init__(self, reader: "Reader", column_cnt: int, column: "Callable[[int], Column]") -> None:
        reader.elements(STRUCTURE, 4, 4)
        self._by = _read_column(reader)
        self._from = date_time.read(reader)
        self._to = date_time.read(reader)
        wanted = [_read_column(reader) for _ in range(reader.elements(ARRAY, column_cnt))]
        self._mask = 0 if wanted else (1 << column_cnt) - 1
        self._is_known = True
        known = [column(i) for i in range(column_cnt)]
        for one in wanted:
            if one in known:
                self._mask |= 1 << known.index(one)
            else:
                self._is_known = False

    def narrow(self, rows: "Rows", clock: "Clock") -> bool:
        """Leave the rows of that time; False when it is not by time or names a column that is not there.

        A limit that is null-data or not specified is none. A row of unknown time is left when rows of that time
        stand before and after it.
        """
        if self._by != (CLOCK_CLASS, CLOCK_NAME, 2, 0) or not self._is_known:
            return False
        rows.mask = self._mask
        low, high = _utc_s(clock, self._from), _utc_s(clock, self._to)
        while rows.first < rows.end and not _is_within(rows.utc_s(rows.first), low, high):
            rows.first += 1
        while rows.first < rows.end and not _is_within(rows.utc_s(rows.end - 1), low, high):
            rows.end -= 1
        return True


def _is_within(utc_s: "int | None", low: "int | None", high: "int | None") -> bool:
    return utc_s is not None and (low is None or utc_s >= low) and (high is None or utc_s <= high)


def _utc_s(clock: "Clock", octets: "bytes | None") -> "int | None":
    return None if octets is None else clock.rules.to_utc(octets)


class Entries:
    """Selector 2, read. RemoteError when it is malformed."""

    def __init__(self, reader: "Reader", column_cnt: int) -> None:
        reader.elements(STRUCTURE, 4, 4)
        self._rows = reader.number(UINT32), reader.number(UINT32)
        self._columns = reader.number(UINT16), reader.number(UINT16)
        self._column_cnt = column_cnt

    def narrow(self, rows: "Rows") -> bool:
        """Leave those rows and columns; False for an entry 0, an end before the beginning, missing columns."""
        first, last = self._rows
        left, right = self._columns
        right = right or self._column_cnt
        if not first or last and first > last or not 1 <= left <= right <= self._column_cnt:
            return False
        rows.mask = (1 << right) - (1 << left - 1)
        end = rows.first + last if last else rows.end
        rows.end = min(rows.end, end)
        rows.first = min(rows.end, rows.first + first - 1)
        return True
