# SPDX-License-Identifier: MIT
"""Local frames of the S-FSK chips: golden vectors, every split, truncation, corruption."""

from binascii import unhexlify

from plc.sfsk import local_frame as lf

# Printed in ST's manual UM0934 p.104 (facts/sfsk.md 6.1): ours are the first and, as master, the second.
UM0934 = (
    "02 09 41 01 00 01 00 00 0C 58 00",
    "02 09 42 01 00 00 0C 00 00 58 00",
    "02 09 42 01 00 01 00 00 0C 59 00",
)
# Computed from the datasheet's rules by the authors of the fact sheet, not by this code (facts/sfsk.md 6.2).
COMPUTED = (
    "02 03 21 24 00",
    "02 03 11 14 00",
    "02 05 41 12 00 58 00",
    "02 05 41 13 00 59 00",
    "02 05 41 07 00 4D 00",
    "02 06 41 0D 00 00 54 00",
    "02 09 41 00 00 00 0C FF 0D 62 01",
    "02 09 41 01 00 00 0C 00 00 57 00",
    "02 04 52 FF 55 01",
    "02 04 52 14 6A 00",
    "02 11 51 FC C0 0F FF 00 90 00 01 1D 64 00 0A 00 00 48 04",
    "02 1F 51 FC C0 0F FF 00 90 00 01 1C 47 55 58 00 00 00 00 01 01 49 53 43 00 12 34 56 78 00 01 D1 06",
    "02 18 51 24 C0 00 01 00 90 01 10 C0 01 C1 00 01 00 00 2A 00 00 FF 02 00 9D 04",
    "02 2A 51 90 C0 00 01 00 90 01 10 60 1D A1 09 06 07 60 85 74 05 08 01 01 BE 10 04 0E 01 00 00 00"
    " 06 5F 1F 04 00 62 1E 5D FF FF 4D 09",
    "02 17 50 00 FF EF FF 0B 90 FD 00 1E 01 49 53 43 00 12 34 56 78 01 01 00 07",
)
VECTORS = [unhexlify(text.replace(" ", "")) for text in UM0934 + COMPUTED]


class Reader:
    """Collects what the deframer says, fed in any pieces."""

    def __init__(self, status_len=4):
        self.state = bytearray(lf.STATE_LEN)
        self.frame = memoryview(bytearray(lf.MAX_FRAME))
        self.status_len = status_len
        self.events = []

    def feed(self, octets):
        off = 0
        while off < len(octets):
            off = lf.deframe(self.state, self.frame, self.status_len, octets, off, len(octets))
            event = self.state[lf.EVENT]
            if event in (lf.EV_FRAME, lf.EV_STATUS):
                self.events.append((event, bytes(self.frame[: self.state[lf.POS]])))
            elif event:
                self.events.append((event, b""))
        return self.events


def test_vectors_are_encoded_in_place_with_room_before_and_behind():
    for vector in VECTORS:
        body = vector[3:-2]
        buf = bytearray(b"\xaa" * 7) + bytearray(3) + body + bytearray(b"\xbb" * 5)
        total = lf.encode_into(memoryview(buf), 7, vector[2], len(body))
        assert bytes(buf[7 : 7 + total]) == vector
        assert bytes(buf[:7]) == b"\xaa" * 7
        assert bytes(buf[7 + total :]) == b"\xbb" * 3


def test_vectors_are_read_whole():
    for vector in VECTORS:
        assert Reader().feed(vector) == [(lf.EV_FRAME, vector)]


def test_every_split_point_reads_the_same():
    stream = b"\x06" + VECTORS[0] + b"\x3f\x00\x01\x05" + VECTORS[14] + b"\x15" + VECTORS[8]
    expected = Reader().feed(stream)
    assert len(expected) == 6
    for cut in range(len(stream) + 1):
        reader = Reader()
        reader.feed(stream[:cut])
        assert reader.feed(stream[cut:]) == expected
    reader = Reader()
    for octet in stream:
        reader.feed(bytes([octet]))
    assert reader.events == expected


def test_every_truncated_frame_gives_nothing_and_is_dropped_at_a_gap():
    for vector in VECTORS:
        for cut in range(1, len(vector)):
            reader = Reader()
            assert reader.feed(vector[:cut]) == []
            assert lf.drop_partial(reader.state)
            assert not lf.drop_partial(reader.state)
            assert reader.feed(vector) == [(lf.EV_FRAME, vector)]


def test_one_wrong_octet_is_never_taken_for_the_frame():
    for vector in VECTORS:
        for i in range(len(vector)):
            spoilt = bytearray(vector)
            spoilt[i] ^= 0x10
            frames = [octets for event, octets in Reader().feed(bytes(spoilt)) if event == lf.EV_FRAME]
            assert vector not in frames, (i, vector)


def test_lengths_at_and_beyond_the_limits():
    for length in (0, 1, 2, 251, 252, 255):
        reader = Reader()
        assert reader.feed(bytes([2, length])) == [(lf.EV_BAD_LENGTH, b"")]
        # Nobody knows where that frame ends: an ACK, a frame and a status inside it are not believed.
        assert reader.feed(b"\x06" + VECTORS[0] + b"\x3f\x00\x00\x00") == [(lf.EV_BAD_LENGTH, b"")]
        lf.drop_partial(reader.state)
        reader.events.clear()
        assert reader.feed(VECTORS[0]) == [(lf.EV_FRAME, VECTORS[0])]
    longest = bytearray(lf.MAX_FRAME)
    assert lf.encode_into(memoryview(longest), 0, 0x50, 247) == lf.MAX_FRAME
    assert Reader().feed(bytes(longest)) == [(lf.EV_FRAME, bytes(longest))]
    shortest = bytearray(5)
    assert lf.encode_into(memoryview(shortest), 0, 0x21, 0) == 5
    assert Reader().feed(bytes(shortest)) == [(lf.EV_FRAME, bytes(shortest))]


def test_garbage_between_messages_is_reported_octet_by_octet():
    reader = Reader()
    assert reader.feed(b"\x00\xff\x55") == [(lf.EV_GARBAGE, b"")] * 3
    reader.events.clear()
    assert reader.feed(VECTORS[3]) == [(lf.EV_FRAME, VECTORS[3])]


def test_a_status_message_may_carry_any_octets():
    for octet in (0x02, 0x06, 0x15, 0x3F):
        status = bytes([0x3F, octet, octet, octet])
        assert Reader().feed(status) == [(lf.EV_STATUS, status)]
    assert Reader(5).feed(b"\x3f\x00\x01\x02\x03") == [(lf.EV_STATUS, b"\x3f\x00\x01\x02\x03")]


def test_the_sum_wraps_at_16_bits():
    assert lf.sum16(memoryview(bytes([255] * 252)), 0, 252) == 252 * 255
    assert lf.sum16(memoryview(bytes([255] * 300)), 0, 300) == 300 * 255 - 65536
