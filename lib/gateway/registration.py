# SPDX-License-Identifier: MIT
"""Registration table: one fixed 32-octet row per meter, all in one bytearray.

The row number is the identity: SAP and PLC address follow from it by arithmetic, so
neither can move while a title keeps its row, and looking one up costs nothing.
    row r  ->  SAP 0x0010 + r (0x007F, the broadcast SAP, is skipped)  ->  address r + 1
A title keeps its row across reboots, re-registrations and updates. After `remove` the row
is quarantined: only the same title may have it back before the time is over.
Law: what must survive a power cut is in the journal before a call returns.
"""

import struct

from micropython import const

from base.errors import LocalError
from gateway import quarantine
from gateway.quality import Quality
from gateway.sap import row_of, sap_of
from plc.medium import (
    NODE_ASSIGNED,
    NODE_FREE,
    NODE_LOST,
    NODE_ONLINE,
    NODE_QUARANTINED,
    STAT_LATE,
    STAT_RX,
    STAT_TIMEOUT,
    STAT_TX,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.journal import Journal

_ROW_LEN = const(32)
_TITLE_LEN = const(8)  # octets kept per title; a 6-octet title is followed by two zeros
# Offsets in a row; the last four octets hold the end of a quarantine (wall seconds), and while
# a node has the row two 16-bit sums of airtime.
_STATE = const(8)
_CREDIT = const(9)
_HEARD = const(10)
_ADDRESSED = const(14)
_THINK = const(18)
_STATS = const(20)  # four 16-bit counters in the order of plc.medium.STAT_*
_UNTIL = const(28)

MAX_NODES = const(1792)

assert (STAT_TX, STAT_RX, STAT_TIMEOUT, STAT_LATE) == (0, 1, 2, 3)


class Table:
    """All meters of one segment; implements `plc.contract.Nodes`.

    `capacity` rows (1..1792), `title_len` 6 or 8 octets, `journal` keeps what must last.
    `generation` changes whenever the list of published nodes does. `wall_s` is set by the
    application from the clock (seconds; 0 = not known): a quarantine ends only by a clock
    that is known to be set.
    """

    def __init__(
        self, capacity: int, title_len: int, journal: "Journal", initial_credit: int, quarantine_s: int
    ) -> None:
        if not 1 <= capacity <= MAX_NODES or title_len not in (6, 8):
            raise LocalError("table: capacity 1..1792, title 6 or 8 octets")
        self.capacity = capacity
        self.title_len = title_len
        self.generation = 0
        self.published_cnt = 0  # nodes in the SAP assignment list
        self.wall_s = 0
        self.quality = Quality(0)  # whoever keeps one for these rows puts it here
        self._rows = bytearray(capacity * _ROW_LEN)
        self._key = bytearray(_TITLE_LEN)
        self._journal = journal
        self._initial_credit = initial_credit
        self.quarantine_s = quarantine_s
        self._used = 0  # rows 0..used-1 have been given out at least once
        self._count = 0

    # --- identity ---

    def count(self) -> int:
        """Number of nodes that hold a row (not quarantined)."""
        return self._count

    def is_published(self, row: int) -> bool:
        """The node has answered once: it is in the SAP assignment list, lost or not."""
        return NODE_ONLINE <= self._rows[row * _ROW_LEN + _STATE] <= NODE_LOST

    def end(self) -> int:
        """One past the highest row ever given out: the bound of a walk over all nodes."""
        return self._used

    def addr(self, row: int) -> int:
        """PLC address (S-FSK MAC, G3 short address) of a row: 1..1792."""
        return row + 1

    def row_of_addr(self, addr: int) -> int:
        """Row of a PLC address, -1 when no node holds it."""
        return self._held(addr - 1)

    def sap(self, row: int) -> int:
        """Gateway SAP of a row."""
        return sap_of(row)

    def row_of_sap(self, sap: int) -> int:
        """Row of a gateway SAP, -1 when no node holds it."""
        return self._held(row_of(sap))

    def find(self, title: "bytes | bytearray | memoryview") -> int:
        """Row that holds `title` (title_len octets), -1 when unknown or quarantined."""
        return self._held(self._find_any(title))

    def title_into(self, row: int, dst: "bytearray | memoryview", off: int) -> int:
        """Write the title to dst[off:]; returns its length."""
        base = row * _ROW_LEN
        for i in range(self.title_len):
            dst[off + i] = self._rows[base + i]
        return self.title_len

    def title(self, row: int) -> bytes:
        """The title as bytes (allocates: for logs and lists, not for the path of a frame)."""
        base = row * _ROW_LEN
        return bytes(self._rows[base : base + self.title_len])

    # --- life of a row ---

    def add(self, title: "bytes | bytearray | memoryview") -> int:
        """Give `title` its row: the one it has, had, or the lowest free one; -1 when full.

        The row is in the journal when this returns; its state is NODE_ASSIGNED. -1 also when
        the journal could not be written: the node is found again by a later discovery.
        """
        row = self._find_any(title)
        if row >= 0 and self.state(row) != NODE_QUARANTINED:
            return row
        if row < 0:
            row = self._lowest_free()
        if row < 0:
            return -1
        if len(title) != self.title_len:
            raise LocalError("title of %d octets" % len(title))
        return row if self._give(row, title) else -1

    def hand_over(self, row: int, title: "bytes | bytearray | memoryview") -> int:
        """Give the row of a node that has never been there (NODE_ASSIGNED) to another, unless that has had one: the
        row it gets; -1: flash refused."""
        if self.state(row) != NODE_ASSIGNED or len(title) != self.title_len:
            raise LocalError("row %d cannot be handed over" % row)
        if self._find_any(title) >= 0:
            return self.add(title)
        return row if self._give(row, title) else -1

    def remove(self, row: int) -> bool:
        """Take a node out of the table; its row is quarantined. False: flash refused, it stays."""
        if self._held(row) < 0:
            raise LocalError("row %d holds no node" % row)
        return self.rest(row, quarantine.until(self))

    def rest(self, row: int, until: int, is_last: bool = True) -> bool:
        """Quarantine a row until wall second `until`, 0 = open. True: in the journal, flushed with the last one."""
        if not self._journal.quarantine(self, row, self.title_key(row), until, is_last):
            return False
        self.put_quarantined(row, until)
        return True

    def put_assigned(self, row: int, title: "bytes | bytearray") -> None:
        """Set a row as the journal says (replay) or has just recorded."""
        if self._held(row) < 0:
            self._count += 1
        self._enter(row, NODE_ASSIGNED)
        base = row * _ROW_LEN
        self.quality.forget(row)
        struct.pack_into("<8sBBIIHHHHHI", self._rows, base, title, NODE_ASSIGNED, self._initial_credit, *(0,) * 8)
        self._used = max(self._used, row + 1)
        self.generation += 1

    def put_verified(self, row: int, title: "bytes | bytearray") -> None:
        """Set a row as the journal says: its node has been there, so it is taken as online, as before the cut."""
        self.put_assigned(row, title)
        self._enter(row, NODE_ONLINE)

    def put_quarantined(self, row: int, until: int) -> None:
        """Quarantine a row until wall time `until` (seconds; 0 = from when the clock is set)."""
        if self._held(row) >= 0:
            self._count -= 1
        self._enter(row, NODE_QUARANTINED)
        struct.pack_into("<I", self._rows, row * _ROW_LEN + _UNTIL, until)
        self.generation += 1

    def until(self, row: int) -> int:
        """End of a quarantine, wall seconds; 0 while it waits for a set clock."""
        return struct.unpack_from("<I", self._rows, row * _ROW_LEN + _UNTIL)[0]  # type: ignore[no-any-return]

    def title_key(self, row: int) -> bytes:
        """The eight octets a row keeps for its title."""
        return bytes(self._rows[row * _ROW_LEN : row * _ROW_LEN + _TITLE_LEN])

    # --- live values of a row ---

    def state(self, row: int) -> int:
        """NODE_FREE .. NODE_QUARANTINED of plc.medium."""
        return self._rows[row * _ROW_LEN + _STATE]

    def set_state(self, row: int, state: int, now_s: int) -> None:
        """Set ASSIGNED, ONLINE or LOST (the others go through add and remove).

        Online for the first time: that is put into the journal (should flash refuse, the next start verifies
        the node anew).
        """
        if self._held(row) < 0:
            raise LocalError("row %d holds no node" % row)
        if state == NODE_ONLINE and self.state(row) == NODE_ASSIGNED:
            self._journal.verified(self, row, self.title_key(row))
        self._enter(row, state)

    def credit(self, row: int) -> int:
        """Initial credit 0..7 to use towards this node."""
        return self._rows[row * _ROW_LEN + _CREDIT]

    def set_credit(self, row: int, credit: int) -> None:
        """Set the initial credit 0..7. Kept in RAM: it is learned again within minutes."""
        self._rows[row * _ROW_LEN + _CREDIT] = credit

    def heard(self, row: int, now_s: int) -> None:
        """Any frame came from the node at uptime second `now_s`."""
        struct.pack_into("<I", self._rows, row * _ROW_LEN + _HEARD, now_s)

    def last_heard_s(self, row: int) -> int:
        """Uptime second of the node's last frame, 0 = not since start."""
        return struct.unpack_from("<I", self._rows, row * _ROW_LEN + _HEARD)[0]  # type: ignore[no-any-return]

    def addressed(self, row: int, now_s: int) -> None:
        """A frame to the node's own address went out at uptime second `now_s`."""
        struct.pack_into("<I", self._rows, row * _ROW_LEN + _ADDRESSED, now_s)

    def addressed_s(self, row: int) -> int:
        """Uptime second of the last frame to the node's own address, 0 = not since start."""
        return struct.unpack_from("<I", self._rows, row * _ROW_LEN + _ADDRESSED)[0]  # type: ignore[no-any-return]

    def think_ms(self, row: int) -> int:
        """Measured think time, ms; 0 = not measured yet."""
        off = row * _ROW_LEN + _THINK  # no struct: it makes a tuple, and this is asked for every request
        return self._rows[off] | self._rows[off + 1] << 8

    def note_think(self, row: int, ms: int) -> None:
        """Blend one measured think time in: rises at once, falls by an eighth."""
        old = self.think_ms(row)
        new = ms if ms >= old else old - (old - ms) // 8
        struct.pack_into("<H", self._rows, row * _ROW_LEN + _THINK, min(max(new, 1), 0xFFFF))

    def note(self, row: int, what: int) -> None:
        """Count STAT_TX, STAT_RX, STAT_TIMEOUT or STAT_LATE; stays at 65535."""
        off = row * _ROW_LEN + _STATS + 2 * what
        value = self._rows[off] | self._rows[off + 1] << 8
        if value < 0xFFFF:
            struct.pack_into("<H", self._rows, off, value + 1)

    def stat(self, row: int, what: int) -> int:
        """The counter `what` of a row, 0..65535."""
        return struct.unpack_from("<H", self._rows, row * _ROW_LEN + _STATS + 2 * what)[0]  # type: ignore[no-any-return]

    def note_air(self, row: int, is_wasted: int, tenths: int) -> None:
        """The node took so many tenths of a second of the line, for something or (1) for nothing; stays at 65535.

        NOTE: request on the air, node removed, request over: the end of its quarantine stands here by then.
        """
        if self._held(row) < 0:
            return
        off = row * _ROW_LEN + _UNTIL + 2 * is_wasted
        struct.pack_into("<H", self._rows, off, min(self.air_ds(row, is_wasted) + tenths, 0xFFFF))

    def air_ds(self, row: int, is_wasted: int) -> int:
        """Tenths of a second as noted, 0..65535. Only for a row that a node holds."""
        off = row * _ROW_LEN + _UNTIL + 2 * is_wasted
        return self._rows[off] | self._rows[off + 1] << 8

    # --- inside ---

    def _give(self, row: int, title: "bytes | bytearray | memoryview") -> bool:
        self._load_key(title)
        if not self._journal.assign(self, row, self._key):
            return False
        self.put_assigned(row, self._key)
        return True

    def _enter(self, row: int, state: int) -> None:
        was_published = self.is_published(row)
        self._rows[row * _ROW_LEN + _STATE] = state
        if self.is_published(row) != was_published:
            self.published_cnt += -1 if was_published else 1
            self.generation += 1

    def _held(self, row: int) -> int:
        """`row` if a node holds it, else -1."""
        if not 0 <= row < self._used:
            return -1
        state = self._rows[row * _ROW_LEN + _STATE]
        return row if NODE_FREE < state < NODE_QUARANTINED else -1

    def _load_key(self, title: "bytes | bytearray | memoryview") -> None:
        for i in range(_TITLE_LEN):
            self._key[i] = title[i] if i < len(title) else 0

    def _find_any(self, title: "bytes | bytearray | memoryview") -> int:
        """Row whose title is `title`, also when quarantined; -1 when none.

        A search by the interpreter's own `find` over all rows: 57 kB in C beats an index
        that would have to be kept, and it runs for discovery and E6 prefixes only.
        """
        if len(title) != self.title_len:
            return -1
        self._load_key(title)
        end = self._used * _ROW_LEN
        at = self._rows.find(self._key, 0, end)
        while at >= 0:
            if at % _ROW_LEN == 0 and self._rows[at + _STATE] != NODE_FREE:
                return at // _ROW_LEN
            at = self._rows.find(self._key, (at // _ROW_LEN + 1) * _ROW_LEN, end)  # one false hit a row at most
        return -1

    def _lowest_free(self) -> int:
        for row in range(self._used):
            state = self.state(row)
            if state == NODE_FREE or (state == NODE_QUARANTINED and 0 < self.until(row) <= self.wall_s):
                return row
        return self._used if self._used < self.capacity else -1
