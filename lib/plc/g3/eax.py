# SPDX-License-Identifier: MIT
"""CMAC (RFC 4493) and EAX (Bellare, Rogaway, Wagner) built on AES-128 encryption of one block.

Source: g3.md 4. `encrypt_block(key, block)` is injected; nothing here decrypts a block. A join
costs some thirty blocks, so clarity goes before speed; every call allocates its result.
"""

from micropython import const

from base.constant_time import is_equal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Octets = bytes | bytearray | memoryview
    Encrypt = Callable[[Octets, Octets], bytes]

_BLOCK = const(16)
_RB = const(0x87)
_NONCE = const(0)
_HEADER = const(1)
_TEXT = const(2)
TAG_LEN = const(16)


def cmac(encrypt: "Encrypt", key: "Octets", text: "Octets") -> bytes:
    """AES-CMAC of `text`, 16 octets."""
    return _cmac(encrypt, key, b"", text)


def seal(encrypt: "Encrypt", key: "Octets", nonce: "Octets", header: "Octets", text: "Octets") -> "tuple[bytes, bytes]":
    """(ciphertext, tag)."""
    counter = _omac(encrypt, key, _NONCE, nonce)
    cipher = _ctr(encrypt, key, counter, text)
    return cipher, _tag(encrypt, key, counter, header, cipher)


def open_sealed(
    encrypt: "Encrypt", key: "Octets", nonce: "Octets", header: "Octets", cipher: "Octets", tag: "Octets"
) -> "bytes | None":
    """The plaintext, None when the tag is wrong (compared without a shortcut)."""
    counter = _omac(encrypt, key, _NONCE, nonce)
    if not is_equal(_tag(encrypt, key, counter, header, cipher), tag):
        return None
    return _ctr(encrypt, key, counter, cipher)


def _tag(encrypt: "Encrypt", key: "Octets", counter: bytes, header: "Octets", cipher: "Octets") -> bytes:
    of_header = _omac(encrypt, key, _HEADER, header)
    of_text = _omac(encrypt, key, _TEXT, cipher)
    return bytes([counter[i] ^ of_header[i] ^ of_text[i] for i in range(_BLOCK)])


def _omac(encrypt: "Encrypt", key: "Octets", tweak: int, text: "Octets") -> bytes:
    return _cmac(encrypt, key, bytes(_BLOCK - 1) + bytes([tweak]), text)


def _ctr(encrypt: "Encrypt", key: "Octets", counter: bytes, text: "Octets") -> bytes:
    block = bytearray(counter)
    out = bytearray(text)
    for start in range(0, len(out), _BLOCK):
        stream = encrypt(key, block)
        for i in range(start, min(start + _BLOCK, len(out))):
            out[i] ^= stream[i - start]
        _increment(block)
    return bytes(out)


def _increment(block: bytearray) -> None:
    for i in range(_BLOCK - 1, -1, -1):
        block[i] = block[i] + 1 & 0xFF
        if block[i]:
            return


def _cmac(encrypt: "Encrypt", key: "Octets", head: bytes, text: "Octets") -> bytes:
    """CMAC of head + text; `head` is empty or one block."""
    sub_key = _double(encrypt(key, bytes(_BLOCK)))
    whole = bytearray(head + bytes(text))
    if not whole or len(whole) % _BLOCK:
        sub_key = _double(sub_key)
        whole += b"\x80" + bytes(-(len(whole) + 1) % _BLOCK)
    last = len(whole) - _BLOCK
    for i in range(_BLOCK):
        whole[last + i] ^= sub_key[i]
    mac = bytearray(_BLOCK)
    for start in range(0, len(whole), _BLOCK):
        for i in range(_BLOCK):
            mac[i] ^= whole[start + i]
        mac = bytearray(encrypt(key, mac))
    return bytes(mac)


def _double(block: "bytes | bytearray") -> bytearray:
    out = bytearray(_BLOCK)
    carry = 0
    for i in range(_BLOCK - 1, -1, -1):
        out[i] = (block[i] << 1 | carry) & 0xFF
        carry = block[i] >> 7
    if carry:
        out[_BLOCK - 1] ^= _RB
    return out
