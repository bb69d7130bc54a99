# SPDX-License-Identifier: MIT
"""A meter on the PAN: MAC and routing, joining, LBA for others, a DLMS server on UDP 4059 (g3.md 1.3, 3).

Names of other media's nodes are kept: title (the EUI-64), server, counters, tap, push, set_muted, leave, join.
`leave` takes it off the line; `sign_off` is LBP's KICK from the device.
"""

import random
from collections.abc import Callable
from functools import partial

from tools.sim.g3 import crypto, lbp, mesh
from tools.sim.g3.codes import NO_ADDR
from tools.sim.g3.line import G3Line
from tools.sim.g3.node_join import Joining
from tools.sim.g3.node_udp import UdpServer
from tools.sim.g3.options import G3NodeOptions
from tools.sim.g3.station import Station
from tools.sim.server import DlmsServer

_DEVICE_TABLE = 512
_PATH_REQUEST_LEN = 40
_REPAIRS = 1  # times a node looks for another way when its first hop fails


class G3Node(Station):
    """One meter; `tap(dir, node, (client_sap, server_sap), apdu)` sees what passes its server."""

    def __init__(self, line: G3Line, eui64: bytes, server: DlmsServer, options: G3NodeOptions) -> None:
        super().__init__(line, eui64, _DEVICE_TABLE)
        self.title = self.eui64
        self.server, self.options = server, options
        self.random = random.Random("%s/g3 node/%s" % (line.options.seed, self.eui64.hex()))
        self.checks_frame_counter = options.checks_frame_counter
        self.is_muted = False
        self.is_on_line = False
        self.route: "list[Station] | None" = None
        self.heard_us = 0
        self.on_change: "Callable[[G3Node], object]" = lambda node: None
        self.tap: "Callable[[str, G3Node, tuple[int, int], bytes], object]" = lambda *event: None
        psk = options.psk or crypto.node_psk(line.options.seed, self.eui64)
        self.joining = Joining(self, psk)
        self.udp = UdpServer(self)
        server.on_push = self.push

    @property
    def mac_addr(self) -> int:
        """Short address, FFFF when it has none."""
        return self.short_addr

    @property
    def is_hearing(self) -> bool:
        """On the line and not muted."""
        return self.is_on_line and not self.is_muted

    @property
    def psk(self) -> bytes:
        """Its own PSK."""
        return self.joining.supplicant.psk

    # --- membership ---

    def become_member(self, pan_id: int, short_addr: int, route: "list[Station]") -> None:
        """The join succeeded."""
        self.pan_id, self.short_addr, self.route = pan_id, short_addr, route
        self.counters["joined"] += 1
        self.touch()
        self.on_change(self)

    def reset(self) -> None:
        """No member any more: address, keys, routes and open requests are gone."""
        was_member = self.is_member
        self.pan_id = self.short_addr = NO_ADDR
        self.keys.clear()
        self.route = None
        self.forget_counters()
        self.udp.reset()
        self.server.reset()
        if was_member:
            self.on_change(self)

    def touch(self) -> None:
        """Heard from the PAN just now."""
        self.heard_us = self.kernel.now_us

    # --- line ---

    def on_data(self, packet: bytes, path: "list[Station]") -> None:
        """An IPv6 packet arrived."""
        self.touch()
        if len(path) > 1 and path[-1] is self:
            self.route = path[::-1]
        self.udp.on_packet(packet)

    def on_lbp(self, nsdu: bytes, origin: Station) -> None:
        """A secured LBP frame: our own, or for a device that joins through us."""
        self.touch()
        if nsdu[2:10] == self.eui64:
            self.joining.on_lbp(nsdu, is_secured=True)
            return
        for other in self.links:
            if other.eui64 == nsdu[2:10]:
                self.counters["lbp_relayed"] += 1
                mesh.send_bare(self, other, nsdu, lambda status: None)
                return
        self.counters["lbp_not_relayed"] += 1

    def on_bare_lbp(self, nsdu: bytes, sender: Station) -> None:
        """An unsecured LBP frame: for us from our agent, or from a device that joins through us."""
        if nsdu[2:10] == self.eui64:
            self.joining.on_lbp(nsdu, is_secured=False)
        elif self.is_member:
            self.counters["lbp_relayed"] += 1
            self.send_lbp_up(nsdu)

    # --- sending ---

    def send_lbp_up(self, nsdu: bytes) -> None:
        """A secured LBP frame to the coordinator."""
        top = self.line.coordinator
        self._send_up(mesh.lbp_lens(nsdu), lambda path: top.on_lbp(nsdu, path[0]), _REPAIRS)

    def send_up(self, packet: bytes, lens: tuple[int, ...]) -> None:
        """An IPv6 packet to the coordinator."""
        if self.is_member and self.is_hearing:
            self.line.on_packet("up", self, packet)
        self._send_up(lens, partial(self.line.coordinator.on_data, packet), _REPAIRS)

    def _send_up(self, lens: tuple[int, ...], arrive: "Callable[[list[Station]], object]", repairs: int) -> None:
        if not self.is_member or not self.is_hearing:
            self.counters["not_sent"] += 1
            return
        if self.route is None:
            self.route = mesh.climb(self, self.line.coordinator)
        if self.route is None:
            self.counters["no_route"] += 1
            return
        journey = mesh.Journey(self.route, lens, arrive)
        journey.on_first = lambda status: self._first_hop(status, lens, arrive, repairs)
        journey.on_break = lambda station: self._lose_route()
        journey.start()

    def _first_hop(self, status: int, lens: tuple[int, ...], arrive: "Callable", repairs: int) -> None:
        if status == 0:
            return
        self.counters["first_hop_failed"] += 1
        self._lose_route()
        if repairs:
            self._send_up(lens, arrive, repairs - 1)

    def _lose_route(self) -> None:
        self.counters["routes_lost"] += 1
        self.route = None

    def request_path(self) -> None:
        """A path request of its own to the coordinator: PREQ_INDICATION there."""
        self._send_up((_PATH_REQUEST_LEN,), lambda path: self.line.coordinator.on_path_request(), _REPAIRS)

    def push(self, client_sap: int, server_sap: int, apdu: bytes) -> bool:
        """Send an unsolicited APDU; False when the node is no member or muted."""
        if not self.is_member or not self.is_hearing:
            self.counters["push_refused"] += 1
            return False
        self.counters["pushes"] += 1
        self.udp.push(client_sap, server_sap, apdu)
        return True

    # --- faults and life ---

    def set_muted(self, is_muted: bool) -> None:
        """Neither hear nor send, but stay a member."""
        self.is_muted = is_muted

    def leave(self) -> None:
        """Taken off the line; forgets its membership."""
        self.is_on_line = False
        self.line.nodes.remove(self)
        self.joining.stop()
        self.reset()

    def join(self) -> None:
        """Put on the line (again); powers up within the next seconds."""
        self.is_on_line = True
        self.line.nodes.append(self)
        self.joining.start(self.random.random() * self.options.start_s)

    def sign_off(self) -> bool:
        """Leave the PAN by LBP and stay out of it; False when it is no member."""
        if not self.is_member:
            return False
        self.send_lbp_up(lbp.build(lbp.KICK_FROM_LBD, self.eui64))
        self.kernel.call_later(self.line.timer_us(self.options.kick_wait_s), self._signed_off)
        return True

    def _signed_off(self) -> None:
        self.joining.stop()
        self.reset()
