# SPDX-License-Identifier: MIT
"""SAP 1: restart and factory reset, now or by a schedule (docs/management.md).

Script table 0-0:10.0.129: restart. Single action schedules (class 22) 0-0:15.0.128 for
discovery and 0-0:15.0.129 for the restart, kept as settings. 0-0:128.14.0: factory reset,
confirmed by this gateway's serial number. Laws: an answer is on its way before a restart; a
schedule's moment is executed once, or, when the gateway was off for it, never.
"""

from binascii import hexlify, unhexlify

from micropython import const

from app import factory_reset
from base import events
from base.log import NOTICE, WARNING
from base.ticks import ticks_add, ticks_diff
from dlms.apdu import HARDWARE_FAULT, OTHER_REASON, SUCCESS, TEMPORARY_FAILURE, TYPE_UNMATCHED
from dlms.axdr import ARRAY, OCTET_STRING, STRUCTURE, UINT16
from dlms.cosem.date_time import calendar_of, days_of
from dlms.cosem.object import ROLE_KEYED, ROLE_MANAGEMENT
from dlms.cosem.rows import objects
from dlms.cosem.schedule_time import ENTRY_LEN, TIME_LEN, is_on, second_of_day
from dlms.cosem.script_table import Scripts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from app.config import Config
    from app.own_device import Parts
    from app.settings import Commit
    from dlms.axdr import Reader, Writer
    from dlms.cosem.object import CosemObject
    from dlms.cosem.values import Value
    from hal.store import FileStore

    Moment = tuple[int, int, int, int, int, int, int]

_SCRIPT_TABLE = b"\x00\x00\x0a\x00\x81\xff"
_RESTART = const(1)  # the script
_ANSWER_MS = const(2000)  # the answer goes out before the restart
_SETTLED_S = const(30)  # no restart sooner after the last: a loop of them would be an outage
_CONFIRM_MS = const(60000)  # between attempts at a factory reset
_MOST_TIMES = const(4)
_DAY_S = const(86400)
_MOST_JUMP_S = const(10800)  # daylight saving is an hour or two, a correction of the clock less
_ANY_TIMES = const(5)  # class 22 type: times may differ, wildcards in dates allowed

# Why it restarts: argument of the log record.
BY_SCRIPT = const(0)
BY_SCHEDULE = const(1)
BY_FACTORY_RESET = const(2)

_DISCOVERY_TIMES = const(0)
_RESTART_TIMES = const(1)
_SCRIPTS = const(2)
_FACTORY = const(3)
_ROWS = (
    (_DISCOVERY_TIMES, 22, 0, b"\x00\x00\x0f\x00\x80\xff", "", "oH e [oo"),
    (_RESTART_TIMES, 22, 0, b"\x00\x00\x0f\x00\x81\xff", "", "oH e [oo"),
    (_SCRIPTS, 9, 0, _SCRIPT_TABLE, "m", "*"),
    (_FACTORY, 1, 0, b"\x00\x00\x80\x0e\x00\xff", "", "o:m"),
)
_PATHS = ("schedule.discovery", "schedule.restart")
_TABLES = (b"\x00\x00\x0a\x00\x80\xff", _SCRIPT_TABLE)


