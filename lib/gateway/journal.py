# SPDX-License-Identifier: MIT
"""Journal of the registration table: who has which row, and has been there, on flash, safe at any cut.

A file of fixed records, appended and made durable one by one; a torn last record is cut
off at the next start. When more than half of it is history it is written anew beside the
old one and renamed over it, which the file system does atomically.
    header  'H' schema(1) record_len(1) title_len(1) zeros  crc32(4)     in every schema
    record  kind(1) row(2) title(8) until(4) zeros(1)       crc32(4)     20 octets, LE
Law: a record is durable when the call that wrote it returns. A newer schema is never
touched (LocalError); an older one is upgraded record by record, then rewritten. Damage to
one record never costs another.
"""

import struct
from binascii import crc32

from micropython import const

from base.errors import LocalError
from gateway import quarantine
from plc.medium import NODE_ASSIGNED, NODE_QUARANTINED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.registration import Table

SCHEMA = const(2)
_FILE = "nodes.jnl"
_REC = "<BH8sIx"
_REC_LEN = const(20)
_CRC_OFF = const(16)
_KIND_HEADER = const(0x48)  # 'H'
_KIND_ASSIGN = const(0x41)  # 'A', not verified on the line yet
_KIND_VERIFIED = const(0x56)  # 'V', has been there
_KIND_QUARANTINE = const(0x51)  # 'Q'
_READ_ONLY = const(30)  # EROFS
_SLACK = const(512)  # records of history allowed beside the living ones


def _from_1(kind: int, row: int, title: bytes, until: int) -> "tuple[int, int, bytes, int]":
    """Schema 1 did not tell who had been there: all had."""
    return _KIND_VERIFIED if kind == _KIND_ASSIGN else kind, row, title, until


# schema -> function(kind, row, title, until) -> the same four as the next schema means them
UPGRADES: "dict[int, object]" = {1: _from_1}


