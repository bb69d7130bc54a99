# SPDX-License-Identifier: MIT
"""The modem's pulse: one attribute read per beat, the frame counter every other time.

Source: g3.md 2.6, 2.8, 2.10. The reads keep the scalar values of classes 90, 91 and 92 fresh,
keep our copy of the frame counter ahead of the modem's, and prove that requests are answered:
two missing answers in a row mean a dead modem, a NOT_ALLOWED one that has restarted.
"""

from array import array

from micropython import const

from base.ticks import ticks_add, ticks_diff
from plc.g3 import adp, pib
from plc.g3 import command as cmds
from plc.g3.command import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.g3.modem import Modem
    from plc.g3.network_record import NetworkRecord
    from plc.g3.shared import Shared

_MISSES = const(2)
_CAUSE_SILENT = const(1)  # = modem.CAUSE_SILENT, not imported: modem imports this file
_QUICK_MS = const(200)  # between the first reads after coming up

# What is read in turn. Class 90, then what of 91 and 92 is a number.
READS = (
    (pib.SPACE_MAC, pib.MAC_TX_DATA),
    (pib.SPACE_MAC, pib.MAC_RX_DATA),
    (pib.SPACE_MAC, pib.MAC_TX_CMD),
    (pib.SPACE_MAC, pib.MAC_RX_CMD),
    (pib.SPACE_MAC, pib.MAC_CSMA_FAIL),
    (pib.SPACE_MAC, pib.MAC_CSMA_NO_ACK),
    (pib.SPACE_MAC, pib.MAC_BAD_CRC),
    (pib.SPACE_MAC, pib.MAC_TX_BROADCAST),
    (pib.SPACE_MAC, pib.MAC_RX_BROADCAST),
    (pib.SPACE_MAC, pib.MAC_RC_COORD),
    (pib.SPACE_MAC, pib.MAC_TMR_TTL),
    (pib.SPACE_MAC, pib.MAC_MAX_FRAME_RETRIES),
    (pib.SPACE_MAC, pib.MAC_POS_TTL),
    (pib.SPACE_MAC, pib.MAC_HIGH_PRIORITY_WINDOW),
    (pib.SPACE_MAC, pib.MAC_CSMA_FAIRNESS),
    (pib.SPACE_MAC, pib.MAC_BEACON_WINDOW),
    (pib.SPACE_MAC, pib.MAC_A),
    (pib.SPACE_MAC, pib.MAC_K),
    (pib.SPACE_MAC, pib.MAC_MIN_CW),
    (pib.SPACE_MAC, pib.MAC_MAX_BE),
    (pib.SPACE_MAC, pib.MAC_MAX_CSMA_BACKOFFS),
    (pib.SPACE_MAC, pib.MAC_MIN_BE),
    (pib.SPACE_MAC, pib.MAC_BROADCAST_MAX_CW),
    (pib.SPACE_MAC, pib.MAC_TRANSMIT_ATTEN),
    (pib.SPACE_MAC, pib.MAC_DUPLICATE_TTL),
    (pib.SPACE_ADP, pib.MAX_HOPS),
    (pib.SPACE_ADP, pib.WEAK_LQI),
    (pib.SPACE_ADP, pib.SECURITY_LEVEL),
    (pib.SPACE_ADP, pib.BROADCAST_LOG_TTL),
    (pib.SPACE_ADP, pib.MAX_JOIN_WAIT),
    (pib.SPACE_ADP, pib.PATH_DISCOVERY_TIME),
    (pib.SPACE_ADP, pib.METRIC_TYPE),
    (pib.SPACE_ADP, pib.COORD_SHORT_ADDRESS),
    (pib.SPACE_ADP, pib.DISABLE_DEFAULT_ROUTING),
    (pib.SPACE_ADP, pib.DEVICE_TYPE),
    (pib.SPACE_ADP, pib.DEFAULT_COORD_ROUTE),
    (pib.SPACE_ADP, pib.LOW_LQI),
    (pib.SPACE_ADP, pib.HIGH_LQI),
    (pib.SPACE_ADP, pib.NET_TRAVERSAL_TIME),
    (pib.SPACE_ADP, pib.ROUTING_TTL),
    (pib.SPACE_ADP, pib.KR),
    (pib.SPACE_ADP, pib.KM),
    (pib.SPACE_ADP, pib.KC),
    (pib.SPACE_ADP, pib.KQ),
    (pib.SPACE_ADP, pib.KH),
    (pib.SPACE_ADP, pib.KRT),
    (pib.SPACE_ADP, pib.RREQ_RETRIES),
    (pib.SPACE_ADP, pib.RREQ_WAIT),
    (pib.SPACE_ADP, pib.BLACKLIST_TTL),
    (pib.SPACE_ADP, pib.UNICAST_RREQ),
    (pib.SPACE_ADP, pib.RLC_ENABLED),
    (pib.SPACE_ADP, pib.ADD_REV_LINK_COST),
    (pib.SPACE_ADP, pib.RREP_WAIT),
)


