# SPDX-License-Identifier: MIT
"""Data (class 1) and SAP assignment (class 17) with the instances SAP 1 has of them."""

from micropython import const

from dlms.axdr import OCTET_STRING
from dlms.cosem.object import CosemObject, obis
from dlms.cosem.rows import RowObject
from dlms.cosem.values import Array

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.counters import Counters
    from dlms.axdr import Writer
    from dlms.cosem.values import ArraySource, Value

_DATA = const(1)
_SAP_ASSIGNMENT = const(17)
_CONNECT_METHOD_CNT = const(1)
# Group C 128..199 is the manufacturer's. 0-0:128.0.x is taken by gateways head-ends in the
# field know (facts 7), so ours are 0-0:128.1.e (counters) and 0-0:128.2.0 (last record).
_C_MANUFACTURER = const(128)


def data(logical_name: bytes, value: "Value") -> CosemObject:
    """A Data object."""
    return CosemObject(_DATA, 0, logical_name, [value])


def sap_assignment(source: "ArraySource") -> CosemObject:
    """0-0:41.0.0.255; items are written with `write_sap`, SAP 1 first, in SAP order."""
    return CosemObject(_SAP_ASSIGNMENT, 0, obis(0, 0, 41, 0, 0), [Array(source)], _CONNECT_METHOD_CNT)


def write_sap(writer: "Writer", sap: int, ldn: "bytes | bytearray | memoryview") -> None:
    """One item of a SAP assignment list: structure{long-unsigned, octet-string}.

    `ldn` is borrowed for the call. For an `ArraySource.encode_item`.
    """
    writer.structure(2)
    writer.octet(0x12)
    writer.unsigned(sap, 2)
    writer.string(OCTET_STRING, ldn)


class _CounterRows:
    """RowSource of one set."""

    def __init__(self, counters: "Counters") -> None:
        self._counters = counters

    def count(self, key: int, attribute: int) -> int:
        return len(self._counters)

    def generation(self, key: int, attribute: int) -> int:
        return 0

    def value(self, key: int, attribute: int, field: int, item: int) -> "int | bytes":
        return self._counters.get(item) if field else self._counters.names[item].encode()


def counters(e_group: int, counter_set: "Counters") -> CosemObject:
    """0-0:128.1.e.255, array of structure{visible-string name, double-long-unsigned value}; e is the caller's."""
    row = (0, _DATA, 0, obis(0, 0, _C_MANUFACTURER, 1, e_group), "", "[sI")
    return RowObject(row, _CounterRows(counter_set))
