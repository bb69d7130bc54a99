# SPDX-License-Identifier: MIT
"""SAP 1: what management may do with the segment and its nodes (docs/management.md).

0-0:128.11.e Data: 0 ping (write a SAP), 1 how the last ping ended, 2 what was last started.
0-0:128.12.e Data: 0 whitelist and blacklist, 1 change them. Script table 0-0:10.0.128:
discovery, repeater call. SAP assignment, connect_logical_device: a node is removed. Law:
one of a kind at a time, a second one is refused as busy; air only when nobody wants it.
"""

from binascii import unhexlify

from micropython import const

from base import events
from base.log import NOTICE
from base.ticks import ticks_diff
from dlms.apdu import HARDWARE_FAULT, OBJECT_UNAVAILABLE, OTHER_REASON, SUCCESS, TEMPORARY_FAILURE, TYPE_UNMATCHED
from dlms.axdr import OCTET_STRING, STRUCTURE, UINT16
from dlms.cosem.object import ROLE_KEYED
from dlms.cosem.rows import objects
from dlms.cosem.script_table import Scripts
from plc.access import BLOCKED, FREE
from plc.medium import NODE_GONE_EVENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from app.access_list import AccessList
    from app.own_device import Parts
    from dlms.axdr import Reader, Writer
    from dlms.cosem.object import CosemObject
    from dlms.cosem.values import Value
    from plc.contract import Management, MediumSink

SCRIPT_TABLE = b"\x00\x00\x0a\x00\x80\xff"
DISCOVERY = const(1)
REPEATER_CALL = const(2)

_PING = const(0)
_PING_RESULT = const(1)
_STARTED = const(2)
_LISTS = const(3)
_CHANGE = const(4)
_SCRIPTS = const(5)
_ROWS = (
    (_PING, 1, 0, b"\x00\x00\x80\x0b\x00\xff", "", "H:w"),
    (_PING_RESULT, 1, 0, b"\x00\x00\x80\x0b\x01\xff", "", "HoeII"),
    (_STARTED, 1, 0, b"\x00\x00\x80\x0b\x02\xff", "", "HeI"),
    (_LISTS, 1, 0, b"\x00\x00\x80\x0c\x00\xff", "", "[oe"),
    (_CHANGE, 1, 0, b"\x00\x00\x80\x0c\x01\xff", "", "oe:m"),
    (_SCRIPTS, 9, 0, SCRIPT_TABLE, "w", "*"),
)

# How a ping stands.
NEVER = const(0)
WAITING = const(1)
ANSWERED = const(2)
SILENT = const(3)
NOT_SENT = const(4)  # no air within _PATIENCE_MS
_PATIENCE_MS = const(120000)
_LDN_LEN = const(16)
_RESULTS = (SUCCESS, TEMPORARY_FAILURE, OBJECT_UNAVAILABLE)  # by ASK_*


