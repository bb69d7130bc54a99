# SPDX-License-Identifier: MIT
"""The S-FSK segment: implements plc.contract.Medium over one modem chip.

Ties the modem, the line, the initiator and the sink together. Law: data before own traffic
on a free line, own traffic first when urgent but never twice in a row while data waits;
every accepted submit ends with exactly one on_done; uplink APDUs of any node go up at any
time; nothing here waits, allocates per octet or knows what an APDU means.
"""

from micropython import const

from base.counters import Counters
from base.errors import LocalError, RemoteError
from base.ticks import earliest, ticks_add, ticks_diff
from plc.medium import (
    BROADCAST,
    DONE_NO_REPLY,
    UPLINK_FOREIGN,
    UPLINK_LAST,
    UPLINK_MORE,
)
from plc.sfsk import counts, llc
from plc.sfsk.airtime import Airtime
from plc.sfsk.cosem_values import CosemValues
from plc.sfsk.credits import Credits
from plc.sfsk.initiator import Initiator
from plc.sfsk.line import FREE, ON_AIR, Line
from plc.sfsk.llc import Indication
from plc.sfsk.management import Management
from plc.sfsk.modem import Modem
from plc.sfsk.operating_window import OperatingWindow
from plc.sfsk.shared import Shared
from plc.sfsk.think import Think
from plc.sfsk.turns import Turns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.log import Log
    from plc.contract import MediumSink, ModemPort, Nodes
    from plc.sfsk.settings import Settings

_NOBODY = const(-2)
_BUSY_FAULT_MS = const(2000)  # beyond the longest frame that may just be coming in
_WINDOW_CHECK_MS = const(1000)
_NO_REPLY_COMES = const(-1)
# Of the whole ladder in vain, about half a minute each: then the board is reset as well.
_MOST_FRUITLESS = const(10)


