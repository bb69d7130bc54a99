# SPDX-License-Identifier: MIT
"""The record log over DLMS: Profile generic (class 7, version 1), 0-0:99.98.0.255.

A row is structure{date-time octet-string, uptime s double-long-unsigned, level unsigned,
event long-unsigned, SAP long-unsigned (0 = none), a double-long, b double-long}; event
numbers are those of base.events. All columns but the first are elements 1..6 of the Data
object 0-0:128.2.0.255, the last record. Law: records overwritten while they are read end
the transfer; records added do not.
"""

from micropython import const

from dlms.axdr import ENUM, INT8, INT32, UINT8, UINT16, UINT32
from dlms.cosem.basic import data
from dlms.cosem.clock import CLOCK_CLASS, CLOCK_NAME, write_date_time
from dlms.cosem.object import CosemObject, obis
from dlms.cosem.values import Array, Encoded, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from base.log import Log
    from dlms.axdr import Writer
    from dlms.cosem.clock import ClockSource

    Column = tuple[int, bytes, int, int]

_PROFILE = const(7)
_METHOD_CNT = const(2)
_SORT_FIFO = const(1)
_DATA = const(1)
_RECORD_NAME = b"\x00\x00\x80\x02\x00\xff"
_FIELD_CNT = const(6)
# capture_objects: (class, logical name, attribute, element of it; 0 = all of it)
_COLUMNS = ((CLOCK_CLASS, CLOCK_NAME, 2, 0),) + tuple([(_DATA, _RECORD_NAME, 2, i) for i in range(1, 7)])
_NO_SORT_OBJECT = (0, bytes(6), 0, 0)


class _Columns:
    """Array source of capture_objects."""

    generation = 0

    def count(self) -> int:
        return len(_COLUMNS)

    def encode_item(self, index: int, writer: "Writer") -> None:
        _write_column(_COLUMNS[index], writer)


class EventLog:
    """Both objects of the log. `sap_of(row)` gives the SAP of a node; it is asked per record.

    Value of attribute 2: its mark is the number of records ever added at `begin`.
    """

    def __init__(self, log: "Log", capacity: int, clock: "ClockSource", sap_of: "Callable[[int], int]") -> None:
        self._log = log
        self._capacity = capacity
        self._clock = clock
        self._sap_of = sap_of

    def objects(self) -> "list[CosemObject]":
        """The profile and the Data object of the last record."""
        profile = CosemObject(
            _PROFILE,
            1,
            obis(0, 0, 99, 98, 0),
            [
                self,
                Array(_Columns()),
                number(UINT32, 0),
                number(ENUM, _SORT_FIFO),
                Encoded(lambda writer: _write_column(_NO_SORT_OBJECT, writer)),
                Encoded(lambda writer: writer.number(UINT32, len(self._log))),
                number(UINT32, self._capacity),
            ],
            _METHOD_CNT,
        )
        return [profile, data(_RECORD_NAME, Encoded(self._encode_last))]

    # --- value of the buffer ---

    def begin(self) -> int:
        """Records ever added: the rows are those there are now, oldest first."""
        return self._log.total

    def chunk_cnt(self, mark: int) -> int:
        """Head and rows."""
        return 1 + min(mark, self._capacity)

    def is_intact(self, mark: int, chunk: int) -> bool:
        """The next row to be sent has not been overwritten."""
        return self._number(mark, max(chunk, 1)) >= self._log.total - len(self._log)

    def encode_chunk(self, chunk: int, writer: "Writer", mark: int) -> None:
        """Head, then one row."""
        if not chunk:
            writer.array(min(mark, self._capacity))
            return
        record = self._log.record(self._log.total - 1 - self._number(mark, chunk))
        writer.structure(1 + _FIELD_CNT)
        write_date_time(writer, self._clock, record[0])
        self._write_fields(record, writer)

    def _number(self, mark: int, chunk: int) -> int:
        """Serial number, from 0, of the record that is row `chunk` - 1 of a read begun at `mark`."""
        return mark - min(mark, self._capacity) + chunk - 1

    def _encode_last(self, writer: "Writer") -> None:
        writer.structure(_FIELD_CNT)
        record = self._log.record() if len(self._log) else (0, 0, 0, -1, 0, 0)
        self._write_fields(record, writer)

    def _write_fields(self, record: "tuple[int, int, int, int, int, int]", writer: "Writer") -> None:
        uptime_s, level, event, node, a, b = record
        writer.number(UINT32, uptime_s)
        writer.number(UINT8, level)
        writer.number(UINT16, event)
        writer.number(UINT16, self._sap_of(node) if node >= 0 else 0)
        writer.number(INT32, a)
        writer.number(INT32, b)


def _write_column(column: "Column", writer: "Writer") -> None:
    class_id, logical_name, attribute, element = column
    writer.structure(4)
    writer.number(UINT16, class_id)
    writer.octets(logical_name)
    writer.number(INT8, attribute)
    writer.number(UINT16, element)
