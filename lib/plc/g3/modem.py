# SPDX-License-Identifier: MIT
"""The modem chip as the rest of the segment sees it: requests in, indications out, up or not.

Source: g3.md 2.4. Joins the frames (`usi_link`), the two desks of requests, the way up
(`bringup`) and the pulse (`heartbeat`). Law: a message too short for what it claims to be is
counted and dropped; going down fails pending work exactly once and never waits.
"""

import struct

from micropython import const

from base.ticks import earliest
from plc.g3 import adp, counts
from plc.g3.bringup import Bringup
from plc.g3.desk import Desk
from plc.g3.heartbeat import Heartbeat
from plc.g3.usi_link import UsiLink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from plc.contract import ModemPort
    from plc.g3.contract import FrameHandler, ModemListener
    from plc.g3.network_record import NetworkRecord
    from plc.g3.shared import Shared

    Handler = Callable[["Modem", int, memoryview, int, int], None]

# Causes of going down; argument of the MODEM_DOWN record.
CAUSE_START = const(0)
CAUSE_SILENT = const(1)
CAUSE_RESET = const(2)
CAUSE_PAN = const(3)
CAUSE_HUNG = const(4)  # answers, but confirms no data request

ROOM_LARGE = const(1)
ROOM_MEDIUM = const(2)
ROOM_SMALL = const(4)
_ROOM_ALL = const(7)
_MEDIUM_LEN = const(400)
_SMALL_LEN = const(100)
_DESK_LEN = const(16)
_BEACON = ">HBHH"


class Modem:
    """Engine of one modem; sans-I/O. `room` = free buffer classes, `missed_room_at` when it shrank."""

    def __init__(self, port: "ModemPort", shared: "Shared", record: "NetworkRecord", listener: "ModemListener") -> None:
        self.is_up = False
        self.ups = 0
        self.room = _ROOM_ALL
        self.room_since = 0
        self._record = record
        self._shared = shared
        self._counters = shared.counters
        self._listener = listener
        self._room_all = bool(shared.settings["buffers_all"])
        self.link = UsiLink(port, shared.settings, shared.counters, self)
        self.desk = Desk(self.link, shared.counters, _DESK_LEN)
        self.line_desk = Desk(self.link, shared.counters, _DESK_LEN)
        self.bringup = Bringup(self, port, shared, record)
        self.heartbeat = Heartbeat(self, shared, record)
        self._others: "dict[int, FrameHandler]" = {}

    @property
    def pan_id(self) -> int:
        """PAN id in use."""
        return self.bringup.steps.pan.wanted

    @property
    def active_key(self) -> int:
        """Index of the group key in use."""
        return self._record.active

    @property
    def eui64(self) -> bytes:
        """The modem's own EUI-64; empty until read."""
        return self.bringup.steps.eui64

    def listen(self, handlers: "dict[int, FrameHandler]") -> None:
        """Further commands of the modem and who takes them: handler(now, mv, off, n) behind the command."""
        self._others.update(handlers)

    def start(self, now: int) -> None:
        """Begin bringing the modem up from whatever state it is in."""
        self.heartbeat.start(now)
        self.bringup.begin(now, CAUSE_START)

    def feed(self, now: int, mv: "memoryview | bytes", n: int) -> None:
        """Octets from the UART. Never raises."""
        self.link.feed(now, mv, n)

    def on_deadline(self, now: int) -> None:
        """Act on what is due."""
        self.desk.on_deadline(now)
        self.line_desk.on_deadline(now)
        self.bringup.on_deadline(now)
        self.heartbeat.on_deadline(now)

    def next_deadline(self) -> "int | None":
        """Soonest tick at which something is due."""
        due = earliest(self.desk.next_deadline(), self.line_desk.next_deadline())
        return earliest(earliest(due, self.bringup.next_deadline()), self.heartbeat.next_deadline())

    def has_room(self, packet_len: int) -> bool:
        """The modem has a buffer for a packet of so many octets."""
        if self._room_all:
            return self.room == _ROOM_ALL
        if packet_len > _MEDIUM_LEN:
            return bool(self.room & ROOM_LARGE)
        return bool(self.room & (ROOM_MEDIUM if packet_len > _SMALL_LEN else ROOM_SMALL))

    def assume_room(self, now: int) -> None:
        """Its word that there is room may have been lost: behave as if there were."""
        self._counters.inc(counts.ROOM_STALLED)
        self.room = _ROOM_ALL
        self.room_since = now

    # --- for bring-up and heartbeat ---

    def set_up(self, now: int) -> None:
        """The network is started: operate."""
        self.is_up = True
        self.ups += 1
        self.room = _ROOM_ALL
        self.heartbeat.restart(now)
        self._listener.on_modem(now, True)

    def set_down(self, now: int) -> None:
        """Stop operating: every request fails once."""
        was_up = self.is_up
        self.is_up = False
        self.desk.fail_all(now)
        self.line_desk.fail_all(now)
        if was_up:
            self._listener.on_modem(now, False)

    def die(self, now: int, cause: int) -> None:
        """The modem no longer does its work: bring it up again. Nothing while that is under way."""
        if self.is_up:
            self._counters.inc(counts.MODEM_DEATHS)
            self.bringup.begin(now, cause, cause == CAUSE_HUNG)

    # --- FrameOwner ---

    def on_frame(self, now: int, protocol: int, frame: memoryview, off: int, end: int) -> None:
        """A message of the modem, framing and CRC right."""
        if protocol != adp.PROTOCOL_ADP:
            return self._counters.inc(counts.FRAME_FOREIGN)
        code = frame[off]
        n = end - off - 1
        row = _FRAMES.get(code)
        if row is not None:
            if n < row[0]:
                return self._counters.inc(counts.MESSAGE_SHORT)
            return row[1](self, now, frame, off + 1, n)
        other = self._others.get(code)
        if other is None:
            return self._counters.inc(counts.MESSAGE_UNKNOWN)
        return other(now, frame, off + 1, n)

    # --- messages by command ---

    def _status(self, now: int, mv: memoryview, off: int, n: int) -> None:
        status = mv[off]
        is_ours = self.desk.status(now, mv, off) or self.line_desk.status(now, mv, off)
        if not is_ours:
            self._counters.inc(counts.STATUS_STRAY)
        # NOTE: a modem that has restarted by itself is not initialised any more and says so here.
        if status == adp.STATUS_NOT_ALLOWED and self.is_up:
            self._counters.inc(counts.MODEM_RESTARTED)
            self.die(now, CAUSE_RESET)

    def _confirm(self, now: int, mv: memoryview, off: int, n: int) -> None:
        code = mv[off - 1]
        if self.desk.confirm(now, code, mv, off, n) or self.line_desk.confirm(now, code, mv, off, n):
            return
        other = self._others.get(code)
        if other is None:
            self._counters.inc(counts.CONFIRM_STRAY)
        else:
            other(now, mv, off, n)

    def _data_confirm(self, now: int, mv: memoryview, off: int, n: int) -> None:
        if self.is_up:
            self._listener.on_data_confirm(now, mv[off], mv[off + 1])

    def _data_indication(self, now: int, mv: memoryview, off: int, n: int) -> None:
        length = mv[off + 1] << 8 | mv[off + 2]
        if length != n - 3:
            self._counters.inc(counts.MESSAGE_SHORT)
        elif self.is_up:
            self._listener.on_packet(now, mv[off], mv, off + 3, length)

    def _network_status(self, now: int, mv: memoryview, off: int, n: int) -> None:
        dst_off = off + 3 + mv[off + 2]
        if dst_off >= off + n:
            return self._counters.inc(counts.MESSAGE_SHORT)
        status_off = dst_off + 1 + mv[dst_off]
        if status_off >= off + n:
            return self._counters.inc(counts.MESSAGE_SHORT)
        if mv[status_off] != adp.ALTERNATE_PANID:
            return self._counters.inc(counts.NETWORK_STATUS_OTHER)
        pan_id = mv[off] << 8 | mv[off + 1]
        if self.bringup.steps.pan.status(now, pan_id) and self.is_up:
            self.bringup.begin(now, CAUSE_PAN)
        return None

    def _beacon(self, now: int, mv: memoryview, off: int, n: int) -> None:
        pan_id, _, lba, _ = struct.unpack_from(_BEACON, mv, off)
        self.bringup.steps.pan.beacon(now, pan_id, lba)

    def _buffers(self, now: int, mv: memoryview, off: int, n: int) -> None:
        room = mv[off] & _ROOM_ALL
        if self._shared.settings.is_dialect_l:
            room = _ROOM_ALL if mv[off] else 0
        if room != _ROOM_ALL:
            self._counters.inc(counts.ROOM_GONE)
        self.room = room
        self.room_since = now
        self._listener.on_room(now)

    def _route_not_found(self, now: int, mv: memoryview, off: int, n: int) -> None:
        self._counters.inc(counts.ROUTE_NOT_FOUND)

    def _ignored(self, now: int, mv: memoryview, off: int, n: int) -> None:
        """PREQ and the advice to save non-volatile data: nothing to do (we poll what we keep)."""


