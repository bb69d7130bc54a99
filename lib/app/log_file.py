# SPDX-License-Identifier: MIT
"""The event logs on flash: standard, security and firmware records are there again after a restart.

File events.log, records of 24 octets: a row of base.log, dated where a clock knew, and crc32(4) LE, begun with the
number of the layout. Appended to in one flush; written anew beside the old one, and renamed over it, when it has
grown to _FILE_MOST records, when what it says no longer holds, or when its tail may be half a record.
Law: what the gateway itself or somebody with keys caused is on flash a second later, 32 writes at once and one more
each 10 minutes at most; who has come in with keys, or was refused something, within an hour. What strangers can cause
(base.events.urgency 1) goes with these and makes no write. A record that is damaged costs no other; it is counted.
"""

import struct
from array import array
from binascii import crc32

from micropython import const

from base import events
from base.allowance import Allowance
from base.log import ERROR, ROW_LEN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from base.log import Log
    from hal.store import FileStore

_FILE = const("events.log")
_REC_LEN = const(24)
_LAYOUT = const(1)
_KEPT = const(b"\x00\x01\x03")  # categories; the communication log is about a line that starts anew with the gateway
_CATEGORIES = const(4)
_MOST = const(128)  # newest of each
_FILE_MOST = const(1024)  # 24 kB, and 9 kB beside it while it is written anew
_BURST = const(32)
_REFILL_S = const(600)
_RIDE_S = const(3600)
_REST_S = const(600)  # flash that has refused is left alone so long


def _undated(uptime_s: int) -> "int | None":
    """No clock is known yet."""
    return None


class LogFile:
    """Keeps `log` on `store`; `on_deadline(now)` is due each second.

    `utc_s(uptime s)` dates a record, None = the clock has never been set; set by the application.
    """

    def __init__(self, store: "FileStore", log: "Log") -> None:
        self._store = store
        self._log = log
        self.utc_s: "Callable[[int], int | None]" = _undated
        self._rec = memoryview(bytearray(_REC_LEN))
        self._row = self._rec[:ROW_LEN]
        self._written = array("I", [0] * _CATEGORIES)  # serial number of the first that is not on flash
        self._records = 0  # in the file
        self._is_stale = False  # the file has to be written anew
        self._has_failed = False
        self._allowance = Allowance(_BURST, _REFILL_S)
        self._next_s = _RIDE_S  # uptime at which what waits may be written whatever the allowance says
        self._rest_until_s = 0
        self.writes = 0
        self.damaged = 0  # records `restore` could not read

    def restore(self) -> None:
        """Fill the log from flash; before anything is recorded."""
        try:
            found = self._load()
            while found == _REC_LEN:
                self.damaged += not (self._is_sound() and self._log.restore(self._row))
                self._records += 1
                found = self._load()
            self._is_stale = found > 0 or self.damaged > 0
        except OSError:
            self.damaged += 1  # all behind it, too
            self._is_stale = True
        self._log.resume()
        if not len(self._log):  # numbers begin anew
            self._is_stale = True
        self._settle()
        if self.damaged:
            self._log.add(ERROR, events.LOG_DAMAGED, a=self.damaged)

    def on_deadline(self, now: int) -> None:
        """Write what has to be written."""
        log = self._log
        if log.urgency < 2 or log.now_s < self._rest_until_s:
            return
        if log.now_s >= self._next_s or (log.urgency > 2 and self._allowance.take(log.now_s)):
            self.save()

    def save(self) -> None:
        """Put on flash what is not there; a restart has been asked for, or it is time."""
        if self._log.urgency > 3:
            self._is_stale = True
        left = sum([len(self._serials(category, self._written[category])) for category in _KEPT])
        if not left and not self._is_stale:
            return
        try:
            if self._is_stale or self._records + left > _FILE_MOST:
                self._rewrite()
            else:
                self._append(left)
        except (OSError, MemoryError):
            self._refused()
            return
        self.writes += 1
        self._settle()
        self._is_stale = self._has_failed = False
        self._next_s = self._log.now_s + _RIDE_S

    # --- inside ---

    def _serials(self, category: int, first: int) -> range:
        """Serial numbers of what is to be written, from `first` on."""
        end = self._log.end(category)
        return range(max(first, self._log.first(category), end - _MOST), end)

    def _append(self, left: int) -> None:
        self._records += left
        for category in _KEPT:
            for serial in self._serials(category, self._written[category]):
                self._seal(category, serial)
                left -= 1
                self._store.append(_FILE, self._rec, not left)

    def _rewrite(self) -> None:
        self._records = 0
        self._store.begin(_FILE)
        for category in _KEPT:
            for serial in self._serials(category, 0):
                self._seal(category, serial)
                self._store.write(self._rec)
                self._records += 1
        self._store.commit()

    def _refused(self) -> None:
        """NOTE: behind half a record nothing may be appended: what follows would not be found."""
        self._is_stale = True
        self._rest_until_s = self._log.now_s + _REST_S
        if not self._has_failed:
            self._has_failed = True
            self._log.add(ERROR, events.LOG_FAILED)

    def _settle(self) -> None:
        """All there is is on flash."""
        self._log.urgency = 0
        for category in _KEPT:
            self._written[category] = self._log.end(category)

    def _load(self) -> int:
        """The next record, to the buffer; the octets there were."""
        return self._store.load(_FILE, self._rec, self._records * _REC_LEN)

    def _seal(self, category: int, serial: int) -> None:
        """A record, in the buffer."""
        self._log.copy_row(self._row, category, serial, self.utc_s)
        struct.pack_into("<I", self._rec, ROW_LEN, self._crc())

    def _is_sound(self) -> bool:
        """The record in the buffer is whole, and of this layout."""
        return struct.unpack_from("<I", self._rec, ROW_LEN)[0] == self._crc()  # type: ignore[no-any-return]

    def _crc(self) -> int:
        return crc32(self._row, _LAYOUT)  # type: ignore[no-any-return]
