# SPDX-License-Identifier: MIT
"""What management may do to a G3 PAN: ask for a path, a route, an echo; expel; block; give PSKs; rekey.

Methods of class 20002 (dlms.cosem.g3_network). Law: each answers at once; what takes the line gives
way to APDUs, is one of a kind at a time (busy, no queue), and its end is read in `results`. A PSK
comes wrapped by this device's master key (RFC 3394), lives in RAM, and is shown nowhere.
"""

from micropython import const

from app.g3_events import add_eui64
from base import events
from base.log import NOTICE
from dlms.apdu import (
    OBJECT_UNAVAILABLE,
    OTHER_REASON,
    READ_WRITE_DENIED,
    SUCCESS,
    TEMPORARY_FAILURE,
    TYPE_UNMATCHED,
)
from dlms.axdr import OCTET_STRING, STRUCTURE
from dlms.cosem import g3_network as net
from plc.access import ALLOWED, BLOCKED, FREE
from plc.g3 import shared as kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from app.access_list import AccessList
    from base.log import Log
    from dlms.axdr import Reader
    from gateway.registration import Table
    from plc.g3.psks import PskCache
    from plc.g3.segment import Segment

    Unwrap = Callable[[bytes], "bytearray | None"]

NONE = const(0)
RUNNING = const(1)
WELL = const(2)
FAILED = const(3)
_RESULTS = const(3)
_LONGEST_S = const(300)  # of anything asked for: whatever happened to it, another may be asked for then
_EUI_LEN = const(8)
_PSK_LEN = const(16)
_WRAPPED_LEN = const(24)
# kind of event -> (method it ends, state)
_ENDS = {
    kinds.PATH_DONE: (net.PATH_REQUEST, WELL),
    kinds.PATH_FAILED: (net.PATH_REQUEST, FAILED),
    kinds.ROUTE_DONE: (net.ROUTE_REQUEST, WELL),  # its number is the modem's status
    kinds.PING_DONE: (net.PING, WELL),
    kinds.PING_FAILED: (net.PING, FAILED),
}


class Result:
    """Of what was asked for last: a path (value: hops), a route (the modem's status), a ping (round trip in ms)."""

    def __init__(self) -> None:
        self.eui64 = b""
        self.state = NONE
        self.value = 0
        self.at_s = 0


class G3Actions:
    """`psks` None: they come from a file. `unwrap` None: there is no master key here."""

    def __init__(self, segment: "Segment", table: "Table", lists: "AccessList", log: "Log") -> None:
        self.psks: "PskCache | None" = None
        self.unwrap: "Unwrap | None" = None
        self.results = [Result() for _ in range(_RESULTS)]
        self._segment = segment
        self._table = table
        self._lists = lists
        self._log = log

    def call(self, now: int, method: int, reader: "Reader | None") -> int:
        """Action-Result. RemoteError when the parameter is of another type."""
        if method == net.BEGIN_REKEY:  # its parameter means nothing
            if reader is not None:
                reader.skip_value()
            return self._begin_rekey(now)
        if reader is None:
            return TYPE_UNMATCHED
        if method == net.PROVIDE_PSK:
            reader.elements(STRUCTURE, 2, 2)
            eui64 = reader.string(OCTET_STRING, _EUI_LEN, _EUI_LEN)
            return self._provide(now, eui64, reader.string(OCTET_STRING, _WRAPPED_LEN, _WRAPPED_LEN))
        return _METHODS[method](self, now, reader.string(OCTET_STRING, _EUI_LEN, _EUI_LEN))

    def ended(self, now: int, kind: int, eui64: bytes, number: int) -> None:
        """The segment tells how something ended (also what nobody here asked for)."""
        end = _ENDS.get(kind)
        if end is None:
            return
        result = self.results[end[0] - 1]
        if result.state == RUNNING and result.eui64 == eui64:
            is_refused = kind == kinds.ROUTE_DONE and number
            result.state = FAILED if is_refused else end[1]
            result.value = number if end[1] == WELL else 0
            result.at_s = self._log.now_s

    # --- one node ---

    def _path(self, now: int, eui64: bytes) -> int:
        return self._ask(now, net.PATH_REQUEST, eui64, self._segment.probes.path)

    def _route(self, now: int, eui64: bytes) -> int:
        return self._ask(now, net.ROUTE_REQUEST, eui64, self._segment.probes.route)

    def _ping(self, now: int, eui64: bytes) -> int:
        return self._ask(now, net.PING, eui64, self._segment.probes.ping)

    def _ask(self, now: int, method: int, eui64: bytes, probe: "Callable[[int, int], bool]") -> int:
        row = self._table.find(eui64)
        if row < 0:
            return OBJECT_UNAVAILABLE
        result = self.results[method - 1]
        is_running = result.state == RUNNING and self._log.now_s - result.at_s < _LONGEST_S
        if is_running or not self._segment.is_up or not probe(now, row):
            return TEMPORARY_FAILURE
        result.eui64, result.state, result.value, result.at_s = eui64, RUNNING, 0, self._log.now_s
        return SUCCESS

    def _detach(self, now: int, eui64: bytes) -> int:
        row = self._table.find(eui64)
        if row < 0:
            return OBJECT_UNAVAILABLE
        return SUCCESS if self._segment.kick(now, row) else TEMPORARY_FAILURE

    def _block(self, now: int, eui64: bytes) -> int:
        """On the blacklist, and out of the network; TEMPORARY_FAILURE: on the list, but the modem is down."""
        result = self._lists.change(eui64, BLOCKED)
        if result != SUCCESS or self._table.find(eui64) < 0:
            return result
        return self._detach(now, eui64)

    def _unblock(self, now: int, eui64: bytes) -> int:
        return self._take_off(eui64, BLOCKED)

    def _allow(self, now: int, eui64: bytes) -> int:
        return self._lists.change(eui64, ALLOWED)

    def _disallow(self, now: int, eui64: bytes) -> int:
        return self._take_off(eui64, ALLOWED)

    def _take_off(self, eui64: bytes, mark: int) -> int:
        if self._lists.access.mark(eui64) != mark:
            return OBJECT_UNAVAILABLE
        return self._lists.change(eui64, FREE)

    # --- keys ---

    def _provide(self, now: int, eui64: bytes, wrapped: bytes) -> int:
        if self.psks is None or self.unwrap is None:
            return READ_WRITE_DENIED
        psk = self.unwrap(wrapped)
        if psk is None or len(psk) != _PSK_LEN:  # wrapped by another key, or changed on its way
            return OTHER_REASON
        self.psks.provide(now, eui64, psk)
        for i in range(_PSK_LEN):
            psk[i] = 0
        add_eui64(self._log, NOTICE, events.PSK_PROVIDED, eui64)
        return SUCCESS

    def _begin_rekey(self, now: int) -> int:
        return SUCCESS if self._segment.is_up and self._segment.rekey.begin(now) else TEMPORARY_FAILURE


_G = G3Actions
_METHODS = {
    net.PATH_REQUEST: _G._path,
    net.ROUTE_REQUEST: _G._route,
    net.PING: _G._ping,
    net.DETACH: _G._detach,
    net.BLOCK: _G._block,
    net.UNBLOCK: _G._unblock,
    net.ALLOW: _G._allow,
    net.DISALLOW: _G._disallow,
}
