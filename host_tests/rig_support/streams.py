# SPDX-License-Identifier: MIT
"""Octet streams nobody should send: mutations of good ones and plain noise, from a seed.

WAN: WPDUs for SAP 1, meters, prefixes, broadcast, nobody. UART: what a chip might say, in
pieces, with good and bad sums, indications of every kind of frame included.
"""

from __future__ import annotations

import random

from tools.sim import chips, local_frame

TITLE = b"SIM\x00\x00\x00\x00\x01"
_APDUS = [
    bytes.fromhex(text)
    for text in (
        "C001C100110000290000FF0200", "C001C1000F0000280000FF0200", "C001C100080000010000FF0000",
        "C002C100000001", "C002C10000FFFF", "C003C102000100002A0000FF0200000100002A0000FF0200",
        "601DA109060760857404050801BE10040E01000000065F1F0400621E5DFFFF", "6200", "6203800100",
        "601DA109060760857405080101BE10040E01000000065F1F0400621E5DFFFF",
        "C101C100010000600100FF020009020102", "C301C1000F0000280000FF0101090101", "0501020008", "FF", "00",
        "E081000100", "E04000010000", "DB080000000000000000", "D9", "C8" + "20" + "30" * 32, "D80101",
        "E6000853494D0000000001" + "C001C100080000010000FF0200", "E60002" + "0001" + "C001C1", "E600FF",
        "E6008108" + TITLE.hex() + "6200",
    )
]  # fmt: skip
_PORTS = (0, 1, 1, 1, *range(0x10, 0x1C), 0x7F, 0xFF, 0x100, 0x1234, 0xFFFF)


def wpdu(chance: random.Random) -> bytes:
    """One WPDU, mostly well-formed."""
    apdu = chance.choice(_APDUS)
    if chance.random() < 0.5:
        apdu = mutated(chance, apdu) or b"\x00"
    version = 1 if chance.random() < 0.97 else chance.randrange(0x10000)
    length = len(apdu) if chance.random() < 0.95 else chance.choice((0, 1, len(apdu) + 1, 1024, 1025, 0xFFFF))
    numbers = (version, chance.choice(_PORTS), chance.choice(_PORTS), length)
    return b"".join(number.to_bytes(2, "big") for number in numbers) + apdu


def mutated(chance: random.Random, octets: bytes) -> bytes:
    """Some octets changed, cut off, doubled or put in."""
    result = bytearray(octets)
    for _ in range(chance.randrange(1, 4)):
        kind, at = chance.randrange(5), chance.randrange(len(result) + 1)
        if kind == 0 and at < len(result):
            result[at] ^= 1 << chance.randrange(8)
        elif kind == 1 and at < len(result):
            result[at] = chance.choice((0, 1, 0x7F, 0x80, 0x81, 0x82, 0xFE, 0xFF))
        elif kind == 2:
            result[at:] = b""
        elif kind == 3:
            result[at:at] = chance.randbytes(chance.randrange(1, 6))
        else:
            result[at:at] = result[: chance.randrange(len(result) + 1)]
    return bytes(result[:1200])


def wan_stream(chance: random.Random) -> bytes:
    """What one connection sends before it ends."""
    if chance.random() < 0.05:
        return chance.randbytes(chance.randrange(40))
    octets = b"".join(wpdu(chance) for _ in range(chance.choice((1, 1, 1, 2, 3))))
    return octets if chance.random() < 0.8 else octets[: chance.randrange(len(octets) + 1)]


# --- UART ---

_LLC = (b"\x90\x10\x01", b"\x90\x01\x10", b"\x90\xfd\x00", b"\x90\x01\x00", b"\x90\x00\x01", b"\x91\x10\x01", b"\x90")
_PDUS = (
    b"\xc4\x01\xc1\x00\x09\x02ab", b"\x1a" + TITLE, b"\x1e\x01" + TITLE + b"\x01\x01", b"\x1e\xff" + TITLE, b"\x61",
    b"\x1e\x01" + b"NEWMETER" + b"\x00", b"\xcc\x05\x30abcd", b"\xdb\x00", b"\x0f\x00\x00\x00\x01", b"\x1d", b"",
)  # fmt: skip


def indication(chance: random.Random) -> bytes:
    """MA_DATA_Indication: any source, mostly for us, any LLC frame."""
    credits = chance.randrange(256)
    source = chance.choice((1, 2, 3, 4, 0xC00, 0xFFE, 0xFFF, 0, chance.randrange(0x1000)))
    dest = chance.choice((0xC00, 0xC00, 0xC00, 0xFFF, chance.randrange(0x1000)))
    m_sdu = chance.choice(_LLC) + chance.choice(_PDUS)
    if chance.random() < 0.4:
        m_sdu = mutated(chance, m_sdu)[:242]
    pad = -(len(m_sdu) + 10) % 36 if chance.random() < 0.8 else chance.randrange(256)
    addresses = (source << 12 | dest).to_bytes(3, "big")
    return local_frame.build(chips.DATA_IND, bytes((credits,)) + addresses + bytes((pad,)) + m_sdu)


def uart_frame(chance: random.Random) -> bytes:
    """One thing a chip may say."""
    kind = chance.random()
    if kind < 0.45:
        return indication(chance)
    if kind < 0.60:
        return bytes((chance.choice((chips.ACK, chips.NAK)),))
    if kind < 0.75:
        status = bytes((chips.DATA_CNF, chance.choice((0xFF, 0xFF, 0, 3, 10, 20, 30, chance.randrange(256)))))
        return local_frame.build(status[0], status[1:])
    if kind < 0.80:  # operating, or anything
        tail = bytes((0, 1, 0)) if chance.random() < 0.7 else chance.randbytes(3)
        return bytes((chips.STATUS,)) + tail
    command = chance.choice((0x42, 0x43, 0x72, 0x73, 0x53, 0x10, 0x62, 0x63, 0x92, 0x32, chance.randrange(256)))
    return local_frame.build(command, chance.randbytes(chance.choice((0, 1, 2, 3, 8, 40))))


def uart_stream(chance: random.Random) -> bytes:
    """What comes in at once."""
    if chance.random() < 0.1:
        return chance.randbytes(chance.randrange(1, 30))
    octets = b"".join(uart_frame(chance) for _ in range(chance.choice((1, 1, 2))))
    return octets if chance.random() < 0.5 else mutated(chance, octets)[:500] or b"\x02"
