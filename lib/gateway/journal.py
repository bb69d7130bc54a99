# SPDX-License-Identifier: MIT
"""Journal of the registration table: who has which row, on flash, safe at any cut.

A file of fixed records, appended and made durable one by one; a torn last record is cut
off at the next start. When more than half of it is history it is written anew beside the
old one and renamed over it, which the file system does atomically.
    header  'H' schema(1) record_len(2) title_len(1) zeros  crc32(4)
    record  kind(1) row(2) title(8) until(4) zeros(1)       crc32(4)     20 octets, LE
Law: a record is durable when the call that wrote it returns. A newer schema is never
touched (LocalError); an older one is upgraded record by record, then rewritten.
"""

import struct
from binascii import crc32

from micropython import const

from base.errors import LocalError
from plc.medium import NODE_QUARANTINED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.registration import Table

SCHEMA = const(1)
_FILE = "nodes.jnl"
_REC = "<BH8sIx"
_REC_LEN = const(20)
_CRC_OFF = const(16)
_KIND_HEADER = const(0x48)  # 'H'
_KIND_ASSIGN = const(0x41)  # 'A'
_KIND_QUARANTINE = const(0x51)  # 'Q'
_SLACK = const(512)  # records of history allowed beside the living ones

# schema -> function(kind, row, title, until) -> the same four as the next schema means them
UPGRADES: "dict[int, object]" = {}


class Journal:
    """Appends and replays records through `store` (hal.store shape).

    `store.load(name, mv, off) -> octets read`, `store.append(name, mv)` durable on return,
    `store.begin(name)` / `store.write(mv)` / `store.commit()` replace a file atomically.
    """

    def __init__(self, store: "object", schema: int = SCHEMA, upgrades: "dict[int, object] | None" = None) -> None:
        self._store = store
        self._schema = schema
        self._upgrades = UPGRADES if upgrades is None else upgrades
        self._rec = bytearray(_REC_LEN)
        self._records = 0
        self._is_suspect = False  # an append failed: the tail may be half a record
        self.torn_at = -1  # octet at which a torn tail was found by replay, -1 = none
        self.failures = 0  # writes the file system refused

    def assign(self, table: "Table", row: int, title: "bytes | bytearray") -> bool:
        """Record that `title` (8 octets) has `row`. True: durable. False: flash refused."""
        return self._append(table, _KIND_ASSIGN, row, title, 0)

    def quarantine(self, table: "Table", row: int, title: "bytes | bytearray", until: int) -> bool:
        """Record that `row` rests until wall second `until`. True: durable. False: flash refused."""
        return self._append(table, _KIND_QUARANTINE, row, title, until)

    def replay(self, table: "Table") -> int:
        """Fill an empty table from flash; returns the number of records read.

        Afterwards the file is whole: torn tail gone, current schema. Raises LocalError
        when the file was written by a newer schema.
        """
        found = self._load_header()
        if found < 0:
            self._rewrite(table)
            return 0
        off = _REC_LEN
        while self._load_record(off):
            kind, row, title, until = struct.unpack_from(_REC, self._rec, 0)
            self._apply(table, self._upgrade(found, (kind, row, title, until)))
            off += _REC_LEN
        self._records = off // _REC_LEN - 1
        if self._store.load(_FILE, memoryview(self._rec), off) > 0:  # type: ignore[attr-defined]
            self.torn_at = off
        if self.torn_at >= 0 or found != self._schema:
            self._rewrite(table)
        return self._records

    def is_stale(self, table: "Table") -> bool:
        """True when compacting is worth it: most of the file is history."""
        return self._records > 2 * table.end() + _SLACK

    def compact(self, table: "Table") -> None:
        """Write the living rows to a new file and rename it over the old one."""
        self._rewrite(table)

    # --- inside ---

    def _append(self, table: "Table", kind: int, row: int, title: "bytes | bytearray", until: int) -> bool:
        try:
            if self._is_suspect:  # NOTE: a record behind half a record would never be replayed
                self._rewrite(table)
            self._seal(kind, row, title, until)
            self._store.append(_FILE, self._rec)  # type: ignore[attr-defined]
        except OSError:
            self._is_suspect = True
            self.failures += 1
            return False
        self._records += 1
        return True

    def _seal(self, kind: int, row: int, title: "bytes | bytearray", until: int) -> None:
        struct.pack_into(_REC, self._rec, 0, kind, row, title, until)
        struct.pack_into("<I", self._rec, _CRC_OFF, crc32(memoryview(self._rec)[:_CRC_OFF]))

    def _load_record(self, off: int) -> bool:
        """Read the record at `off` into the buffer; False when it is missing or damaged."""
        if self._store.load(_FILE, memoryview(self._rec), off) != _REC_LEN:  # type: ignore[attr-defined]
            return False
        return struct.unpack_from("<I", self._rec, _CRC_OFF)[0] == crc32(memoryview(self._rec)[:_CRC_OFF])  # type: ignore[no-any-return]

    def _load_header(self) -> int:
        """Schema of the file, -1 when there is no usable header."""
        if not self._load_record(0) or self._rec[0] != _KIND_HEADER:
            return -1
        schema = self._rec[1]
        if schema > self._schema:
            raise LocalError("nodes.jnl has schema %d, newer than %d: left alone" % (schema, self._schema))
        return schema

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
        elif kind == _KIND_QUARANTINE:
            table.put_assigned(row, title)
            table.put_quarantined(row, until)

    def _rewrite(self, table: "Table") -> None:
        store = self._store
        store.begin(_FILE)  # type: ignore[attr-defined]
        self._seal(_KIND_HEADER, self._schema | _REC_LEN << 8, b"", 0)
        store.write(self._rec)  # type: ignore[attr-defined]
        self._records = 0
        for row in range(table.end()):
            state = table.state(row)
            if not state:
                continue
            if state == NODE_QUARANTINED:
                self._seal(_KIND_QUARANTINE, row, table.title_key(row), table.until(row))
            else:
                self._seal(_KIND_ASSIGN, row, table.title_key(row), 0)
            store.write(self._rec)  # type: ignore[attr-defined]
            self._records += 1
        store.commit()  # type: ignore[attr-defined]
        self._is_suspect = False