class Segment:
    """One S-FSK segment. Everything is allocated here; ask `next_deadline` after every call."""

    headroom = llc.HEADROOM
    tailroom = llc.TAILROOM
    has_spare = True  # one at a time: nothing to keep for later
    max_sap = 0xFF  # an L-SAP is one octet (facts/sfsk.md 2.2)

    def __init__(
        self,
        settings: "Settings",
        port: "ModemPort",
        nodes: "Nodes",
        sink: "MediumSink",
        log: "Log | None" = None,
    ) -> None:
        self.settings = settings
        self.counters = Counters(counts.NAMES)
        self.max_apdu = settings.max_msdu - llc.LLC_LEN
        self.is_open = True
        self._nodes = nodes
        self._sink = sink
        self._make_parts(port, log)
        self._node = _NOBODY
        self._client_sap = 0
        self._credit = 0
        self._is_first = False  # the next uplink APDU of the exchange is its first
        self._window_due: "int | None" = None
        self.management = Management(self, nodes)

    def _make_parts(self, port: "ModemPort", log: "Log | None") -> None:
        settings, nodes = self.settings, self._nodes
        self._air = Airtime(settings["baud"], settings["time_scale"])
        self._credits = Credits(nodes, settings)
        self._shared = Shared(self._air, self.counters, self._credits, log)
        self.modem = Modem(port, settings, self.counters, self, log)
        self.modem.busy_limit_ms = _BUSY_FAULT_MS + self._air.tx_ms(settings.max_msdu, 0)
        self.line = Line(self.modem, self._air, settings, self.counters)
        self.line.data_owner = self
        self._think = Think(nodes, self._air, settings, self.modem.link)
        self.initiator = Initiator(self.modem, self.line, nodes, self._sink, settings, self._shared)
        self._turns = Turns(self.line, self.initiator, self._sink)
        self.window = OperatingWindow(settings)
        self.cosem = CosemValues(self.modem, self.initiator.reports, settings, self.counters)
        self._ind = Indication(bool(settings["mac_msb_first"]))

    # --- Medium ---

    @property
    def node_on_air(self) -> int:
        """Row of the node whose exchange has the line; below 0: none."""
        return self._node

    @property
    def is_up(self) -> bool:
        """The modem is configured, synchronised and operating."""
        return self.modem.is_up

    def start(self, now: int) -> None:
        """Begin: bring the modem up, then discover and keep alive."""
        self._shared.seconds(now)
        self._window_due = None if self.window.is_whole_day else now
        self.modem.start(now)

    def submit(
        self,
        now: int,
        node: int,
        saps: "tuple[int, int]",
        buf: memoryview,
        off: int,
        length: int,
        expects_reply: bool,
    ) -> bool:
        """plc.contract.Medium.submit."""
        client_sap, server_sap = saps
        if not 0 < length <= self.max_apdu or client_sap > 0xFF or server_sap > 0xFF:
            raise LocalError("submit: %d octets, SAPs %x %x" % (length, client_sap, server_sap))
        if not self.is_up or not self.is_open or self.line.state != FREE:
            return False
        self._node = node
        self._client_sap = client_sap
        self._is_first = True
        self._credit = self._credits.of(node)
        self._address(buf, off, server_sap << 8 | client_sap)
        window_ms = self._think.window_ms(node, self._credit) if expects_reply else _NO_REPLY_COMES
        self._turns.data_took(now)
        self.line.begin(now, self, buf, (off, length), self._credit, window_ms)
        return True

    def _address(self, buf: memoryview, off: int, saps: int) -> None:
        if self._node == BROADCAST:
            self.counters.inc(counts.TX_BROADCAST)
            da = self.settings["broadcast_mac"]
        else:
            da = self._nodes.addr(self._node)
        addresses = self.settings["initiator_mac"] << 12 | da
        llc.put_header(buf, off, self._credit, addresses, saps, bool(self.settings["mac_msb_first"]))

    def feed(self, now: int, mv: "memoryview | bytes", n: int) -> None:
        """mv[:n] came from the UART. Never raises."""
        self.modem.feed(now, mv, n)
        self._settle(now)

    def on_deadline(self, now: int) -> None:
        """Act on whatever is due."""
        self._check_window(now)
        self.modem.on_deadline(now)
        self.line.on_deadline(now)
        self._settle(now)

    def next_deadline(self) -> "int | None":
        """Tick at which `on_deadline` must be called, at the latest."""
        due = earliest(self.modem.next_deadline(), self.line.next_deadline())
        if self.line.state == FREE and self.is_up and self.is_open and not self._sink.is_held:
            due = earliest(due, self.initiator.next_deadline())
        return earliest(due, self._window_due)

    def airtime_ms(self, node: int, request_len: int, response_len: int) -> int:
        """Line time of an exchange of APDUs of these octets with `node`, think time included."""
        credit = self._credits.of(node)
        request = min(request_len, self.max_apdu) + llc.LLC_LEN
        if node == BROADCAST:
            return self._air.tx_ms(request, credit)
        response = min(response_len, self.max_apdu) + llc.LLC_LEN
        return self._air.transaction_ms(request, credit, response, self._think.of(node))

    def spent_ms(self, node: int, reply_len: int, confirm_ms: int, held_ms: int) -> int:
        """plc.contract.Medium.spent_ms: nobody else has the line meanwhile, nor while the answer is repeated."""
        return held_ms + self.line.drain_ms

    @property
    def own_air_ms(self) -> int:
        """plc.contract.Medium.own_air_ms."""
        return self.line.own_air_ms

    # --- for the application and the COSEM classes ---

    def set_clock(self, now: int, second_of_day: int) -> None:
        """Time of day, UTC; once it is known and then at least once a day."""
        self.window.set_clock(now, second_of_day)
        if self._window_due is None and not self.window.is_whole_day:  # changed while running
            self._window_due = now
        self._check_window(now)

    def is_alive(self, now: int) -> bool:
        """The chip has answered lately, and sends when told to: for the watchdog."""
        return self.modem.heartbeat.is_alive(now) and self.modem.recovery.fruitless < _MOST_FRUITLESS

    # --- LineOwner, for data ---

    def on_line_sent(self, now: int) -> None:
        """The chip confirmed the first transmission."""
        if self._node >= 0:
            self._nodes.addressed(self._node, self._shared.seconds(now))
        self._sink.on_sent(now, self._node)

    def on_line_over(self, now: int, outcome: int) -> None:
        """The transaction of `_node` is over."""
        node, self._node = self._node, _NOBODY
        if outcome == DONE_NO_REPLY:
            self.counters.inc(counts.NO_REPLY)
            self._credits.missed(node)
            self.initiator.watch.suspect(now, node)
            self._think.missed(node, self.line.repeated_at)
        self._sink.on_done(now, node, outcome)

    # --- ModemListener ---

    def on_modem(self, now: int, is_up: bool) -> None:
        """The modem went up or down."""
        self._turns.offer_again()
        if is_up:
            self.initiator.restart(now)
        else:
            self.line.modem_down(now)
        self._sink.on_link(now, is_up)

    def on_bad_crc(self, now: int) -> None:
        """A frame arrived broken: it never gets to the LLC; the modem has counted it."""

    def on_ma_ind(self, now: int, mv: memoryview, off: int, n: int) -> None:
        """A MAC_Frame was received whole."""
        self.counters.inc(counts.RX_FRAMES)
        ind = self._ind
        try:
            ind.parse_mac(mv, off, n)
        except RemoteError:
            self.counters.inc(counts.RX_BAD_PAD)
            return
        self.line.hear(now, self._air.slots_ms(ind.pending_slots()))
        if ind.da != self.settings["initiator_mac"] and ind.da != self.settings["broadcast_mac"]:
            self.counters.inc(counts.RX_NOT_FOR_US)
            return
        try:
            ind.parse_llc(mv)
        except RemoteError:
            self.counters.inc(counts.RX_BAD_LLC)
            return
        self._route(now, mv, ind)

    # --- uplink ---

    def _route(self, now: int, mv: memoryview, ind: "Indication") -> None:
        if ind.msdu_len > self.settings.max_msdu:
            self.counters.inc(counts.RX_OVERSIZED)
        elif ind.is_of(self.settings["sap_ciase"]) or ind.dsap == self.settings["sap_report"]:
            self.initiator.on_ciase(now, mv, ind)
        else:
            self._uplink(now, mv, ind)

    def _uplink(self, now: int, mv: memoryview, ind: "Indication") -> None:
        row = self._nodes.row_of_addr(ind.sa)
        if row < 0:
            self.counters.inc(counts.RX_UNKNOWN_SA)
            return
        self.initiator.on_heard(now, row, ind.repetitions)
        is_ours = row == self._node and self.line.state == ON_AIR
        client_sap, server_sap = ind.dsap, ind.ssap
        if is_ours and client_sap != self._client_sap and server_sap == self._client_sap:
            client_sap, server_sap = server_sap, client_sap  # sfsk.md 2.2: some write server first
        verdict = self._sink.on_uplink(now, row, client_sap, server_sap, mv, ind.apdu_off, ind.apdu_len)
        if is_ours and row == self._node:
            self._answered(now, ind, verdict)
        else:
            self.counters.inc(counts.UPLINK_UNASKED)
            self._think.late(now, row, ind)

    def _answered(self, now: int, ind: "Indication", verdict: int) -> None:
        if self._is_first and verdict != UPLINK_FOREIGN:
            self._is_first = False
            self._think.learn(now, self._node, self.line.repeated_at, ind)
        if verdict == UPLINK_LAST:
            self.line.end_replied(now)
        elif verdict == UPLINK_MORE:
            self.line.extend(now, self._think.window_ms(self._node, self._credit))
        else:
            self.line.postpone(self._air.slots_ms(ind.airtime_slots() + ind.pending_slots()))

    # --- inside ---

    def _settle(self, now: int) -> None:
        if self.is_up and self.is_open:
            self._turns.settle(now)

    def _check_window(self, now: int) -> None:
        if self._window_due is None or ticks_diff(now, self._window_due) < 0:
            return
        self._window_due = None if self.window.is_whole_day else ticks_add(now, _WINDOW_CHECK_MS)
        was_open, self.is_open = self.is_open, self.window.is_open(now)
        if self.is_open and not was_open:
            self._turns.offer_again()
