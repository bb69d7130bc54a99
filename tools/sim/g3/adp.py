# SPDX-License-Identifier: MIT
"""The ADP's commands: one row per command, except data, routes and LBP, which have files of their own (g3.md 2.4)."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tools.sim.g3 import codes, mesh, pib_adp
from tools.sim.g3.options import DEFAULT_KEY
from tools.sim.g3.pib import Pib, PibError
from tools.sim.g3.request import Request

if TYPE_CHECKING:
    from tools.sim.g3.modem import G3Modem
    from tools.sim.g3.station import Station

BANDS = {"cen-a": 0, "fcc": 2}
_STATUS_ADDRESSES = bytes.fromhex("02000102FFFF")  # from node 0001 to all
_WINDOW_SHARE = 0.6  # of a discovery: when beacons may start
_DECLARED_LEN = {19: 18, 21: 20}  # neighbour rows: what the length octet says of what is emitted
_NEIGHBOUR_TABLES = (0x10A, 0x08000002)
_ROUTING_TABLES = (0x0C, 0x080000E3)
_ROUTING_DECLARED_LEN = 9

Handler = Callable[[Request], object]


class Adp:
    """Dispatch of one modem since its last reset."""

    def __init__(self, modem: "G3Modem") -> None:
        self._modem = modem
        self._is_coordinator = False
        self._is_discovering = False
        self._commands = self._table()

    def _table(self) -> dict[int, Handler]:
        modem, adp_set = self._modem, (codes.SET_CNF, codes.GET_CNF)
        mac_set = (codes.MAC_SET_CNF, codes.MAC_GET_CNF)
        table: dict[int, Handler] = {
            codes.DATA_REQ: modem.data_path.request,
            codes.DISCOVERY_REQ: self._discovery,
            codes.START_REQ: self._start,
            codes.RESET_REQ: self._reset,
            codes.SET_REQ: lambda request: self._set(request, modem.adp_pib, adp_set[0]),
            codes.GET_REQ: lambda request: self._get(request, modem.adp_pib, adp_set[1]),
            codes.MAC_SET_REQ: lambda request: self._set(request, modem.mac_pib, mac_set[0]),
            codes.MAC_GET_REQ: lambda request: self._get(request, modem.mac_pib, mac_set[1]),
            codes.ROUTE_REQ: modem.routes.route_request,
            codes.PATH_REQ: modem.routes.path_request,
        }
        if modem.options.dialect == "L":
            table[codes.LBP_REQ] = modem.lbp_port.request
            return table
        return {**table, codes.RAW_DATA_REQ: modem.data_path.raw_request, **modem.lbs.commands}

    def handle(self, request: Request) -> None:
        """Do what the host asks."""
        command = request.command
        if command == codes.INITIALIZE:
            self._initialize(request)
            return
        handler = self._commands.get(command)
        if not self._modem.is_initialised or command in (codes.JOIN_REQ, codes.LEAVE_REQ):
            self.status(codes.STATUS_NOT_ALLOWED, command)
        elif handler is None:
            self._unknown(command)
        else:
            handler(request)
            self._modem.counters["short_requests"] += request.is_short
            self._modem.counters["long_requests"] += bool(request.rest)

    def status(self, status: int, command: int) -> None:
        """The status reply."""
        self._modem.confirm(codes.STATUS, bytes((status, command)))

    def _unknown(self, command: int) -> None:
        if not (self._modem.options.dialect == "L" and self._modem.options.legacy_silent_unknown):
            self.status(codes.STATUS_UNKNOWN, command)

    # --- life of the network ---

    def _initialize(self, request: Request) -> None:
        modem = self._modem
        band = request.number(1)
        is_coordinator = request.number(1) == 1 if modem.options.dialect == "H" else True
        if band != BANDS[modem.line.band.name]:
            self.status(codes.STATUS_INVALID, request.command)
        elif not modem.faults.take("never_ready"):
            modem.later(self._initialised, is_coordinator, delay_us=modem.options.init_us)

    def _initialised(self, is_coordinator: bool) -> None:
        modem = self._modem
        modem.forget()
        modem.adp.take_role(is_coordinator)

    def take_role(self, is_coordinator: bool) -> None:
        """INITIALIZE is over: role, default key, status."""
        modem = self._modem
        modem.is_initialised, self._is_coordinator = True, is_coordinator
        modem.adp_pib.set(pib_adp.DEVICE_TYPE, 0, bytes((is_coordinator,)))
        if modem.options.dialect == "H" and is_coordinator:
            modem.mac.keys[0] = DEFAULT_KEY
        modem.emit(codes.STATUS, bytes((codes.STATUS_OK, codes.INITIALIZE)), True)

    def _reset(self, request: Request) -> None:
        modem = self._modem
        modem.forget()
        modem.is_initialised = True
        modem.adp.take_over(self._is_coordinator)
        modem.confirm(codes.RESET_CNF, b"\x00")

    def take_over(self, is_coordinator: bool) -> None:
        """RESET keeps the role."""
        self._is_coordinator = is_coordinator

    def _start(self, request: Request) -> None:
        modem, pan_id = self._modem, request.number(2)
        if not self._is_coordinator:
            self.status(codes.STATUS_NOT_ALLOWED, request.command)
            return
        status = codes.INVALID_REQUEST if modem.is_started or pan_id == codes.NO_ADDR else codes.OK
        if modem.faults.start_status:
            status = modem.faults.start_status.pop(0)
        modem.later(self._started, pan_id, status, delay_us=modem.options.start_us)

    def _started(self, pan_id: int, status: int) -> None:
        modem = self._modem
        if status == codes.OK:
            modem.is_started = True
            modem.mac.begin(pan_id)
            modem.wanted_pan_id, modem.wanted_short_addr = pan_id, codes.COORD_ADDR
        modem.emit(codes.START_CNF, bytes((status,)), True)
        modem.check_conflict()
        if status == codes.OK and modem.options.dialect == "L":
            modem.emit(codes.NON_VOLATILE_IND)

    def network_status(self, pan_id: int, status: int) -> None:
        """NETWORK_STATUS_IND about something heard from PAN `pan_id`."""
        media = b"\x00" if self._modem.options.dialect == "H" else b""
        body = pan_id.to_bytes(2, "big") + _STATUS_ADDRESSES + bytes((status, 0, 0)) + media
        self._modem.emit(codes.NETWORK_STATUS_IND, body)

    # --- discovery ---

    def _discovery(self, request: Request) -> None:
        modem, seconds = self._modem, request.number(1)
        status = modem.faults.discovery_status.pop(0) if modem.faults.discovery_status else codes.OK
        if self._is_discovering:
            status = codes.BUSY
        if status != codes.OK:
            modem.confirm(codes.DISCOVERY_CNF, bytes((status,)))
            return
        self._is_discovering = True
        heard: list[int] = []
        window_us = modem.line.timer_us(seconds * _WINDOW_SHARE)
        epoch = modem.epoch

        def beacon(station: "Station") -> None:
            if self._is_discovering and epoch == modem.epoch:
                self._beacon(heard, station.pan_id, modem.mac.links[station], station.short_addr)

        mesh.ask_beacons(modem.mac, window_us, beacon)
        for pan_id, lqi in modem.mac.foreign_pans.items():
            modem.later(self._beacon, heard, pan_id, lqi, 0, delay_us=window_us // 2)
        modem.later(self._discovered, heard, delay_us=modem.line.timer_us(seconds))

    def _beacon(self, heard: list[int], pan_id: int, lqi: int, agent_addr: int) -> None:
        heard.append(pan_id)
        cost = 0 if agent_addr == codes.COORD_ADDR else 0x0010
        body = pan_id.to_bytes(2, "big") + bytes((lqi,)) + agent_addr.to_bytes(2, "big") + cost.to_bytes(2, "big")
        self._modem.emit(codes.DISCOVERY_IND, body + (b"\x00" if self._modem.options.dialect == "H" else b""))

    def _discovered(self, heard: list[int]) -> None:
        self._is_discovering = False
        self._modem.emit(codes.DISCOVERY_CNF, bytes((codes.OK if heard else codes.NO_BEACON,)), True)

    # --- PIB ---

    def _set(self, request: Request, pib: Pib, confirm: int) -> None:
        number, index = request.number(4), request.number(2)
        value = request.octets(request.number(1))
        status = codes.OK
        try:
            if self._modem.faults.set_status:
                raise PibError(self._modem.faults.set_status.pop(0))
            pib.set(number, index, value)
        except PibError as error:
            status = error.status
        self._modem.confirm(confirm, bytes((status,)) + number.to_bytes(4, "big") + index.to_bytes(2, "big"))

    def _get(self, request: Request, pib: Pib, confirm: int) -> None:
        number, index = request.number(4), request.number(2)
        status, value = codes.OK, b""
        try:
            value = pib.get(number, index)
        except PibError as error:
            status = error.status
        declared = len(value)
        if pib is self._modem.mac_pib and number in _NEIGHBOUR_TABLES:
            declared = _DECLARED_LEN.get(declared, declared)
        elif pib is self._modem.adp_pib and number in _ROUTING_TABLES and value:
            declared = _ROUTING_DECLARED_LEN
        head = bytes((status,)) + number.to_bytes(4, "big") + index.to_bytes(2, "big")
        self._modem.confirm(confirm, head + bytes((declared,)) + value)
