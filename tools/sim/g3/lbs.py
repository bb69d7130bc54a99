# SPDX-License-Identifier: MIT
"""The bootstrapping server inside the dialect-H modem, with the faults of the real one (g3.md 2.10, 3.5, 3.6).

NOTE: kept as found in the firmware: a slot stays free until SHORT_ADDRESS_ASSIGN, so a second joiner overwrites it and
a late ASSIGN goes to whoever is in the first free slot; one PSK variable, read when ASSIGN or REKEY is processed;
results and nonce of message 4, EAP identifiers and configuration results are not looked at; in the rekey phase
message 3 carries nothing but the new key, for new joiners as well.
"""

import random
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from tools.sim.g3 import codes, crypto, lbp
from tools.sim.g3.lbs_slot import FREE, WAIT_2, WAIT_4, WAIT_SENT, Slot
from tools.sim.g3.options import DEFAULT_PSK
from tools.sim.g3.request import Request

if TYPE_CHECKING:
    from tools.sim.g3.modem import G3Modem
    from tools.sim.g3.station import Station

_ID_S = {"cen-a": bytes.fromhex("8172635445362718"), "fcc": bytes.fromhex("8172635445362718")}
_RETRIES = 1
_OK, _UNSUPPORTED, _BAD_INDEX, _BAD_LENGTH = 0, 2, 3, 4
_ATTR_ID_S, _ATTR_PSK, _ATTR_GMK, _ATTR_REKEY_GMK, _ATTR_TIMEOUT = 0, 2, 3, 4, 6
_ATTR_LENS = {0: (8, 34), 1: (8, 34, 36), 2: (16,), 3: (16,), 4: (16,), 5: (16,), 6: (2,)}


