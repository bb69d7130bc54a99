# SPDX-License-Identifier: MIT
"""Framing suite: known answers from named sources, encoded and decoded, at every split point."""

from binascii import unhexlify

import suite_tools as tools
import vectors

from base import framing_words as words


def test_local_frames_are_encoded_as_printed(core: "object", twin: "object") -> None:
    for text in vectors.LOCAL_FRAMES:
        frame = unhexlify(text)
        mv = bytearray(len(frame) + 7)
        mv[8 : 5 + len(frame) - 2] = frame[3:-2]
        assert core.encode_into(mv, 5, frame[2], len(frame) - 5) == len(frame), text
        assert mv[5 : 5 + len(frame)] == frame, text


def test_local_frames_are_found_at_every_split(core: "object", twin: "object") -> None:
    for text in vectors.LOCAL_FRAMES:
        frame = unhexlify(text)
        for split in range(len(frame) + 1):
            events = tools.local_events(core, (frame[:split], frame[split:]))
            assert events == [(tools.EV_FRAME, frame)], (text, split)


def test_local_stream_octet_by_octet(core: "object", twin: "object") -> None:
    status = unhexlify(vectors.STATUS_MESSAGE)
    stream, wanted = b"", []
    for text in vectors.LOCAL_FRAMES:
        frame = unhexlify(text)
        stream += status + b"\x06" + frame + b"\x15\x99"
        wanted += [(tools.EV_STATUS, status), (tools.EV_ACK, b"\x06"), (tools.EV_FRAME, frame)]
        wanted += [(tools.EV_NAK, b"\x15"), (tools.EV_GARBAGE, b"\x99")]
    assert tools.local_events(core, (stream,)) == wanted
    assert tools.local_events(core, [stream[i : i + 1] for i in range(len(stream))]) == wanted


def test_local_prefix_is_no_frame(core: "object", twin: "object") -> None:
    frame = unhexlify(vectors.LOCAL_FRAMES[0])
    for cut in range(len(frame)):
        assert tools.local_events(core, (frame[:cut],)) == []


def test_impossible_local_length_swallows_the_rest(core: "object", twin: "object") -> None:
    for length in (0, 1, 2, 251, 255):
        events = tools.local_events(core, (bytes((2, length)) + b"\x06\x15" + unhexlify(vectors.LOCAL_FRAMES[0]),))
        assert [event for event, _ in events] == [tools.EV_BAD_LENGTH], length


def test_longest_and_shortest_local_frame(core: "object", twin: "object") -> None:
    for data_len in (0, 1, 246, 247):
        mv = bytearray(252)
        size = core.encode_into(mv, 0, 0xFF, data_len)
        assert size == data_len + 5 and mv[1] == data_len + 3
        assert tools.local_events(core, (bytes(mv[:size]),)) == [(tools.EV_FRAME, bytes(mv[:size]))]


def test_check_values(core: "object", twin: "object") -> None:
    crc = bytearray(4)
    digits = vectors.DIGITS
    assert core.fcs16(digits, 0, 9) == vectors.FCS16_CHECK
    assert core.sum16(digits, 0, 9) == 0x1DD
    assert core.usi_crc(0x25, digits, 0, 9, crc, 0) == 2 and crc[:2] == vectors.CRC16_CHECK != vectors.CRC16_NOT
    assert core.usi_crc(0x07, digits, 0, 9, crc, 0) == 4 and crc == vectors.CRC32_CHECK
    assert core.usi_crc(0x30, digits, 0, 9, crc, 0) == 1 and crc[:1] == vectors.CRC8_CHECK


def test_crc16_is_the_remainder_without_appended_zeros(core: "object", twin: "object") -> None:
    # g3.md 2.3: crc(m) = XMODEM(m[:-2]) xor the last two octets; so with two zeros appended it is XMODEM.
    crc = bytearray(2)
    core.usi_crc(0x25, vectors.DIGITS + b"\0\0", 0, 11, crc, 0)
    assert crc == vectors.CRC16_NOT


def test_every_protocol_has_its_crc(core: "object", twin: "object") -> None:
    sizes = {0x13: 2, 0x1F: 2, 0x22: 2, 0x23: 2, 0x24: 2, 0x25: 2, 0x26: 2, 0x27: 1, 0x28: 1, 0x30: 1, 0x31: 1}
    for protocol in range(0x40):
        wanted = 4 if protocol < 8 else sizes.get(protocol, 0)
        if wanted:
            assert core.usi_crc(protocol, b"x", 0, 1, bytearray(4), 0) == wanted, protocol
        else:
            tools.refuses(core.usi_crc, protocol, b"x", 0, 1, bytearray(4), 0)


