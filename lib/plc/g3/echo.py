# SPDX-License-Identifier: MIT
"""Management's ping: one ICMPv6 echo (RFC 4443) at a time, behind everybody's APDUs.

Source: g3.md 2.4 (DATA_REQUEST). Law: it goes only when nobody else wants the modem, asks for
no route discovery (that can keep the modem busy for 20 s), takes no flight and rests no node;
it ends within `_WAIT_MS` when it never could go.
"""

import struct

from micropython import const

from base.ticks import ticks_add, ticks_diff
from plc.g3 import adp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from plc.g3.datagram import Datagram
    from plc.g3.modem import Modem
    from plc.g3.window import Window

HANDLE = const(0)  # APDUs use 1..255
_WAIT_MS = const(30000)
_LATE_MS = const(3000)  # no frame takes so long to its confirm
_HEAD_LEN = const(6)
_PACKET_LEN = const(56)
LOST = const(-1)
NO_ROUTE = const(-2)

# States.
IDLE = const(0)
WANTED = const(1)
REQUESTED = const(2)
AIR = const(3)


class Echo:
    """`on_end(now, row, ms)` is set by the owner: round trip, LOST or NO_ROUTE."""

    on_end: "Callable[[int, int, int], None]"

    def __init__(self, modem: "Modem", packets: "Datagram", window: "Window", confirm_ms: int) -> None:
        self.state = IDLE
        self.row = -1
        self._modem = modem
        self._packets = packets
        self._window = window
        self._confirm_ms = confirm_ms
        self._mv = memoryview(bytearray(_HEAD_LEN + _PACKET_LEN))
        self._ident = 0
        self._sent_at = 0
        self._due = 0
        self._limit = 0

    def ask(self, now: int, row: int) -> bool:
        """Want an echo of `row`; False while another is under way or the modem is down."""
        if self.state != IDLE or not self._modem.is_up:
            return False
        self.state = WANTED
        self.row = row
        self._due = now  # at once, if the modem is free
        self._limit = ticks_add(now, _WAIT_MS)
        return True

    def go(self, now: int, short_addr: int) -> None:
        """Nobody else wants the modem: send it."""
        self._ident = (self._ident + 1) & 0xFFFF
        mv = self._mv
        length = self._packets.put_echo(mv, _HEAD_LEN, short_addr, self._ident)
        struct.pack_into(">BBBBH", mv, 0, adp.DATA_REQUEST, HANDLE, 0, 0, length)
        self._modem.link.send(adp.PROTOCOL_ADP, mv, _HEAD_LEN + length)
        self.state = REQUESTED
        self._sent_at = now
        self._due = ticks_add(now, _LATE_MS)
        self._limit = ticks_add(now, self._confirm_ms)

    def has_handle(self) -> bool:
        """The modem is at it. NOTE: a confirm lost on the UART stopped everybody's data for a minute."""
        return self.state == REQUESTED and self._due != self._limit

    def on_confirm(self, now: int, status: int) -> None:
        """DATA_CONFIRM for it."""
        if self.state != REQUESTED:
            return
        fate = adp.fate(status)
        if fate not in (adp.SENT, adp.MAYBE):
            return self._end(now, NO_ROUTE if fate == adp.NO_ROUTE else LOST)
        self.state = AIR
        self._sent_at = now
        self._due = ticks_add(now, self._window.reply_ms(self.row, 0, 0))
        return None

    def on_reply(self, now: int, row: int, ident: int) -> None:
        """An echo reply came; the modem may tell of it before it confirms the request."""
        if self.state in (REQUESTED, AIR) and row == self.row and ident == self._ident:
            self._end(now, ticks_diff(now, self._sent_at))

    def on_deadline(self, now: int) -> None:
        """It has waited long enough."""
        if self.state == IDLE or ticks_diff(now, self._due) < 0:
            return
        if self.state != AIR and ticks_diff(now, self._limit) < 0:
            self._due = self._limit  # WANTED: whoever makes room asks before that
        else:
            self._end(now, LOST)

    def next_deadline(self) -> "int | None":
        """When that is."""
        return None if self.state == IDLE else self._due

    def modem_down(self, now: int) -> None:
        """Whatever was under way is gone."""
        if self.state != IDLE:
            self._end(now, LOST)

    def _end(self, now: int, ms: int) -> None:
        self.state = IDLE
        self.on_end(now, self.row, ms)
