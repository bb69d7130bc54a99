# SPDX-License-Identifier: MIT
"""The G3 segment: implements plc.contract.Medium over one modem chip, dialect H or L.

Ties modem, traffic, watch, bootstrapping and rekeying to the sink. Law: data goes as the
modem's buffers allow, several exchanges at once, one per node; joins are answered at once
from local data; nothing here waits or knows what an APDU means.
"""

from base.counters import Counters
from base.errors import LocalError
from base.ticks import earliest, ticks_add, ticks_diff
from plc.g3 import counts
from plc.g3 import shared as kinds
from plc.g3.cosem_values import CosemValues
from plc.g3.links import Links
from plc.g3.modem import Modem
from plc.g3.network_record import NetworkRecord
from plc.g3.node_list import NodeList
from plc.g3.probes import Probes
from plc.g3.rekey import Rekey
from plc.g3.shared import Shared
from plc.g3.tables import Tables
from plc.g3.traffic import Traffic
from plc.g3.watch import Watch
from plc.g3.window import Window

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.log import Log
    from plc.contract import MediumSink, ModemPort, Nodes
    from plc.g3.contract import Joiner
    from plc.g3.joins import Joins
    from plc.g3.lbs import Lbs
    from plc.g3.outside import Outside
    from plc.g3.settings import Settings

_ALL_ROOM = 7
_MOST_HUNG = 4  # resets in vain, one of each kind and a second round begun: then the board is reset as well
_JOIN_LEN = 280  # of LBP for one join: 40 + 72 + 96 + 58 + 14
_EUI_LEN = 8


