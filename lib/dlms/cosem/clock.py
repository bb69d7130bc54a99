# SPDX-License-Identifier: MIT
"""Clock (class 8, version 0), 0-0:1.0.0.255, and the date-time octet-string.

Time comes from a source with `calendar(uptime_s)`: the local (year, month, day, weekday
1 = Monday, hour, minute, second) at that uptime second, None as argument = now, None as
answer = the clock has never been set; and `zone_min`, the standard's deviation: minutes to
add to local time to get UTC (so UTC+1 is -60). Daylight saving is off.
"""

from micropython import const

from dlms.axdr import BOOLEAN, ENUM, INT8, INT16, UINT8
from dlms.cosem.object import CosemObject, obis
from dlms.cosem.values import Encoded, number, octets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from dlms.axdr import Writer

    class ClockSource(Protocol):
        zone_min: int

        def calendar(self, uptime_s: "int | None") -> "tuple[int, int, int, int, int, int, int] | None": ...


CLOCK_CLASS = const(8)
CLOCK_NAME = b"\x00\x00\x01\x00\x00\xff"
_METHOD_CNT = const(6)
_STATUS_VALID = const(0x00)
_STATUS_INVALID = const(0x01)
_BASE_INTERNAL = const(1)  # clock_base: internal crystal
_NOT_SPECIFIED = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x80\x00\x01"
_DST_NOT_SPECIFIED = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x80\x00\xff"


def write_date_time(writer: "Writer", clock: "ClockSource", uptime_s: "int | None") -> None:
    """date-time as an octet-string of 12; not specified, status invalid, when the time is unknown."""
    moment = clock.calendar(uptime_s)
    if moment is None:
        writer.octets(_NOT_SPECIFIED)
        return
    writer.octet(0x09)
    writer.octet(12)
    writer.unsigned(moment[0], 2)
    for i in range(1, 7):
        writer.octet(moment[i])
    writer.octet(0)  # hundredths
    writer.unsigned(clock.zone_min, 2)
    writer.octet(_STATUS_VALID)


def clock_object(clock: "ClockSource") -> CosemObject:
    """The Clock instance; attribute 2 and status follow the source."""

    def status(writer: "Writer") -> None:
        writer.number(UINT8, _STATUS_INVALID if clock.calendar(None) is None else _STATUS_VALID)

    return CosemObject(
        CLOCK_CLASS,
        0,
        obis(0, 0, 1, 0, 0),
        [
            Encoded(lambda writer: write_date_time(writer, clock, None)),
            Encoded(lambda writer: writer.number(INT16, clock.zone_min)),
            Encoded(status),
            octets(_DST_NOT_SPECIFIED),
            octets(_DST_NOT_SPECIFIED),
            number(INT8, 0),
            number(BOOLEAN, 0),
            number(ENUM, _BASE_INTERNAL),
        ],
        _METHOD_CNT,
    )
