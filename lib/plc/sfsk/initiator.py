# SPDX-License-Identifier: MIT
"""The initiator: which own transaction is next on a line nobody else wants.

Source: sfsk.md 3.8. Order: what was heard is registered, what was registered is verified,
who was silent is asked again, the keep-alive walks, then repeater call, discovery, lost
nodes. Law: one transaction at a time, after data, unless something is urgent; and urgent
own traffic never takes two turns in a row while data waits (`segment` sees to that).
"""

from micropython import const

from base.errors import RemoteError
from base.ticks import earliest, ticks_add, ticks_diff
from plc.medium import NODE_ASSIGNED, NODE_LOST
from plc.sfsk import ciase, counts
from plc.sfsk.ciase_port import CiasePort
from plc.sfsk.discovery import Discovery
from plc.sfsk.keepalive import KeepAlive
from plc.sfsk.registrar import Registrar
from plc.sfsk.repeater_call import RepeaterCall
from plc.sfsk.reports import ADDED, FULL, Reports
from plc.sfsk.watch import Watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.contract import MediumSink, Nodes
    from plc.sfsk.line import Line
    from plc.sfsk.llc import Indication
    from plc.sfsk.modem import Modem
    from plc.sfsk.settings import Settings
    from plc.sfsk.shared import Shared

_DARK_MS = const(60000)  # between two bursts of discovery while nearly everybody is silent, at first
_DARK_MAX_MS = const(120000)
_PATIENCE_MS = const(5000)  # registrations and verifications may wait this long for idle air


