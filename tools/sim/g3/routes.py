# SPDX-License-Identifier: MIT
"""The coordinator's routing table, route discovery and path discovery (g3.md 1.3, 2.4, 2.7).

A neighbour needs no route. Discovery charges the line with the request's copies and the reply; a destination
that cannot be reached costs the net traversal time. Routes learnt from uplinks are free.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from tools.sim.g3 import airtime, codes, mesh, pib_adp
from tools.sim.g3.request import Request

if TYPE_CHECKING:
    from tools.sim.g3.modem import G3Modem
    from tools.sim.g3.station import Station

_RREQ_LEN = 25
_PATH_LEN = 40
_METRICS = (0x00, 0x0E, 0x0F)
_LINK_COST = (0x20, 0x14, 0x12, 0x0E)  # per modulation
_MINUTE_S = 60
_MAX_HOPS_ARGUMENT = 14

Done = Callable[["list[Station] | None"], object]


class Routes:
    """Routes of one modem since its last reset; `table`: short address -> (path, expiry)."""

    def __init__(self, modem: "G3Modem") -> None:
        self._modem = modem
        self.table: "OrderedDict[int, tuple[list[Station], int]]" = OrderedDict()
        self.counters: Counter = Counter()
        self._is_tracing = False

    # --- table ---

    def learn(self, path: "list[Station]") -> None:
        """A path from the coordinator was used or found."""
        if len(path) < 3:
            return
        short_addr = path[-1].short_addr
        ttl_s = self._modem.adp_pib.number(pib_adp.ROUTING_TTL) * _MINUTE_S
        self.table[short_addr] = (path, self._modem.kernel.now_us + self._modem.line.timer_us(ttl_s))
        self.table.move_to_end(short_addr)
        if len(self.table) > self._modem.options.routing_table:
            self.table.popitem(last=False)
            self.counters["routes_recycled"] += 1

    def forget(self, short_addr: int) -> None:
        """A route is broken."""
        self.table.pop(short_addr, None)

    def row(self, short_addr: int, has_media: bool) -> bytes:
        """dst(2) nextHop(2) routeCost(2) hops(1) [media(1)] validTime(2)."""
        path, expiry_us = self.table[short_addr]
        minutes = max(0, expiry_us - self._modem.kernel.now_us) // self._modem.line.timer_us(_MINUTE_S)
        row = short_addr.to_bytes(2, "big") + path[1].short_addr.to_bytes(2, "big")
        row += self._cost(path).to_bytes(2, "big") + bytes(((len(path) - 1) << 4,))
        return row + (b"\x00" if has_media else b"") + min(minutes, 0xFFFF).to_bytes(2, "big")

    def _cost(self, path: "list[Station]") -> int:
        return sum(_LINK_COST[self._modem.line.modulation(*hop)] for hop in zip(path, path[1:], strict=False))

    def known(self, short_addr: int) -> "list[Station] | None":
        """A neighbour, or a route that has not expired."""
        mac = self._modem.mac
        for station in mac.links:
            if station.short_addr == short_addr and station.pan_id == mac.pan_id:
                return [mac, station]
        entry = self.table.get(short_addr)
        if entry is None:
            return None
        if entry[1] <= self._modem.kernel.now_us:
            self.forget(short_addr)
            return None
        return entry[0]

    # --- discovery ---

    def resolve(self, short_addr: int, may_discover: bool, max_hops: int, done: Done) -> None:
        """done(path from the coordinator) now or later, done(None) when there is none."""
        path = self.known(short_addr)
        if path is None and may_discover:
            self.discover(short_addr, max_hops, done)
            return
        done(path)

    def discover(self, short_addr: int, max_hops: int, done: Done) -> None:
        """Look for a route."""
        modem = self._modem
        self.counters["route_discoveries"] += 1
        path = self._find(short_addr)
        epoch = modem.epoch
        if path is not None and len(path) - 1 <= max_hops:
            found = path
            modem.line.occupy(modem.mac, self._request_us(len(found) - 1), lambda: self._found(found, epoch, done))
            return
        tries = 1 + modem.adp_pib.number(pib_adp.RREQ_RETRIES)
        wait_s = modem.adp_pib.number(pib_adp.TRAVERSAL_TIME) * tries
        self.counters["routes_not_found"] += 1
        modem.line.occupy(modem.mac, self._request_us(max_hops), lambda: None)
        modem.later(done, None, delay_us=modem.line.timer_us(wait_s))

    def _found(self, path: "list[Station]", epoch: int, done: Done) -> None:
        if epoch == self._modem.epoch:
            self.learn(path)
            done(path)

    def _find(self, short_addr: int) -> "list[Station] | None":
        mac = self._modem.mac
        for node in mac.line.nodes:
            if node.short_addr == short_addr and node.pan_id == mac.pan_id and node.is_hearing:
                path = mesh.climb(node, mac)
                if path is not None:
                    return path[::-1]
        return None

    def _request_us(self, hops: int) -> float:
        line = self._modem.line
        request_us = airtime.msdu_us(line.band, airtime.ROBO, _RREQ_LEN, is_acked=False)
        reply_us = airtime.msdu_us(line.band, airtime.ROBO, _RREQ_LEN)
        return hops * (line.options.rebroadcasts * request_us + reply_us)

    # --- host's requests ---

    def _refusal(self) -> int:
        faults = self._modem.faults
        if faults.route_status:
            return faults.route_status.pop(0)
        return codes.OK if self._modem.is_started else codes.INVALID_REQUEST

    def route_request(self, request: Request) -> None:
        """ROUTE_DISCOVERY."""
        modem = self._modem
        short_addr, max_hops = request.number(2), request.number(1)
        status = self._refusal()
        if not 1 <= max_hops <= _MAX_HOPS_ARGUMENT:
            status = codes.INVALID_REQUEST
        if status != codes.OK:
            modem.confirm(codes.ROUTE_CNF, bytes((status,)))
            return

        def done(path: "list[Station] | None") -> None:
            modem.confirm(codes.ROUTE_CNF, bytes((codes.ROUTE_ERROR if path is None else codes.OK,)))

        self.discover(short_addr, max_hops, done)

    def path_request(self, request: Request) -> None:
        """PATH_DISCOVERY."""
        short_addr, metric = request.number(2), request.number(1)
        status = self._refusal()
        if metric not in _METRICS:
            status = codes.INVALID_REQUEST
        if status == codes.OK and self._is_tracing:
            status = codes.BUSY
        if status != codes.OK:
            self._path_confirm(status, (short_addr, metric), [])
            return
        self._is_tracing = True
        self._trace(short_addr, metric)

    def _trace(self, short_addr: int, metric: int) -> None:
        modem = self._modem
        path = self.known(short_addr) or self._find(short_addr)
        alive = self._alive_part(path)
        if path is not None and len(alive) == len(path):
            span_us = 2 * (len(path) - 1) * airtime.msdu_us(modem.line.band, airtime.ROBO, _PATH_LEN)
            epoch = modem.epoch
            modem.line.occupy(modem.mac, span_us, lambda: self._traced(epoch, codes.OK, (short_addr, metric), alive))
            return
        status = codes.INCOMPLETE_PATH if len(alive) > 1 else codes.TIMEOUT
        wait_us = modem.line.timer_us(modem.adp_pib.number(pib_adp.PATH_TIME))
        modem.later(self._traced, modem.epoch, status, (short_addr, metric), alive, delay_us=wait_us)

    def _alive_part(self, path: "list[Station] | None") -> "list[Station]":
        alive: "list[Station]" = []
        for station in path or ():
            if alive and not (alive[-1].hears(station) and alive[-1].shares_key(station)):
                break
            alive.append(station)
        return alive

    def _traced(self, epoch: int, status: int, asked: tuple[int, int], path: "list[Station]") -> None:
        if epoch == self._modem.epoch:
            self._is_tracing = False
            self._path_confirm(status, asked, path)

    def _path_confirm(self, status: int, asked: tuple[int, int], path: "list[Station]") -> None:
        """Forward hops up to the destination, then, when it was reached, the hops back."""
        hops = list(zip(path, path[1:], strict=False))
        back = [(there, here) for here, there in reversed(hops)] if status == codes.OK else []
        body = bytes((status,)) + asked[0].to_bytes(2, "big") + codes.COORD_ADDR.to_bytes(2, "big")
        body += bytes((asked[1], len(hops), len(back)))
        self._modem.confirm(codes.PATH_CNF, body + b"".join(self._hop_row(*hop) for hop in hops + back))

    def _hop_row(self, sender: "Station", receiver: "Station") -> bytes:
        lqi = sender.links[receiver]
        cost = _LINK_COST[self._modem.line.modulation(sender, receiver)]
        return receiver.short_addr.to_bytes(2, "big") + bytes((1, cost, 0, lqi, max(0, lqi - 2)))
