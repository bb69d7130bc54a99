# SPDX-License-Identifier: MIT
"""AES-GCM and AES key wrap against their specifications, octet by octet."""

import gc
import sys
from binascii import unhexlify

from security_fakes import make_aes

from base.errors import LocalError
from dlms.security import keywrap
from dlms.security.gcm import Gcm

# McGrew, Viega, "The Galois/Counter Mode of Operation", appendix B: those with an IV of 96 bits.
# (case, key, IV, additional data, plain, cipher, tag)
_PLAIN_4 = (
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
)
_PLAIN_3 = _PLAIN_4 + "1aafd255"
_AAD = "feedfacedeadbeeffeedfacedeadbeefabaddad2"
_KEY_3 = "feffe9928665731c6d6a8f9467308308"
_IV_3 = "cafebabefacedbaddecaf888"
_CIPHER_3 = (
    "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
    "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"
)
_CIPHER_15 = (
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
)
CASES = (
    (1, "00" * 16, "00" * 12, "", "", "", "58e2fccefa7e3061367f1d57a4e7455a"),
    (2, "00" * 16, "00" * 12, "", "00" * 16, "0388dace60b6a392f328c2b971b2fe78", "ab6e47d42cec13bdf53a67b21257bddf"),
    (3, _KEY_3, _IV_3, "", _PLAIN_3, _CIPHER_3 + "473f5985", "4d5c2af327cd64a62cf35abd2ba6fab4"),
    (4, _KEY_3, _IV_3, _AAD, _PLAIN_4, _CIPHER_3, "5bc94fbc3221a5db94fae95ae7121a47"),
    (13, "00" * 32, "00" * 12, "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"),
    (14, "00" * 32, "00" * 12, "", "00" * 16, "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"),
    (15, _KEY_3 * 2, _IV_3, "", _PLAIN_3, _CIPHER_15 + "898015ad", "b094dac5d93471bdec1a502270e3cc6c"),
    (16, _KEY_3 * 2, _IV_3, _AAD, _PLAIN_4, _CIPHER_15, "76fc6ece0f4e1768cddf8853bb2d551b"),
)


def _start(gcm, case):
    iv, aad = unhexlify(case[2]), unhexlify(case[3])
    gcm.start(unhexlify(case[1]), iv[:8], iv[8] << 24 | iv[9] << 16 | iv[10] << 8 | iv[11])
    gcm.add(aad, 0, len(aad))


def test_the_cases_of_the_specification_are_sealed():
    gcm = Gcm(make_aes)
    for case in CASES:
        plain = unhexlify(case[4])
        for margin in (0, 3):
            buffer = bytearray(bytes(margin) + plain + bytes(12 + margin))
            _start(gcm, case)
            gcm.seal(memoryview(buffer), margin, len(plain), margin + len(plain))
            sealed = unhexlify(case[5]) + unhexlify(case[6])[:12]
            assert buffer == bytes(margin) + sealed + bytes(margin), case[0]


def test_the_cases_of_the_specification_are_opened_and_every_changed_octet_is_refused_untouched():
    gcm = Gcm(make_aes)
    for case in CASES:
        sealed = unhexlify(case[5]) + unhexlify(case[6])[:12]
        text_len = len(sealed) - 12
        buffer = bytearray(sealed)
        _start(gcm, case)
        assert gcm.open(buffer, 0, text_len, text_len)
        assert buffer[:text_len] == unhexlify(case[4]), case[0]
        for i in range(len(sealed)):
            bad = bytearray(sealed)
            bad[i] ^= 1 << i % 8
            kept = bytes(bad)
            _start(gcm, case)
            assert not gcm.open(bad, 0, text_len, text_len)
            assert bad == kept


def test_what_was_sealed_is_opened_for_every_length_around_the_span_of_the_key_stream():
    gcm = Gcm(make_aes)
    title, key = b"TITLE001", bytes(range(16))
    for length in (0, 1, 15, 16, 17, 111, 112, 113, 127, 128, 129, 239, 240, 241, 512, 2048):
        plain = bytes([i * 7 & 0xFF for i in range(length)])
        buffer = bytearray(plain + bytes(12))
        gcm.start(key, title, 0xFFFFFFFE)
        gcm.seal(buffer, 0, length, length)
        assert length < 16 or bytes(buffer[:16]) != plain[:16]
        gcm.start(key, title, 0xFFFFFFFE)
        assert gcm.open(buffer, 0, length, length) and buffer[:length] == plain