class Initiator:
    """Jobs and what CIASE brings. `line` and `modem` are the segment's."""

    def __init__(
        self,
        modem: "Modem",
        line: "Line",
        nodes: "Nodes",
        sink: "MediumSink",
        settings: "Settings",
        shared: "Shared",
    ) -> None:
        self._nodes = nodes
        self._counters = shared.counters
        self._shared = shared
        self._new_mac = settings["new_mac"]
        port = CiasePort(line, settings, shared)
        self.reports = Reports(nodes.title_len)
        self.watch = Watch(port, nodes, settings, sink, shared)
        self.registrar = Registrar(port, nodes, self.reports, self.watch, settings, shared)
        self.discovery = Discovery(port, settings, shared)
        self.keepalive = KeepAlive(nodes, self.watch, settings, shared)
        self.repeater_call = RepeaterCall(port, modem, line, nodes, settings, shared)
        self.watch.on_unverified = self.discovery.wake
        self._line = line
        self.asked_row = -1  # management wants it pinged
        self._asked_at = 0
        self._waiting_since = 0
        self._is_waiting = False
        self._lists = 0  # generation of the whitelist and blacklist
        self._was_dark = False
        self._dark_due = 0
        self._dark_ms = _DARK_MS

    def restart(self, now: int) -> None:
        """The modem has come up: who was being registered may have heard it."""
        self.discovery.restart(now)
        self.keepalive.restart(now)
        self._is_waiting = False
        for row in range(self._nodes.end()):
            if self._nodes.state(row) == NODE_ASSIGNED:
                self.watch.verify(now, row)

    def run(self, now: int, is_busy: bool) -> bool:
        """Begin the next own transaction, if one is due; True when the line has been taken.

        `is_busy`: head-ends use the line these days, so keep it short.
        """
        self._is_waiting = False
        if self._lists != self.registrar.access.generation:  # who has just been allowed may be there already
            self._lists = self.registrar.access.generation
            self.discovery.wake(now)
        for job in _JOBS:
            if job(self, now, is_busy):
                return True
        return False

    def is_urgent(self, now: int) -> bool:
        """Own traffic has waited long enough for an idle line to go before data."""
        if self.keepalive.is_ready(now) and self.keepalive.is_urgent(now):
            return True
        if self.discovery.is_late(now) or self.keepalive.is_lost_late(now):
            return True
        return self._has_waited(now)

    @property
    def is_after_blackout(self) -> bool:
        """Hardly anybody answers, or those who are back are still being looked for."""
        self._was_dark = self.watch.is_dark or (self._was_dark and self.discovery.is_burst)
        return self._was_dark

    def next_deadline(self) -> "int | None":
        """Tick at which `run` may have something to do; only meaningful on a free line."""
        due = earliest(self.discovery.due(), self.keepalive.due())
        if self.asked_row >= 0 or self.repeater_call.is_asked:
            due = earliest(due, self._asked_at)
        return earliest(due, self.watch.due())

    # --- what management asks for ---

    def ask(self, now: int, row: int) -> None:
        """Ping `row` when nobody wants the line."""
        self.asked_row = row
        self._asked_at = now

    def ask_repeaters(self, now: int) -> bool:
        """Call the repeaters when nobody wants the line; False when that is to be done already."""
        if self.repeater_call.is_asked:
            return False
        self.repeater_call.is_asked = True
        self._asked_at = now
        return True

    # --- what comes in ---

    def on_ciase(self, now: int, mv: memoryview, ind: "Indication") -> None:
        """A CIASE PDU was received; malformed ones are counted and dropped."""
        try:
            self._take(now, mv, ind)
        except RemoteError:
            self._counters.inc(counts.CIASE_BAD)

    def _take(self, now: int, mv: memoryview, ind: "Indication") -> None:
        off, length = ind.apdu_off, ind.apdu_len
        if mv[off] == ciase.DISCOVER_REPORT:
            self._on_report(mv, ind)
        elif ciase.is_ping_rsp(mv, off, length, self._nodes.title_len):
            self._on_ping(now, mv, ind)
        else:
            self._counters.inc(counts.CIASE_UNEXPECTED)

    def _on_report(self, mv: memoryview, ind: "Indication") -> None:
        title_len = self._nodes.title_len
        count = ciase.check_report(mv, ind.apdu_off, ind.apdu_len, title_len)
        if ind.sa != self._new_mac:  # a registered meter's alarm
            self._counters.inc(counts.REPORTS_REGISTERED)
            return
        fresh = 0
        pos = ciase.first_system(ind.apdu_off)
        for _ in range(count):
            fresh += self._note_system(mv, pos, ind.repetitions)
            pos = ciase.next_system(mv, pos, title_len)
        self.discovery.note(fresh, ind.repetitions)
        self.registrar.credit = max(self.discovery.credit, ind.repetitions)

    def _note_system(self, mv: memoryview, pos: int, repetitions: int) -> int:
        self._counters.inc(counts.REPORTS)
        if not self.registrar.may_register(mv[pos : pos + self._nodes.title_len]):
            # NOTE: they report for ever. A burst is made as large as they make it, for others are among them; the
            # rounds once a period are not, or they took a third of the line.
            return 1 if self.discovery.is_burst else 0
        added = self.reports.add(mv, pos, repetitions)
        if added == FULL:
            self._counters.inc(counts.REPORTS_OVERFLOW)
        elif added != ADDED:
            self._counters.inc(counts.REPORTS_DUPLICATE)
        return 1 if added == ADDED else 0

    def _on_ping(self, now: int, mv: memoryview, ind: "Indication") -> None:
        row = self._nodes.row_of_addr(ind.sa)
        if row < 0:
            self._counters.inc(counts.RX_UNKNOWN_SA)
            return
        self.on_heard(now, row, ind.repetitions)
        if self.watch.on_response(now, row, mv, ind.apdu_off + 1):
            self._line.end_replied(now)

    def on_heard(self, now: int, row: int, repetitions: int) -> None:
        """Any frame from a registered meter: learn its credit, note the time."""
        self.watch.credits.observe(row, repetitions)
        self.watch.heard(row)
        self._nodes.heard(row, self._shared.seconds(now))
        if self._nodes.state(row) == NODE_LOST:
            self.watch.verify(now, row)

    # --- jobs, most important first ---

    def _keep_urgent(self, now: int, is_busy: bool) -> bool:
        return self.keepalive.is_ready(now) and self.keepalive.is_urgent(now) and self._keep(now, is_busy)

    def _register(self, now: int, is_busy: bool) -> bool:
        if not self.registrar.is_ready() or not self.registrar.begin(now):
            return False
        self.discovery.note_registered()
        self._dark_ms = _DARK_MS
        return True

    def _discover_dark(self, now: int, is_busy: bool) -> bool:
        """NOTE: after a blackout hundreds are NEW again and answer no ping, but all answer a discovery; pings of
        three seconds each came first, and a round only every few minutes."""
        if not self.watch.is_dark:
            self._dark_due = now
            self._dark_ms = _DARK_MS
            return False
        if not self.discovery.is_burst and ticks_diff(now, self._dark_due) >= 0:
            self._dark_due = ticks_add(now, self._dark_ms)
            self._dark_ms = min(2 * self._dark_ms, _DARK_MAX_MS)  # they may be gone for good
            self.discovery.wake(now)
        return self._discover(now, is_busy)

    def _verify(self, now: int, is_busy: bool) -> bool:
        return self.watch.begin_due(now)

    def _keep(self, now: int, is_busy: bool) -> bool:
        if not self.keepalive.is_ready(now):
            return False
        self.keepalive.begin(now)
        return True

    def _call_repeaters(self, now: int, is_busy: bool) -> bool:
        now_s = self._shared.seconds(now)
        if not self.repeater_call.is_ready(now_s):
            return False
        self.repeater_call.begin(now, now_s)
        return True

    def _ping_asked(self, now: int, is_busy: bool) -> bool:
        if self.asked_row < 0:
            return False
        self.watch.begin(now, self.asked_row)
        return True

    def _discover(self, now: int, is_busy: bool) -> bool:
        if ticks_diff(now, self.discovery.due()) < 0:
            return False
        self.discovery.begin(now, is_busy)
        return True

    def _retry_lost(self, now: int, is_busy: bool) -> bool:
        return self.keepalive.begin_lost(now)

    def _has_waited(self, now: int) -> bool:
        """Something to register or verify has been there for a while."""
        due = self.watch.due()
        is_ready = self.registrar.is_ready() or (due is not None and ticks_diff(now, due) >= 0)
        if not is_ready:
            self._is_waiting = False
        elif not self._is_waiting:
            self._is_waiting = True
            self._waiting_since = now
        return self._is_waiting and ticks_diff(now, self._waiting_since) >= _PATIENCE_MS


_I = Initiator
_JOBS = (
    _I._keep_urgent,
    _I._register,
    _I._discover_dark,
    _I._verify,
    _I._keep,
    _I._ping_asked,
    _I._call_repeaters,
    _I._discover,
    _I._retry_lost,
)
