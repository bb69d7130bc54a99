# SPDX-License-Identifier: MIT
"""LBP frames and the EAP-PSK packets in them (g3.md 3.1-3.3): pure encoding, no state.

The EAP code octet is the RFC 3748 code shifted left by two; the EAX header has it unshifted.
"""

from typing import NamedTuple

from tools.sim.g3 import crypto

JOINING, KICK_FROM_LBD = 0x10, 0x40
ACCEPTED, CHALLENGE, DECLINE, KICK_TO_LBD = 0x90, 0xA0, 0xB0, 0xC0
_CODE_MASK = 0xF0

EAP_REQUEST, EAP_RESPONSE, EAP_SUCCESS, EAP_FAILURE = 1, 2, 3, 4
EAP_TYPE_PSK = 0x2F
RAND_LEN = 16
EUI64_LEN = 8
_EAP_HEADER_LEN = 6
_NONCE_LEN = 4
_EXT_TYPE = 0x02
_HAS_EXT = 0x20
DONE_SUCCESS, DONE_FAILURE = 2, 3

PARAM_SHORT_ADDR, PARAM_GMK, PARAM_ACTIVATION, PARAM_REMOVAL, PARAM_RESULT = 0x1D, 0x27, 0x2B, 0x2F, 0x31
RESULT_OK, RESULT_MISSING, RESULT_INVALID, RESULT_UNKNOWN = 0, 1, 2, 3


class LbpError(ValueError):
    """Not an LBP frame or not the EAP message expected."""


class Frame(NamedTuple):
    """One LBP frame; `media` = the low nibble of its first octet."""

    code: int
    eui64: bytes
    bootstrap: bytes
    media: int = 0

    @property
    def is_config(self) -> bool:
        """Its bootstrapping data are a configuration parameter, not EAP."""
        return bool(self.bootstrap) and bool(self.bootstrap[0] & 1)


def build(code: int, eui64: bytes, bootstrap: bytes = b"", media: int = 0) -> bytes:
    """An LBP NSDU."""
    return bytes((code | media, 0)) + eui64 + bootstrap


def split(nsdu: bytes) -> Frame:
    """The parts of an LBP NSDU."""
    if len(nsdu) < 2 + EUI64_LEN:
        raise LbpError("short LBP frame")
    return Frame(nsdu[0] & _CODE_MASK, nsdu[2:10], nsdu[10:], nsdu[0] & 0x0F)


class Eap(NamedTuple):
    """One EAP-PSK packet; `message` 1..4 (0: Success, Failure), `body` behind RAND_S."""

    code: int
    identifier: int
    message: int
    rand_s: bytes
    body: bytes
    packet: bytes

    @property
    def eax_header(self) -> bytes:
        """First 22 octets with the code unshifted."""
        return bytes((self.code,)) + self.packet[1:22]


def parse_eap(packet: bytes) -> Eap:
    """Read an EAP packet; LbpError when its length or type is wrong."""
    if len(packet) < 4 or int.from_bytes(packet[2:4], "big") != len(packet):
        raise LbpError("EAP length")
    code = packet[0] >> 2
    if code in (EAP_SUCCESS, EAP_FAILURE):
        return Eap(code, packet[1], 0, b"", b"", packet)
    if len(packet) < _EAP_HEADER_LEN + RAND_LEN or packet[4] != EAP_TYPE_PSK:
        raise LbpError("EAP type")
    return Eap(code, packet[1], (packet[5] >> 6) + 1, packet[6:22], packet[22:], packet)


def end_packet(code: int, identifier: int) -> bytes:
    """EAP-Success or EAP-Failure."""
    return bytes((code << 2, identifier, 0, 4))


def _packet(code: int, identifier: int, message: int, content: bytes) -> bytes:
    size = _EAP_HEADER_LEN + len(content)
    kind = bytes((EAP_TYPE_PSK, (message - 1) << 6))
    return bytes((code << 2, identifier)) + size.to_bytes(2, "big") + kind + content


def message_1(identifier: int, rand_s: bytes, id_s: bytes) -> bytes:
    """Server's challenge."""
    return _packet(EAP_REQUEST, identifier, 1, rand_s + id_s)


