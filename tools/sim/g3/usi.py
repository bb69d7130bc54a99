# SPDX-License-Identifier: MIT
"""USI frames: 7E, two header octets, payload, CRC, 7E with escapes (g3.md 2.2, 2.3).

Dialect H takes bit 7 of the first payload octet as bit 10 of the length for four protocols, L for one;
H obeys only 7D 5D and 7D 5E, L turns bit 5 of whatever follows 7D. A bad frame is dropped in silence.
"""

import binascii
from collections import Counter
from typing import NamedTuple

FLAG, ESCAPE = 0x7E, 0x7D
ADP = 0x25
_XLEN = {"H": (0x25, 0x26, 0x30, 0x31), "L": (0x30,)}
_XLEN_BIT = 0x80
_PRIME_PROTOCOLS = range(0x00, 0x08)
_CRC8_PROTOCOLS = (0x27, 0x28, 0x30, 0x31)
_CRC32_POLYNOMIAL = 0x04C11DB7


class Message(NamedTuple):
    """A frame that arrived whole."""

    protocol: int
    payload: bytes


def crc16(octets: bytes) -> int:
    """The plain remainder: XMODEM over all but the last two octets, those XORed in."""
    if len(octets) < 2:
        return int.from_bytes(octets, "big")
    return binascii.crc_hqx(octets[:-2], 0) ^ int.from_bytes(octets[-2:], "big")


def crc32(octets: bytes) -> int:
    """Polynomial 04C11DB7, most significant bit first, from 0, not inverted."""
    register = 0
    for octet in octets:
        register ^= octet << 24
        for _ in range(8):
            register = register << 1 ^ (_CRC32_POLYNOMIAL if register >> 31 else 0)
            register &= 0xFFFFFFFF
    return register


def crc8(octets: bytes) -> int:
    """XOR of all octets."""
    value = 0
    for octet in octets:
        value ^= octet
    return value


def checksum(protocol: int, octets: bytes) -> bytes:
    """The check octets of a protocol."""
    if protocol in _PRIME_PROTOCOLS:
        return crc32(octets).to_bytes(4, "big")
    if protocol in _CRC8_PROTOCOLS:
        return bytes((crc8(octets),))
    return crc16(octets).to_bytes(2, "big")


def escape(octets: bytes) -> bytes:
    """7D and 7E written as two octets."""
    return octets.replace(b"\x7d", b"\x7d\x5d").replace(b"\x7e", b"\x7d\x5e")


def build(protocol: int, payload: bytes, dialect: str = "H", bad_crc: int = 0) -> bytes:
    """A whole frame; `bad_crc` is XORed into the last check octet."""
    size = len(payload)
    first = payload[0]
    if protocol in _XLEN[dialect]:
        first |= size >> 10 << 7
    elif size > 1023:
        raise ValueError("%d octets do not fit a frame of this dialect" % size)
    head = bytes((size >> 2 & 0xFF, (size & 3) << 6 | protocol, first))
    body = head + payload[1:]
    check = checksum(protocol, body)
    return b"\x7e" + escape(body + check[:-1] + bytes((check[-1] ^ bad_crc,))) + b"\x7e"


class UsiReader:
    """Octets in, messages out. A frame of more than `limit` octets on the wire vanishes."""

    def __init__(self, dialect: str = "H", limit: int = 1024) -> None:
        self._dialect, self._limit = dialect, limit
        self._raw = bytearray()
        self.counters: Counter = Counter()

    def take(self, octet: int) -> Message | None:
        """One octet from the wire."""
        if octet != FLAG:
            if len(self._raw) <= self._limit:
                self._raw.append(octet)
            return None
        raw, self._raw = bytes(self._raw), bytearray()
        if not raw:
            return None
        if len(raw) + 2 > self._limit:
            self.counters["oversize"] += 1
            return None
        return self._frame(raw)

    def feed(self, octets: bytes) -> list[Message]:
        """The messages that are complete with these octets."""
        found = (self.take(octet) for octet in octets)
        return [message for message in found if message is not None]

    def clear(self) -> None:
        """Forget what came so far."""
        self._raw.clear()

    def _frame(self, raw: bytes) -> Message | None:
        plain = self._unescaped(raw)
        if plain is None or len(plain) < 4:
            self.counters["bad_frame"] += 1
            return None
        protocol = plain[1] & 0x3F
        check_len = len(checksum(protocol, b""))
        body, check = plain[:-check_len], plain[-check_len:]
        if len(body) < 3 or checksum(protocol, body) != check:
            self.counters["bad_crc"] += 1
            return None
        size, first = body[0] << 2 | body[1] >> 6, body[2]
        if protocol in _XLEN[self._dialect]:
            size |= first >> 7 << 10
            first &= ~_XLEN_BIT
        if size != len(body) - 2:
            self.counters["bad_length"] += 1
            return None
        return Message(protocol, bytes((first,)) + body[3:])

    def _unescaped(self, raw: bytes) -> bytes | None:
        if ESCAPE not in raw:
            return raw
        plain, octets = bytearray(), iter(raw)
        for octet in octets:
            if octet == ESCAPE:
                octet = next(octets, -1)
                if octet not in (0x5D, 0x5E) and (self._dialect == "H" or octet in (-1, ESCAPE)):
                    return None
                octet ^= 0x20
            plain.append(octet)
        return bytes(plain)
