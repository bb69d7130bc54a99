# SPDX-License-Identifier: MIT
"""Framing suite: streams fed to a deframer in pieces, pseudo-random octets, refusals."""

from binascii import unhexlify

from base import framing_words as words

EV_FRAME, EV_BAD_SUM, EV_BAD_LENGTH, EV_ACK, EV_NAK, EV_STATUS, EV_GARBAGE = range(1, 8)
STATUS_LEN = 4


class Lcg:
    """Small pseudo-random numbers, the same everywhere; period 65537."""

    def __init__(self, seed: int) -> None:
        self._x = seed % 65537

    def below(self, limit: int) -> int:
        """0 .. limit - 1."""
        self._x = (self._x * 75 + 74) % 65537
        return (self._x >> 3) % limit

    def octets(self, count: int, favoured: bytes) -> bytes:
        """`count` octets, half of them out of `favoured`."""
        octets = bytearray(count)
        for i in range(count):
            octets[i] = favoured[self.below(len(favoured))] if self.below(2) else self.below(256)
        return bytes(octets)

    def pieces(self, octets: bytes, longest: int) -> "list":
        """`octets` cut into pieces of 1 .. longest."""
        cut, off = [], 0
        while off < len(octets):
            size = 1 + self.below(longest)
            cut.append(octets[off : off + size])
            off += size
        return cut


def refuses(function: "object", *args: "object") -> None:
    """The call raises ValueError."""
    try:
        result = function(*args)
    except ValueError:
        return
    raise AssertionError("not refused: %r %r" % (args, result))


def local_events(core: "object", pieces: "object") -> "list":
    """(event, octets collected) of a stream fed in `pieces`."""
    state, frame, events = bytearray(words.LOCAL_STATE_LEN), bytearray(words.LOCAL_MAX_FRAME), []
    for piece in pieces:
        off = 0
        while off < len(piece):
            taken = core.deframe(state, frame, STATUS_LEN, piece, off, len(piece))
            assert off < taken <= len(piece)
            off = taken
            if state[1]:
                events.append((state[1], bytes(frame[: state[2]])))
    return events


def usi_events(core: "object", pieces: "object", frame_len: int = words.USI_MAX_FRAME) -> "list":
    """(event, protocol, payload) of a stream fed in `pieces`; protocol and payload only with a frame."""
    state, frame, events = bytearray(words.USI_STATE_LEN), bytearray(frame_len), []
    for piece in pieces:
        off = 0
        while off < len(piece):
            taken = core.usi_deframe(state, frame, piece, off, len(piece))
            assert off < taken <= len(piece)
            off = taken
            event = state[words.USI_EVENT]
            if event == words.USI_FRAME:
                end = state[words.USI_POS_HIGH] << 8 | state[words.USI_POS_LOW]
                events.append((event, frame[1] & 0x3F, bytes(frame[2:end])))
            elif event:
                events.append((event, 0, b""))
    return events


def usi_payload(frame: bytes) -> "tuple":
    """(protocol, payload) of a complete frame with a CRC-16 and less than 1024 octets, by other means."""
    plain = frame[1:-1].replace(b"\x7d\x5e", b"\x7e").replace(b"\x7d\x5d", b"\x7d")
    return plain[1] & 0x3F, plain[2:-2]


def ghash(core: "object", key: str, aad: "object", text: "object") -> bytes:
    """The hash over pieces of additional data and ciphertext."""
    state, out = bytearray(words.GHASH_STATE_LEN), bytearray(18)
    assert core.ghash_start(state, unhexlify(key), 0) == 0
    for piece in aad:
        assert core.ghash_update(state, piece, 0, len(piece)) == 0
    assert core.ghash_text(state) == 0
    for piece in text:
        assert core.ghash_update(state, piece, 0, len(piece)) == 0
    assert core.ghash_finish(state, out, 1) == 0
    assert out[0] == out[17] == 0
    return bytes(out[1:17])
