# SPDX-License-Identifier: MIT
"""Joins with the bootstrapping server in the modem (dialect H): authorise, address, verify, expel.

Source: g3.md 2.4 (60-73), 2.10. The PSK is sent immediately before the address: the modem uses
it up at that moment. NOTE: the modem's slot stays free until our answer: first JOINING of A,
first JOINING of B, our answer for A -> B gets A's address. So we answer from local data within
the call, and a JOIN_COMPLETE whose pair is not the table's is expelled.
"""

import struct

from micropython import const

from plc.g3 import adp, counts, pib
from plc.g3 import command as cmds
from plc.g3 import shared as kinds
from plc.g3.command import Command
from plc.g3.gate import Gate
from plc.g3.pending import Pending

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.contract import Nodes
    from plc.g3.contract import FrameHandler
    from plc.g3.modem import Modem
    from plc.g3.network_record import NetworkRecord
    from plc.g3.outside import Outside
    from plc.g3.rekey import Rekey
    from plc.g3.shared import Shared
    from plc.g3.watch import Watch

_EUI_LEN = const(8)
_DECLINE = const(0xFFFF)
_SLOT_TRIES = const(2)  # of the modem for one message
_SLOT_MARGIN_S = const(2)
_HOP_REST_MS = const(700)  # twice 100 octets in ROBO (g3.md 7.1): others are on the line too
_STALE_S = const(600)  # a JOIN_COMPLETE may still come from a rekey that ended so lately


