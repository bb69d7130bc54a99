# SPDX-License-Identifier: MIT
"""A-XDR writer window and reader limits, on CPython and MicroPython.

Golden values: Green Book / Blue Book encodings as they stand in recorded APDUs of
host_tests/vectors (SAP list, clock), the rest written by hand from the type table.
"""

from base.errors import RemoteError
from dlms import axdr
from dlms.axdr import Reader, Writer


def _written(*calls):
    writer = Writer()
    dst = bytearray(64)
    writer.open(dst, 4, 64)
    for call in calls:
        getattr(writer, call[0])(*call[1:])
    assert not writer.lost_cnt
    return bytes(dst[4 : writer.off])


def _refused(octets, method, *args):
    reader = Reader()
    reader.open(memoryview(octets), 0, len(octets))
    try:
        getattr(reader, method)(*args)
    except RemoteError:
        return True
    return False


def _skipped(octets):
    """Octets taken by one value, -1 when refused."""
    reader = Reader()
    reader.open(memoryview(octets), 0, len(octets))
    try:
        reader.skip_value()
    except RemoteError:
        return -1
    return reader.off


def test_every_type_has_its_octets():
    assert _written(("null",)) == b"\x00"
    assert _written(("array", 2)) == b"\x01\x02"
    assert _written(("structure", 200)) == b"\x02\x81\xc8"
    assert _written(("array", 1201)) == b"\x01\x82\x04\xb1"
    assert _written(("array", 0x12345)) == b"\x01\x84\x00\x01\x23\x45"
    assert _written(("number", axdr.BOOLEAN, 1)) == b"\x03\xff"
    assert _written(("number", axdr.BOOLEAN, 0)) == b"\x03\x00"
    assert _written(("number", axdr.INT8, -1)) == b"\x0f\xff"
    assert _written(("number", axdr.INT16, -60)) == b"\x10\xff\xc4"
    assert _written(("number", axdr.INT32, -2)) == b"\x05\xff\xff\xff\xfe"
    assert _written(("number", axdr.UINT32, 0xFFFFFFFF)) == b"\x06\xff\xff\xff\xff"
    assert _written(("number", axdr.UINT64, 1)) == b"\x15" + bytes(7) + b"\x01"
    assert _written(("number", axdr.ENUM, 3)) == b"\x16\x03"
    assert _written(("octets", b"abc")) == b"\x09\x03abc"
    assert _written(("string", axdr.VISIBLE_STRING, b"abc")) == b"\x0a\x03abc"
    assert _written(("bit_string", 0x40321D, 24)) == b"\x04\x18\x40\x32\x1d"


def test_a_number_too_big_is_cut_to_its_width():
    assert _written(("number", axdr.UINT8, 0x1FF), ("number", axdr.UINT16, -1)) == b"\x11\xff\x12\xff\xff"


def _row(writer):
    writer.structure(3)
    writer.number(axdr.UINT16, 0x1234)
    writer.octets(b"0123456789")
    writer.number(axdr.UINT32, 7)


def test_every_window_of_a_value_is_that_part_of_it():
    whole = _written(("structure", 3), ("number", 18, 0x1234), ("octets", b"0123456789"), ("number", 6, 7))
    writer = Writer()
    for skip in range(len(whole) + 1):
        for room in range(len(whole) + 2):
            dst = bytearray(b"." * 40)
            writer.open(dst, 3, 3 + room)
            writer.skip = skip
            _row(writer)
            part = whole[skip : skip + room]
            assert bytes(dst[3 : writer.off]) == part
            assert bytes(dst[writer.off :]) == b"." * (40 - writer.off)
            assert writer.lost_cnt == len(whole) - skip - len(part)


def test_a_length_written_afterwards_is_as_short_as_it_can_be():
    for length in (0, 1, 127, 128, 255, 256, 300):
        for reserved in (1, 2, 3):
            needed = 1 if length < 128 else 2 if length < 256 else 3
            if needed > reserved:
                continue
            writer = Writer()
            dst = bytearray(400)
            writer.open(dst, 5, 400)
            writer.rewind(5 + reserved)
            writer.raw(bytes([i & 0xFF for i in range(length)]), 0, length)
            writer.set_length(5, reserved)
            reader = Reader()
            reader.open(memoryview(dst), 5, writer.off - 5)
            assert reader.count() == length
            assert reader.off == 5 + needed
            assert reader.octets(length) == bytes([i & 0xFF for i in range(length)])
            assert not reader.left


def test_the_reader_passes_over_every_type():
    for octets in (
        b"\x00", b"\x01\x00", b"\x02\x01\x00", b"\x03\x01", b"\x04\x09\x00\x00", b"\x05\x00\x00\x00\x00",
        b"\x06\x00\x00\x00\x00", b"\x09\x02ab", b"\x0a\x81\x01a", b"\x0c\x01a", b"\x0d\x00", b"\x0f\x00",
        b"\x10\x00\x00", b"\x11\x00", b"\x12\x00\x00", b"\x14" + bytes(8), b"\x15" + bytes(8), b"\x16\x00",
        b"\x17" + bytes(4), b"\x18" + bytes(8), b"\x19" + bytes(12), b"\x1a" + bytes(5), b"\x1b" + bytes(4),
    ):  # fmt: skip
        assert _skipped(octets + b"rest") == len(octets), octets
        for cut in range(len(octets)):
            assert _skipped(octets[:cut]) == -1


def test_length_and_depth_bombs_are_refused():
    assert _skipped(b"\x01\x84\xff\xff\xff\xff" + bytes(20)) == -1
    assert _skipped(b"\x09\x84\xff\xff\xff\xff" + bytes(20)) == -1
    assert _skipped(b"\x04\x84\xff\xff\xff\xff" + bytes(20)) == -1
    assert _skipped(b"\x01\x01" * 7 + b"\x00") == 15
    assert _skipped(b"\x01\x01" * 8 + b"\x00") == -1
    assert _skipped(b"\x02\x01" * 5000 + b"\x00") == -1
    for tag in (7, 8, 11, 14, 19, 28, 0x80, 0xFF):
        assert _skipped(bytes([tag, 0, 0, 0])) == -1


def test_lengths_in_a_form_nobody_needs_are_refused():
    assert _refused(b"\x80", "count")
    assert _refused(b"\x85\x00\x00\x00\x00\x01", "count")
    assert _refused(b"\x82\x01", "count")
    assert not _refused(b"\x83\x00\x00\x01", "count")
    assert _refused(b"\x02", "is_present")
    assert _refused(b"", "octet")
    assert _refused(b"ab", "octets", 3)
