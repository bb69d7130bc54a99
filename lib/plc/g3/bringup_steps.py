# SPDX-License-Identifier: MIT
"""The requests that configure the modem and start the network, in the order of g3.md 2.9.

Each row of STEPS loads one request (or says that this dialect or configuration has none) and
judges its confirm. What goes before NETWORK_START is not negotiable: own EUI-64, short address
0, own group key, frame counter; the rest may be refused by a modem and is then counted.
"""

import struct

from micropython import const

from base import events
from base.log import WARNING
from plc.g3 import adp, counts, pib
from plc.g3 import command as cmds
from plc.g3.pan import Pan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.g3.command import Command
    from plc.g3.network_record import NetworkRecord
    from plc.g3.shared import Shared

# Verdicts on a step.
DONE = const(0)
AGAIN = const(1)
FAIL = const(2)

_COORDINATOR = const(1)
_INIT_L_MS = const(1000)  # whether dialect L confirms INITIALIZE is UNCONFIRMED: wait a little, go on
_DISCOVERY_MARGIN_MS = const(5000)
_POSITIVE = const(0x7FFFFFFF)  # what a log record holds
_FOREVER = b"\x7f\xff\xff\xff"


class Steps:
    """What the steps write. `eui64` = the modem's own address once known (8 octets)."""

    def __init__(self, shared: "Shared", record: "NetworkRecord") -> None:
        self.eui64 = b""
        self.pan = Pan(shared, record)
        self._shared = shared
        self._settings = shared.settings
        self._record = record
        self._is_l = shared.settings.is_dialect_l
        self._counter = -1

    def restart(self) -> None:
        """A new way up begins."""
        self._counter = -1
        self._record.ensure_key()
        self.pan.restart()

    # --- loading ---

    def _set(
        self, command: "Command", space: int, attribute: int, value: "bytes | memoryview", index: int = 0
    ) -> bool:
        command.load_set(space, attribute, index, value, self._settings.timeout_ms("request_timeout_ms"))
        return True

    def _number(self, command: "Command", space: int, attribute: int, value: int) -> bool:
        return self._set(command, space, attribute, pib.number_octets(value, pib.octets(space, attribute)))

    def _initialize(self, command: "Command") -> bool:
        command.mv[0] = adp.INITIALIZE
        command.mv[1] = self._settings["band"]
        command.mv[2] = _COORDINATOR
        widen = self._settings["uart_widen"]
        timeout_ms = _INIT_L_MS * widen if self._is_l else self._settings.timeout_ms("init_timeout_ms")
        command.load(2 if self._is_l else 3, timeout_ms)
        return True

    def _eui(self, command: "Command") -> bool:
        eui64 = self._settings.octets("eui64")
        if eui64:
            return self._set(command, pib.SPACE_MAC, pib.MAC_EUI64, eui64)
        command.load_get(pib.SPACE_MAC, pib.MAC_EUI64, 0, self._settings.timeout_ms("request_timeout_ms"))
        return True

    def _short(self, command: "Command") -> bool:
        return self._set(command, pib.SPACE_MAC, pib.MAC_SHORT_ADDRESS, b"\x00\x00")

    def _device_type(self, command: "Command") -> bool:
        return self._is_l and self._number(command, pib.SPACE_ADP, pib.DEVICE_TYPE, _COORDINATOR)

    def _context_0(self, command: "Command") -> bool:
        value = struct.pack(">HBB8sH", 0xFFFF, 1, 80, b"\xfe\x80", self.pan.wanted)
        return self._set(command, pib.SPACE_ADP, pib.CONTEXT_TABLE, value)

    def _context_1(self, command: "Command") -> bool:
        bits = self._settings.octets("context_1")
        value = struct.pack(">HBB", 0xFFFF, 1, 8 * len(bits)) + bits
        return bool(bits) and self._set(command, pib.SPACE_ADP, pib.CONTEXT_TABLE, value, 1)

    def _routing_ttl(self, command: "Command") -> bool:
        return self._number(command, pib.SPACE_ADP, pib.ROUTING_TTL, self._settings["routing_ttl_min"])

    def _max_hops(self, command: "Command") -> bool:
        return self._number(command, pib.SPACE_ADP, pib.MAX_HOPS, self._settings["max_hops"])

    def _join_wait(self, command: "Command") -> bool:
        return self._number(command, pib.SPACE_ADP, pib.MAX_JOIN_WAIT, self._settings["max_join_wait_s"])

    def _security(self, command: "Command") -> bool:
        return self._number(command, pib.SPACE_ADP, pib.SECURITY_LEVEL, self._settings["security_level"])

    def _group_key(self, command: "Command") -> bool:
        index = self._record.active
        if self._is_l:
            return self._set(command, pib.SPACE_MAC, pib.MAC_KEY_TABLE, self._record.key(index), index)
        return self._set(command, pib.SPACE_LBP, pib.LBP_GMK, self._record.key(index), index)

    def _other_key(self, command: "Command") -> bool:
        """The key before or after the active one, or none.

        NOTE: INITIALIZE writes a published key at index 0: with index 1 active and nothing of
        ours at 0 anybody could send with that key.
        """
        index = self._record.other
        if self._record.has_key(index):
            return self._set(command, pib.SPACE_MAC, pib.MAC_KEY_TABLE, self._record.key(index), index)
        if index == 0:
            return self._set(command, pib.SPACE_MAC, pib.MAC_KEY_TABLE, self._record.nonsense(), index)
        return False

    def _key_index(self, command: "Command") -> bool:
        return self._is_l and self._number(command, pib.SPACE_ADP, pib.ACTIVE_KEY_INDEX, self._record.active)

    def _psk(self, command: "Command") -> bool:
        """A PSK nobody has: with the modem's published default anybody could join."""
        return not self._is_l and self._set(command, pib.SPACE_LBP, pib.LBP_PSK, self._record.nonsense())

    def _message_timeout(self, command: "Command") -> bool:
        timeout_s = self._settings["lbp_timeout_s"]
        return not self._is_l and self._number(command, pib.SPACE_LBP, pib.LBP_MSG_TIMEOUT, timeout_s)

    def _counter_get(self, command: "Command") -> bool:
        timeout_ms = self._settings.timeout_ms("request_timeout_ms")
        command.load_get(pib.SPACE_MAC, pib.MAC_FRAME_COUNTER, 0, timeout_ms)
        return True

    def _counter_set(self, command: "Command") -> bool:
        if self._counter < 0:
            return False
        return self._number(command, pib.SPACE_MAC, pib.MAC_FRAME_COUNTER, self._counter)

    def _discovery(self, command: "Command") -> bool:
        duration_s = self._settings["discovery_s"]
        if not duration_s:
            self.pan.choose()
            return False
        command.mv[0] = adp.DISCOVERY
        command.mv[1] = duration_s
        command.load(2, (1000 * duration_s + _DISCOVERY_MARGIN_MS) * self._settings["uart_widen"])
        return True

    def _network_start(self, command: "Command") -> bool:
        struct.pack_into(">BH", command.mv, 0, adp.NETWORK_START, self.pan.wanted)
        command.load(3, 1000 * self._settings.timeout_ms("start_timeout_s"))
        return True

    def _prefix(self, command: "Command") -> bool:
        prefix = self._settings.octets("prefix")[:6] + pib.number_octets(self.pan.wanted, 2) + bytes(8)
        value = b"\x40\x01\x01" + _FOREVER + _FOREVER + prefix
        return self._set(command, pib.SPACE_ADP, pib.PREFIX_TABLE, value)

    # --- judging ---

    def _must(self, now: int, result: int, mv: memoryview, off: int, n: int) -> int:
        return DONE if result == cmds.CMD_OK and mv[off] == adp.SUCCESS else FAIL

    def _may(self, now: int, result: int, mv: memoryview, off: int, n: int) -> int:
        if result == cmds.CMD_TIMEOUT:
            return FAIL
        if result != cmds.CMD_OK or mv[off] != adp.SUCCESS:
            self._shared.counters.inc(counts.CONFIG_REFUSED)
        return DONE

    def _initialized(self, now: int, result: int, mv: memoryview, off: int, n: int) -> int:
        if self._is_l and result == cmds.CMD_TIMEOUT:
            return DONE
        return DONE if result == cmds.CMD_OK else FAIL

    def _eui_known(self, now: int, result: int, mv: memoryview, off: int, n: int) -> int:
        verdict = self._must(now, result, mv, off, n)
        self.eui64 = self._settings.octets("eui64")
        if verdict == DONE and not self.eui64 and n >= pib.VALUE_OFF + 8:
            self.eui64 = bytes(mv[off + pib.VALUE_OFF : off + pib.VALUE_OFF + 8])
        return verdict

    def _counter_got(self, now: int, result: int, mv: memoryview, off: int, n: int) -> int:
        if result != cmds.CMD_OK or mv[off] != adp.SUCCESS or n < pib.VALUE_OFF + 4:
            return FAIL
        theirs = pib.number(mv, off + pib.VALUE_OFF, 4)
        self._counter = self._record.counter_to_set(theirs)
        if self._counter >= 0:  # a swapped modem, or one that has lost its memory
            self._shared.counters.inc(counts.COUNTER_RESTORED)
            self._shared.record(WARNING, events.FRAME_COUNTER_JUMP, theirs & _POSITIVE, self._counter & _POSITIVE)
        return DONE

    def _discovered(self, now: int, result: int, mv: memoryview, off: int, n: int) -> int:
        if result != cmds.CMD_OK or mv[off] not in (adp.SUCCESS, adp.NO_BEACON):
            return FAIL
        self.pan.choose()
        return DONE

    def _started(self, now: int, result: int, mv: memoryview, off: int, n: int) -> int:
        if result != cmds.CMD_OK or mv[off] != adp.SUCCESS:
            self._shared.counters.inc(counts.START_FAILED)
            return AGAIN
        self.pan.started(now)
        return DONE


_S = Steps
# Row: (load the request, False = there is none; judge its confirm)
STEPS = (
    (_S._initialize, _S._initialized),
    (_S._eui, _S._eui_known),
    (_S._short, _S._must),
    (_S._device_type, _S._may),
    (_S._context_0, _S._may),
    (_S._context_1, _S._may),
    (_S._routing_ttl, _S._may),
    (_S._max_hops, _S._may),
    (_S._join_wait, _S._may),
    (_S._security, _S._may),
    (_S._group_key, _S._must),
    (_S._other_key, _S._must),
    (_S._key_index, _S._must),
    (_S._psk, _S._must),
    (_S._message_timeout, _S._may),
    (_S._counter_get, _S._counter_got),
    (_S._counter_set, _S._must),
    (_S._discovery, _S._discovered),
    (_S._network_start, _S._started),
    (_S._prefix, _S._may),
    (_S._context_0, _S._may),
)
