# SPDX-License-Identifier: MIT
"""Clock (class 8, version 0), 0-0:1.0.0.255: time, time zone, daylight saving and the six methods.

The machine's clock keeps UTC; everything local is computed (dlms.cosem.local_time). Law: a value that
is written holds, and is kept for the next start, or nothing has changed and the result says so.
"""

from micropython import const

from dlms import apdu
from dlms.axdr import INT8, INT16, STRUCTURE
from dlms.cosem import date_time
from dlms.cosem.local_time import LocalTime, is_switch
from dlms.cosem.rows import RowObject
from dlms.cosem.values import Encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from dlms.axdr import Reader, Writer
    from dlms.cosem.object import CosemObject
    from dlms.cosem.values import Value

    class TimeSource(Protocol):
        """The machine's clock, and where settings are kept."""

        def utc_s(self, uptime_s: "int | None") -> "int | None":
            """UTC seconds since 1970 at that uptime second, None = now; None: the clock has never been set."""

        def set_utc(self, utc_s: int) -> int:
            """Data-Access-Result: OTHER_REASON = cannot be set to that, TEMPORARY_FAILURE = too often."""

        def keep(self, now: int, attribute: int, value: "int | bytes") -> int:
            """Data-Access-Result of keeping attribute 3, 5, 6, 7 or 8 for the next start."""


CLOCK_CLASS = const(8)
CLOCK_NAME = b"\x00\x00\x01\x00\x00\xff"
_TIME, _ZONE, _BEGIN, _END, _SUMMER, _ENABLED = const(2), const(3), const(5), const(6), const(7), const(8)
_ROW = (0, 8, 0, b"\x00\x00\x01\x00\x00\xff", "wwwwww", "*o:w h:m B o:m o:m b:m ?:m e")
_BASE = const(1)  # clock_base: internal crystal
# Blue Book 4.5.1: deviations to UTC, daylight saving's deviation, shift_time.
_MOST_ZONE_MIN, _MOST_SUMMER_MIN, _MOST_SHIFT_S = const(720), const(120), const(900)
_QUARTER_S, _MINUTE_S = const(900), const(60)
# adjust_to_quarter, adjust_to_measuring_period (a gateway measures nothing: a quarter, too), adjust_to_minute
_GRIDS_S = (_QUARTER_S, _QUARTER_S, _MINUTE_S)
_TO_PRESET, _PRESET, _SHIFT = const(4), const(5), const(6)


