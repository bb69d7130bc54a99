# SPDX-License-Identifier: MIT
"""Whitelist and blacklist on flash: what management has allowed and blocked survives a restart.

A file of fixed records, appended and made durable one by one, later ones over earlier ones;
written anew beside the old one when most of it is history or its end is torn.
    record  mark(1) title(8) crc32(4)     13 octets, mark as plc.access (0 = off the lists)
Law: a change is on flash before it binds.
"""

import struct
from binascii import crc32

from micropython import const

from base import events
from base.log import ERROR, NOTICE
from dlms.apdu import HARDWARE_FAULT, OBJECT_UNAVAILABLE, SUCCESS
from plc.access import BLOCKED, FREE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.log import Log
    from hal.store import FileStore
    from plc.access import Access

FILE = "access.jnl"
_REC = "<B8sI"
_REC_LEN = const(13)
_CRC_OFF = const(9)
_SLACK = const(64)  # records of history allowed beside the living ones


class AccessList:
    """Keeps `access` in step with the file; read once, by the constructor."""

    def __init__(self, store: "FileStore", access: "Access", log: "Log") -> None:
        self.access = access
        self._store = store
        self._log = log
        self._rec = bytearray(_REC_LEN)
        self._records = 0
        self._is_torn = False  # the tail may be half a record
        self.damaged = 0
        try:
            self._load()
        except OSError:
            self.damaged += 1
        if self.damaged:
            log.add(ERROR, events.ACCESS_DAMAGED, a=self.damaged)

    def change(self, title: bytes, mark: int) -> int:
        """Give a title (6 or 8 octets) its mark, FREE = off the lists. A Data-Access-Result:

        OBJECT_UNAVAILABLE: the lists are full; HARDWARE_FAULT: the flash refused.
        """
        if self.access.mark(title) == mark:
            return SUCCESS
        if mark != FREE and not self.access.has_room(title):
            return OBJECT_UNAVAILABLE
        try:
            self._append(title, mark)
        except OSError:
            self._is_torn = True
            return HARDWARE_FAULT
        self.access.put(title, mark)
        self._log.add(NOTICE, events.ACCESS_CHANGED, a=mark, b=self.access.count())
        return SUCCESS

    # --- inside ---

    def _load(self) -> None:
        n = self._store.load(FILE, memoryview(self._rec), 0)
        while n == _REC_LEN:
            self._take()
            self._records += 1
            n = self._store.load(FILE, memoryview(self._rec), self._records * _REC_LEN)
        self._is_torn = n > 0

    def _take(self) -> None:
        mark, title, crc = struct.unpack(_REC, self._rec)
        is_sound = crc == crc32(memoryview(self._rec)[:_CRC_OFF]) and mark <= BLOCKED
        # NOTE: with fewer rows than at the last start the first entries hold; what is lost is said.
        if not is_sound or not self.access.put(title, mark):
            self.damaged += 1

    def _append(self, title: bytes, mark: int) -> None:
        if self._is_torn or self._records > 2 * self.access.count() + _SLACK:
            self._rewrite()
        self._seal(title, mark)
        self._store.append(FILE, self._rec)
        self._records += 1

    def _rewrite(self) -> None:
        self._store.begin(FILE)
        for index in range(self.access.count()):
            self._seal(*self.access.entry(index))
            self._store.write(self._rec)
        self._store.commit()
        self._records = self.access.count()
        self._is_torn = False

    def _seal(self, title: bytes, mark: int) -> None:
        struct.pack_into("<B8s", self._rec, 0, mark, title)
        struct.pack_into("<I", self._rec, _CRC_OFF, crc32(memoryview(self._rec)[:_CRC_OFF]))
