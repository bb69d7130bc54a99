# SPDX-License-Identifier: MIT
"""Times of a Single action schedule (class 22): time and date with wildcards, is one of them now?

An entry is the two octet-strings of execution_time one behind the other, 9 octets: hour,
minute, second, hundredths; year (2), month, day of month, day of week (Blue Book 4.1.6.1).
Taken as wildcards: FF in any field of the date, FE (last) and FD (last but one) as day of
month, FF as hundredths. The time of day must be said: no entry is due every minute.
"""

from micropython import const

ENTRY_LEN = const(9)
TIME_LEN = const(4)
_ANY = const(0xFF)
_LAST = const(0xFE)
_LAST_BUT_ONE = const(0xFD)
_ANY_YEAR = const(0xFFFF)
_DAYS = b"\x1f\x1c\x1f\x1e\x1f\x1e\x1f\x1f\x1e\x1f\x1e\x1f"


def is_valid(entry: "bytes | memoryview") -> bool:
    """The 9 octets say a time of day and a date, wildcards as above."""
    if len(entry) != ENTRY_LEN or entry[0] > 23 or entry[1] > 59 or entry[2] > 59:
        return False
    if entry[3] > 99 and entry[3] != _ANY:
        return False
    month, day, weekday = entry[6], entry[7], entry[8]
    if not (1 <= month <= 12 or month == _ANY) or not (1 <= weekday <= 7 or weekday == _ANY):
        return False
    return 1 <= day <= 31 or day >= _LAST_BUT_ONE


def second_of_day(entry: "bytes | memoryview") -> int:
    """Of a valid entry."""
    return entry[0] * 3600 + entry[1] * 60 + entry[2]


def is_on(entry: "bytes | memoryview", year: int, month: int, day: int, weekday: int) -> bool:
    """A valid entry is due on this date; `weekday` 1 = Monday."""
    if entry[4] << 8 | entry[5] not in (year, _ANY_YEAR):
        return False
    if entry[6] not in (month, _ANY) or entry[8] not in (weekday, _ANY):
        return False
    if entry[7] == _LAST:
        return day == _month_len(year, month)
    if entry[7] == _LAST_BUT_ONE:
        return day == _month_len(year, month) - 1
    return entry[7] in (day, _ANY)


def _month_len(year: int, month: int) -> int:
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 29 if month == 2 and is_leap else _DAYS[month - 1]
