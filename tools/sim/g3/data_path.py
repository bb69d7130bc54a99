# SPDX-License-Identifier: MIT
"""DATA_REQUEST to the line and packets from the line to DATA_INDICATION, with the buffers of g3.md 2.10.

A packet takes the smallest free buffer that holds it until its confirm. Success means that the first hop
acknowledged it, no more.
"""

from collections import Counter
from typing import TYPE_CHECKING

from tools.sim.g3 import airtime, codes, ipv6, mesh, pib_adp
from tools.sim.g3.request import Request

if TYPE_CHECKING:
    from tools.sim.g3.modem import G3Modem
    from tools.sim.g3.station import Station

MAX_NSDU = 1280
_CLASSES = (1280, 400, 100)


class _Job:
    """One accepted DATA_REQUEST."""

    def __init__(self, handle: int, packet: bytes, lens: tuple[int, ...], buffer: int) -> None:
        self.handle, self.packet, self.lens, self.buffer = handle, packet, lens, buffer
        self.may_discover = self.is_high = self.has_repaired = self.is_on_air = False
        self.dest = codes.NO_ADDR


class DataPath:
    """Data of one modem since its last reset."""

    def __init__(self, modem: "G3Modem") -> None:
        self._modem = modem
        self.counters: Counter = Counter()
        self._free = list(modem.options.buffers)
        self._jobs: dict[int, _Job] = {}
        self._bitmap = self._bits()

    # --- buffers ---

    def _bits(self) -> int:
        if self._modem.faults.hide_buffers:
            return 0
        return sum((free > 0) << bit for bit, free in enumerate(self._free))

    def tell_buffers(self, is_forced: bool = False) -> None:
        """BUFFER_IND when the picture changed."""
        bits = self._bits()
        if bits != self._bitmap or is_forced:
            self._bitmap = bits
            value = bits if self._modem.options.dialect == "H" else bool(bits & 1)
            self._modem.emit(codes.BUFFER_IND, bytes((value,)))

    def _take_buffer(self, length: int) -> int | None:
        if self._modem.faults.hide_buffers:
            return None
        for index in (2, 1, 0):
            if length <= _CLASSES[index] and self._free[index]:
                self._free[index] -= 1
                return index
        return None

    # --- down ---

    def request(self, request: Request) -> None:
        """DATA_REQUEST."""
        handle, discover, qos = request.number(1), request.number(1), request.number(1)
        packet = request.octets(request.number(2))
        if self._modem.faults.no_data:
            return
        status, buffer = self._check(handle, packet)
        if status != codes.OK or buffer is None:
            self.counters["data_refused"] += 1
            self._confirm(status, handle)
            return
        job = _Job(handle, packet, airtime.ipv6_lens(packet), buffer)
        job.may_discover, job.is_high = bool(discover), bool(qos)
        self._begin(job)

    def raw_request(self, request: Request) -> None:
        """NO_IP_DATA_REQUEST: carried to nobody in the twin, confirmed like data."""
        request.octets(2)
        handle = request.number(1)
        request.octets(2)
        request.octets(request.number(2))
        self._confirm(codes.NOT_PERMITTED, handle)

    def _check(self, handle: int, packet: bytes) -> tuple[int, int | None]:
        modem = self._modem
        if modem.faults.data_status:
            return modem.faults.data_status.pop(0), None
        if not modem.is_started:
            return codes.INVALID_REQUEST, None
        if handle in self._jobs:
            return codes.BUSY, None
        try:
            ipv6.parse(packet)
        except ipv6.Ipv6Error:
            return codes.INVALID_IPV6_FRAME, None
        if len(packet) > MAX_NSDU:
            return codes.INVALID_IPV6_FRAME, None
        buffer = self._take_buffer(len(packet))
        return (codes.NO_BUFFERS if buffer is None else codes.OK), buffer

    def _begin(self, job: _Job) -> None:
        self._jobs[job.handle] = job
        self.tell_buffers()
        self.counters["tx_data"] += 1
        dest = job.packet[24:40]
        if ipv6.is_multicast(dest):
            self._flood(job)
            return
        short_addr = ipv6.short_of(dest)
        if short_addr is None:
            short_addr = self._modem.adp_pib.number(pib_adp.ULA_DEST)
        if short_addr > codes.MAX_UNICAST_ADDR or short_addr == codes.COORD_ADDR:
            self._over(job, codes.INVALID_REQUEST)
            return
        job.dest = short_addr
        self._resolve(job)

    def _resolve(self, job: _Job) -> None:
        routes, max_hops = self._modem.routes, self._modem.adp_pib.number(pib_adp.MAX_HOPS)
        routes.resolve(job.dest, job.may_discover, max_hops, lambda path: self._travel(job, path))

    def _travel(self, job: _Job, path: "list[Station] | None") -> None:
        if path is None or self._jobs.get(job.handle) is not job:
            if job.may_discover:
                self._route_not_found(job)
            self._over(job, codes.ROUTE_ERROR)
            return
        packet = job.packet
        if not job.is_on_air:
            job.is_on_air = True
            self._modem.line.on_packet("down", self._modem.mac, packet)
        epoch = self._modem.epoch
        journey = mesh.Journey(path, job.lens, lambda passed: passed[-1].on_data(packet, passed))
        journey.is_high = job.is_high
        journey.on_break = lambda station: self._modem.routes.forget(job.dest)
        journey.on_first = lambda status: self._first_hop(job, path, status) if self._is_same(epoch) else None
        journey.start()

    def _is_same(self, epoch: int) -> bool:
        return epoch == self._modem.epoch

    def _first_hop(self, job: _Job, path: "list[Station]", status: int) -> None:
        if status == codes.OK:
            if len(path) > 2:
                self._modem.routes.learn(path)
            self._over(job, codes.OK)
            return
        self._modem.routes.forget(job.dest)
        if status == codes.NO_ACK and job.may_discover and not job.has_repaired:
            job.has_repaired = True
            max_hops = self._modem.adp_pib.number(pib_adp.MAX_HOPS)
            self._modem.routes.discover(job.dest, max_hops, lambda found: self._travel(job, found))
            return
        self._over(job, status)

    def _flood(self, job: _Job) -> None:
        self._modem.line.on_packet("down", self._modem.mac, job.packet)
        mac, packet = self._modem.mac, job.packet
        flood = mesh.Flood(mac, job.lens, lambda station: station.on_data(packet, [mac]))
        epoch = self._modem.epoch
        flood.on_first = lambda status: self._over(job, codes.OK) if self._is_same(epoch) else None
        flood.start()

    def _over(self, job: _Job, status: int) -> None:
        if self._jobs.get(job.handle) is not job:
            return
        del self._jobs[job.handle]
        self._free[job.buffer] += 1
        self._confirm(status, job.handle)
        self._modem.later(self.tell_buffers)

    def _confirm(self, status: int, handle: int) -> None:
        self._modem.confirm(codes.DATA_CNF, bytes((status, handle)))

    def _route_not_found(self, job: _Job) -> None:
        if not self._modem.options.route_not_found:
            return
        addresses = (codes.COORD_ADDR, job.dest, codes.NO_ADDR, codes.NO_ADDR, codes.NO_ADDR)
        head = b"".join(address.to_bytes(2, "big") for address in addresses) + bytes(4)
        nsdu = job.packet[:100]
        self._modem.emit(codes.ROUTE_NOT_FOUND_IND, head + len(nsdu).to_bytes(2, "big") + nsdu)

    # --- up ---

    def on_packet(self, packet: bytes, path: "list[Station]") -> None:
        """A packet from a node came in over `path` (origin first)."""
        self.counters["rx_data"] += 1
        self._modem.routes.learn(path[::-1])
        lqi = path[-1].links[path[-2]]
        self._modem.emit(codes.DATA_IND, bytes((lqi,)) + len(packet).to_bytes(2, "big") + packet)