class Joins:
    """`rekey` is set by the segment. Also the RekeyCarrier of this dialect."""

    rekey: "Rekey"
    hop_rest_ms = _HOP_REST_MS

    def __init__(
        self,
        modem: "Modem",
        nodes: "Nodes",
        watch: "Watch",
        record: "NetworkRecord",
        outside: "Outside",
        shared: "Shared",
    ) -> None:
        self.gate = Gate(nodes, watch, outside, shared)
        self.pending = Pending(shared)
        self.gate.is_joining = self.pending.has
        self.carrier = self
        self._modem = modem
        self._nodes = nodes
        self._watch = watch
        self._shared = shared
        self._counters = shared.counters
        self._mv = memoryview(bytearray(48))
        self._new_key = Command(self)
        self._key = Command(self)
        self._old_key = Command(self)
        self._time = Command(self, 16)
        self._slot_s = self._told_s = 0  # how long the modem is to hold a slot, and what it was told last

    def frame_table(self) -> "dict[int, FrameHandler]":
        """Messages of the modem that are ours."""
        return {
            adp.JOIN_REQUEST_IND: self._join_request,
            adp.JOIN_COMPLETE_IND: self._join_complete,
            adp.LEAVE_IND: self._leave,
            adp.LBP_SET_CONFIRM: self._psk_set,
        }

    def restart(self, now: int) -> None:
        """The modem has come up: joins under way are gone."""
        self.pending.clear()

    def on_deadline(self, now: int) -> None:
        """Tell joins that did not finish."""
        self.pending.expire(now)

    def next_deadline(self) -> "int | None":
        """When the next join must have finished."""
        return self.pending.next_deadline()

    def kick(self, now: int, row: int) -> None:
        """Expel the node of `row`."""
        self._nodes.title_into(row, self._mv, 3)
        self._kick(self._nodes.addr(row))

    # --- messages ---

    def _join_request(self, now: int, mv: memoryview, off: int, n: int) -> None:
        if n < _EUI_LEN:
            return self._counters.inc(counts.MESSAGE_SHORT)
        self._counters.inc(counts.JOIN_REQUESTS)
        eui64 = mv[off : off + _EUI_LEN]
        row = -1
        if self._modem.is_up and self.gate.is_welcome(now, eui64, self.rekey.is_on):
            row = self.gate.row_for(now, eui64)
        if row < 0:
            return self._assign(eui64, _DECLINE)
        self._send_psk()
        self._assign(eui64, self._nodes.addr(row))
        self.pending.add(now, eui64)
        return None

    def _join_complete(self, now: int, mv: memoryview, off: int, n: int) -> None:
        if n < _EUI_LEN + 2:
            return self._counters.inc(counts.MESSAGE_SHORT)
        eui64 = mv[off : off + _EUI_LEN]
        row = self._nodes.find(eui64)
        was_pending = self.pending.take(eui64)
        # NOTE: after each step of a rekey this comes too, its short address then meaningless.
        if not was_pending and row >= 0 and self.rekey.completed(now, row):
            return None
        short_addr = mv[off + 8] << 8 | mv[off + 9]
        if row >= 0 and self._nodes.addr(row) == short_addr:
            # NOTE: let in, then blocked and expelled: that came too early, the modem does not know him yet.
            if self.gate.is_shut(now, eui64):
                return self.kick(now, row)
            return self._joined(now, row, eui64)
        if not was_pending and row >= 0 and self.rekey.ended_lately(now, _STALE_S):
            return self._counters.inc(counts.CONFIRM_STRAY)
        return self._mismatch(now, eui64, short_addr)

    def _joined(self, now: int, row: int, eui64: memoryview) -> None:
        self._counters.inc(counts.JOINED)
        self._shared.tell(now, kinds.JOIN_DONE, eui64, row)
        self._watch.joined(now, row)

    def _mismatch(self, now: int, eui64: memoryview, short_addr: int) -> None:
        """Somebody has an address that is not his: two would answer to it."""
        self._counters.inc(counts.JOIN_MISMATCH)
        self._shared.tell(now, kinds.JOIN_MISMATCH, eui64)
        if self._shared.settings["kick_mismatch"]:
            self._mv[3 : 3 + _EUI_LEN] = eui64
            self._kick(short_addr)

    def _leave(self, now: int, mv: memoryview, off: int, n: int) -> None:
        row = self._nodes.row_of_addr(mv[off] << 8 | mv[off + 1]) if n >= 2 else -1
        if row < 0:
            return self._counters.inc(counts.RX_UNKNOWN_SRC)
        self._counters.inc(counts.LEFT)
        self._nodes.title_into(row, self._mv, 0)
        self._shared.tell(now, kinds.NODE_LEFT, self._mv[:_EUI_LEN], row)
        return self._watch.lose(now, row)

    def _psk_set(self, now: int, mv: memoryview, off: int, n: int) -> None:
        if mv[off] != adp.SUCCESS:
            self._counters.inc(counts.CONFIG_REFUSED)

    # --- sending ---

    def _send(self, length: int) -> None:
        self._modem.link.send(adp.PROTOCOL_ADP, self._mv, length)

    def _send_psk(self) -> None:
        self._send(pib.put_set(self._mv, pib.SPACE_LBP, pib.LBP_PSK, 0, self.gate.psk))
        self.gate.wipe()

    def _assign(self, eui64: memoryview, short_addr: int) -> None:
        self._mv[0] = adp.SHORT_ADDRESS_ASSIGN
        self._mv[1 : 1 + _EUI_LEN] = eui64
        struct.pack_into(">H", self._mv, 1 + _EUI_LEN, short_addr)
        self._send(11)

    def _kick(self, short_addr: int) -> None:
        """The EUI-64 stands at octet 3."""
        self._counters.inc(counts.KICKED)
        struct.pack_into(">BH", self._mv, 0, adp.KICK_DEVICE, short_addr)
        self._send(3 + _EUI_LEN)

    # --- RekeyCarrier ---

    def rekey_begin(self, now: int, index: int, gmk: memoryview) -> None:
        """Give the modem the new key; `rekey.ready` when it has confirmed it."""
        timeout_ms = self._shared.settings.timeout_ms("request_timeout_ms")
        self._new_key.load_set(pib.SPACE_LBP, pib.LBP_REKEY_GMK, 0, gmk, timeout_ms)
        self._modem.desk.push(now, self._new_key)
        self._slot_time(now, (self._shared.settings.timeout_ms("rekey.timeout_s") - _SLOT_MARGIN_S) // _SLOT_TRIES)

    def rekey_preload(self, now: int, index: int, gmk: memoryview) -> None:
        """The coordinator is to understand the new key from now on."""
        if self._shared.settings["rekey.preload"]:
            timeout_ms = self._shared.settings.timeout_ms("request_timeout_ms")
            self._key.load_set(pib.SPACE_MAC, pib.MAC_KEY_TABLE, index, gmk, timeout_ms)
            self._modem.desk.push(now, self._key)

    def on_command(self, now: int, command: "Command", result: int, mv: memoryview, off: int, n: int) -> None:
        """CommandOwner: the modem has the new key, or not."""
        is_ok = result == cmds.CMD_OK and mv[off] == adp.SUCCESS
        if not is_ok:
            self._counters.inc(counts.CONFIG_REFUSED)
        if command is self._new_key:
            if is_ok:
                self._flag(adp.SET_REKEY_PHASE, 1)
            self.rekey.ready(now, is_ok)
        elif command is self._old_key:
            self.rekey.old_key_dropped(is_ok)
        elif command is self._time:
            if result != cmds.CMD_DOWN and self._told_s != self._slot_s:  # it has changed meanwhile
                self._tell_slot_time(now)
        elif command is self._key and self._key.mv[0] == adp.LBP_SET:
            self.rekey.ended(now, is_ok)

    def rekey_distribute(self, now: int, row: int) -> bool:
        """Send the new key to `row`; False when its PSK is not here."""
        self._nodes.title_into(row, self._mv, 0)
        if not self.gate.has_psk(self._mv[:_EUI_LEN]):
            return False
        self._send_psk()
        self._rekey(row, 1)
        return True

    def rekey_activate(self, now: int, row: int) -> bool:
        """Tell `row` to use the new key."""
        self._rekey(row, 0)
        return True

    def rekey_end(self, now: int, index: int, gmk: memoryview) -> bool:
        """The coordinator itself switches; the last word is a request that is confirmed.

        NOTE: with no node to serve, the end is there before the modem has confirmed the beginning: its request, which
        is the same object, would be written over.
        """
        if self._modem.desk.has(self._key):
            return False
        self._slot_time(now, self._shared.settings["lbp_timeout_s"])
        self._flag(adp.SET_REKEY_PHASE, 0)
        self._mv[0] = adp.ACTIVATE_NEW_KEY
        self._send(1)
        timeout_ms = self._shared.settings.timeout_ms("request_timeout_ms")
        self._key.load_set(pib.SPACE_LBP, pib.LBP_GMK, index, gmk, timeout_ms)
        self._modem.desk.push(now, self._key)
        return True

    def rekey_cancel(self, now: int) -> None:
        """The key in use stays; nobody is told."""
        self._slot_time(now, self._shared.settings["lbp_timeout_s"])
        self._flag(adp.SET_REKEY_PHASE, 0)

    def rekey_drop(self, now: int, index: int, nonsense: bytes) -> None:
        """Overwrite the old key in the coordinator's table; `rekey.old_key_dropped`."""
        timeout_ms = self._shared.settings.timeout_ms("request_timeout_ms")
        self._old_key.load_set(pib.SPACE_MAC, pib.MAC_KEY_TABLE, index, nonsense, timeout_ms)
        self._modem.desk.push(now, self._old_key)

    def _slot_time(self, now: int, seconds: int) -> None:
        """How long the modem holds a slot for a message.

        NOTE: a silent node holds one for two of them, and with none free the modem passes over a REKEY
        without a word: a few silent nodes would cost others their tries.
        """
        self._slot_s = max(seconds, 1)
        if not self._modem.desk.has(self._time):
            self._tell_slot_time(now)

    def _tell_slot_time(self, now: int) -> None:
        self._told_s = self._slot_s
        timeout_ms = self._shared.settings.timeout_ms("request_timeout_ms")
        value = pib.number_octets(self._slot_s, 2)
        self._time.load_set(pib.SPACE_LBP, pib.LBP_MSG_TIMEOUT, 0, value, timeout_ms)
        self._modem.desk.push(now, self._time)

    def _flag(self, code: int, flag: int) -> None:
        self._mv[0] = code
        self._mv[1] = flag
        self._send(2)

    def _rekey(self, row: int, distribute: int) -> None:
        struct.pack_into(">BH", self._mv, 0, adp.REKEY, self._nodes.addr(row))
        self._nodes.title_into(row, self._mv, 3)
        self._mv[11] = distribute
        self._send(12)
