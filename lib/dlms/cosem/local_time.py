# SPDX-License-Identifier: MIT
"""From UTC to local time and back: time zone and daylight saving as the Clock class describes them.

The two switch dates are date-time octets with wildcards: year FFFF = every year; day FE, FD = last,
last but one of the month; with a weekday, that weekday: the last or last but one of the month, or the
first from the day given on. Both are told in the time that holds before the switch.
"""

from micropython import const

from dlms.cosem import date_time

_ANY = const(0xFF)
_ANY_YEAR = const(0xFFFF)
_LAST_DAY, _LAST_BUT_ONE = const(0xFE), const(0xFD)


def is_switch(octets: bytes) -> bool:
    """Can be a switch date: one moment of one year, or of every year; or not specified at all."""
    return octets[:9] == date_time.NOT_SPECIFIED[:9] or switch_of(octets, 2000) is not None


def switch_of(octets: bytes, year: int) -> "int | None":
    """Local seconds of the switch in `year` (or in its own); None when it names no moment."""
    own_year = octets[0] << 8 | octets[1]
    if own_year != _ANY_YEAR:
        year = own_year
    month, hour, minute = octets[2], octets[5], octets[6]
    if not 1 <= month <= 12 or hour > 23 or minute > 59 or not 1970 <= year <= 2099:
        return None
    day = _day_of(year, month, octets[3], octets[4])
    if day is None or octets[7] > 59 and octets[7] != _ANY:
        return None
    return day * 86400 + hour * 3600 + minute * 60 + octets[7] % _ANY


def _day_of(year: int, month: int, day: int, weekday: int) -> "int | None":
    """Days since 1970 of a day of the month with wildcards."""
    last = date_time.month_len(year, month)
    if weekday != _ANY and not 1 <= weekday <= 7:
        return None
    if day == _LAST_DAY or day == _LAST_BUT_ONE:
        days = date_time.days_of(year, month, last)
        if weekday == _ANY:
            return days - (_LAST_DAY - day)
        return days - (date_time.weekday_of(days) - weekday) % 7 - 7 * (_LAST_DAY - day)
    if not 1 <= day <= last:
        return None
    days = date_time.days_of(year, month, day)
    return days if weekday == _ANY else days + (weekday - date_time.weekday_of(days)) % 7


class LocalTime:
    """`zone_min`: added to local normal time to get UTC; `summer_min`: local time is so much ahead in summer."""

    def __init__(self) -> None:
        self.zone_min = 0
        self.begin = date_time.NOT_SPECIFIED
        self.end = date_time.NOT_SPECIFIED
        self.summer_min = 0
        self.is_enabled = False

    def is_summer(self, utc_s: int) -> bool:
        """Daylight saving holds at that moment."""
        if not self.is_enabled:
            return False
        normal_s = utc_s - 60 * self.zone_min
        year = date_time.calendar_of(normal_s)[0]
        begin, end = switch_of(self.begin, year), switch_of(self.end, year)
        if begin is None or end is None:
            return False
        end -= 60 * self.summer_min  # it is told in summer time
        if begin < end:
            return begin <= normal_s < end
        return not end <= normal_s < begin  # south of the equator the year begins in summer

    def deviation_min(self, utc_s: int) -> int:
        """To be added to the local time of that moment to get UTC."""
        return self.zone_min - self.summer_min if self.is_summer(utc_s) else self.zone_min

    def shown_s(self, utc_s: int) -> int:
        """The latest local second a clock has shown by then: ahead of it in the hour that comes twice in autumn."""
        local_s = utc_s - 60 * self.deviation_min(utc_s)
        if self.summer_min <= 0 or self.is_summer(utc_s) or not self.is_summer(utc_s - 60 * self.summer_min):
            return local_s
        end_s = switch_of(self.end, date_time.calendar_of(local_s)[0])
        return local_s if end_s is None else end_s - 1  # 03:00:00 itself is yet to come

    def to_utc(self, octets: bytes) -> "int | None":
        """UTC seconds of a whole date-time: by its own deviation, else by ours; None when it is not whole.

        Of the hour that comes twice in autumn the first is meant.
        """
        local_s = date_time.local_of(octets)
        if local_s is None:
            return None
        deviation = date_time.deviation_of(octets)
        if deviation is None:
            in_summer_s = local_s + 60 * (self.zone_min - self.summer_min)
            deviation = self.deviation_min(in_summer_s) if self.is_summer(in_summer_s) else self.zone_min
        return local_s + 60 * deviation
