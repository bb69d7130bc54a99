# SPDX-License-Identifier: MIT
# ruff: noqa: B905 - zip() of MicroPython knows no strict=
"""Framing suite: corruption, noise, resynchronisation, and the twin beside the core on all of it."""

from binascii import unhexlify

import suite_tools as tools
import vectors

from base import framing_words as words

LOCAL_FAVOURED = b"\x02\x06\x15\x3f\x03\x04\x05\xfa\xfb"
USI_FAVOURED = b"\x7e\x7e\x7d\x5e\x5d\x25\x00\x01"


def test_local_frame_with_one_bit_wrong_is_never_delivered(core: "object", twin: "object") -> None:
    for text in (vectors.LOCAL_FRAMES[0], vectors.LOCAL_FRAMES[15]):
        frame = unhexlify(text)
        for bit in range(8 * len(frame)):
            broken = bytearray(frame)
            broken[bit // 8] ^= 1 << bit % 8
            events = tools.local_events(core, (bytes(broken),))
            assert tools.EV_FRAME not in [event for event, _ in events], (text, bit)


def test_usi_frame_with_one_bit_wrong_is_never_delivered(core: "object", twin: "object") -> None:
    for text in (vectors.USI_FRAMES[0], vectors.USI_FRAMES[10], vectors.USI_FRAMES[3]):
        frame = unhexlify(text)
        for bit in range(8, 8 * len(frame) - 8):
            broken = bytearray(frame)
            broken[bit // 8] ^= 1 << bit % 8
            events = tools.usi_events(core, (bytes(broken),))
            assert words.USI_FRAME not in [event for event, _, _ in events], (text, bit)


def test_usi_finds_the_next_frame_after_any_broken_octet(core: "object", twin: "object") -> None:
    frame, after = unhexlify(vectors.USI_FRAMES[2]), unhexlify(vectors.USI_FRAMES[0])
    wanted = (words.USI_FRAME,) + tools.usi_payload(after)
    for position in range(len(frame)):
        for octet in (0x00, 0x7D, 0x7E, 0xFF):
            stream = frame[:position] + bytes((octet,)) + frame[position + 1 :] + after
            assert tools.usi_events(core, (stream,))[-1] == wanted, (position, octet)


def test_usi_names_what_was_wrong(core: "object", twin: "object") -> None:
    frame = unhexlify(vectors.USI_FRAMES[0])  # 7E 00E5 0A00014E 0C 7E: three octets of payload, protocol 25
    cases = (
        (frame[:5] + b"\x00" + frame[6:], words.USI_BAD_CRC),
        (frame[:3] + frame[4:], words.USI_BAD_LENGTH),
        (b"\x7e\x00\x7e", words.USI_BAD_LENGTH),
        (b"\x7e\x00\x25\x7e", words.USI_BAD_LENGTH),
        (b"\x7e\x00\x65\x01\x7d\x01\x02\x7e", words.USI_BAD_ESCAPE),
        (b"\x7e\x00\x65\x01\x7d\x7e", words.USI_BAD_ESCAPE),
        (b"\x7e\x00\x6f\x01\x02\x03\x7e", words.USI_BAD_PROTOCOL),
    )
    for stream, event in cases:
        wanted = [(event, 0, b""), (words.USI_FRAME,) + tools.usi_payload(frame)]
        assert tools.usi_events(core, (stream + frame,)) == wanted, stream


def test_usi_length_of_eleven_bits(core: "object", twin: "object") -> None:
    for length in (1, 2, 1023, 1024, 1025, 2047):
        payload = bytes((0x0B,)) + b"\x7e\x00" * 1023
        for protocol in (0x25, 0x26, 0x30, 0x31, 0x24, 0x00):
            if length > 1023 and protocol in (0x24, 0x00):
                tools.refuses(core.usi_encode_into, bytearray(4200), 0, protocol, payload, 0, length)
                continue
            dst = bytearray(4200)
            size = core.usi_encode_into(dst, 0, protocol, payload, 0, length)
            assert dst[1] == length >> 2 & 0xFF and dst[2] == (length & 3) << 6 | protocol
            assert dst[3] == (0x8B if length > 1023 else 0x0B)
            events = tools.usi_events(core, (bytes(dst[:size]),))
            assert events == [(words.USI_FRAME, protocol, payload[:length])], (length, protocol)
    # g3.md 6.6, XLEN: a payload of 1100 octets has header 13 25, DATA_REQUEST becomes 8B.
    dst = bytearray(4200)
    core.usi_encode_into(dst, 0, 0x25, payload, 0, 1100)
    assert dst[1:4] == b"\x13\x25\x8b"


def test_usi_frame_longer_than_the_buffer_is_reported_once(core: "object", twin: "object") -> None:
    payload, dst = b"\x0b" + bytes(60), bytearray(80)
    size = core.usi_encode_into(dst, 0, 0x25, payload, 0, 61)
    frame = unhexlify(vectors.USI_FRAMES[0])
    stream = bytes(dst[:size]) + frame
    wanted = (words.USI_FRAME,) + tools.usi_payload(frame)
    assert tools.usi_events(core, (stream,), 64) == [(words.USI_TOO_LONG, 0, b""), wanted]
    assert tools.usi_events(core, (stream,), 65) == [(words.USI_FRAME, 0x25, payload), wanted]


def test_noise_is_cut_into_the_same_events_by_core_and_twin_seeds_1_to_12(core: "object", twin: "object") -> None:
    for seed in range(1, 13):
        numbers = tools.Lcg(seed * 999)
        _compare_local(core, twin, numbers.pieces(numbers.octets(600, LOCAL_FAVOURED), 1 + seed * 3))
        _compare_usi(core, twin, numbers.pieces(_usi_noise(numbers), 1 + seed * 3))


def _usi_noise(numbers: "object") -> bytes:
    noise = b""
    for _ in range(20):
        noise += numbers.octets(numbers.below(40), USI_FAVOURED)
        noise += unhexlify(vectors.USI_FRAMES[numbers.below(len(vectors.USI_FRAMES))])
    return noise


def _compare_local(core: "object", twin: "object", pieces: "list") -> None:
    states = (bytearray(4), bytearray(4))
    frames = (bytearray(252), bytearray(252))
    for piece in pieces:
        off = 0
        while off < len(piece):
            ends = [m.deframe(s, f, 4, piece, off, len(piece)) for m, s, f in zip((core, twin), states, frames)]
            assert ends[0] == ends[1] and states[0] == states[1] and frames[0] == frames[1], (piece, off)
            off = ends[0]
        if states[0][0] == 3:  # swallowing: the line fell silent
            states = (bytearray(4), bytearray(4))


def _compare_usi(core: "object", twin: "object", pieces: "list") -> None:
    states = (bytearray(4), bytearray(4))
    frames = (bytearray(100), bytearray(100))
    for piece in pieces:
        off = 0
        while off < len(piece):
            ends = [m.usi_deframe(s, f, piece, off, len(piece)) for m, s, f in zip((core, twin), states, frames)]
            assert ends[0] == ends[1] and states[0] == states[1] and frames[0] == frames[1], (piece, off)
            off = ends[0]


def test_any_payload_is_framed_alike_by_core_and_twin_and_comes_back_seed_5(core: "object", twin: "object") -> None:
    numbers = tools.Lcg(5)
    for protocol in (0x25, 0x26, 0x24, 0x31, 0x28, 0x00, 0x07):
        for length in (1, 2, 3, 17, 64, 255, 256):
            payload = b"\x01" + numbers.octets(length - 1, USI_FAVOURED)
            ours, theirs = bytearray(600), bytearray(600)
            size = core.usi_encode_into(ours, 0, protocol, payload, 0, length)
            assert size == twin.usi_encode_into(theirs, 0, protocol, payload, 0, length) and ours == theirs
            assert tools.usi_events(core, (ours[:size],)) == [(words.USI_FRAME, protocol, payload)]


def test_sums_and_hashes_agree_with_the_twin_seed_9(core: "object", twin: "object") -> None:
    numbers = tools.Lcg(9)
    for length in (0, 1, 15, 16, 17, 100):
        octets = numbers.octets(length, b"\x00\xff")
        assert core.sum16(octets, 0, length) == twin.sum16(octets, 0, length)
        assert core.fcs16(octets, 0, length) == twin.fcs16(octets, 0, length)
        for protocol in (0x25, 0x31, 0x00):
            ours, theirs = bytearray(4), bytearray(4)
            core.usi_crc(protocol, octets, 0, length, ours, 0)
            twin.usi_crc(protocol, octets, 0, length, theirs, 0)
            assert ours == theirs


def test_ghash_state_is_the_twins_after_every_call_seed_11(core: "object", twin: "object") -> None:
    numbers = tools.Lcg(11)
    key, states = numbers.octets(16, b"\x80"), (bytearray(281), bytearray(281))
    for module, state in zip((core, twin), states):
        module.ghash_start(state, key, 0)
    for number in range(12):
        piece = numbers.octets(numbers.below(40), b"\x00")
        for module, state in zip((core, twin), states):
            module.ghash_update(state, piece, 0, len(piece))
            if number == 5:
                module.ghash_text(state)
        assert states[0] == states[1], number