def test_hdlc_check_sequences(core: "object", twin: "object") -> None:
    for text in vectors.HDLC_CHECKED:
        octets = unhexlify(text)
        assert core.fcs16(octets, 0, len(octets) - 2) == octets[-2] | octets[-1] << 8, text
        # ISO/IEC 13239: over data and FCS the register ends at F0B8, here inverted.
        assert core.fcs16(octets, 0, len(octets)) == 0xF0B8 ^ 0xFFFF, text


def test_usi_frames_are_encoded_as_listed(core: "object", twin: "object") -> None:
    for text in vectors.USI_FRAMES:
        frame = unhexlify(text)
        protocol, payload = tools.usi_payload(frame)
        dst = bytearray(len(frame) + 3)
        size = core.usi_encode_into(dst, 3, protocol, payload, 0, len(payload))
        assert size == len(frame) and dst[3:] == frame, text


def test_usi_frames_are_found_at_every_split(core: "object", twin: "object") -> None:
    for text in vectors.USI_FRAMES:
        frame = unhexlify(text)
        wanted = [(words.USI_FRAME,) + tools.usi_payload(frame)]
        for split in range(len(frame) + 1):
            assert tools.usi_events(core, (frame[:split], frame[split:])) == wanted, (text, split)


def test_usi_stream_octet_by_octet_with_shared_and_spare_flags(core: "object", twin: "object") -> None:
    stream, wanted = b"\x99\x00", [(words.USI_GARBAGE, 0, b"")]
    for number, text in enumerate(vectors.USI_FRAMES):
        frame = unhexlify(text)
        stream += frame[:-1] if number & 1 else b"\x7e\x7e" + frame
        wanted.append((words.USI_FRAME,) + tools.usi_payload(frame))
    stream += b"\x7e"
    assert tools.usi_events(core, (stream,)) == wanted
    assert tools.usi_events(core, [stream[i : i + 1] for i in range(len(stream))]) == wanted


def test_usi_prefix_is_no_frame(core: "object", twin: "object") -> None:
    frame = unhexlify(vectors.USI_FRAMES[0])
    for cut in range(len(frame)):
        assert tools.usi_events(core, (frame[:cut],)) == []


def test_wrapper_header(core: "object", twin: "object") -> None:
    # g3.md 6.6, the wrapper inside DATA_REQUEST: version 1, wPorts 1 and 1, 13 octets.
    header = unhexlify("000100010001000DC001C100080000010000FF0200")
    assert core.wpdu_scan(header, 0, len(header), 1100) == 13
    for end in range(8):
        assert core.wpdu_scan(header, 0, end, 1100) == 0
    assert core.wpdu_scan(header, 1, len(header), 1100) == words.WPDU_BAD_VERSION
    assert core.wpdu_scan(header, 0, 8, 13) == 13
    assert core.wpdu_scan(header, 0, 8, 12) == words.WPDU_BAD_LENGTH
    assert core.wpdu_scan(b"\0\1\0\1\0\1\0\0", 0, 8, 100) == words.WPDU_BAD_LENGTH
    assert core.wpdu_scan(b"\0\1\0\1\0\1\xff\xff", 0, 8, 65535) == 65535
    assert core.wpdu_scan(b"\1\1\0\1\0\1\0\1", 0, 8, 65535) == words.WPDU_BAD_VERSION
    assert core.wpdu_scan(b"\0\2\0\1\0\1\0\1", 0, 8, 65535) == words.WPDU_BAD_VERSION


def test_ghash_of_the_gcm_specification(core: "object", twin: "object") -> None:
    for key, aad, text, wanted in vectors.GHASH_CASES:
        assert tools.ghash(core, key, (unhexlify(aad),), (unhexlify(text),)) == unhexlify(wanted)


def test_ghash_in_any_pieces(core: "object", twin: "object") -> None:
    key, aad, text, wanted = vectors.GHASH_CASES[2]
    a, c, digest = unhexlify(aad), unhexlify(text), unhexlify(wanted)
    for split in range(len(a) + 1):
        assert tools.ghash(core, key, (a[:split], a[split:]), (c,)) == digest
    for split in range(len(c) + 1):
        assert tools.ghash(core, key, (a,), (c[:split], c[split:])) == digest
    single = [[octets[i : i + 1] for i in range(len(octets))] for octets in (a, c)]
    assert tools.ghash(core, key, single[0], single[1]) == digest


def test_ghash_wipes_its_state(core: "object", twin: "object") -> None:
    state = bytearray(words.GHASH_STATE_LEN)
    core.ghash_start(state, unhexlify(vectors.GHASH_CASES[0][0]), 0)
    assert any(state)
    core.ghash_finish(state, bytearray(16), 0)
    assert not any(state)
    tools.refuses(core.ghash_update, state, b"x", 0, 1)
