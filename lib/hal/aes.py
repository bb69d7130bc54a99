# SPDX-License-Identifier: MIT
"""AES-128 of one block, by the machine's own library; imported only where a medium needs it."""

import cryptolib
from micropython import const

_ECB = const(1)


def encrypt_block(key: "bytes | bytearray | memoryview", block: "bytes | bytearray | memoryview") -> bytes:
    """The 16 octets `block` encrypted under the 16 octets `key` (FIPS 197)."""
    return cryptolib.aes(key, _ECB).encrypt(block)