class OwnRestart:
    """Active source of these rows; `on_deadline(now)` once a second.

    `restart()` does not return on a board. `discover(now)` starts a discovery. `moment()` is
    the local (year, month, day, weekday 1 = Monday, hour, minute, second), None = clock not set,
    `shown_s()` the latest local second that the clock has shown, 0 = not known.
    """

    def __init__(self, parts: "Parts", store: "FileStore", restart: "Callable[[], None]") -> None:
        self._settings = parts.settings
        self._log = parts.log
        self._serial = parts.serial
        self._store = store
        self._restart = restart
        self.discover: "Callable[[int], int] | None" = None
        self.moment: "Callable[[], Moment | None]" = lambda: None
        self.shown_s: "Callable[[], int]" = lambda: 0
        self._times = [b"", b""]
        self._generation = 0
        self._at: "int | None" = None  # tick of the restart that has been decided
        self._confirm_after: "int | None" = None
        self._looked_s: "int | None" = None  # local second looked at last
        for path in _PATHS:
            parts.settings.register(path, self._prepare)
        self._prepare(parts.config)()

    def objects(self) -> "list[CosemObject]":
        """For everybody who has authenticated; the times are written by management."""
        found = objects(_ROWS, self, ROLE_KEYED)
        for schedule in (_DISCOVERY_TIMES, _RESTART_TIMES):
            found[schedule].writable(4, ROLE_MANAGEMENT, self._setter(schedule))
        return found

    def on_deadline(self, now: int) -> None:
        """Restart when the answer has had its time; execute what is due."""
        if self._at is not None and ticks_diff(now, self._at) >= 0:
            self._restart()
        # NOTE: forgotten when it is over: ticks of a week ago look like ticks to come.
        if self._confirm_after is not None and ticks_diff(now, self._confirm_after) >= 0:
            self._confirm_after = None
        self._run_schedules(now)

    # --- rows ---

    def value(self, key: int, attribute: int, field: int, item: int) -> "int | bytes":
        """RowSource; nothing is told of the factory reset."""
        if key == _FACTORY:
            return b""
        if attribute == 2:
            return 1 if field else _TABLES[key]
        if attribute == 3:
            return _ANY_TIMES
        entry = self._times[key][item * ENTRY_LEN : (item + 1) * ENTRY_LEN]
        return entry[TIME_LEN:] if field else entry[:TIME_LEN]

    def count(self, key: int, attribute: int) -> int:
        """RowSource: of the times."""
        return len(self._times[key]) // ENTRY_LEN

    def generation(self, key: int, attribute: int) -> int:
        """RowSource: of the times."""
        return self._generation

    def special(self, key: int, attribute: int) -> "Value":
        """ActiveSource: the scripts."""
        return Scripts((_RESTART,))

    def put(self, now: int, key: int, attribute: int, fields: "list[int | bytes]") -> int:
        """ActiveSource: the factory reset, confirmed by the serial number."""
        if self._confirm_after is not None and ticks_diff(now, self._confirm_after) < 0:
            return TEMPORARY_FAILURE
        self._confirm_after = ticks_add(now, _CONFIRM_MS)
        if fields[0] != self._serial:
            self._log.add(WARNING, events.FACTORY_RESET, a=0)
            return OTHER_REASON
        try:
            factory_reset.begin(self._store)
        except OSError:
            return HARDWARE_FAULT
        self._log.add(WARNING, events.FACTORY_RESET, a=1)
        self._decide(now, BY_FACTORY_RESET)
        return SUCCESS

    def call(self, now: int, key: int, method: int, reader: "Reader | None", writer: "Writer") -> int:
        """ActiveSource: execute(long-unsigned script)."""
        if reader is None:
            return TYPE_UNMATCHED
        return self._restart_soon(now, BY_SCRIPT) if reader.number(UINT16) == _RESTART else OTHER_REASON

    def _setter(self, schedule: int) -> "Callable[[int, Reader], int]":
        def put_times(now: int, reader: "Reader") -> int:
            count = reader.elements(ARRAY, _MOST_TIMES)
            times = b""
            for _ in range(count):
                reader.elements(STRUCTURE, 2, 2)
                times += reader.string(OCTET_STRING, TIME_LEN, TIME_LEN)
                times += reader.string(OCTET_STRING, ENTRY_LEN - TIME_LEN, ENTRY_LEN - TIME_LEN)
            return self._settings.change(now, _PATHS[schedule], str(hexlify(times), "ascii"))

        return put_times

    # --- restart ---

    def _restart_soon(self, now: int, why: int) -> int:
        if self._at is not None or self._log.now_s < _SETTLED_S:
            return TEMPORARY_FAILURE
        self._decide(now, why)
        return SUCCESS

    def _decide(self, now: int, why: int) -> None:
        self._at = ticks_add(now, _ANSWER_MS)
        self._log.add(NOTICE, events.RESTART, a=why)

    # --- schedules ---

    def _prepare(self, config: "Config") -> "Commit":
        """The times change (app.settings)."""
        times = [unhexlify(config.text(path)) for path in _PATHS]

        def commit() -> None:
            self._times = times
            self._generation += 1

        return commit

    def _run_schedules(self, now: int) -> None:
        moment = self.moment()
        if moment is None:
            self._looked_s = None
            return
        year, month, day, _, hour, minute, second = moment
        to_s = days_of(year, month, day) * _DAY_S + hour * 3600 + minute * 60 + second
        since_s = self._looked_until(to_s)
        for schedule, times in enumerate(self._times):
            if since_s < to_s and _is_due(times, since_s, to_s):
                self._execute(now, schedule)

    def _looked_until(self, to_s: int) -> int:
        """Local seconds up to this one have been looked at; from now on those up to `to_s`.

        NOTE: a clock that is corrected, or daylight saving, neither skips a moment nor meets it twice; one that was
        set to another time altogether begins there, and must not execute all it jumped over.
        """
        last_s = self._looked_s
        if last_s is None:  # what was due before the start is missed
            # NOTE: a restart at half past two in the night that has this hour twice is not due an hour later again.
            self._looked_s = max(to_s, self.shown_s())
            return to_s
        if 0 <= last_s - to_s <= _MOST_JUMP_S:
            return to_s
        self._looked_s = to_s
        return last_s if 0 < to_s - last_s <= _MOST_JUMP_S else to_s - 1

    def _execute(self, now: int, schedule: int) -> None:
        if schedule == _RESTART_TIMES:
            self._restart_soon(now, BY_SCHEDULE)
        elif self.discover is not None:
            self.discover(now)


def _is_due(times: bytes, since_s: int, to_s: int) -> bool:
    """One of the entries is due after local second `since_s`, up to `to_s`, less than a day later."""
    for at in range(0, len(times), ENTRY_LEN):
        entry = times[at : at + ENTRY_LEN]
        due_s = to_s - (to_s - second_of_day(entry)) % _DAY_S
        if due_s > since_s and is_on(entry, *calendar_of(due_s)[:4]):
            return True
    return False