def test_each_octet_of_the_long_key_stream_is_its_own():
    gcm = Gcm(make_aes)
    buffer = bytearray(2048 + 12)  # zeros: what comes out is the key stream
    gcm.start(bytes(16), bytes(8), 1)
    gcm.seal(buffer, 0, 2048, 2048)
    assert len({bytes(buffer[i : i + 16]) for i in range(0, 2048, 16)}) == 128


def test_additional_data_and_the_counter_are_covered_by_the_tag():
    gcm = Gcm(make_aes)
    buffer = bytearray(b"text" + bytes(12))
    gcm.start(bytes(16), b"TITLE001", 7)
    gcm.add(b"head", 0, 4)
    gcm.seal(buffer, 0, 4, 4)
    for title, counter, head in ((b"TITLE002", 7, b"head"), (b"TITLE001", 8, b"head"), (b"TITLE001", 7, b"heat")):
        gcm.start(bytes(16), title, counter)
        gcm.add(head, 0, 4)
        assert not gcm.open(buffer, 0, 4, 4)


def test_keys_and_titles_of_other_lengths_are_refused():
    gcm = Gcm(make_aes)
    for key, title in ((bytes(15), bytes(8)), (bytes(24), bytes(8)), (bytes(16), bytes(7)), (b"", bytes(8))):
        try:
            gcm.start(key, title, 1)
        except LocalError:
            continue
        raise AssertionError((key, title))


def test_a_message_longer_than_the_block_counter_is_refused():
    gcm = Gcm(make_aes)
    gcm.start(bytes(16), bytes(8), 1)
    gcm._number = 0xFFFF + 1
    try:
        gcm.seal(bytearray(300), 0, 288, 288)
    except LocalError:
        return
    raise AssertionError


def test_a_key_that_is_forgotten_is_nowhere_in_it():
    gcm = Gcm(make_aes)
    key = bytes(range(1, 17))
    for use in (key, bytes(range(101, 117)), key):
        gcm.start(use, bytes(8), 1)
    gcm.forget()
    assert not any(gcm._key) and not any(gcm._hash_key) and not any(gcm._state) and gcm._aes is None
    gcm.start(key, bytes(8), 1)
    buffer = bytearray(12)
    gcm.seal(buffer, 0, 0, 0)
    assert any(buffer)


def test_an_apdu_costs_almost_no_heap_while_the_key_stays():
    gcm = Gcm(make_aes)
    key, title = bytes(16), bytes(8)
    buffer = memoryview(bytearray(512 + 12))
    gcm.start(key, title, 1)
    if sys.implementation.name != "micropython":
        return
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    gcm.start(key, title, 2)
    gcm.add(key, 0, 16)
    gcm.seal(buffer, 0, 512, 512)
    sealed = gc.mem_alloc() - before
    gcm.start(key, title, 2)
    gcm.add(key, 0, 16)
    assert gcm.open(buffer, 0, 512, 512)
    both = gc.mem_alloc() - before
    gc.enable()
    from base import framing

    print("heap of 512 octets: sealed %d, opened %d (%s)" % (sealed, both - sealed, framing.IMPLEMENTATION))
    if framing.IMPLEMENTATION != "python":  # the twin computes with long integers
        assert sealed <= 64 and both - sealed <= 64


# RFC 3394 4.1, 4.3 and 4.6: the ones with keys of 128 and 256 bits. (KEK, key, wrapped)
RFC_3394 = (
    (
        "000102030405060708090A0B0C0D0E0F",
        "00112233445566778899AABBCCDDEEFF",
        "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5",
    ),
    (
        "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
        "00112233445566778899AABBCCDDEEFF",
        "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7",
    ),
    (
        "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
        "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F",
        "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21",
    ),
)


def test_keys_are_wrapped_and_unwrapped_as_in_the_rfc():
    for kek, key, wrapped in RFC_3394:
        kek, key, wrapped = unhexlify(kek), unhexlify(key), unhexlify(wrapped)
        assert keywrap.wrap(make_aes, kek, key) == wrapped
        assert keywrap.unwrap(make_aes, kek, wrapped) == key
        for i in range(len(wrapped)):
            bad = bytearray(wrapped)
            bad[i] ^= 0x80
            assert keywrap.unwrap(make_aes, kek, bad) is None
        for length in range(len(wrapped) + 9):
            if length != len(wrapped):
                assert keywrap.unwrap(make_aes, kek, (wrapped + bytes(9))[:length]) is None
        assert keywrap.unwrap(make_aes, key, wrapped) is None or kek == key


def test_only_keys_of_16_and_32_octets_are_wrapped():
    for length in (0, 8, 15, 17, 24, 33):
        try:
            keywrap.wrap(make_aes, bytes(16), bytes(length))
        except LocalError:
            continue
        raise AssertionError(length)
