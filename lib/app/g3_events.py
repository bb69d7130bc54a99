# SPDX-License-Identifier: MIT
"""What the G3 segment tells the application, as records of the log (and so on the console).

`outside.on_event`. A node with a row is named by it; one that has none by its EUI-64 in the
record's two arguments. What management asked for (ping, path, route) goes to `answers`.
"""

import struct

from micropython import const

from app.strangers import Strangers
from base import events
from base.log import NO_NODE, NOTICE, WARNING
from plc.g3 import counts
from plc.g3 import shared as kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from base.log import Log
    from gateway.registration import Table
    from plc.g3.rekey import Rekey

_REFUSALS = {
    counts.JOIN_REFUSED_REKEY: events.JOIN_IN_REKEY,
    counts.JOIN_REFUSED_LIST: events.JOIN_NOT_LISTED,
    counts.JOIN_REFUSED_FULL: events.JOIN_TABLE_FULL,
    counts.JOIN_UNKNOWN: events.JOIN_UNKNOWN,
}
# kind -> event about a node that is not in the network
_STRANGE = {
    kinds.JOIN_FAILED: events.JOIN_FAILED,
    kinds.JOIN_MISMATCH: events.JOIN_MISMATCH,
    kinds.AUTH_FAILED: events.JOIN_FORGED,
}
# kind -> (level, event) about a node that has a row
_MEMBER = {
    kinds.JOIN_DONE: (NOTICE, events.JOINED),
    kinds.NODE_LEFT: (NOTICE, events.NODE_LEFT),
    kinds.NODE_KICKED: (NOTICE, events.NODE_KICKED),
    kinds.REKEY_MISSED: (WARNING, events.REKEY_MISSED),
    kinds.REKEY_WANTS_PSK: (WARNING, events.REKEY_WANTS_PSK),
}
# kind -> (level, event) about the network; the number is its argument
_QUIET_S = const(600)  # between two records of one conflict
_NETWORK = {
    kinds.PAN_STARTED: (NOTICE, events.PAN_STARTED),
    kinds.PAN_CONFLICT: (WARNING, events.PAN_CONFLICT),
    kinds.PAN_FOREIGN: (NOTICE, events.PAN_FOREIGN),
    kinds.REKEY_BEGUN: (NOTICE, events.REKEY_BEGUN),
}


class G3Events:
    """Set `answers(now, kind, eui64, number)` and `rekey` when there are any."""

    rekey: "Rekey"

    def __init__(self, table: "Table", log: "Log") -> None:
        self.strangers = Strangers()
        self.answers: "Callable[[int, int, bytes, int], None] | None" = None
        self._conflict = self._conflict_s = 0
        self._table = table
        self._log = log

    def __call__(self, now: int, kind: int, eui64: "bytes | memoryview", number: int) -> None:
        """plc.g3.contract.EventListener."""
        event = _REFUSALS.get(number) if kind in (kinds.JOIN_UNKNOWN, kinds.JOIN_REFUSED) else _STRANGE.get(kind)
        if event is not None:
            self._stranger(bytes(eui64), event)
        elif kind in _MEMBER:
            if kind == kinds.JOIN_DONE:
                self.strangers.forget(eui64)
            level, event = _MEMBER[kind]
            self._log.add(level, event, self._table.find(eui64))
        elif kind in _NETWORK:
            if not self._is_news(kind, number):
                return
            level, event = _NETWORK[kind]
            self._log.add(level, event, NO_NODE, number)
        elif kind == kinds.REKEY_DONE:
            level = WARNING if number else NOTICE
            self._log.add(level, events.REKEY_ENDED, NO_NODE, self.rekey.nodes.progress()[2], number)
        elif self.answers is not None:
            self.answers(now, kind, bytes(eui64), number)

    def _is_news(self, kind: int, number: int) -> bool:
        """NOTE: a stranger's beacons make each of these, as often as he likes; the counters count them all."""
        if kind == kinds.PAN_FOREIGN:
            return self.strangers.may_tell(self._log.now_s)
        if kind != kinds.PAN_CONFLICT:
            return True
        now_s = self._log.now_s
        is_old = number == self._conflict and now_s - self._conflict_s < _QUIET_S
        if not is_old:
            self._conflict, self._conflict_s = number, now_s
        return not is_old

    def _stranger(self, eui64: bytes, event: int) -> None:
        if self.strangers.knock(self._log.now_s, eui64, event):
            add_eui64(self._log, WARNING, event, eui64)


def add_eui64(log: "Log", level: int, event: int, eui64: bytes) -> None:
    """A record about a node that has no row; the console prints its 8 octets from the two arguments."""
    high, low = struct.unpack(">ii", eui64)
    log.add(level, event, NO_NODE, high, low)
