# SPDX-License-Identifier: MIT
"""Notifications on flash while the WAN is away: a ring of segments, safe at any cut.

Segment push.<n>, n = sequence number modulo the number of segments:
    header  'PSH1' sequence number(4) crc32(4)
    record  length(2) kind(1) count(1) wall(4) payload(length) crc32 of all before(4)      all LE
    push.ack: sequence number(4) offset(4) crc32(4): everything before it has been delivered.
Law: what `put(..., is_last=True)` has said yes to comes out again, once and in order, whatever is
cut; up to ACK_EVERY records come a second time when the power fails between their delivery and
the next `ack`. A full ring gives up its oldest segment and counts what was in it. A damaged
record costs the rest of its segment.
"""

import struct
from array import array
from binascii import crc32

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hal.store import FileStore

FRONT_LEN = const(8)  # octets `put` and `peek_into` need in front of the payload
BACK_LEN = const(4)  # and behind it
ACK_EVERY = const(16)
SEGMENTS = const(8)

_SEGMENT_HEAD = "<4sII"
_SEGMENT_HEAD_LEN = const(12)
_MAGIC = b"PSH1"
_FRONT = "<HBBI"
_ACK_FILE = "push.ack"
_ACK = "<III"
_ACK_LEN = const(12)
_SCRATCH_LEN = const(64)
_RECORDS_PER_STEP = const(8)