class Segment:
    """One G3 PAN. Everything is allocated here; ask `next_deadline` after every call."""

    headroom = 0  # the frame is built in the driver's own buffer: escaping needs that anyway
    tailroom = 0
    max_sap = 0xFFFF  # a wPort has two octets

    def __init__(
        self,
        settings: "Settings",
        port: "ModemPort",
        nodes: "Nodes",
        sink: "MediumSink",
        outside: "Outside",
        log: "Log | None" = None,
    ) -> None:
        self.settings = settings
        self.counters = Counters(counts.NAMES)
        self.max_apdu = settings.max_apdu
        self.is_open = True
        self._nodes = nodes
        self._sink = sink
        self._is_offered = False
        self._is_offering = False
        shared = Shared(settings, self.counters, outside.on_event, log)
        self._shared = shared
        self.record = NetworkRecord(outside.store, outside.random_octets, shared)
        self.modem = Modem(port, shared, self.record, self)
        self._make_parts(outside)

    def _make_parts(self, outside: "Outside") -> None:
        shared, nodes, modem = self._shared, self._nodes, self.modem
        self.links = Links(nodes.capacity)
        self.window = Window(nodes, self.links, self.settings)
        self.watch = Watch(modem, nodes, self.window, self._sink, shared)
        self.traffic = Traffic(modem, nodes, self._sink, self.watch, self.window, shared)
        self.joins: "Joiner" = _joiner(self.settings)(modem, nodes, self.watch, self.record, outside, shared)
        self.rekey = Rekey(nodes, self.links, self.record, self.joins.carrier, shared)
        self.joins.rekey = self.rekey
        self.watch.on_silent = self._silent
        modem.listen(self.joins.frame_table())
        self.node_list = NodeList(nodes, self.links, shared)
        self.probes = Probes(modem, nodes, self.traffic, self.watch, shared)
        self.tables = Tables(modem, shared)
        self.cosem = CosemValues(modem, self.tables)

    # --- Medium ---

    @property
    def is_up(self) -> bool:
        """The modem is configured and the network started."""
        return self.modem.is_up

    def start(self, now: int) -> None:
        """Begin: read what was kept, bring the modem up, start the network."""
        self._shared.seconds(now)
        self.record.load()
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
        if not 0 < length <= self.max_apdu or not (0 <= client_sap <= self.max_sap and 0 <= server_sap <= self.max_sap):
            raise LocalError("submit: %d octets, SAPs %x %x" % (length, client_sap, server_sap))
        flight = self.traffic.submit(now, node, saps, buf, off, length)
        if flight is None:
            return False
        flight.expects_reply = expects_reply and node >= 0
        self.traffic.give(now, flight)
        self._is_offered = False
        return True

    def feed(self, now: int, mv: "memoryview | bytes", n: int) -> None:
        """mv[:n] came from the UART. Never raises."""
        self.modem.feed(now, mv, n)
        self._settle(now)

    def on_deadline(self, now: int) -> None:
        """Act on whatever is due."""
        self._is_offered = False
        if ticks_diff(now, self._stall_at(now)) >= 0:
            self.modem.assume_room(now)
        self.modem.on_deadline(now)
        self.traffic.on_deadline(now)
        if self.is_up:
            self.joins.on_deadline(now)
            self.rekey.on_deadline(now)
            self.watch.on_deadline(now, self.traffic.is_idle())
            self.tables.on_deadline(now)
        self._settle(now)

    def next_deadline(self) -> "int | None":
        """Tick at which `on_deadline` must be called, at the latest."""
        due = earliest(self.modem.next_deadline(), self.traffic.next_deadline())
        if not self.is_up:
            return due
        due = earliest(due, earliest(self.joins.next_deadline(), self.rekey.next_deadline()))
        due = earliest(due, earliest(self.watch.next_deadline(), self.tables.next_deadline()))
        if self.modem.room != _ALL_ROOM:
            due = earliest(due, ticks_add(self.modem.room_since, self.settings.timeout_ms("buffer_stall_ms")))
        return due

    def airtime_ms(self, node: int, request_len: int, response_len: int) -> int:
        """Expected time of an exchange of APDUs of these octets with `node`, think time included."""
        return self.window.exchange_ms(node, min(request_len, self.max_apdu), min(response_len, self.max_apdu))

    def spent_ms(self, node: int, reply_len: int, confirm_ms: int, held_ms: int) -> int:
        """plc.contract.Medium.spent_ms: the modem takes one request at a time, until its confirm; others may
        go while the meter thinks."""
        return confirm_ms + (self.window.one_way_ms(node, reply_len) if reply_len else 0)

    @property
    def own_air_ms(self) -> int:
        """plc.contract.Medium.own_air_ms: estimated, for the modem does most of it by itself (g3.md 7.1)."""
        asked = self.counters.get(counts.PATHS_FOUND) + self.counters.get(counts.PATHS_FAILED)
        paths_ms = asked * self.window.path_ms(-1)
        return paths_ms + self.counters.get(counts.JOINED) * self.window.one_way_ms(-1, _JOIN_LEN) & 0x3FFFFFFF

    @property
    def has_spare(self) -> bool:
        """plc.contract.Medium.has_spare: two flights free, or more than one was never to be had."""
        return self.traffic.has_spare()

    # --- for the application ---

    def set_clock(self, now: int, second_of_day: int) -> None:
        """A G3 network has no operating window."""

    def is_alive(self, now: int) -> bool:
        """The modem has answered lately, and confirms what it is given: for the watchdog."""
        return self.modem.heartbeat.is_alive(now) and self.modem.bringup.hung_cnt <= _MOST_HUNG

    def kick(self, now: int, row: int) -> bool:
        """Expel a node; it may join again unless it is blacklisted. False while the modem is down."""
        if not self.is_up or self._nodes.row_of_addr(self._nodes.addr(row)) != row:
            return False
        self.joins.kick(now, row)
        eui64 = bytearray(_EUI_LEN)
        self._nodes.title_into(row, eui64, 0)
        self._shared.tell(now, kinds.NODE_KICKED, memoryview(eui64), row)
        self.watch.lose(now, row)
        return True

    # --- ModemListener ---

    def on_modem(self, now: int, is_up: bool) -> None:
        """The modem went up or down."""
        self._is_offered = False
        if is_up:
            self.traffic.packets.pan_id = self.modem.pan_id
            self.watch.restart(now)
            self.joins.restart(now)
            self.rekey.restart(now)
            self.tables.restart(now)
        else:
            self.traffic.modem_down(now)
        self._sink.on_link(now, is_up)

    def on_data_confirm(self, now: int, status: int, handle: int) -> None:
        """DATA_CONFIRM."""
        self._is_offered = False
        self.traffic.on_confirm(now, status, handle)

    def on_packet(self, now: int, lqi: int, mv: memoryview, off: int, n: int) -> None:
        """DATA_INDICATION with a whole packet."""
        self._is_offered = False
        self.traffic.on_packet(now, lqi, mv, off, n)

    def on_room(self, now: int) -> None:
        """The modem's free buffers changed."""
        self._is_offered = False
        self.traffic.on_room(now)

    # --- inside ---

    def _silent(self, now: int, row: int) -> None:
        """A node does not answer; it may have to join anew."""
        if self.rekey.is_out_of_step(row) and self.joins.gate.may_return(row):
            self.joins.kick(now, row)

    def _settle(self, now: int) -> None:
        """Something happened: if there is capacity now, offer it once; what is left is the echo's."""
        if self._is_offering or not self.traffic.has_capacity():
            return
        if not self._is_offered:
            self._is_offered = self._is_offering = True
            self._sink.on_free(now)
            self._is_offering = False
        self.traffic.ping(now)

    def _stall_at(self, now: int) -> int:
        if self.modem.room == _ALL_ROOM or not self.is_up:
            return ticks_add(now, 1)
        return ticks_add(self.modem.room_since, self.settings.timeout_ms("buffer_stall_ms"))


def _joiner(settings: "Settings") -> "type[Joins] | type[Lbs]":
    """The bootstrapping of the dialect; the other one is not imported: EAP-PSK is 6 kB of RAM."""
    if settings.is_dialect_l:
        from plc.g3.lbs import Lbs

        return Lbs
    from plc.g3.joins import Joins

    return Joins
