# SPDX-License-Identifier: MIT
"""EAP-PSK as G3 uses it, server side: messages 1 to 4, key derivation, the protected channel.

Source: RFC 4764, g3.md 3.2-3.4, 3.7. The code octet is shifted left by two on the wire and not
in the EAX header; the nonce is a 32-bit counter behind 12 zeros. Law: what does not verify
raises RemoteError and tells nothing to the peer.
"""

import struct

from micropython import const

from base.constant_time import is_equal
from base.errors import RemoteError
from plc.g3 import eax

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.g3.eax import Encrypt, Octets

REQUEST = const(1)
RESPONSE = const(2)
SUCCESS = const(3)
FAILURE = const(4)

_HEAD_LEN = const(6)  # code, identifier, length 2, type, flags
_TYPE = const(0x2F)
_MESSAGE_2 = const(0x40)
_MESSAGE_3 = const(0x80)
_MESSAGE_4 = const(0xC0)
_RAND_LEN = const(16)
_MAC_LEN = const(16)
_NONCE_LEN = const(4)
_EAX_HEAD_LEN = const(22)  # the EAP header and RAND_S
_EXT_G3 = const(2)
_DONE_SUCCESS = const(2)
_EXTENDED = const(0x20)
_ID_P_MIN = const(8)
_ID_P_MAX = const(36)

# What is wrong with a message; the argument of RemoteError.
MALFORMED = "malformed"
STALE = "stale"  # another session's RAND_S: a repeated or replayed frame
BAD_MAC_P = "mac_p"
BAD_TAG = "tag"


def message_1(ident: int, rand_s: "Octets", id_s: "Octets") -> bytes:
    """EAP packet of message 1."""
    return _head(REQUEST, ident, _RAND_LEN + len(id_s), 0, True) + bytes(rand_s) + bytes(id_s)


def success(ident: int) -> bytes:
    """EAP-Success."""
    return struct.pack(">BBH", SUCCESS << 2, ident, 4)


def failure(ident: int) -> bytes:
    """EAP-Failure."""
    return struct.pack(">BBH", FAILURE << 2, ident, 4)


def derive(encrypt: "Encrypt", psk: "Octets") -> "tuple[bytes, bytes]":
    """(AK, KDK) of a PSK."""
    x = encrypt(psk, bytes(16))
    return encrypt(psk, _xor_last(x, 1)), encrypt(psk, _xor_last(x, 2))


def derive_tek(encrypt: "Encrypt", kdk: "Octets", rand_p: "Octets") -> bytes:
    """TEK of a session."""
    return encrypt(kdk, _xor_last(encrypt(kdk, rand_p), 1))


class Exchange:
    """One run of the protocol on the server. `start`, `take_2`, `message_3`, `take_4` in this order."""

    def __init__(self) -> None:
        self.rand_s = b""
        self.nonce_is_odd = False  # message 4 did not carry our nonce + 1 (tolerated: the vendors do not check)
        self._ak = self._kdk = self._tek = b""
        self._rand_p = b""

    def start(self, encrypt: "Encrypt", psk: "Octets", rand_s: bytes) -> None:
        """A new session; the PSK is not kept."""
        self.rand_s = rand_s
        self.nonce_is_odd = False
        self._tek = self._rand_p = b""
        self._ak, self._kdk = derive(encrypt, psk)

    def wipe(self) -> None:
        """Forget all keys."""
        self._ak = self._kdk = self._tek = self._rand_p = b""

    def take_2(self, encrypt: "Encrypt", eap: memoryview, id_s: "Octets") -> None:
        """Check message 2; RemoteError when it is not this session's or the PSK differs."""
        rest = _check(eap, _MESSAGE_2, self.rand_s)
        id_p = rest[_RAND_LEN + _MAC_LEN :]
        if not _ID_P_MIN <= len(id_p) <= _ID_P_MAX:
            raise RemoteError(MALFORMED)
        rand_p = bytes(rest[:_RAND_LEN])
        expected = eax.cmac(encrypt, self._ak, bytes(id_p) + bytes(id_s) + self.rand_s + rand_p)
        if not is_equal(expected, rest[_RAND_LEN : _RAND_LEN + _MAC_LEN]):
            raise RemoteError(BAD_MAC_P)
        self._rand_p = rand_p
        self._tek = derive_tek(encrypt, self._kdk, rand_p)

    def message_3(self, encrypt: "Encrypt", ident: int, id_s: "Octets", parameters: bytes) -> bytes:
        """EAP packet of message 3 with the configuration `parameters` in the protected channel."""
        text = bytes([_DONE_SUCCESS << 6 | _EXTENDED, _EXT_G3]) + parameters
        length = _RAND_LEN + _MAC_LEN + _NONCE_LEN + eax.TAG_LEN + len(text)
        header = _head(REQUEST, ident, length, _MESSAGE_3, False) + self.rand_s
        cipher, tag = eax.seal(encrypt, self._tek, bytes(16), header, text)
        mac_s = eax.cmac(encrypt, self._ak, bytes(id_s) + self._rand_p)
        head = _head(REQUEST, ident, length, _MESSAGE_3, True)
        return head + self.rand_s + mac_s + bytes(_NONCE_LEN) + tag + cipher

    def take_4(self, encrypt: "Encrypt", eap: memoryview) -> "tuple[int, bytes]":
        """(result R, parameters) of message 4; RemoteError when it does not verify."""
        rest = _check(eap, _MESSAGE_4, self.rand_s)
        if len(rest) <= _NONCE_LEN + eax.TAG_LEN or not self._tek:
            raise RemoteError(MALFORMED)
        nonce = bytes(12) + bytes(rest[:_NONCE_LEN])
        header = bytes([RESPONSE]) + bytes(eap[1:_EAX_HEAD_LEN])
        sealed = rest[_NONCE_LEN + eax.TAG_LEN :]
        text = eax.open_sealed(encrypt, self._tek, nonce, header, sealed, rest[_NONCE_LEN : _NONCE_LEN + eax.TAG_LEN])
        if text is None:
            raise RemoteError(BAD_TAG)
        self.nonce_is_odd = nonce[-_NONCE_LEN:] != b"\x00\x00\x00\x01"
        result = text[0] >> 6
        if text[0] & _EXTENDED and len(text) >= 2 and text[1] == _EXT_G3:
            return result, text[2:]
        return result, b""


def is_message_2(eap: memoryview) -> bool:
    """Which of the two messages of a peer this is, as far as can be seen."""
    return len(eap) >= _HEAD_LEN and eap[_HEAD_LEN - 1] == _MESSAGE_2


def _head(code: int, ident: int, body_len: int, flags: int, is_wire: bool) -> bytes:
    return struct.pack(">BBHBB", code << 2 if is_wire else code, ident, _HEAD_LEN + body_len, _TYPE, flags)


def _check(eap: memoryview, flags: int, rand_s: bytes) -> memoryview:
    """What stands behind RAND_S of a message of the peer."""
    if len(eap) < _EAX_HEAD_LEN or eap[0] != RESPONSE << 2 or eap[4] != _TYPE or eap[5] != flags:
        raise RemoteError(MALFORMED)
    if eap[2] << 8 | eap[3] != len(eap):
        raise RemoteError(MALFORMED)
    if bytes(eap[_HEAD_LEN:_EAX_HEAD_LEN]) != rand_s:
        raise RemoteError(STALE)
    return eap[_EAX_HEAD_LEN:]


def _xor_last(block: bytes, value: int) -> bytes:
    return block[:-1] + bytes([block[-1] ^ value])