class PushRing:
    """FIFO on flash. `segment_len` octets in each of SEGMENTS files; nothing is read before `step`.

    `room`: the longest payload `peek_into` may be asked to hold.
    """

    def __init__(self, store: "FileStore", segment_len: int, room: int) -> None:
        self._store = store
        self._segment_len = segment_len
        self._room = room
        self._scratch = memoryview(bytearray(_SCRATCH_LEN))
        self._counts = array("H", [0] * SEGMENTS)  # notifications waiting in each
        self._read = (1, _SEGMENT_HEAD_LEN)  # (sequence number, offset) of the oldest waiting record
        self._write_seq = 0
        self._write_off = segment_len  # full: the next record opens a segment
        self._loose = array("H", [0] * SEGMENTS)  # of these, put since the last flush
        self._is_blank = False  # no record is durable in the segment opened last
        self._peeked: "tuple[int, int] | None" = None  # where the record handed out stands
        self._after = 0  # offset behind it
        self._unacked = 0
        self._recovery: "Iterator[None] | None" = self._recover()
        self.kind = self.count = self.wall = 0  # of the record handed out
        self.lost = 0  # notifications overwritten before they were delivered
        self.too_long = 0  # notifications that `room` does not hold any more
        self.damaged = 0  # segments with a record that could not be read
        self.failures = 0  # writes the file system refused
        self.writes = 0  # flushes and renames: what wears the flash

    # --- start ---

    @property
    def is_ready(self) -> bool:
        """What the flash holds is known: `put` and `peek_into` may be called."""
        return self._recovery is None

    def step(self) -> None:
        """A small step of finding out what the flash holds: at most 8 records."""
        if self._recovery is None:
            return
        try:
            next(self._recovery)
        except StopIteration:
            self._recovery = None
        except OSError:
            self.failures += 1  # unreadable now: tried anew at the next step
            self._recovery = self._recover()

    def _recover(self) -> "Iterator[None]":
        newest = self._newest()
        for slot in range(SEGMENTS):
            self._counts[slot] = 0
        yield
        self._read = self._oldest(newest)
        self._write_seq, self._write_off = newest, self._segment_len
        for seq in range(self._read[0], newest + 1):
            off = self._read[1] if seq == self._read[0] else _SEGMENT_HEAD_LEN
            steps = 0
            length = self._check(seq, off)
            while length > 0:
                self._counts[seq % SEGMENTS] += self.count
                off += length
                steps += 1
                if not steps % _RECORDS_PER_STEP:
                    yield
                length = self._check(seq, off)
            if seq < newest:
                self.damaged += length < 0
            elif length == 0:  # NOTE: behind half a record nothing may be written: it would never be found
                self._write_off = off
            yield

    def _newest(self) -> int:
        """Highest sequence number there is, 0 when there is none."""
        newest = 0
        for slot in range(SEGMENTS):
            newest = max(newest, self._sequence(slot))
        return newest

    def _sequence(self, slot: int) -> int:
        """Sequence number of the segment in `slot`, 0 when it has none."""
        head = self._scratch[:_SEGMENT_HEAD_LEN]
        if self._store.load("push.%d" % slot, head, 0) != _SEGMENT_HEAD_LEN:
            return 0
        magic, seq, crc = struct.unpack(_SEGMENT_HEAD, head)
        is_good = magic == _MAGIC and crc == crc32(head[:8]) and seq % SEGMENTS == slot
        return seq if is_good else 0

    def _oldest(self, newest: int) -> "tuple[int, int]":
        """Where reading goes on: behind what was delivered, else at the oldest segment."""
        oldest = max(newest - SEGMENTS + 1, 1)
        ack = self._scratch[:_ACK_LEN]
        if self._store.load(_ACK_FILE, ack, 0) == _ACK_LEN:
            seq, off, crc = struct.unpack(_ACK, ack)
            if crc == crc32(ack[:8]) and oldest <= seq <= newest + 1:
                return seq, off
        return oldest, _SEGMENT_HEAD_LEN

    def _check(self, seq: int, off: int) -> int:
        """Octets of the sound record at `off`; 0 at the end, -1 when it is damaged or cut. Sets `count`."""
        if self._sequence(seq % SEGMENTS) != seq:
            return -1
        name = "push.%d" % (seq % SEGMENTS)
        found = self._store.load(name, self._scratch[:FRONT_LEN], off)
        if found != FRONT_LEN:
            return 0 if not found else -1
        length, _, count, _ = struct.unpack(_FRONT, self._scratch[:FRONT_LEN])
        crc = 0
        at, end = off, off + FRONT_LEN + length
        while at < end:
            part = self._scratch[: min(_SCRATCH_LEN, end - at)]
            if self._store.load(name, part, at) != len(part):
                return -1
            crc = crc32(part, crc)
            at += len(part)
        tail = self._scratch[:BACK_LEN]
        if self._store.load(name, tail, end) != BACK_LEN or struct.unpack("<I", tail)[0] != crc:
            return -1
        self.count = count
        return end + BACK_LEN - off  # type: ignore[no-any-return]

    # --- in ---

    def __len__(self) -> int:
        """Notifications waiting."""
        return sum(self._counts)

    def put(self, view: memoryview, off: int, length: int, meta: "tuple[int, int, int]", is_last: bool) -> bool:
        """Append `view[off : off + length]` (FRONT_LEN octets before and BACK_LEN behind are written over).

        `meta` = (kind, the caller's number, notifications in it, wall second it came, 0 = not known). True: taken, and
        when `is_last` it and all before it are durable. False: flash refused; nothing is promised.
        """
        total = FRONT_LEN + length + BACK_LEN
        start = off - FRONT_LEN
        struct.pack_into(_FRONT, view, start, length, *meta)
        struct.pack_into("<I", view, off + length, crc32(view[start : off + length]))
        try:
            if self._write_off + total > self._segment_len:
                self._open_next()
            self._store.append("push.%d" % (self._write_seq % SEGMENTS), view[start : start + total], is_last)
        except OSError:
            self.failures += 1
            self._write_off = self._segment_len  # NOTE: the tail may be half a record
            self._settle(True)
            return False
        self.writes += is_last
        self._write_off += total
        slot = self._write_seq % SEGMENTS
        self._counts[slot] += meta[1]
        self._loose[slot] += meta[1]
        if is_last:
            self._is_blank = False
            self._settle(False)
        return True

    def _settle(self, is_failure: bool) -> None:
        """What was put since the last flush is durable, or will be put again: no more of it is promised."""
        for slot in range(SEGMENTS):
            if is_failure:
                self._counts[slot] -= self._loose[slot]
            self._loose[slot] = 0

    def _open_next(self) -> None:
        """Begin the next segment in the place of the oldest; what was waiting there is lost.

        NOTE: the same again while it is blank: a full flash takes heads and no records, and with a new segment for
        each try eight tries would cost all that waits.
        """
        seq = self._write_seq if self._is_blank else self._write_seq + 1
        slot = seq % SEGMENTS
        head = bytearray(_SEGMENT_HEAD_LEN)
        struct.pack_into(_SEGMENT_HEAD, head, 0, _MAGIC, seq, 0)
        struct.pack_into("<I", head, 8, crc32(memoryview(head)[:8]))
        self._store.begin("push.%d" % slot)
        self._store.write(head)
        self._store.commit()
        self.writes += 1
        if self._read[0] <= seq - SEGMENTS:
            self.lost += self._counts[slot]
            self._read = (seq - SEGMENTS + 1, _SEGMENT_HEAD_LEN)
        self._counts[slot] = self._loose[slot] = 0
        self._write_seq, self._write_off, self._is_blank = seq, _SEGMENT_HEAD_LEN, True

    # --- out ---

    @property
    def position(self) -> "tuple[int, int]":
        """Of the oldest record: (sequence number, offset)."""
        return self._read

    def peek_into(self, view: memoryview, off: int) -> int:
        """Load the oldest record, payload to `view[off]`; its length, 0 when there is none.

        `kind`, `count` and `wall` are those it was put with. It stays until `drop`.
        """
        while len(self):
            # NOTE: nothing counted there: at the start the segment was found to be damaged, or it is read to its end.
            length = self._load(view, off) if self._counts[self._read[0] % SEGMENTS] else 0
            if length:
                self._peeked = self._read
                return length
            if not self._skip_too_long():
                self._skip_segment()
        return 0

    def _load(self, view: memoryview, off: int) -> int:
        seq, at = self._read
        name = "push.%d" % (seq % SEGMENTS)
        front = view[off - FRONT_LEN : off]
        if self._store.load(name, front, at) != FRONT_LEN:
            return 0
        length, self.kind, self.count, self.wall = struct.unpack(_FRONT, front)
        if length > self._room:
            return 0
        rest = view[off : off + length + BACK_LEN]
        if self._store.load(name, rest, at + FRONT_LEN) != length + BACK_LEN:
            return 0
        if struct.unpack_from("<I", view, off + length)[0] != crc32(view[off - FRONT_LEN : off + length]):
            return 0
        self._after = at + FRONT_LEN + length + BACK_LEN
        return length  # type: ignore[no-any-return]

    def _skip_too_long(self) -> bool:
        """Pass over a sound record with no room for it: it was written when APDUs could be longer."""
        seq, at = self._read
        total = self._check(seq, at) if self._counts[seq % SEGMENTS] else 0
        if total <= FRONT_LEN + self._room + BACK_LEN:
            return False
        self._counts[seq % SEGMENTS] -= self.count
        self.too_long += self.count
        self._read = (seq, at + total)
        self._unacked += 1
        return True

    def _skip_segment(self) -> None:
        """Go on with the next segment; what was counted in this one and is not there is lost."""
        seq = self._read[0]
        slot = seq % SEGMENTS
        if self._counts[slot]:
            self.damaged += 1
            self.lost += self._counts[slot]
            self._counts[slot] = 0
        if seq == self._write_seq:
            self._write_off = self._segment_len
        self._read = (seq + 1, _SEGMENT_HEAD_LEN)

    def drop(self) -> None:
        """The record handed out was delivered."""
        if self._peeked != self._read:  # NOTE: its segment was overwritten meanwhile, and counted
            return
        self._peeked = None
        seq = self._read[0]
        self._counts[seq % SEGMENTS] -= self.count
        self._read = (seq, self._after)
        self._unacked += 1
        if self._unacked >= ACK_EVERY:
            self.ack()

    def ack(self) -> None:
        """Make durable what was dropped; nothing is written when nothing was. A refusal is counted only."""
        if not self._unacked:
            return
        record = bytearray(_ACK_LEN)
        struct.pack_into("<II", record, 0, *self._read)
        struct.pack_into("<I", record, 8, crc32(memoryview(record)[:8]))
        self._unacked = 0
        try:
            self._store.begin(_ACK_FILE)
            self._store.write(record)
            self._store.commit()
            self.writes += 1
        except OSError:
            self.failures += 1  # it comes a second time after a restart