class Heartbeat:
    """Owner of one read request. `values` in the order of READS, 0 until read."""

    def __init__(self, modem: "Modem", shared: "Shared", record: "NetworkRecord") -> None:
        self.values = array("I", [0] * len(READS))
        self.frame_counter = 0
        self._modem = modem
        self._shared = shared
        self._record = record
        self._command = Command(self, 16)
        self._period_ms = shared.settings["heartbeat_ms"]
        self._alive_ms = 1000 * shared.settings["alive_s"]
        self._due = 0
        self._alive_at = 0
        self._turn = 0
        self._is_counter = False
        self._first = 0

    def start(self, now: int) -> None:
        """The clock of `is_alive` begins."""
        self._alive_at = now

    def restart(self, now: int) -> None:
        """The modem has come up: read everything once, quickly."""
        self._due = ticks_add(now, _QUICK_MS)
        self._turn = 0
        self._first = 2 * len(READS)  # every other beat reads the frame counter

    def is_alive(self, now: int) -> bool:
        """An answer came within `alive_s`: the watchdog may be fed."""
        return ticks_diff(now, self._alive_at) <= self._alive_ms

    def value(self, space: int, attribute: int) -> int:
        """Last value read of an attribute in READS."""
        return self.values[READS.index((space, attribute))]

    def on_deadline(self, now: int) -> None:
        """Beat when due."""
        if not self._modem.is_up or ticks_diff(now, self._due) < 0:
            return
        self._due = ticks_add(now, _QUICK_MS if self._first else self._period_ms)
        self._first = max(self._first - 1, 0)
        if self._modem.desk.has(self._command):
            return
        self._is_counter = not self._is_counter
        space, attribute = (pib.SPACE_MAC, pib.MAC_FRAME_COUNTER) if self._is_counter else READS[self._turn]
        self._command.load_get(space, attribute, 0, self._shared.settings.timeout_ms("request_timeout_ms"))
        self._modem.desk.push(now, self._command)

    def next_deadline(self) -> "int | None":
        """Tick of the next beat; None while the modem is down."""
        return self._due if self._modem.is_up else None

    def on_command(self, now: int, command: "Command", result: int, mv: memoryview, off: int, n: int) -> None:
        """CommandOwner: the read ended."""
        if result == cmds.CMD_TIMEOUT and self._modem.desk.missed >= _MISSES:
            self._modem.die(now, _CAUSE_SILENT)
        turn = self._turn
        if not self._is_counter:
            self._turn = (turn + 1) % len(READS)
        if result != cmds.CMD_OK:
            return
        self._alive_at = now
        if mv[off] != adp.SUCCESS or n <= pib.VALUE_OFF:
            return
        length = min(n - pib.VALUE_OFF, mv[off + pib.VALUE_OFF - 1])
        value = pib.number(mv, off + pib.VALUE_OFF, min(length, 4))
        if self._is_counter:
            self.frame_counter = value
            self._record.counter_seen(value)
        else:
            self.values[turn] = value
