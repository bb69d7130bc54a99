# SPDX-License-Identifier: MIT
"""KeyStore.unwrap: keys for others (a PSK of a G3 node) that come wrapped by this device's master key."""

from binascii import unhexlify

from security_fakes import MemoryRecord, key_record, make_aes, same_keys

from dlms.security.key_store import KeyStore

# RFC 3394, 4.1: 128 bits of key data with a 128-bit KEK.
_KEK = unhexlify("000102030405060708090A0B0C0D0E0F")
_WRAPPED = unhexlify("1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5")
_KEY = unhexlify("00112233445566778899AABBCCDDEEFF")


def _store(**about):
    return KeyStore(MemoryRecord(key_record(same_keys(), **about)), make_aes)


def test_a_key_wrapped_by_the_master_key_comes_out():
    store = _store(master=_KEK)
    assert bytes(store.unwrap(_WRAPPED)) == _KEY
    assert bytes(store.unwrap(memoryview(_WRAPPED))) == _KEY


def test_anything_else_does_not():
    store = _store(master=_KEK)
    for i in range(len(_WRAPPED)):
        bad = bytearray(_WRAPPED)
        bad[i] ^= 1
        assert store.unwrap(bad) is None
    assert store.unwrap(_WRAPPED[:16]) is None and store.unwrap(b"") is None
    assert _store().unwrap(_WRAPPED) is None  # another master key


def test_without_a_master_key_or_a_whole_record_nothing_is_unwrapped():
    assert _store(master=bytes(16), flags=0).unwrap(_WRAPPED) is None
    assert KeyStore(MemoryRecord(None), make_aes).unwrap(_WRAPPED) is None
    damaged = bytearray(key_record(same_keys(), master=_KEK))
    damaged[100] ^= 1
    assert KeyStore(MemoryRecord(bytes(damaged)), make_aes).unwrap(_WRAPPED) is None
