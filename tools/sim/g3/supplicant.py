# SPDX-License-Identifier: MIT
"""EAP-PSK as the joining device speaks it (g3.md 3.2-3.6): challenges in, answers out.

Knows nothing of the line: `respond(frame)` gives the LBP bootstrapping data to send back, or None.
Parameters are collected and take effect through `on_success` / `on_parameter`.
"""

from collections import Counter
from collections.abc import Callable

from tools.sim.g3 import crypto, lbp
from tools.sim.g3.codes import COORD_ADDR, MAX_UNICAST_ADDR
from tools.sim.g3.options import G3NodeOptions

_REQUIRED_TO_JOIN = (lbp.PARAM_SHORT_ADDR, lbp.PARAM_GMK, lbp.PARAM_ACTIVATION)
_OF_A_MEMBER = (lbp.PARAM_GMK, lbp.PARAM_ACTIVATION, lbp.PARAM_REMOVAL)
_VALUE_LEN = {lbp.PARAM_SHORT_ADDR: 2, lbp.PARAM_GMK: 17, lbp.PARAM_ACTIVATION: 1, lbp.PARAM_REMOVAL: 1}

Parameters = list[tuple[int, bytes]]


def _is_valid(header: int, value: bytes) -> bool:
    """A key index is 0 or 1, a short address one of a single node and not the coordinator's."""
    if header == lbp.PARAM_SHORT_ADDR:
        return COORD_ADDR < int.from_bytes(value, "big") <= MAX_UNICAST_ADDR
    return value[0] <= 1


class Supplicant:
    """One device's side; `psk` and `random_bytes` may be replaced at any time."""

    def __init__(self, eui64: bytes, psk: bytes, options: G3NodeOptions, counters: Counter) -> None:
        self._eui64, self.psk, self._options, self._counters = eui64, psk, options, counters
        self.random_bytes: "Callable[[int], bytes]" = bytes
        self.is_member = False
        self._who: lbp.Identities | None = None
        self._tek = b""
        self._pending: Parameters | None = None
        self.on_success: "Callable[[Parameters], object]" = lambda parameters: None

    def reset(self) -> None:
        """Forget the exchange."""
        self._who, self._tek, self._pending = None, b"", None

    def respond(self, packet: bytes) -> bytes | None:
        """An EAP packet came in a CHALLENGE or ACCEPTED; the EAP packet to send back."""
        try:
            eap = lbp.parse_eap(packet)
            if eap.message == 1:
                return self._challenged(eap)
            if eap.message == 3:
                return self._provisioned(eap)
        except (lbp.LbpError, crypto.CryptoError):
            self._counters["eap_refused"] += 1
            return None
        if eap.code == lbp.EAP_SUCCESS and self._pending is not None:
            pending, self._pending = self._pending, None
            self.on_success(pending)
        return None

    def _challenged(self, eap: lbp.Eap) -> bytes:
        id_s = eap.body
        ak, kdk = crypto.ak_kdk(self.psk)
        known = self._who
        if known is None or (known.rand_s, known.id_s) != (eap.rand_s, id_s):
            rand_p = self.random_bytes(lbp.RAND_LEN)
            self._who = lbp.Identities(id_s, self._eui64, eap.rand_s, rand_p)
            self._tek = crypto.tek(kdk, rand_p)
            self._pending = None
        assert self._who is not None
        return lbp.message_2(eap.identifier, self._who, ak)

    def _provisioned(self, eap: lbp.Eap) -> bytes | None:
        who = self._who
        if who is None or eap.rand_s != who.rand_s:
            raise lbp.LbpError("RAND_S")
        ak, _ = crypto.ak_kdk(self.psk)
        if eap.body[:16] != who.mac_s(ak):
            raise lbp.LbpError("MAC_S")
        nonce, plaintext = lbp.open_protected(eap, self._tek)
        parameters = lbp.parse_channel(plaintext)[1]
        result, header = self._check(parameters)
        if result == lbp.RESULT_OK:
            self._pending = parameters
        else:
            self._counters["parameters_refused"] += 1
        return self._answer(eap, nonce + 1, (result, header))

    def _answer(self, eap: lbp.Eap, nonce: int, result: tuple[int, int]) -> bytes:
        assert self._who is not None
        is_ok = result[0] == lbp.RESULT_OK
        done = lbp.DONE_SUCCESS if is_ok else lbp.DONE_FAILURE
        plaintext = lbp.channel_text(done, self.result_parameter(*result))
        return lbp.message_4(eap.identifier, self._who.rand_s, self._tek, nonce, plaintext)

    def result_parameter(self, result: int, header: int) -> bytes:
        """A parameter-result in this device's order of octets (g3.md 3.3)."""
        if result == lbp.RESULT_OK:
            value = b"\x00\x00"
        elif self._options.result_order == "microchip":
            value = bytes((result, header))
        else:
            value = bytes((header >> 2, result))
        return lbp.parameter(lbp.PARAM_RESULT, value)

    def _check(self, parameters: Parameters) -> tuple[int, int]:
        """(result, header of the parameter it is about)."""
        if self._options.refuses_gmk:
            return lbp.RESULT_INVALID, lbp.PARAM_GMK
        for header, value in parameters:
            if header not in _VALUE_LEN:
                return lbp.RESULT_UNKNOWN, header
            if len(value) != _VALUE_LEN[header] or not _is_valid(header, value):
                return lbp.RESULT_INVALID, header
        headers = [header for header, _ in parameters]
        if self.is_member:
            is_any = any(header in _OF_A_MEMBER for header in headers)
            return (lbp.RESULT_OK, 0) if is_any else (lbp.RESULT_MISSING, lbp.PARAM_GMK)
        missing = [header for header in _REQUIRED_TO_JOIN if header not in headers]
        return (lbp.RESULT_MISSING, missing[0]) if missing else (lbp.RESULT_OK, 0)
