# SPDX-License-Identifier: MIT
"""Airtime of one MSDU on one hop, by the model of g3.md 7.1 with the constants of 1.1 and 1.2.

A hop costs CIFS, the wait before the normal-priority window, a backoff (those three belong to the line), then per
MAC segment preamble, FCH, symbols, RIFS and ACK; CIFS between segments. Symbols are a multiple of four: the
interleaver's granularity, found by matching the published table.
"""

from dataclasses import dataclass
from functools import lru_cache

ROBO, BPSK, QPSK, PSK8 = range(4)
_BITS_PER_CARRIER = (1, 1, 2, 3)
_REPEATS = (4, 1, 1, 1)
_PARITY_LEN = (8, 16, 16, 16)
_RS_BLOCK_LEN = 255
_TAIL_BITS = 6
_FIRST_OVERHEAD_LEN = 20  # segment control 3, FC 2, sequence 1, addresses 6, security header 6, FCS 2
_NEXT_OVERHEAD_LEN = 14  # the same without the security header
_MIC_LEN = 4
_SYMBOL_STEP = 4
MAX_MSDU_LEN = 400
HEADERS_LEN = 14  # mesh, compressed IPv6 and UDP headers
_IPV6_UDP_LEN, _IPV6_LEN = 48, 40
_FRAGMENT_HEADERS_LEN = (9, 10)  # mesh 5 and FRAG1 4, or mesh 5 and FRAGN 5


@dataclass(frozen=True)
class Band:
    """Physical constants of a band; times in microseconds."""

    name: str
    carriers: int
    preamble_us: float
    symbol_us: float
    fch_symbols: int
    space_symbols: int  # CIFS = RIFS
    max_psdu: tuple[int, int, int, int]  # per modulation

    @property
    def slot_us(self) -> float:
        """Contention slot: two symbols."""
        return 2 * self.symbol_us

    @property
    def space_us(self) -> float:
        """CIFS and RIFS."""
        return self.space_symbols * self.symbol_us

    @property
    def ack_us(self) -> float:
        """An ACK is a preamble and a frame-control header."""
        return self.preamble_us + self.fch_symbols * self.symbol_us


CEN_A = Band("cen-a", 36, 9.5 * 640, 695.0, 13, 8, (133, 235, 235, 226))
# two Reed-Solomon blocks a frame: what the FCC figures of 7.1 come out of
FCC = Band("fcc", 72, 9.5 * 213, 232.0, 12, 10, (494, 478, 478, 470))
BANDS = {band.name: band for band in (CEN_A, FCC)}


def symbols(band: Band, modulation: int, psdu_len: int) -> int:
    """Data symbols of one PHY frame."""
    parity_len = _PARITY_LEN[modulation]
    blocks = -(-psdu_len // (_RS_BLOCK_LEN - parity_len))
    bits = (psdu_len + blocks * parity_len) * 8 + _TAIL_BITS
    coded = 2 * bits * _REPEATS[modulation]
    count = -(-coded // (band.carriers * _BITS_PER_CARRIER[modulation]))
    return -(-count // _SYMBOL_STEP) * _SYMBOL_STEP


def segments(band: Band, modulation: int, msdu_len: int) -> list[int]:
    """PSDU lengths of the PHY frames that carry one secured MSDU (unsecured ones cost ten octets too much)."""
    left = msdu_len + _MIC_LEN
    overhead = _FIRST_OVERHEAD_LEN
    found: list[int] = []
    while left > 0 or not found:
        room = band.max_psdu[modulation] - overhead
        found.append(min(left, room) + overhead)
        left -= room
        overhead = _NEXT_OVERHEAD_LEN
    return found


def frame_us(band: Band, modulation: int, psdu_len: int, is_acked: bool) -> float:
    """One PHY frame on air, with RIFS and ACK when it is acknowledged."""
    on_air = band.ack_us + symbols(band, modulation, psdu_len) * band.symbol_us
    return on_air + (band.space_us + band.ack_us if is_acked else 0.0)


@lru_cache(maxsize=4096)
def msdu_us(band: Band, modulation: int, msdu_len: int, is_acked: bool = True) -> float:
    """One MSDU once its sender has the channel."""
    frames = segments(band, modulation, msdu_len)
    total = sum(frame_us(band, modulation, psdu_len, is_acked) for psdu_len in frames)
    return total + (len(frames) - 1) * band.space_us


@lru_cache(maxsize=4096)
def failed_us(band: Band, modulation: int, msdu_len: int) -> float:
    """An attempt whose first segment is not acknowledged."""
    return frame_us(band, modulation, segments(band, modulation, msdu_len)[0], is_acked=True)


def fragments(compressed_len: int) -> tuple[int, ...]:
    """MSDU lengths of a 6LoWPAN datagram of that many octets with its compressed headers."""
    if compressed_len <= MAX_MSDU_LEN:
        return (compressed_len,)
    lens: list[int] = []
    left = compressed_len - _FRAGMENT_HEADERS_LEN[0] + 4  # its mesh header is not fragmented
    while left > 0:
        overhead = _FRAGMENT_HEADERS_LEN[bool(lens)]
        room = (MAX_MSDU_LEN - overhead) // 8 * 8
        lens.append(min(left, room) + overhead)
        left -= room
    return tuple(lens)


def ipv6_lens(packet: bytes) -> tuple[int, ...]:
    """MSDU lengths that carry an IPv6 packet."""
    removed = _IPV6_UDP_LEN if packet[6] == 17 else _IPV6_LEN
    return fragments(max(0, len(packet) - removed) + HEADERS_LEN)