class Clock:
    """State and RowSource of the one Clock. `rules` is filled in by the application before use."""

    def __init__(self, source: "TimeSource") -> None:
        self._source = source
        self.rules = LocalTime()
        self._preset: "tuple[int, int, int] | None" = None  # UTC: the time, valid from, valid to

    def cosem_object(self) -> "CosemObject":
        """The instance 0-0:1.0.0.255."""
        return RowObject(_ROW, self)

    def utc_s(self, uptime_s: "int | None" = None) -> "int | None":
        """As TimeSource."""
        return self._source.utc_s(uptime_s)

    def calendar(self) -> "tuple[int, int, int, int, int, int, int] | None":
        """Local (year, month, day, weekday 1 = Monday, hour, minute, second) of now; None while it is not known."""
        utc_s = self._source.utc_s(None)
        return None if utc_s is None else date_time.calendar_of(utc_s - 60 * self.rules.deviation_min(utc_s))

    def shown_s(self) -> int:
        """The latest local second it has shown by now, 0 while it is not known; see LocalTime."""
        utc_s = self._source.utc_s(None)
        return 0 if utc_s is None else self.rules.shown_s(utc_s)

    def status(self) -> int:
        """Clock status octet of now."""
        utc_s = self._source.utc_s(None)
        if utc_s is None:
            return date_time.STATUS_INVALID
        return date_time.STATUS_SUMMER if self.rules.is_summer(utc_s) else 0

    def write(self, writer: "Writer", utc_s: "int | None") -> None:
        """Local date-time of that second, an octet-string; None: not specified, clock status "invalid"."""
        if utc_s is None:
            date_time.write(writer, None)
            return
        deviation = self.rules.deviation_min(utc_s)
        status = date_time.STATUS_SUMMER if self.rules.is_summer(utc_s) else 0
        date_time.write(writer, utc_s - 60 * deviation, deviation, status)

    # --- RowSource ---

    def value(self, key: int, attribute: int, field: int, item: int) -> "int | bytes":
        """Attributes 3 to 9."""
        rules = self.rules
        row = (rules.zone_min, self.status(), rules.begin, rules.end, rules.summer_min, rules.is_enabled, _BASE)
        return row[attribute - _ZONE]

    def special(self, key: int, attribute: int) -> "Value":
        """The time."""
        return Encoded(lambda writer: self.write(writer, self.utc_s()))

    def put(self, now: int, key: int, attribute: int, fields: "list[int | bytes]") -> int:
        """SET of one attribute."""
        value = fields[0]
        if attribute == _TIME:
            return self._set(self.rules.to_utc(value) if len(value) == date_time.LENGTH else None)  # type: ignore[arg-type]
        if not _is_possible(attribute, value):
            return apdu.OTHER_REASON
        result = self._source.keep(now, attribute, value)
        if result == apdu.SUCCESS:
            apply(self.rules, attribute, value)
        return result

    def call(self, now: int, key: int, method: int, reader: "Reader | None", writer: "Writer") -> int:
        """ACTION."""
        if reader is None:
            return apdu.TYPE_UNMATCHED
        if method == _PRESET:
            return self._take_preset(reader)
        parameter = reader.number(INT16 if method == _SHIFT else INT8)
        utc_s = self._source.utc_s(None)
        if utc_s is None:  # nothing to adjust
            return apdu.TEMPORARY_FAILURE
        if method == _SHIFT:
            return self._set(utc_s + parameter) if abs(parameter) <= _MOST_SHIFT_S else apdu.OTHER_REASON
        if method == _TO_PRESET:
            return self._to_preset(utc_s)
        grid = _GRIDS_S[method - 1]
        return self._set((utc_s + grid // 2) // grid * grid)

    def _take_preset(self, reader: "Reader") -> int:
        reader.elements(STRUCTURE, 3, 3)
        moments = [self.rules.to_utc(date_time.read(reader) or date_time.NOT_SPECIFIED) for _ in range(3)]
        if None in moments or moments[1] > moments[2]:  # type: ignore[operator]
            return apdu.OTHER_REASON
        self._preset = tuple(moments)  # type: ignore[assignment]
        return apdu.SUCCESS

    def _to_preset(self, utc_s: int) -> int:
        preset, self._preset = self._preset, None
        if preset is None or not preset[1] <= utc_s <= preset[2]:
            return apdu.OTHER_REASON
        return self._set(preset[0])

    def _set(self, utc_s: "int | None") -> int:
        return apdu.OTHER_REASON if utc_s is None else self._source.set_utc(utc_s)


def _is_possible(attribute: int, value: "int | bytes") -> bool:
    if attribute == _ZONE:
        return -_MOST_ZONE_MIN <= value <= _MOST_ZONE_MIN  # type: ignore[operator]
    if attribute == _SUMMER:
        return -_MOST_SUMMER_MIN <= value <= _MOST_SUMMER_MIN  # type: ignore[operator]
    if attribute == _ENABLED:
        return True
    return len(value) == date_time.LENGTH and is_switch(value)  # type: ignore[arg-type]


def apply(rules: "LocalTime", attribute: int, value: "int | bytes") -> None:
    """Let attribute 3, 5, 6, 7 or 8 hold."""
    if attribute == _ZONE:
        rules.zone_min = value  # type: ignore[assignment]
    elif attribute == _BEGIN:
        rules.begin = value  # type: ignore[assignment]
    elif attribute == _END:
        rules.end = value  # type: ignore[assignment]
    elif attribute == _SUMMER:
        rules.summer_min = value  # type: ignore[assignment]
    else:
        rules.is_enabled = bool(value)