class Journal:
    """Appends and replays records through `store` (hal.store shape).

    `store.load(name, mv, off) -> octets read`, `store.append(name, mv, is_last)` durable on return, with all
    before, when `is_last`, `store.begin(name)` / `store.write(mv)` / `store.commit()` replace a file atomically.
    """

    def __init__(self, store: "object", schema: int = SCHEMA, upgrades: "dict[int, object] | None" = None) -> None:
        self._store = store
        self._schema = schema
        self._upgrades = UPGRADES if upgrades is None else upgrades
        self._rec = bytearray(_REC_LEN)
        self._records = 0
        self._is_suspect = False  # an append failed: the tail may be half a record
        self._is_locked = False  # replay could not take the file: it stays as it is
        self.torn_at = -1  # octet at which a torn tail was found by replay, -1 = none
        self.mended = 0  # records of which replay had to turn one bit back
        self.damaged = 0  # records replay could not read
        self.failures = 0  # writes the file system refused

    def assign(self, table: "Table", row: int, title: "bytes | bytearray") -> bool:
        """Record that `title` (8 octets) has `row`. True: durable. False: flash refused."""
        return self._append(table, _KIND_ASSIGN, row, title, 0)

    def verified(self, table: "Table", row: int, title: "bytes | bytearray") -> bool:
        """Record that the meter of `row` has been there. True: durable. False: flash refused."""
        return self._append(table, _KIND_VERIFIED, row, title, 0)

    def quarantine(
        self, table: "Table", row: int, title: "bytes | bytearray", until: int, is_last: bool = True
    ) -> bool:
        """Record that `row` rests until wall second `until`. True: durable, or with the last. False: flash refused."""
        return self._append(table, _KIND_QUARANTINE, row, title, until, is_last)

    def replay(self, table: "Table") -> int:
        """Fill an empty table from flash; returns the number of records read.

        Afterwards the file is whole: torn tail gone, current schema, one flipped bit mended. For
        each record beyond mending a row rests (gateway.quarantine): it may be a meter's. Raises
        LocalError when the file has a newer schema or titles of another length (it stays as it
        is), OSError when it cannot be read.
        """
        self._is_locked = True
        found = self._load_header(table.title_len)
        off = _REC_LEN
        lost = 0
        while found >= 0 and self._load(off) == _REC_LEN:
            if self._is_sound() or self._mend():
                kind, row, title, until = struct.unpack_from(_REC, self._rec, 0)
                self._apply(table, self._upgrade(found, (kind, row, title, until)))
            else:
                lost += 1
            off += _REC_LEN
        self._records = off // _REC_LEN - 1
        if found >= 0 and self._load(off):
            self.torn_at = off
        self._is_locked = False
        self.damaged += lost
        quarantine.rest_free(table, lost)
        if found != self._schema or self.torn_at >= 0 or self.mended or self.damaged:
            self.compact(table)
        return self._records

    def is_stale(self, table: "Table") -> bool:
        """True when compacting is worth it: most of the file is history."""
        return self._records > 2 * table.end() + _SLACK and not self._is_suspect

    def compact(self, table: "Table") -> bool:
        """Write the living rows to a new file and rename it over the old one. False: flash refused."""
        try:
            self._rewrite(table)
        except OSError:
            self._is_suspect = True
            self.failures += 1
        return not self._is_suspect

    # --- inside ---

    def _append(  # noqa: PLR0913 - a record's fields, and whether it is flushed
        self, table: "Table", kind: int, row: int, title: "bytes | bytearray", until: int, is_last: bool = True
    ) -> bool:
        try:
            if self._is_suspect or self._is_locked:  # NOTE: a record behind half a record would never be replayed
                self._rewrite(table)
            self._seal(kind, row, title, until)
            self._store.append(_FILE, self._rec, is_last)  # type: ignore[attr-defined]
        except OSError:
            self._is_suspect = True
            self.failures += 1
            return False
        self._records += 1
        return True

    def _seal(self, kind: int, row: int, title: "bytes | bytearray", until: int) -> None:
        struct.pack_into(_REC, self._rec, 0, kind, row, title, until)
        struct.pack_into("<I", self._rec, _CRC_OFF, crc32(memoryview(self._rec)[:_CRC_OFF]))

    def _load(self, off: int) -> int:
        """Read the record at `off` into the buffer; the octets there were."""
        return self._store.load(_FILE, memoryview(self._rec), off)  # type: ignore[attr-defined,no-any-return]

    def _is_sound(self) -> bool:
        """The record in the buffer has the CRC it should."""
        return struct.unpack_from("<I", self._rec, _CRC_OFF)[0] == crc32(memoryview(self._rec)[:_CRC_OFF])  # type: ignore[no-any-return]

    def _mend(self) -> bool:
        """Turn back the one flipped bit of the record in the buffer, whichever makes it sound."""
        for bit in range(8 * _REC_LEN):
            self._rec[bit >> 3] ^= 1 << (bit & 7)
            if self._is_sound():
                self.mended += 1
                return True
            self._rec[bit >> 3] ^= 1 << (bit & 7)
        return False

    def _load_header(self, title_len: int) -> int:
        """Schema of the file, -1 when there is none."""
        if self._load(0) != _REC_LEN:
            return -1
        if not (self._is_sound() or self._mend()) or self._rec[0] != _KIND_HEADER:
            self.damaged += 1  # NOTE: the records have CRCs of their own; taking the file for empty would lose all
            return self._schema
        if self._rec[1] > self._schema:
            raise LocalError("nodes.jnl has schema %d, newer than %d: left alone" % (self._rec[1], self._schema))
        if self._rec[3] != title_len:
            raise LocalError("nodes.jnl has titles of %d octets, not %d: left alone" % (self._rec[3], title_len))
        return self._rec[1]

    def _upgrade(self, schema: int, fields: "tuple[int, int, bytes, int]") -> "tuple[int, int, bytes, int]":
        while schema < self._schema:
            fields = self._upgrades[schema](*fields)  # type: ignore[operator]
            schema += 1
        return fields

    def _apply(self, table: "Table", fields: "tuple[int, int, bytes, int]") -> None:
        kind, row, title, until = fields
        if row >= table.capacity:
            raise LocalError("nodes.jnl names row %d, the table has %d" % (row, table.capacity))
        if kind == _KIND_ASSIGN:
            table.put_assigned(row, title)
        elif kind == _KIND_VERIFIED:
            table.put_verified(row, title)
        elif kind == _KIND_QUARANTINE:
            table.put_assigned(row, title)
            table.put_quarantined(row, until)

    def _rewrite(self, table: "Table") -> None:
        if self._is_locked:
            raise OSError(_READ_ONLY)
        store = self._store
        store.begin(_FILE)  # type: ignore[attr-defined]
        self._seal(_KIND_HEADER, self._schema | _REC_LEN << 8, bytes((table.title_len,)), 0)
        store.write(self._rec)  # type: ignore[attr-defined]
        self._records = 0
        for row in range(table.end()):
            state = table.state(row)
            if not state:
                continue
            if state == NODE_QUARANTINED:
                self._seal(_KIND_QUARANTINE, row, table.title_key(row), table.until(row))
            else:
                kind = _KIND_ASSIGN if state == NODE_ASSIGNED else _KIND_VERIFIED
                self._seal(kind, row, table.title_key(row), 0)
            store.write(self._rec)  # type: ignore[attr-defined]
            self._records += 1
        store.commit()  # type: ignore[attr-defined]
        self._is_suspect = False