class Identities(NamedTuple):
    """Both names and both random numbers of one exchange."""

    id_s: bytes
    id_p: bytes
    rand_s: bytes
    rand_p: bytes

    def mac_p(self, ak: bytes) -> bytes:
        """The device's proof."""
        return crypto.cmac(ak, self.id_p + self.id_s + self.rand_s + self.rand_p)

    def mac_s(self, ak: bytes) -> bytes:
        """The server's proof."""
        return crypto.cmac(ak, self.id_s + self.rand_p)


def message_2(identifier: int, who: Identities, ak: bytes) -> bytes:
    """Device's answer to message 1."""
    return _packet(EAP_RESPONSE, identifier, 2, who.rand_s + who.rand_p + who.mac_p(ak) + who.id_p)


def parse_message_2(eap: Eap) -> tuple[bytes, bytes, bytes]:
    """(RAND_P, MAC_P, ID_P)."""
    if eap.message != 2 or len(eap.body) < 40:
        raise LbpError("message 2")
    return eap.body[:16], eap.body[16:32], eap.body[32:]


def message_3(identifier: int, who: Identities, keys: tuple[bytes, bytes], nonce: int, plaintext: bytes) -> bytes:
    """Server's proof and protected parameters; keys = (AK, TEK)."""
    proof = who.rand_s + who.mac_s(keys[0])
    return _protected(EAP_REQUEST, identifier, 3, proof, (keys[1], nonce, plaintext))


def message_4(identifier: int, rand_s: bytes, tek: bytes, nonce: int, plaintext: bytes) -> bytes:
    """Device's protected answer."""
    return _protected(EAP_RESPONSE, identifier, 4, rand_s, (tek, nonce, plaintext))


def _protected(code: int, identifier: int, message: int, clear: bytes, secret: tuple[bytes, int, bytes]) -> bytes:
    tek, nonce, plaintext = secret
    blank = _packet(code, identifier, message, clear + bytes(_NONCE_LEN + crypto.TAG_LEN + len(plaintext)))
    header = bytes((code,)) + blank[1:22]
    sealed, tag = crypto.eax_seal(tek, nonce.to_bytes(16, "big"), header, plaintext)
    return _packet(code, identifier, message, clear + nonce.to_bytes(_NONCE_LEN, "big") + tag + sealed)


def open_protected(eap: Eap, tek: bytes) -> tuple[int, bytes]:
    """(nonce, plaintext) of message 3 or 4; LbpError, CryptoError."""
    channel = eap.body[16:] if eap.message == 3 else eap.body
    if eap.message not in (3, 4) or len(channel) < _NONCE_LEN + crypto.TAG_LEN + 1:
        raise LbpError("protected channel")
    nonce, tag, sealed = channel[:4], channel[4:20], channel[20:]
    plaintext = crypto.eax_open(tek, bytes(12) + nonce, eap.eax_header, sealed, tag)
    return int.from_bytes(nonce, "big"), plaintext


def parameter(header: int, value: bytes) -> bytes:
    """One configuration parameter."""
    return bytes((header, len(value))) + value


def parse_parameters(octets: bytes) -> list[tuple[int, bytes]]:
    """(header, value) in order; LbpError when one is cut off."""
    found, at = [], 0
    while at < len(octets):
        if at + 2 > len(octets) or at + 2 + octets[at + 1] > len(octets):
            raise LbpError("parameter")
        end = at + 2 + octets[at + 1]
        found.append((octets[at], octets[at + 2 : end]))
        at = end
    return found


def channel_text(result: int, parameters: bytes) -> bytes:
    """Plaintext of the protected channel."""
    return bytes((result << 6 | _HAS_EXT, _EXT_TYPE)) + parameters


def parse_channel(plaintext: bytes) -> tuple[int, list[tuple[int, bytes]]]:
    """(result, parameters)."""
    if not plaintext[0] & _HAS_EXT:
        return plaintext[0] >> 6, []
    if len(plaintext) < 2 or plaintext[1] != _EXT_TYPE:
        raise LbpError("extension type")
    return plaintext[0] >> 6, parse_parameters(plaintext[2:])
