# SPDX-License-Identifier: MIT
"""Registration of reported systems: a row each in the table, then one PDU for several.

Source: sfsk.md 3.5. Law: the row (and so MAC address and SAP) is on flash before the meter
hears of it; a known title always gets its own row back; nobody is registered that may not be
(plc.access). There is no confirmation on the line, so each is then verified by a ping.
"""

from micropython import const

from base import events
from base.log import WARNING
from plc.access import Access
from plc.sfsk import ciase, counts
from plc.sfsk.ciase_port import APDU_OFF

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.contract import Nodes
    from plc.sfsk.ciase_port import CiasePort
    from plc.sfsk.reports import Reports
    from plc.sfsk.settings import Settings
    from plc.sfsk.shared import Shared
    from plc.sfsk.watch import Watch

_NO_REPLY_COMES = const(-1)


class Registrar:
    """One job of the initiator: empties `reports` into Register PDUs."""

    def __init__(
        self,
        port: "CiasePort",
        nodes: "Nodes",
        reports: "Reports",
        watch: "Watch",
        settings: "Settings",
        shared: "Shared",
    ) -> None:
        self.credit = 0  # of the discovery level the reports came from
        self.access = Access(0)  # who may be registered
        self._port = port
        self._nodes = nodes
        self._reports = reports
        self._watch = watch
        self._counters = shared.counters
        self._is_full = False
        self._shared = shared
        self._broadcast = settings["broadcast_mac"]
        self._title = settings.initiator_title()
        fits = ciase.systems_per_pdu(len(self._title), port.max_apdu)
        self._per_pdu = max(1, min(settings["register_per_pdu"], fits))
        self._rows: "list[int]" = []

    def is_ready(self) -> bool:
        """Somebody waits for registration."""
        return self._reports.count > 0

    def may_register(self, title: "bytes | memoryview") -> bool:
        """Nobody blocks it, and no whitelist leaves it out. Counts and says who may not."""
        if self.access.may_join(title):
            return True
        self._counters.inc(counts.REGISTER_NOT_ALLOWED)
        return False

    def begin(self, now: int) -> bool:
        """Register the oldest reports; False when none of them may be registered."""
        self._rows.clear()
        mv = self._port.mv
        length = ciase.put_register_head(mv, APDU_OFF, self._title)
        taken = 0
        while taken < self._reports.count and len(self._rows) < self._per_pdu:
            title = self._reports.title(taken)
            row = self._assign(title, self._reports.repetitions(taken))
            taken += 1
            if row >= 0:
                self._rows.append(row)
                at = APDU_OFF + length
                mv[at : at + len(title)] = title
                length = ciase.put_register_system(mv, APDU_OFF, length, len(title), self._nodes.addr(row))
        self._reports.drop(taken)
        if not self._rows:
            return False
        self._port.send(now, self, length, self._broadcast, self.credit, _NO_REPLY_COMES)
        return True

    def on_line_sent(self, now: int) -> None:
        """LineOwner: nothing yet, the repetitions are still to come."""

    def on_line_over(self, now: int, outcome: int) -> None:
        """LineOwner: whatever became of it, a ping tells who has got it."""
        self._counters.inc(counts.REGISTERED, len(self._rows))
        for row in self._rows:
            self._watch.verify(now, row)

    def _assign(self, title: bytes, repetitions: int) -> int:
        """The row of a title, new or known; -1 when it may not have one or there is no room."""
        if not self.may_register(title):  # blocked since it was heard
            return -1
        known = self._nodes.find(title)
        row = known if known >= 0 else self._nodes.add(title)
        if row < 0:
            self._counters.inc(counts.REGISTER_REFUSED)
            if not self._is_full:  # a meter too many reports again and again: one record until there is room
                self._is_full = True
                self._shared.record(WARNING, events.TABLE_FULL, self._nodes.capacity)
            return -1
        if known < 0:
            self._is_full = False
        self._watch.was_new(row, known >= 0, repetitions)
        return row
