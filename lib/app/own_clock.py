# SPDX-License-Identifier: MIT
"""The Clock of SAP 1 on this machine: its real-time clock, the log's uptime, and section `clock` of the settings."""

from binascii import hexlify, unhexlify

from micropython import const

from base import events
from base.allowance import Allowance
from base.log import NOTICE, WARNING
from dlms.apdu import OTHER_REASON, SUCCESS, TEMPORARY_FAILURE
from dlms.cosem.clock import Clock, apply
from dlms.cosem.local_time import LocalTime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from app.config import Config
    from app.settings import Commit, Settings
    from base.log import Log

_CLOCK_IS_SET = const(1700000000)  # 2023-11: a wall clock before that has never been set
_LATEST = const(4070908800)  # 2099-01-01: calendars here end with that year
_MOST_SHIFT_S = const(0x7FFFFFFF)  # that a record can hold
_CORRECTION_S = const(60)  # a clock that drifts is corrected by less, once a day
# Each setting leaves a record: 10 at once, then one a minute, so that the client who may set it cannot wash the log.
_MOST_AT_ONCE = const(10)
_REFILL_S = const(60)

# Attribute of the Clock and the setting that keeps it.
_PATHS = (
    (3, "clock.zone_min"),
    (5, "clock.summer_begin"),
    (6, "clock.summer_end"),
    (7, "clock.summer_min"),
    (8, "clock.summer"),
)


class WallClock:
    """dlms.cosem.clock.TimeSource: `clock` is hal.clock or its like, `settings` may be those of a test."""

    def __init__(self, clock: "object", log: "Log", settings: "Settings") -> None:
        self._clock = clock
        self._log = log
        self._settings = settings
        self._allowance = Allowance(_MOST_AT_ONCE, _REFILL_S)

    def utc_s(self, uptime_s: "int | None") -> "int | None":
        """As TimeSource: moments before now are told by the clock as it goes now."""
        wall: int = self._clock.wall_s()  # type: ignore[attr-defined]
        if wall < _CLOCK_IS_SET:
            return None
        return wall if uptime_s is None else wall - (self._log.now_s - uptime_s)

    def set_utc(self, utc_s: int) -> int:
        """Set the real-time clock; each time a record, a jump is one of the security log."""
        if not _CLOCK_IS_SET <= utc_s < _LATEST:
            return OTHER_REASON
        if not self._allowance.take(self._log.now_s):
            return TEMPORARY_FAILURE
        shift = utc_s - self._clock.wall_s()  # type: ignore[attr-defined]
        self._clock.set_wall_s(utc_s)  # type: ignore[attr-defined]
        shift = min(max(shift, -_MOST_SHIFT_S), _MOST_SHIFT_S)
        if abs(shift) > _CORRECTION_S:
            self._log.add(WARNING, events.CLOCK_JUMPED, a=shift)
        else:
            self._log.add(NOTICE, events.CLOCK_SET, a=shift)
        return SUCCESS

    def keep(self, now: int, attribute: int, value: "int | bytes") -> int:
        """As TimeSource."""
        stored: "object" = value
        if isinstance(value, bytes):
            stored = hexlify(value).decode().upper()
        elif attribute == _PATHS[-1][0]:
            stored = bool(value)
        return self._settings.change(now, dict(_PATHS)[attribute], stored)


def own_clock(clock: "object", log: "Log", config: "Config", settings: "Settings") -> Clock:
    """The Clock with its settings, which follows their changes."""
    made = Clock(WallClock(clock, log, settings))

    def prepare(ahead: "Config") -> "Commit":
        rules = LocalTime()
        for attribute, path in _PATHS:
            value = ahead[path]
            apply(rules, attribute, unhexlify(value) if isinstance(value, str) else value)  # type: ignore[arg-type]

        def commit() -> None:
            made.rules = rules

        return commit

    prepare(config)()
    for _, path in _PATHS:
        settings.register(path, prepare)
    return made
