# SPDX-License-Identifier: MIT
"""The gateway's own notifications: which log records go to the head-end, and in what form.

The log is the queue: a cursor walks it, so an event that waits costs no RAM of its own, and an
event storm can do no more than overwrite records, which is counted. Body (facts/dlms.md 6):
structure{serial, SAP 1, structure{date-time, event code, device code, text}}; codes 0x00C2 ...
are those head-ends in the field know, 0x7F00 + n is record n of base.events.
Law: what a stranger can provoke, on the WAN or the line, never gets to flash.
"""

import struct
from binascii import crc32, hexlify

from micropython import const

from app.replies import HEADROOM
from app.schema import name_of
from base import events
from base.log import NO_NODE
from dlms.axdr import OCTET_STRING, UINT16, UINT32, Writer
from dlms.data_notification import MOMENT_LEN, write_event_head, write_head, write_moment
from gateway.router import OWN_SAP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from base.log import Log
    from dlms.data_notification import Moment
    from gateway.registration import Table

    Record = tuple[int, int, int, int, int]  # (wall second or 0, event, node, a, b)

TOPOLOGY = const(1)
ALARM = const(2)
SECURITY = const(4)
JOIN = const(8)  # a node that may not join, or wants a key: goes with topology, but a stranger can cause it

# What is pushed without being in the log.
LATE = const(0xF0)
HEARTBEAT = const(0xF1)

# event -> (kind, code); a code of 0 = 0x7F00 + event (below 256)
_PUSHED = {
    events.GATEWAY_UP: (ALARM, 0), events.NODE_UP: (TOPOLOGY, 0xC2), events.NODE_LOST: (TOPOLOGY, 0xCB),
    events.NODE_BACK: (TOPOLOGY, 0xCC), events.NODE_GONE: (TOPOLOGY, 0xC3), events.TABLE_FULL: (ALARM, 0),
    events.CONFIG_BAD: (ALARM, 0), events.JOURNAL_FAILED: (ALARM, 0), events.JOURNAL_DAMAGED: (ALARM, 0),
    events.MODEM_UP: (ALARM, 0), events.MODEM_DOWN: (ALARM, 0), events.MODEM_FAILED: (ALARM, 0),
    events.MODEM_CONFIG_MISMATCH: (ALARM, 0), events.TASK_DIED: (ALARM, 0), events.TASK_STALLED: (ALARM, 0),
    events.WATCHDOG: (ALARM, 0), events.SETTING_CHANGED: (SECURITY, 0),
    events.OWN_AUTHENTICATION_FAILED: (SECURITY, 0), events.OWN_LOCKED: (SECURITY, 0), events.OWN_REPLAY: (SECURITY, 0),
    events.RESTART: (SECURITY, 0), events.FACTORY_RESET: (SECURITY, 0), events.FACTORY_RESET_DONE: (ALARM, 0),
    events.ACCESS_CHANGED: (SECURITY, 0), events.ACCESS_DAMAGED: (ALARM, 0), events.TLS_OFF: (ALARM, 0),
    events.TLS_CHANGED: (SECURITY, 0), events.PAN_CONFLICT: (ALARM, 0), events.FRAME_COUNTER_JUMP: (ALARM, 0),
    events.JOIN_UNKNOWN: (JOIN, 0xC5), events.JOIN_NOT_LISTED: (JOIN, 0), events.JOIN_FAILED: (JOIN, 0),
    events.LOG_DAMAGED: (ALARM, 0), events.LOG_FAILED: (ALARM, 0),
    events.JOIN_MISMATCH: (JOIN, 0), events.JOIN_FORGED: (JOIN, 0), events.REKEY_MISSED: (ALARM, 0),
    events.NODE_LEFT: (TOPOLOGY, 0xC3), events.NODE_KICKED: (TOPOLOGY, 0xC3),
    events.CLOCK_JUMPED: (SECURITY, 0), HEARTBEAT: (0, 0xD1),
}  # fmt: skip
_TITLE_ONLY = (events.NODE_LOST, events.NODE_BACK, events.NODE_GONE, events.NODE_LEFT, events.NODE_KICKED)
_OWN_CODES = const(0x7F00)