# command -> (least octets behind it, handler)
_FRAMES: "dict[int, tuple[int, Handler]]" = {
    adp.STATUS: (2, Modem._status),
    adp.DATA_CONFIRM: (2, Modem._data_confirm),
    adp.DATA_INDICATION: (3, Modem._data_indication),
    adp.NETWORK_STATUS_IND: (8, Modem._network_status),
    adp.DISCOVERY_CONFIRM: (1, Modem._confirm),
    adp.NETWORK_START_CONFIRM: (1, Modem._confirm),
    adp.RESET_CONFIRM: (1, Modem._confirm),
    adp.SET_CONFIRM: (7, Modem._confirm),
    adp.GET_CONFIRM: (7, Modem._confirm),
    adp.ROUTE_DISCOVERY_CONFIRM: (1, Modem._confirm),
    adp.PATH_DISCOVERY_CONFIRM: (1, Modem._confirm),
    adp.MAC_SET_CONFIRM: (7, Modem._confirm),
    adp.MAC_GET_CONFIRM: (7, Modem._confirm),
    adp.BUFFER_INDICATION: (1, Modem._buffers),
    adp.DISCOVERY_INDICATION: (7, Modem._beacon),
    adp.PREQ_INDICATION: (0, Modem._ignored),
    adp.UPDATE_NON_VOLATILE_IND: (0, Modem._ignored),
    adp.ROUTE_NOT_FOUND_IND: (0, Modem._route_not_found),
    adp.LBP_SET_CONFIRM: (7, Modem._confirm),
}