class OwnSegment:
    """Active source of these rows; `on_deadline(now)` once a second."""

    def __init__(
        self, parts: "Parts", management: "Management", access_list: "AccessList", sink: "MediumSink"
    ) -> None:
        self._table = parts.table
        self._log = parts.log
        self._ldn_prefix = parts.config.text("gateway.ldn_prefix").encode()
        self._management = management
        management.on_pinged = self._pinged
        self._lists = access_list
        self._sink = sink
        self._ping = [0, NEVER, 0, 0]  # SAP, state, round trip ms, uptime s
        self._title = b""
        self._row = -1
        self._asked_at = 0
        self._started = [0, 0, 0]  # script, result, uptime s
        self._change: "list[int | bytes]" = [b"", FREE]
        self._blocked_at = 0  # entry looked at next: a blocked node may have its row still; -1 = all looked at

    def objects(self) -> "list[CosemObject]":
        """For everybody who has authenticated."""
        return objects(_ROWS, self, ROLE_KEYED)

    def on_deadline(self, now: int) -> None:
        """Give up a ping without air; remove nodes that were blocked while in use."""
        if self._ping[1] == WAITING and ticks_diff(now, self._asked_at) >= _PATIENCE_MS:
            self._management.drop_ping()
            self._end_ping(NOT_SENT, 0)
        if self._blocked_at >= 0:
            self._check_entry(now)

    # --- rows ---

    def value(self, key: int, attribute: int, field: int, item: int) -> "int | bytes":
        """RowSource."""
        if key == _PING:
            return self._ping[0]
        if key == _PING_RESULT:
            return self._title if field == 1 else self._ping[field - (field > 1)]
        if key == _STARTED:
            return self._started[field]
        if key == _LISTS:
            entry = self._lists.access.entry(item)
            return entry[1] if field else entry[0][: self._table.title_len]
        return self._change[field]

    def count(self, key: int, attribute: int) -> int:
        """RowSource: of the lists."""
        return self._lists.access.count()

    def generation(self, key: int, attribute: int) -> int:
        """RowSource: of the lists."""
        return self._lists.access.generation

    def special(self, key: int, attribute: int) -> "Value":
        """ActiveSource: the scripts."""
        return Scripts((DISCOVERY, REPEATER_CALL))

    def put(self, now: int, key: int, attribute: int, fields: "list[int | bytes]") -> int:
        """ActiveSource: a Data-Access-Result."""
        if key == _PING:
            return self._ping_sap(now, fields[0])  # type: ignore[arg-type]
        return self._change_lists(now, fields)

    def call(self, now: int, key: int, method: int, reader: "Reader | None", writer: "Writer") -> int:
        """ActiveSource: execute(long-unsigned script)."""
        return TYPE_UNMATCHED if reader is None else self.execute(now, reader.number(UINT16))

    # --- actions ---

    def execute(self, now: int, script: int) -> int:
        """Start a script of the table; an Action-Result: TEMPORARY_FAILURE while one is under way,
        OBJECT_UNAVAILABLE when the segment cannot (down, window shut, not this medium)."""
        if script == DISCOVERY:
            result = _RESULTS[self._management.discover(now)]
        elif script == REPEATER_CALL:
            result = _RESULTS[self._management.call_repeaters(now)]
        else:
            return OTHER_REASON
        self._started = [script, result, self._log.now_s]
        self._log.add(NOTICE, events.ACTION, a=script, b=result)
        return result

    def connect(self, now: int, reader: "Reader | None", writer: "Writer") -> int:
        """SAP assignment, connect_logical_device(structure{SAP, LDN}): SAP 0 removes the node.

        Its row rests in quarantine; it is registered again when it reports, unless it is blocked.
        Other SAPs are refused: they follow from the row.
        """
        if reader is None:
            return TYPE_UNMATCHED
        reader.elements(STRUCTURE, 2, 2)
        sap = reader.number(UINT16)
        ldn = reader.string(OCTET_STRING, _LDN_LEN)
        row = self._row_of(ldn)
        if sap:
            return OTHER_REASON
        return self._remove(now, row) if row >= 0 else OBJECT_UNAVAILABLE

    def _row_of(self, ldn: bytes) -> int:
        """The node with this logical device name, -1 = none."""
        prefix = self._ldn_prefix
        if not prefix:
            try:
                return self._table.find(unhexlify(ldn))
            except ValueError:
                return -1
        return self._table.find(ldn[len(prefix) :]) if ldn.startswith(prefix) else -1

    def _remove(self, now: int, row: int) -> int:
        if not self._management.release(now, row):
            return TEMPORARY_FAILURE
        if not self._table.remove(row):
            return HARDWARE_FAULT
        self._log.add(NOTICE, events.NODE_GONE, node=row)
        self._sink.on_node(now, row, NODE_GONE_EVENT)
        return SUCCESS

    def _change_lists(self, now: int, fields: "list[int | bytes]") -> int:
        title, mark = fields
        if len(title) != self._table.title_len:  # type: ignore[arg-type]
            return TYPE_UNMATCHED
        if mark > BLOCKED:  # type: ignore[operator]
            return OTHER_REASON
        result = self._lists.change(title, mark)  # type: ignore[arg-type]
        if result == SUCCESS:
            self._change = fields
            row = self._table.find(title) if mark == BLOCKED else -1  # type: ignore[arg-type]
            if row >= 0 and self._remove(now, row) != SUCCESS:
                self._blocked_at = 0
        return result

    def _check_entry(self, now: int) -> None:
        """One entry a second: a search of the table takes its time; a node in use is tried again."""
        access = self._lists.access
        if self._blocked_at >= access.count():
            self._blocked_at = -1
            return
        title, mark = access.entry(self._blocked_at)
        row = self._table.find(title[: self._table.title_len]) if mark == BLOCKED else -1
        if row < 0 or self._remove(now, row) == SUCCESS:
            self._blocked_at += 1

    # --- ping ---

    def _ping_sap(self, now: int, sap: int) -> int:
        if self._ping[1] == WAITING:
            return TEMPORARY_FAILURE
        row = self._table.row_of_sap(sap)
        if row < 0:
            return OBJECT_UNAVAILABLE
        self._row, self._asked_at = row, now
        self._title = self._table.title(row)
        self._ping = [sap, WAITING, 0, self._log.now_s]
        result = _RESULTS[self._management.ping(now, row)]
        if result != SUCCESS:
            self._end_ping(NOT_SENT, 0)
        return result

    def _pinged(self, now: int, row: int, ms: int) -> None:
        if self._ping[1] == WAITING and row == self._row:
            self._end_ping(SILENT if ms < 0 else ANSWERED, max(ms, 0))

    def _end_ping(self, state: int, ms: int) -> None:
        self._ping = [self._ping[0], state, ms, self._log.now_s]
        self._log.add(NOTICE, events.PING_ENDED, self._row, a=state, b=ms)