# As older head-ends want it: EventNotification of class 20012, 0-0:128.0.12.255, attribute 3.
_EVENT_CLASS = const(20012)
_EVENT_NAME = b"\x00\x00\x80\x00\x0c\xff"
_EVENT_ATTRIBUTE = const(3)

_ROW = "<IHhii"
ROW_LEN = const(16)
MOST_ROWS = const(16)
_MASK = const(0xFFFFFFFF)


class OwnEvents:
    """Cursor over `log` and encoder. `kinds` = TOPOLOGY | JOIN | ALARM | SECURITY, those that are pushed.

    `size`: octets of the longest APDU. `calendar(wall)`: hal.clock's. `health()`: text of a
    heartbeat. `as_event`: EventNotification, one event each, instead of DataNotification.
    """

    def __init__(
        self, log: "Log", table: "Table", serial: bytes, size: int, calendar: "Callable[[int], Moment]"
    ) -> None:
        self._log = log
        self._table = table
        self._serial = serial
        self._calendar = calendar
        self._end = HEADROOM + size
        self._next = log.start  # number of the record to look at; those of earlier starts are not pushed
        self._after = 0
        self._passed = 0  # waiting records that `gather` passed over
        self._invoke_id = 0
        self.kinds = TOPOLOGY | JOIN | ALARM | SECURITY
        self.as_event = False
        self.front = self.back = 0  # octets left free around an APDU, for ciphering
        self.health: "Callable[[], str]" = str
        self.lost = 0  # records that should have been pushed and were not
        self.rows = memoryview(bytearray(ROW_LEN * MOST_ROWS))
        self.last = bytearray(ROW_LEN)  # the event pushed last, for 0-0:128.2.1
        self._writer = Writer()

    # --- the cursor ---

    def is_pending(self) -> bool:
        """A record waits to be pushed."""
        while True:
            kept = self._log.seek(self._next)
            self.lost += kept - self._next  # NOTE: what they were nobody can say any more
            self._next = kept
            if kept == self._log.total:
                return False
            if self._kind(kept) & self.kinds:
                return True
            self._next += 1

    def is_pressing(self) -> bool:
        """Records that wait will soon be overwritten."""
        return self.is_pending() and self._log.is_pressing(self._next)

    def oldest_s(self) -> int:
        """Uptime second of the oldest that waits; only when `is_pending`."""
        return self._record(self._next)[0]

    def gather(self, rows: memoryview, most: int, kinds: int, boot_s: int) -> int:
        """Copy up to `most` waiting records of `kinds` to `rows`, ROW_LEN octets each; how many.

        `boot_s` = wall second of uptime 0, 0 = not known. They wait until `advance`.
        """
        self.is_pending()
        self._passed = 0
        count, at = 0, self._next
        while at < self._log.total and count < most:
            at = self._log.seek(at)
            if at == self._log.total:
                break
            if self._kind(at) & kinds & self.kinds:
                uptime_s, _, event, node, a, b = self._record(at)
                wall = boot_s + uptime_s if boot_s else 0
                struct.pack_into(_ROW, rows, count * ROW_LEN, wall, event, node, a, b)
                count += 1
            elif self._kind(at) & self.kinds:
                self._passed += 1
            at += 1
        self._after = at
        return count

    def advance(self) -> None:
        """What `gather` copied was pushed or is on flash; what it passed over is not pushed, and counted."""
        self.lost += self._passed
        self._next = max(self._next, self._after)

    def _record(self, number: int) -> "tuple[int, int, int, int, int, int]":
        return self._log.by_order(number)

    def _kind(self, number: int) -> int:
        event = self._record(number)[2]
        return _PUSHED[event][0] if event in _PUSHED else 0

    # --- the APDU ---

    def encode(self, rows: memoryview, count: int, dst: memoryview, wall: int) -> "tuple[int, int]":
        """Write a notification of up to `count` of `rows` to dst[HEADROOM + front:]; (its length, events in it).

        More than one becomes an array of event structures. `wall`: now, 0 = not known. At least
        one goes in; one that does not fit loses its text; length 0: not even so it fits.
        """
        writer = self._writer
        start = HEADROOM + self.front
        writer.open(dst, start, self._end - self.back)
        if self.as_event:
            write_event_head(writer, _EVENT_CLASS, _EVENT_NAME, _EVENT_ATTRIBUTE)
            count = 1
        else:
            self._invoke_id += 1
            write_head(writer, self._invoke_id, self._moment(wall))
        writer.structure(3)
        writer.octets(self._serial)
        writer.number(UINT16, OWN_SAP)
        if count > 1:
            count = self._write_array(writer, rows, count)
        else:
            self._write_event(writer, struct.unpack_from(_ROW, rows, 0))
        if writer.lost_cnt:
            return 0, count
        self.last[:] = rows[(count - 1) * ROW_LEN : count * ROW_LEN]
        return writer.off - start, count

    def encode_one(self, event: int, stamp: "tuple[int, int]", a: int, b: int, dst: memoryview) -> int:
        """A notification of something that is not in the log; `stamp` = wall seconds (it happened, now)."""
        struct.pack_into(_ROW, self.rows, 0, stamp[0], event, NO_NODE, a, b)
        return self.encode(self.rows, 1, dst, stamp[1])[0]

    def last_crc(self) -> int:
        """Another number when another event has been pushed."""
        return crc32(self.last)  # type: ignore[no-any-return]

    def write_last(self, writer: "Writer") -> None:
        """The event pushed last, as structure{SAP, event}."""
        writer.structure(2)
        writer.number(UINT16, OWN_SAP)
        self._write_event(writer, struct.unpack_from(_ROW, self.last, 0))

    def _write_array(self, writer: "Writer", rows: memoryview, count: int) -> int:
        """As many as fit; how many."""
        writer.array(count)
        count_off = writer.off - 1  # one octet: MOST_ROWS is small
        written = 0
        while written < count:
            before = writer.off
            if not self._write_event(writer, struct.unpack_from(_ROW, rows, written * ROW_LEN)) and written:
                writer.rewind(before)
                break
            written += 1
        writer.poke(count_off, written)
        return written

    def _write_event(self, writer: "Writer", record: "Record") -> bool:
        """One event; False: it did not fit whole, its text was left out."""
        wall, event, node, a, b = record
        code = _PUSHED[event][1] if event in _PUSHED else 0
        code = code or _OWN_CODES + event
        writer.structure(4)
        writer.octet(OCTET_STRING)
        writer.count(MOMENT_LEN)
        write_moment(writer, self._moment(wall))
        if self.as_event:
            writer.number(UINT16, 0)
            writer.number(UINT32, code << 16)
        else:
            writer.number(UINT16, code)
            writer.number(UINT16, 0)
        text = self.text(event, node, a, b).encode()
        is_whole = len(text) + 4 <= writer.end - writer.off
        writer.octets(text if is_whole else b"")
        return is_whole

    def _moment(self, wall: int) -> "Moment":
        return self._calendar(wall) if wall else None

    def text(self, event: int, node: int, a: int, b: int) -> str:
        """What head-ends in the field expect of it (a node joined: JSON; left: its title), else the log's words."""
        if event == HEARTBEAT:
            return self.health()
        if event == LATE:
            return "push-late n=%d age_s=%d" % (a, b)
        title = "" if node < 0 else str(hexlify(self._table.title(node)), "ascii").upper()
        if event == events.NODE_UP:
            return '{"MeterIdentifier":"%s","SAP_DLMS_GW":"0x%02X"}' % (title, self._table.sap(node))
        if event in _TITLE_ONLY:
            return title
        eui64 = "%08X%08X" % (a & _MASK, b & _MASK)
        if event == events.JOIN_UNKNOWN:
            return eui64
        return events.FORMATS[event].format(n=title, a=a, b=b, e=eui64, s=name_of(a), w="")
