# SPDX-License-Identifier: MIT
"""WPDU reader and encoder, on CPython and MicroPython.

Golden frames: host_tests/vectors/dlms_sessions.json (254 WPDUs recorded from gurux-dlms,
dlms-cosem and pydlms on loopback).
"""

import gc
import json
import sys

from base.errors import LocalError, RemoteError
from dlms.wrapper import WPDU_HEADER, WPDU_MORE, WPDU_READY, WpduReader, encode_header_into

_VECTORS = __file__.replace("\\", "/").rsplit("/", 2)[0] + "/vectors/dlms_sessions.json"
_OFF = 16


def _frames():
    with open(_VECTORS) as file:
        sessions = json.load(file)["sessions"]
    frames = [frame["frame"] for session in sessions for frame in session["frames"]]
    return [bytes.fromhex(text) for text in frames]


def _read_by_hand(frame):
    """(source, destination, APDU) with none of the code under test."""
    return (frame[2] * 256 + frame[3], frame[4] * 256 + frame[5], frame[8:])


def _pump(reader, stream, step, buf):
    """Feed `stream` in reads of at most `step` octets; the (source, destination, APDU)s."""
    found = []
    pos = 0
    while pos < len(stream):
        if reader.wants_buffer:
            reader.give(memoryview(buf), _OFF)
        target = reader.target()
        n = min(step, len(target), len(stream) - pos)
        target[:n] = stream[pos : pos + n]
        pos += n
        if reader.advance(n) == WPDU_READY:
            apdu = bytes(buf[_OFF : _OFF + reader.length])
            found.append((reader.source, reader.destination, apdu))
    return found


def _raises(kind, call, *args):
    try:
        call(*args)
    except kind:
        return True
    return False


def _header_outcome(header, max_apdu=65535):
    reader = WpduReader(max_apdu)
    reader.target()[:8] = header
    return reader, _raises(RemoteError, reader.advance, 8)


def test_every_recorded_frame_is_read_whole_at_every_step_size():
    frames = _frames()
    assert len(frames) == 254
    stream = b"".join(frames)
    expected = [_read_by_hand(frame) for frame in frames]
    buf = bytearray(4096)
    for step in (1, 2, 3, 7, 8, 9, 64, 65536):
        assert _pump(WpduReader(4000), stream, step, buf) == expected


def test_every_split_point_of_a_frame_gives_the_same_wpdu():
    buf = bytearray(4096)
    for frame in _frames():
        for cut in range(1, len(frame), 1 if len(frame) < 64 else 13):
            reader = WpduReader(4000)
            assert _pump(reader, frame[:cut], 4096, buf) == []
            # Exactly 8 octets in: the header is done, the body waits for our buffer.
            assert reader.is_partial == (cut != 8)
            whole = _pump(reader, frame[cut:], 4096, buf)
            assert whole == [_read_by_hand(frame)]
            assert not reader.is_partial


def test_recorded_headers_are_encoded_octet_for_octet():
    dst = bytearray(12)
    for frame in _frames():
        source, destination, apdu = _read_by_hand(frame)
        assert encode_header_into(dst, 3, source, destination, len(apdu)) == 8
        assert bytes(dst[3:11]) == frame[:8]
        assert dst[2] == 0 and dst[11] == 0


def test_the_target_never_reaches_beyond_the_wpdu():
    reader = WpduReader(100)
    assert len(reader.target()) == 8
    reader.target()[:8] = b"\x00\x01\x00\x10\x00\x01\x00\x05"
    assert reader.advance(3) == WPDU_MORE
    assert len(reader.target()) == 5
    assert reader.advance(5) == WPDU_HEADER
    buf = bytearray(b"." * 40)
    reader.give(memoryview(buf), 30)
    assert len(reader.target()) == 5
    reader.target()[:5] = b"abcde"
    assert reader.advance(5) == WPDU_READY
    assert bytes(buf) == b"." * 30 + b"abcde" + b"." * 5


def test_wrong_version_empty_or_overlong_apdu_breaks_the_reader_for_good():
    for header, version, length in (
        (b"\x00\x02\x00\x10\x00\x01\x00\x05", 2, 5),
        (b"\x01\x00\x10\x00\x01\x00\x05\x00", 0x100, 0x500),
        (b"\x00\x01\x00\x10\x00\x01\x00\x00", 1, 0),
        (b"\x00\x01\x00\x10\x00\x01\x00\x65", 1, 101),
    ):
        reader, refused = _header_outcome(header, 100)
        assert refused
        assert (reader.version, reader.length) == (version, length)
        assert _raises(LocalError, reader.target)
        assert _raises(LocalError, reader.advance, 0)


def test_an_apdu_at_the_limit_is_taken():
    for length in (1, 99, 100):
        reader, refused = _header_outcome(b"\x00\x01\x00\x10\x00\x01\x00" + bytes([length]), 100)
        assert not refused
        assert reader.wants_buffer


def test_misuse_by_the_caller_is_a_local_error():
    reader = WpduReader(100)
    assert _raises(LocalError, reader.advance, 9)
    assert _raises(LocalError, reader.advance, -1)
    assert _raises(LocalError, reader.give, memoryview(bytearray(10)), 0)
    reader.target()[:8] = b"\x00\x01\x00\x10\x00\x01\x00\x05"
    reader.advance(8)
    assert _raises(LocalError, reader.target)
    assert _raises(LocalError, reader.give, memoryview(bytearray(10)), 6)
    reader.give(memoryview(bytearray(10)), 5)
    assert _raises(LocalError, reader.advance, 6)


def test_an_empty_or_overlong_apdu_is_never_wrapped():
    dst = bytearray(8)
    assert _raises(LocalError, encode_header_into, dst, 0, 1, 16, 0)
    assert _raises(LocalError, encode_header_into, dst, 0, 1, 16, 65536)
    assert bytes(dst) == bytes(8)


def _read_many(reader, view, count):
    for _ in range(count):
        reader.target()
        reader.advance(8)
        reader.give(view, 0)
        reader.target()
        reader.advance(5)


def test_reading_allocates_one_memoryview_slice_per_apdu():
    if sys.implementation.name != "micropython":
        return
    reader = WpduReader(100)
    reader.target()[:8] = b"\x00\x01\x00\x10\x00\x01\x00\x05"
    view = memoryview(bytearray(16))
    _read_many(reader, view, 2)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    _read_many(reader, view, 100)
    used = gc.mem_alloc() - before
    gc.enable()
    # A slice object and a memoryview: 32 octets each on a 64-bit build, 16 on the device.
    assert used <= 100 * 64, used
