# SPDX-License-Identifier: MIT
"""Management's questions about one node: ping, path, route; the answers come as events.

Source: g3.md 2.4 (ROUTE_DISCOVERY), 5 (path request, route request, ping of concentrators in
the field). A ping is an ICMPv6 echo (RFC 4443): there and back over the whole stack; whether a
given meter answers one is UNCONFIRMED, so a failed ping alone never makes a node lost.
"""

import struct

from micropython import const

from plc.g3 import adp
from plc.g3 import command as cmds
from plc.g3 import shared as kinds
from plc.g3.command import Command
from plc.g3.echo import LOST, NO_ROUTE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from plc.contract import Nodes
    from plc.g3.links import Links
    from plc.g3.modem import Modem
    from plc.g3.shared import Shared
    from plc.g3.traffic import Traffic
    from plc.g3.watch import Watch

_EUI_LEN = const(8)
_TIMEOUT = const(0xFF)


class Probes:
    """One route request and one ping at a time; paths as `watch` allows."""

    def __init__(self, modem: "Modem", nodes: "Nodes", traffic: "Traffic", watch: "Watch", shared: "Shared") -> None:
        self._modem = modem
        self._nodes = nodes
        self._traffic = traffic
        self._watch = watch
        self._links: "Links" = watch.links
        self._shared = shared
        self._command = Command(self, 8)
        self._row = -1
        self._is_for_ping = False  # the route discovery under way
        self._has_found = False  # there was one for this ping already
        self._eui64 = memoryview(bytearray(_EUI_LEN))
        self.on_ping_over: "Callable[[int, int, int], None] | None" = None  # (now, row, round trip in ms or -1)
        traffic.echo.on_end = self._pinged

    def ping(self, now: int, row: int) -> bool:
        """Send an echo once there is room; PING_DONE or PING_FAILED. False while another is under way."""
        if not self._is_held(row) or self._is_for_ping or not self._traffic.echo.ask(now, row):
            return False
        self._has_found = False
        return True

    def path(self, now: int, row: int) -> bool:
        """Look the way to `row` up; PATH_DONE or PATH_FAILED, and the node list shows it."""
        return self._is_held(row) and self._watch.request_path(now, row)

    def route(self, now: int, row: int) -> bool:
        """Let the modem find a route to `row` anew; ROUTE_DONE. False while another is under way."""
        if not self._modem.is_up or not self._is_held(row) or self._modem.line_desk.has(self._command):
            return False
        self._is_for_ping = False
        return self._find_route(now, row)

    def _find_route(self, now: int, row: int) -> bool:
        settings = self._shared.settings
        addr = self._nodes.addr(row)
        struct.pack_into(">BHB", self._command.mv, 0, adp.ROUTE_DISCOVERY, addr, settings["max_hops"])
        self._command.load(4, settings.timeout_ms("path_timeout_ms"))
        self._row = row
        return self._modem.line_desk.push(now, self._command)

    def on_command(self, now: int, command: "Command", result: int, mv: memoryview, off: int, n: int) -> None:
        """CommandOwner: the route discovery ended."""
        status = mv[off] if result == cmds.CMD_OK else _TIMEOUT
        if self._is_for_ping:
            self._is_for_ping = False
            if status != adp.SUCCESS or not self._traffic.echo.ask(now, self._row):
                self._pinged(now, self._row, LOST)
            return
        self._nodes.title_into(self._row, self._eui64, 0)
        self._shared.tell(now, kinds.ROUTE_DONE, self._eui64, status)

    def _pinged(self, now: int, row: int, ms: int) -> None:
        # NOTE: the echo itself asks for no route: the modem would take nobody's data while it looks for one.
        if ms == NO_ROUTE and not self._has_found and not self._modem.line_desk.has(self._command):
            self._has_found = self._is_for_ping = True
            if self._find_route(now, row):
                return
            self._is_for_ping = False
        self._nodes.title_into(row, self._eui64, 0)
        if ms < 0:
            self._shared.tell(now, kinds.PING_FAILED, self._eui64, row)
        else:
            self._links.note_rtt(row, ms)
            self._shared.tell(now, kinds.PING_DONE, self._eui64, self._links.rtt_ms(row))
        if self.on_ping_over is not None:
            self.on_ping_over(now, row, max(ms, -1))

    def _is_held(self, row: int) -> bool:
        return row >= 0 and self._nodes.row_of_addr(self._nodes.addr(row)) == row
