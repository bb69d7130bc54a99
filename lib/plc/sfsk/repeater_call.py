# SPDX-License-Identifier: MIT
"""Repeater call: from time to time the stations find out who is to repeat.

Source: sfsk.md 3.6: RepeaterCallRequest to all, then our own chip is ordered into the mode
with ISA_Request (Level, Transmission_Position 0), and the line is left alone for the slots
the call takes. Off unless configured.
"""

import struct

from micropython import const

from base import events
from base.log import NOTICE
from plc.medium import DONE_SENT
from plc.sfsk import ciase, counts
from plc.sfsk import command as cmds
from plc.sfsk.ciase_port import APDU_OFF
from plc.sfsk.command import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.contract import Nodes
    from plc.sfsk.ciase_port import CiasePort
    from plc.sfsk.line import Line
    from plc.sfsk.modem import Modem
    from plc.sfsk.settings import Settings
    from plc.sfsk.shared import Shared

_NO_REPLY_COMES = const(-1)
_HEAD = const(3)
_FIRST_CALL_S = const(60)  # not before the network has settled a little


class RepeaterCall:
    """One job of the initiator; owns a command for ISA_Request."""

    def __init__(
        self, port: "CiasePort", modem: "Modem", line: "Line", nodes: "Nodes", settings: "Settings", shared: "Shared"
    ) -> None:
        self._port = port
        self._modem = modem
        self._line = line
        self._air = shared.air
        self._shared = shared
        self._nodes = nodes
        self.is_asked = False  # by management
        self._is_enabled = settings["repeater_call.enabled"]
        self._period_s = settings["repeater_call.period_s"]
        self._new_slots = settings["repeater_call.max_new_slots"]
        self._level = settings["repeater_call.level"]
        self._last_octet = settings["repeater_call.last_octet"]
        self._broadcast = settings["broadcast_mac"]
        self._credit = settings["max_credit"]
        self._due_s = min(_FIRST_CALL_S, self._period_s)
        self._max_mac = 0
        self._mv = memoryview(bytearray(12))
        self._command = Command(self, cmds.PRIO_MANAGEMENT)

    def is_ready(self, now_s: int) -> bool:
        """Asked for, or configured and due."""
        if not self._nodes.count():
            self.is_asked = False
            return False
        return self.is_asked or (bool(self._is_enabled) and now_s >= self._due_s)

    def begin(self, now: int, now_s: int) -> None:
        """Call: the PDU with all credits, so that everybody takes part."""
        self._due_s = now_s + self._period_s
        self.is_asked = False
        self._max_mac = self._nodes.addr(self._nodes.end() - 1)
        self._shared.counters.inc(counts.REPEATER_CALLS)
        length = ciase.put_repeater_call(self._port.mv, APDU_OFF, self._max_mac, self._new_slots, self._last_octet)
        self._port.send(now, self, length, self._broadcast, self._credit, _NO_REPLY_COMES)
        slots = ciase.repeater_call_slots(self._max_mac, self._new_slots)
        self._shared.record(NOTICE, events.REPEATER_CALL, slots)

    def on_line_sent(self, now: int) -> None:
        """LineOwner: our own chip must know before the call's slots begin."""
        struct.pack_into("<HH", self._mv, _HEAD, self._level, 0)
        self._command.load(self._mv, 0, self._modem.chip.isa_req, 4)
        self._modem.submit(now, self._command)

    def on_line_over(self, now: int, outcome: int) -> None:
        """LineOwner: leave the line to the stations."""
        if outcome == DONE_SENT:
            slots = ciase.repeater_call_slots(self._max_mac, self._new_slots)
            self._line.hold(now, self._air.slots_ms(slots + 1))

    def on_command(self, now: int, command: "Command", result: int, mv: memoryview, off: int, n: int) -> None:
        """CommandOwner: ISA_Request has no confirm; a refusal shows in the counters."""
