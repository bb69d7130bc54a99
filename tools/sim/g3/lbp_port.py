# SPDX-License-Identifier: MIT
"""LBP frames to and from the line, for the LBS in the modem (H) or on the host (L: LBP_REQUEST, LBP_INDICATION)."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tools.sim.g3 import codes, mesh
from tools.sim.g3.request import Request

if TYPE_CHECKING:
    from tools.sim.g3.modem import G3Modem
    from tools.sim.g3.station import Station

_EUI64_LEN, _SHORT_LEN = 8, 2
_DIRECT = 0xFFFF

Done = Callable[[int], object]


class LbpPort:
    """LBP transport of one modem since its last reset."""

    def __init__(self, modem: "G3Modem") -> None:
        self._modem = modem
        self._epoch = modem.epoch

    def to_device(self, eui64: bytes, nsdu: bytes, done: Done) -> None:
        """Unsecured, to a device in range."""
        mac = self._modem.mac
        for station in mac.links:
            if station.eui64 == eui64:
                mesh.send_bare(mac, station, nsdu, self._guarded(done))
                return
        wait_us = self._modem.line.timer_us(0.5)  # five retries into the void
        self._modem.later(done, codes.NO_ACK, delay_us=wait_us)

    def to_member(self, short_addr: int, nsdu: bytes, max_hops: int, done: Done) -> None:
        """Secured, to a member: the device itself or its agent."""
        self._modem.routes.resolve(short_addr, True, max_hops, lambda path: self._travel(path, nsdu, done))

    def _travel(self, path: "list[Station] | None", nsdu: bytes, done: Done) -> None:
        if path is None:
            done(codes.ROUTE_ERROR)
            return
        mac = self._modem.mac
        journey = mesh.Journey(path, mesh.lbp_lens(nsdu), lambda passed: passed[-1].on_lbp(nsdu, mac))
        journey.on_first = self._guarded(lambda status: self._first_hop(path, status, done))
        journey.on_break = lambda station: self._modem.routes.forget(path[-1].short_addr)
        journey.start()

    def _first_hop(self, path: "list[Station]", status: int, done: Done) -> None:
        if status != codes.OK:  # as for data: the next frame looks for another way
            self._modem.routes.forget(path[-1].short_addr)
        done(status)

    def _guarded(self, done: Done) -> Done:
        """done, unless the modem was reset meanwhile."""
        return lambda status: done(status) if self._epoch == self._modem.epoch else None

    # --- from the line ---

    def heard(self, nsdu: bytes, origin: "Station", is_secured: bool) -> None:
        """An LBP frame for the coordinator."""
        modem = self._modem
        if not modem.is_started:
            return
        lqi = modem.mac.links.get(origin, 0)
        if modem.options.dialect == "H":
            modem.lbs.on_lbp(nsdu, origin, is_secured)
            return
        source = origin.short_addr if is_secured else _DIRECT
        body = source.to_bytes(2, "big") + len(nsdu).to_bytes(2, "big") + nsdu
        modem.emit(codes.LBP_IND, body + bytes((lqi, is_secured)))

    # --- LBP_REQUEST (dialect L) ---

    def request(self, request: Request) -> None:
        """handle, maxHops, discoverRoute, qos, secured, address length, NSDU length, address, NSDU."""
        handle, max_hops = request.number(1), request.number(1)
        request.octets(3)
        addr_len, nsdu_len = request.number(1), request.number(2)
        address = request.octets(addr_len if addr_len in (_EUI64_LEN, _SHORT_LEN) else 0)
        nsdu = request.octets(nsdu_len)

        def done(status: int) -> None:
            self._modem.confirm(codes.LBP_CNF, bytes((status, handle)))

        if not address or not 0 < nsdu_len <= 100 or not self._modem.is_started:
            done(codes.INVALID_REQUEST)
        elif addr_len == _EUI64_LEN:
            self.to_device(address, nsdu, done)
        else:
            self.to_member(int.from_bytes(address, "big"), nsdu, max_hops, done)