class Lbs:
    """LBS of one modem since its last reset; `random_bytes` may be replaced."""

    def __init__(self, modem: "G3Modem") -> None:
        self._modem = modem
        self.counters: Counter = Counter()
        seed = "%s/g3 lbs/%d" % (modem.line.options.seed, modem.epoch)
        self.random_bytes: "Callable[[int], bytes]" = random.Random(seed).randbytes
        self.id_s = _ID_S[modem.line.band.name]
        self.psk, self.rekey_gmk = DEFAULT_PSK, bytes(16)
        self.timeout_s = modem.options.lbp_timeout_s
        self.is_rekeying = False
        self._next_id = modem.options.eap_first_id
        self._max_hops = modem.options.max_hops  # NOTE: copied once; adpMaxHops set later does not count
        self.slots = [Slot() for _ in range(modem.options.lbp_slots)]
        self.commands = {
            codes.LBP_SET_REQ: self._set,
            codes.FORCE_REGISTER: lambda request: modem.adp.status(codes.STATUS_NOT_ALLOWED, request.command),
            codes.KICK_DEVICE: self._kick,
            codes.REKEY: self._rekey,
            codes.REKEY_PHASE: self._phase,
            codes.ACTIVATE_KEY: self._activate,
            codes.ASSIGN: self._assign,
        }

    @property
    def _new_index(self) -> int:
        return self._modem.mac.active_key ^ 1

    def _slot_of(self, eui64: bytes) -> Slot | None:
        return next((slot for slot in self.slots if slot.state != FREE and slot.eui64 == eui64), None)

    def _free_slot(self) -> Slot | None:
        return next((slot for slot in self.slots if slot.state == FREE), None)

    # --- host's commands ---

    def _set(self, request: Request) -> None:
        number, index = request.number(4), request.number(2)
        value = request.octets(request.number(1))
        faults = self._modem.faults
        status = faults.set_status.pop(0) if faults.set_status else self._write(number, index, value)
        head = bytes((status,)) + number.to_bytes(4, "big") + index.to_bytes(2, "big")
        self._modem.confirm(codes.LBP_SET_CNF, head)

    def _write(self, number: int, index: int, value: bytes) -> int:
        if number not in _ATTR_LENS:
            return _UNSUPPORTED
        if index > (number == _ATTR_GMK):
            return _BAD_INDEX
        if len(value) not in _ATTR_LENS[number]:
            return _BAD_LENGTH
        if number == _ATTR_GMK:
            self._modem.mac.keys[index] = value
            self._modem.mac.active_key = index
        elif number == _ATTR_TIMEOUT:
            self.timeout_s = int.from_bytes(value, "big")
        elif number in (_ATTR_ID_S, _ATTR_PSK, _ATTR_REKEY_GMK):
            setattr(self, {_ATTR_ID_S: "id_s", _ATTR_PSK: "psk", _ATTR_REKEY_GMK: "rekey_gmk"}[number], value)
        return _OK

    def _kick(self, request: Request) -> None:
        short_addr, eui64 = request.number(2), request.octets(8)
        nsdu = lbp.build(lbp.KICK_TO_LBD, eui64)
        self._modem.lbp_port.to_member(short_addr, nsdu, self._max_hops, lambda status: None)

    def _phase(self, request: Request) -> None:
        self.is_rekeying = bool(request.number(1))

    def _activate(self, request: Request) -> None:
        mac, index = self._modem.mac, self._new_index
        mac.keys[index] = self.rekey_gmk
        mac.active_key = index

    def _assign(self, request: Request) -> None:
        eui64, short_addr = request.octets(8), request.number(2)
        slot = self._slot_of(eui64) or self._free_slot()
        if slot is None or slot.eui64 is None:
            self.counters["assign_ignored"] += 1
            return
        self.counters["assign_misdirected"] += slot.eui64 != eui64
        if short_addr == codes.NO_ADDR:
            self._send(slot, lbp.DECLINE, lbp.end_packet(lbp.EAP_FAILURE, self._take_id()), lambda status: None)
            self._free(slot)
            return
        slot.assigned = short_addr
        slot.rekey_addr = None
        self._challenge(slot)

    def _rekey(self, request: Request) -> None:
        short_addr, eui64, is_distribution = request.number(2), request.octets(8), request.number(1) == 1
        slot = self._slot_of(eui64) or self._free_slot()
        if slot is None:
            self.counters["rekey_ignored"] += 1
            return
        slot.eui64, slot.rekey_addr, slot.media = eui64, short_addr, 0
        if is_distribution:
            self._challenge(slot)
            return
        self._free(slot)
        activation = lbp.parameter(lbp.PARAM_ACTIVATION, bytes((self._new_index,)))
        self._step(slot, WAIT_SENT, lbp.ACCEPTED, activation)

    # --- LBP ---

    def on_lbp(self, nsdu: bytes, origin: "Station", is_secured: bool) -> None:
        """An LBP frame from a device, its agent, or a member."""
        try:
            frame = lbp.split(nsdu)
            if is_secured and frame.code == lbp.KICK_FROM_LBD:
                self._modem.emit(codes.LEAVE_IND, origin.short_addr.to_bytes(2, "big"))
            elif frame.code != lbp.JOINING or not (is_secured or frame.eui64 == origin.eui64):
                self.counters["lbp_refused"] += 1
            elif frame.is_config:
                self.counters["config_results_ignored"] += 1
            elif frame.bootstrap:
                self._eap(frame)
            else:
                self._first(frame, origin if is_secured else None)
        except (lbp.LbpError, crypto.CryptoError):
            self.counters["lbp_refused"] += 1

    def _first(self, frame: lbp.Frame, agent: "Station | None") -> None:
        slot = self._slot_of(frame.eui64)
        if slot is not None:
            self._free(slot)
        slot = slot or self._free_slot()
        if slot is None:
            self.counters["no_slot"] += 1
            return
        slot.eui64, slot.media, slot.rekey_addr = frame.eui64, frame.media, None
        slot.agent_addr = None if agent is None else agent.short_addr
        self._modem.emit(codes.JOIN_REQUEST_IND, frame.eui64)

    def _challenge(self, slot: Slot) -> None:
        """Message 1; AK and KDK are made of what is in the PSK variable now."""
        slot.ak, slot.kdk = crypto.ak_kdk(self.psk)
        slot.rand_s = self.random_bytes(lbp.RAND_LEN)
        slot.nonce = 0
        self._step(slot, WAIT_2, lbp.CHALLENGE, lbp.message_1(self._take_id(), slot.rand_s, self.id_s))

    def _eap(self, frame: lbp.Frame) -> None:
        slot = self._slot_of(frame.eui64)
        eap = lbp.parse_eap(frame.bootstrap)
        if slot is None or (slot.state, eap.message) not in ((WAIT_2, 2), (WAIT_4, 4)):
            self.counters["lbp_unexpected"] += 1
            return
        if eap.rand_s != slot.rand_s:
            self.counters["rand_s_mismatch"] += 1
            self._free(slot)
        elif eap.message == 2:
            self._prove(slot, eap)
        else:
            self._accept(slot, eap)

    def _prove(self, slot: Slot, eap: lbp.Eap) -> None:
        rand_p, mac_p, id_p = lbp.parse_message_2(eap)
        who = lbp.Identities(self.id_s, id_p, slot.rand_s, rand_p)
        if mac_p != who.mac_p(slot.ak):
            self.counters["mac_p_wrong"] += 1
            self._free(slot)
            return
        slot.tek = crypto.tek(slot.kdk, rand_p)
        plaintext = lbp.channel_text(lbp.DONE_SUCCESS, self._parameters(slot))
        packet = lbp.message_3(self._take_id(), who, (slot.ak, slot.tek), slot.nonce, plaintext)
        self._step(slot, WAIT_4, lbp.CHALLENGE, packet)

    def _parameters(self, slot: Slot) -> bytes:
        if self.is_rekeying:
            return lbp.parameter(lbp.PARAM_GMK, bytes((self._new_index,)) + self.rekey_gmk)
        mac = self._modem.mac
        index = bytes((mac.active_key,))
        address = lbp.parameter(lbp.PARAM_SHORT_ADDR, slot.assigned.to_bytes(2, "big"))
        key = lbp.parameter(lbp.PARAM_GMK, index + mac.keys.get(mac.active_key, bytes(16)))
        return address + key + lbp.parameter(lbp.PARAM_ACTIVATION, index)

    def _accept(self, slot: Slot, eap: lbp.Eap) -> None:
        result = lbp.parse_channel(lbp.open_protected(eap, slot.tek)[1])[0]
        self.counters["refusals_ignored"] += result != lbp.DONE_SUCCESS
        self._step(slot, WAIT_SENT, lbp.ACCEPTED, lbp.end_packet(lbp.EAP_SUCCESS, self._take_id()))

    # --- sending ---

    def _take_id(self) -> int:
        identifier, self._next_id = self._next_id, self._next_id + 1 & 0xFF
        return identifier

    def _step(self, slot: Slot, state: int, code: int, bootstrap: bytes) -> None:
        slot.state, slot.retries, slot.last = state, 0, (code, bootstrap)
        self._transmit(slot)

    def _transmit(self, slot: Slot) -> None:
        self._stop_timer(slot)
        slot.timer = self._modem.kernel.call_later(self._modem.line.timer_us(self.timeout_s), self._timed_out, slot)
        turn = slot.turn
        self._send(slot, *slot.last, lambda status: self._sent(slot, turn, status))

    def _send(self, slot: Slot, code: int, bootstrap: bytes, done: "Callable[[int], object]") -> None:
        assert slot.eui64 is not None
        nsdu = lbp.build(code, slot.eui64, bootstrap, slot.media)
        port = self._modem.lbp_port
        address = slot.agent_addr if slot.rekey_addr is None else slot.rekey_addr
        if address is None:
            port.to_device(slot.eui64, nsdu, done)
        else:
            port.to_member(address, nsdu, self._max_hops, done)

    def _sent(self, slot: Slot, turn: int, status: int) -> None:
        if slot.turn != turn or slot.state != WAIT_SENT or status != codes.OK:
            return
        assert slot.eui64 is not None
        self.counters["joins_complete"] += 1
        self._modem.emit(codes.JOIN_COMPLETE_IND, slot.eui64 + slot.assigned.to_bytes(2, "big"))
        self._free(slot)

    def _timed_out(self, slot: Slot) -> None:
        if self._modem.lbs is not self:
            return
        if slot.retries >= _RETRIES:
            self.counters["lbp_timeouts"] += 1
            self._free(slot)
            return
        slot.retries += 1
        self._transmit(slot)

    def _free(self, slot: Slot) -> None:
        self._stop_timer(slot)
        slot.state = FREE
        slot.turn += 1

    def _stop_timer(self, slot: Slot) -> None:
        if slot.timer is not None:
            slot.timer.cancel()
            slot.timer = None
