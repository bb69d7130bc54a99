# SPDX-License-Identifier: MIT
"""AES by the machine's own library; imported only where something needs it."""

import cryptolib
from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cryptolib import aes

_ECB = const(1)


def cipher(key: "bytes | bytearray | memoryview") -> "aes":
    """AES-128 or AES-256 of whole blocks (ECB), by the length of `key`: 16 or 32 octets.

    `encrypt(blocks, out)` and `decrypt(blocks, out)` write to `out`, which may be `blocks`, and
    allocate nothing; one object does either the one or the other, never both. ValueError for
    another length of key or blocks.
    """
    return cryptolib.aes(key, _ECB)


def encrypt_block(key: "bytes | bytearray | memoryview", block: "bytes | bytearray | memoryview") -> bytes:
    """The 16 octets `block` encrypted under the 16 octets `key` (FIPS 197)."""
    return cryptolib.aes(key, _ECB).encrypt(block)
