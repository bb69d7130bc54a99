# SPDX-License-Identifier: MIT
"""AES of one block from the machine's library: vectors of FIPS 197."""

from binascii import unhexlify

from hal.aes import encrypt_block

_KEY = unhexlify("000102030405060708090a0b0c0d0e0f")
_PLAIN = unhexlify("00112233445566778899aabbccddeeff")
_CIPHER = unhexlify("69c4e0d86a7b0430d8cdb78070b4c55a")  # FIPS 197 C.1


def test_a_block_is_encrypted_from_any_buffer():
    for kind in (bytes, bytearray, memoryview):
        block = encrypt_block(kind(_KEY), kind(_PLAIN))
        assert block == _CIPHER and len(block) == 16
    assert encrypt_block(memoryview(b"x" + _KEY)[1:], memoryview(b"xx" + _PLAIN)[2:]) == _CIPHER
