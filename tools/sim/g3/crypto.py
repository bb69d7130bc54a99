# SPDX-License-Identifier: MIT
"""AES-128 single blocks, CMAC (RFC 4493), EAX and the EAP-PSK key schedule (RFC 4764; g3.md 3.4, 4).

Everything is built on AES-ECB encryption; `cryptography` gives the block cipher only.
"""

import hashlib
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

BLOCK_LEN = 16
KEY_LEN = 16
TAG_LEN = 16
_ZERO = bytes(BLOCK_LEN)
_POLYNOMIAL = 0x87


class CryptoError(ValueError):
    """A tag does not fit."""


@lru_cache(maxsize=1024)
def _encryptor(key: bytes) -> CipherContext:
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor()


def aes(key: bytes, block: bytes) -> bytes:
    """One or more blocks, each encrypted by itself."""
    return _encryptor(key).update(block)


def xor(left: bytes, right: bytes) -> bytes:
    """Octet by octet, as long as the shorter one."""
    size = min(len(left), len(right))
    return (int.from_bytes(left[:size], "big") ^ int.from_bytes(right[:size], "big")).to_bytes(size, "big")


def _doubled(block: bytes) -> bytes:
    value = int.from_bytes(block, "big") << 1
    if value >> 128:
        value = (value ^ _POLYNOMIAL) & ((1 << 128) - 1)
    return value.to_bytes(BLOCK_LEN, "big")


@lru_cache(maxsize=1024)
def _subkeys(key: bytes) -> tuple[bytes, bytes]:
    first = _doubled(aes(key, _ZERO))
    return first, _doubled(first)


def cmac(key: bytes, octets: bytes) -> bytes:
    """CMAC of `octets`, 16 octets."""
    whole, padded = _subkeys(key)
    cut = max(0, len(octets) - 1) // BLOCK_LEN * BLOCK_LEN
    last = octets[cut:]
    if len(last) == BLOCK_LEN:
        last = xor(last, whole)
    else:
        last = xor(last + b"\x80" + bytes(BLOCK_LEN - 1 - len(last)), padded)
    state = _ZERO
    for start in range(0, cut, BLOCK_LEN):
        state = aes(key, xor(state, octets[start : start + BLOCK_LEN]))
    return aes(key, xor(state, last))


def _omac(tweak: int, key: bytes, octets: bytes) -> bytes:
    return cmac(key, bytes(BLOCK_LEN - 1) + bytes((tweak,)) + octets)


def _ctr(key: bytes, start: bytes, octets: bytes) -> bytes:
    first = int.from_bytes(start, "big")
    blocks = range(-(-len(octets) // BLOCK_LEN))
    counters = b"".join(((first + i) % (1 << 128)).to_bytes(BLOCK_LEN, "big") for i in blocks)
    return xor(aes(key, counters), octets) if octets else b""


def eax_seal(key: bytes, nonce: bytes, header: bytes, plaintext: bytes) -> tuple[bytes, bytes]:
    """(ciphertext, tag)."""
    start = _omac(0, key, nonce)
    ciphertext = _ctr(key, start, plaintext)
    return ciphertext, xor(xor(start, _omac(1, key, header)), _omac(2, key, ciphertext))


def eax_open(key: bytes, nonce: bytes, header: bytes, ciphertext: bytes, tag: bytes) -> bytes:
    """Plaintext; CryptoError when the tag does not fit."""
    start = _omac(0, key, nonce)
    if xor(xor(start, _omac(1, key, header)), _omac(2, key, ciphertext)) != tag:
        raise CryptoError("tag")
    return _ctr(key, start, ciphertext)


@lru_cache(maxsize=4096)
def ak_kdk(psk: bytes) -> tuple[bytes, bytes]:
    """Authentication key and key-derivation key of a PSK."""
    start = aes(psk, _ZERO)
    return aes(psk, _tweaked(start, 1)), aes(psk, _tweaked(start, 2))


def tek(kdk: bytes, rand_p: bytes) -> bytes:
    """Transient EAP key of one exchange."""
    return aes(kdk, _tweaked(aes(kdk, rand_p), 1))


def _tweaked(block: bytes, number: int) -> bytes:
    return block[:-1] + bytes((block[-1] ^ number,))


def node_psk(seed: object, eui64: bytes) -> bytes:
    """PSK of a simulated node: from the seed and its EUI-64."""
    return hashlib.sha256(b"g3 psk/%s/%s" % (str(seed).encode(), eui64.hex().encode())).digest()[:KEY_LEN]
