# SPDX-License-Identifier: MIT
"""Gateway prefix E6/E7, on CPython and MicroPython (field order: facts 2)."""

from base.errors import LocalError, RemoteError
from dlms.gateway_prefix import GatewayPrefix, encode_into

_TITLE = bytes.fromhex("4D4D4D0000000001")
_APDU = bytes.fromhex("C001C1000100002A0000FF0200")
_FRAME = b"\xe6\x05\x08" + _TITLE + _APDU


def _raises(kind, call, *args):
    try:
        call(*args)
    except kind:
        return True
    return False


def test_a_request_prefix_names_network_and_device():
    prefix = GatewayPrefix()
    mv = memoryview(b"##" + _FRAME)
    assert prefix.parse(mv, 2, len(_FRAME)) == 11
    assert (prefix.tag, prefix.network_id) == (0xE6, 5)
    assert (prefix.addr_off, prefix.addr_len) == (5, 8)
    assert bytes(mv[2 + 11 :]) == _APDU


def test_an_address_length_as_object_count_is_understood():
    prefix = GatewayPrefix()
    frame = b"\xe7\x00\x81\x02\x00\x01\xc4"
    assert prefix.parse(memoryview(frame), 0, len(frame)) == 6
    assert (prefix.tag, prefix.addr_off, prefix.addr_len) == (0xE7, 4, 2)


def test_any_other_first_octet_is_no_prefix():
    prefix = GatewayPrefix()
    for tag in range(256):
        frame = bytes([tag, 0, 1, 0x10, 0xC0])
        assert prefix.parse(memoryview(frame), 0, 5) == (4 if tag in (0xE6, 0xE7) else 0)
    assert prefix.parse(memoryview(b""), 0, 0) == 0


def test_a_prefix_cut_off_anywhere_or_without_apdu_is_refused():
    prefix = GatewayPrefix()
    mv = memoryview(_FRAME)
    for length in range(1, 12):
        assert _raises(RemoteError, prefix.parse, mv, 0, length), length
    assert prefix.parse(mv, 0, 12) == 11


def test_an_empty_or_overlong_address_is_refused():
    prefix = GatewayPrefix()
    for length, refused in ((0, True), (1, False), (32, False), (33, True), (0x82, True), (255, True)):
        frame = bytes([0xE6, 0, length]) + bytes(300)
        assert _raises(RemoteError, prefix.parse, memoryview(frame), 0, 303) == refused, length
    assert _raises(RemoteError, prefix.parse, memoryview(b"\xe6\x00\x81\x00\xc0\xc0"), 0, 6)


def test_the_answer_prefix_lands_in_the_headroom():
    buf = bytearray(b"." * 16 + _APDU)
    off = 16 - 3 - len(_TITLE)
    assert encode_into(buf, off, 0xE7, 5, memoryview(_TITLE)) == 11
    assert bytes(buf) == b"." * 5 + b"\xe7\x05\x08" + _TITLE + _APDU


def test_encoding_refuses_an_address_the_parser_would_refuse():
    assert _raises(LocalError, encode_into, bytearray(64), 0, 0xE6, 0, b"")
    assert _raises(LocalError, encode_into, bytearray(64), 0, 0xE6, 0, bytes(33))
