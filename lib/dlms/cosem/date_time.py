# SPDX-License-Identifier: MIT
"""The date-time octet-string of COSEM (Blue Book 4.1.6.1) and the arithmetic of calendar days.

12 octets: year 2, month, day, weekday 1 = Monday, hour, minute, second, hundredths, deviation 2,
status. The deviation is added to local time, in minutes, to get UTC (so UTC+1 is -60).
Seconds here are since 1970-01-01; "local" seconds are those a local clock shows.
"""

from micropython import const

from base.errors import RemoteError
from dlms.axdr import NULL, OCTET_STRING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.axdr import Reader, Writer

LENGTH = const(12)
STATUS_INVALID = const(0x01)
STATUS_SUMMER = const(0x80)
NOT_SPECIFIED = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x80\x00\xff"
_UNKNOWN_TIME = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x80\x00\x01"
_NO_DEVIATION = const(-0x8000)
_DATE_TIME = const(25)  # the type of its own, 12 octets without a length
_ANY = const(0xFF)
_DAY_S = const(86400)
_FIRST_YEAR, _LAST_YEAR = const(1970), const(2099)
_MONTH_DAYS = b"\x1f\x1c\x1f\x1e\x1f\x1e\x1f\x1f\x1e\x1f\x1e\x1f"


def month_len(year: int, month: int) -> int:
    """Days of a month 1..12, for 1970 to 2099."""
    return 29 if month == 2 and year % 4 == 0 else _MONTH_DAYS[month - 1]


def days_of(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01, for 1970 to 2099: leap years are simply those divisible by four."""
    years = year - _FIRST_YEAR
    days = 365 * years + (years + 1) // 4 + day - 1
    for i in range(1, month):
        days += month_len(year, i)
    return days


def weekday_of(days: int) -> int:
    """1 = Monday … 7 = Sunday; 1970-01-01 was a Thursday."""
    return (days + 3) % 7 + 1


def calendar_of(local_s: int) -> "tuple[int, int, int, int, int, int, int]":
    """(year, month, day, weekday, hour, minute, second)."""
    days, rest = divmod(local_s, _DAY_S)
    year = _FIRST_YEAR + days * 4 // 1461
    if days_of(year, 1, 1) > days:
        year -= 1
    elif days_of(year + 1, 1, 1) <= days:
        year += 1
    month, day = 1, days - days_of(year, 1, 1)
    while day >= month_len(year, month):
        day -= month_len(year, month)
        month += 1
    return year, month, day + 1, weekday_of(days), rest // 3600, rest // 60 % 60, rest % 60


def local_of(octets: "bytes | bytearray | memoryview") -> "int | None":
    """Local seconds of 12 octets; None when a date or time is not whole, not possible or before 1970."""
    year, month, day = octets[0] << 8 | octets[1], octets[2], octets[3]
    hour, minute, second = octets[5], octets[6], octets[7]
    if not _FIRST_YEAR <= year <= _LAST_YEAR or not 1 <= month <= 12 or not 1 <= day <= month_len(year, month):
        return None
    if hour > 23 or minute > 59 or (second > 59 and second != _ANY):
        return None
    days = days_of(year, month, day)
    if octets[4] != _ANY and octets[4] != weekday_of(days):
        return None
    return days * _DAY_S + hour * 3600 + minute * 60 + (0 if second == _ANY else second)


def deviation_of(octets: "bytes | bytearray | memoryview") -> "int | None":
    """Minutes; None when not specified."""
    value = octets[9] << 8 | octets[10]
    if value >> 15:
        value -= 0x10000
    return None if value == _NO_DEVIATION else value


def write(writer: "Writer", local_s: "int | None", deviation_min: int = 0, status: int = 0) -> None:
    """As an octet-string of 12; None = not specified, status invalid."""
    if local_s is None:
        writer.octets(_UNKNOWN_TIME)
        return
    moment = calendar_of(local_s)
    writer.octet(OCTET_STRING)
    writer.octet(LENGTH)
    writer.unsigned(moment[0], 2)
    for i in range(1, 7):
        writer.octet(moment[i])
    writer.octet(0)  # hundredths
    writer.unsigned(deviation_min, 2)
    writer.octet(status)


def read(reader: "Reader") -> "bytes | None":
    """12 octets, sent as octet-string or as date-time; None for null-data. RemoteError for anything else."""
    tag = reader.octet()
    if tag == NULL:
        return None
    if tag == OCTET_STRING and reader.octet() != LENGTH or tag not in (OCTET_STRING, _DATE_TIME):
        raise RemoteError("date-time expected")
    return reader.octets(LENGTH)
