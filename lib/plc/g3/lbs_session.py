# SPDX-License-Identifier: MIT
"""Bootstraps under way on the host (dialect L): a fixed pool, and how their frames go out.

Source: g3.md 2.4 (LBP_REQUEST, LBP_CONFIRM), 3.1, 3.5. A session keeps its last frame, so that a
repeated request of the device gets the same answer and nothing is computed twice.
"""

import struct

from micropython import const

from base.ticks import earliest, ticks_add, ticks_diff
from plc.g3 import adp
from plc.g3.eap_psk import Exchange

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.g3.modem import Modem
    from plc.g3.settings import Settings

# States.
FREE = const(0)
WAIT_2 = const(1)  # message 1 sent
WAIT_4 = const(2)  # message 3 sent
ACCEPTING = const(3)  # Success sent, its LBP_CONFIRM awaited
WAIT_RESULT = const(4)  # key activation sent to a node of the network

DIRECT = const(0xFFFF)  # `via` of a node that talks to the coordinator itself
_HANDLES = const(255)
_HEAD = ">BBBBBBBH"  # command, handle, hops, discover, qos, security, address length, NSDU length
_HEAD_LEN = const(9)
_EUI_LEN = const(8)
_MAX_NSDU = const(100)
_TRIES = const(2)
_BUSY_MS = const(1000)
_LIFE_FACTOR = const(6)


class Session:
    """One slot. `is_rekey`: with a node of the network, begun by us."""

    def __init__(self) -> None:
        self.state = FREE
        self.eui64 = b""
        self.via = DIRECT
        self.hybrid = 0
        self.row = -1
        self.is_rekey = False
        self.exchange = Exchange()
        self.nsdu = b""
        self.handle = 0
        self.tries = 0
        self.due = 0
        self.limit = 0

    def close(self) -> None:
        """Free the slot and forget its keys."""
        self.state = FREE
        self.exchange.wipe()
        self.nsdu = b""


class Sessions:
    """The pool; sends frames and repeats them once."""

    def __init__(self, modem: "Modem", settings: "Settings") -> None:
        self._pool = [Session() for _ in range(settings["lbs.slots"] + settings["rekey.parallel"])]
        self._joins_cnt = settings["lbs.slots"]
        self._timeout_ms = settings.timeout_ms("lbs.timeout_ms")
        self._max_hops = settings["max_hops"]
        self._modem = modem
        self._mv = memoryview(bytearray(_HEAD_LEN + _EUI_LEN + _MAX_NSDU))
        self._handle = 0

    def of(self, eui64: memoryview) -> "Session | None":
        """The session of a node."""
        for session in self._pool:
            if session.state != FREE and session.eui64 == eui64:
                return session
        return None

    def has(self, eui64: memoryview) -> bool:
        """There is one."""
        return self.of(eui64) is not None

    def by_handle(self, handle: int) -> "Session | None":
        """The session whose last frame went out under `handle`."""
        for session in self._pool:
            if session.state != FREE and session.handle == handle:
                return session
        return None

    def open(self, now: int, eui64: "bytes | memoryview", is_rekey: bool) -> "Session | None":
        """Take a slot (a join may not use those kept for rekeys); None when there is none."""
        used = 0
        free = None
        for session in self._pool:
            if session.state == FREE:
                free = session
            elif not session.is_rekey:
                used += 1
        if free is None or (not is_rekey and used >= self._joins_cnt):
            return None
        free.eui64 = bytes(eui64)
        free.is_rekey = is_rekey
        free.limit = ticks_add(now, _LIFE_FACTOR * self._timeout_ms)
        return free

    def clear(self) -> None:
        """All are gone."""
        for session in self._pool:
            session.close()

    def end_rekeys(self) -> None:
        """Those with nodes of the network are."""
        for session in self._pool:
            if session.is_rekey:
                session.close()

    # --- frames ---

    def say(self, now: int, session: "Session", state: int, nsdu: bytes) -> None:
        """Send a new frame of the session and go to `state`."""
        session.state = state
        session.nsdu = nsdu
        session.tries = 0
        self.repeat(now, session)

    def repeat(self, now: int, session: "Session") -> None:
        """Send the session's last frame (again)."""
        session.tries += 1
        session.due = ticks_add(now, self._timeout_ms)
        session.handle = self._send(session.via, session.eui64, session.nsdu)

    def say_once(self, via: int, eui64: "bytes | memoryview", nsdu: bytes) -> None:
        """Send a frame that belongs to no session."""
        self._send(via, eui64, nsdu)

    def busy(self, now: int, session: "Session") -> None:
        """The modem had no room for the last frame."""
        session.tries -= 1
        session.due = ticks_add(now, _BUSY_MS)

    def next_overdue(self, now: int) -> "Session | None":
        """A session that has waited long enough for what it waits for."""
        for session in self._pool:
            if session.state != FREE and ticks_diff(now, session.due) >= 0:
                return session
        return None

    def may_repeat(self, now: int, session: "Session") -> bool:
        """Its last frame may be sent once more."""
        return session.tries < _TRIES and ticks_diff(now, session.limit) < 0

    def next_deadline(self) -> "int | None":
        """Soonest of them."""
        due = None
        for session in self._pool:
            if session.state != FREE:
                due = earliest(due, session.due)
        return due

    def _send(self, via: int, eui64: "bytes | memoryview", nsdu: bytes) -> int:
        self._handle = self._handle % _HANDLES + 1
        mv = self._mv
        is_direct = via == DIRECT
        # NOTE: to an unjoined node the last hop cannot be secured; to an agent or a member it must be.
        row = (adp.LBP_REQUEST, self._handle, self._max_hops, 1, 0, 0 if is_direct else 1, 8 if is_direct else 2)
        struct.pack_into(_HEAD, mv, 0, *row, len(nsdu))
        at = _HEAD_LEN
        if is_direct:
            mv[at : at + _EUI_LEN] = eui64
            at += _EUI_LEN
        else:
            struct.pack_into(">H", mv, at, via)
            at += 2
        mv[at : at + len(nsdu)] = nsdu
        self._modem.link.send(adp.PROTOCOL_ADP, mv, at + len(nsdu))
        return self._handle
