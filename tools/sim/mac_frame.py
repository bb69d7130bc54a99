# SPDX-License-Identifier: MIT
"""MAC frame sizes and the MAC_Frame field of the chip's data services (sfsk.md 1.3, 4.6.1).

A frame is N sub-frames of 36 octets, 10 of them overhead; an M_sdu has 1..242 octets.
"""

from dataclasses import dataclass

SUB_FRAME_LEN = 36
OVERHEAD_LEN = 10
MAX_SUB_FRAMES = 7
MAX_M_SDU = SUB_FRAME_LEN * MAX_SUB_FRAMES - OVERHEAD_LEN

ADDR_FIMA = 0xC00
ADDR_LIMA = 0xDFF
ADDR_CONFIGURED = 0xFFC  # [U]
ADDR_NEW = 0xFFE
ADDR_ALL = 0xFFF

LLC_CONTROL = 0x90


def sub_frames(m_sdu_len: int) -> int:
    """Sub-frames, hence slots, of one transmission."""
    return -(-(m_sdu_len + OVERHEAD_LEN) // SUB_FRAME_LEN)


def pad_len(m_sdu_len: int) -> int:
    """Pad octets that fill the last sub-frame."""
    return -(m_sdu_len + OVERHEAD_LEN) % SUB_FRAME_LEN


@dataclass(frozen=True, slots=True)
class MacFrame:
    """A frame as it goes on the line; `ic` repetitions follow the first transmission."""

    source: int
    dest: int
    ic: int
    m_sdu: bytes

    @property
    def slots(self) -> int:
        """Slots of one transmission."""
        return sub_frames(len(self.m_sdu))

    @property
    def all_slots(self) -> int:
        """Slots of the first transmission and all repetitions."""
        return self.slots * (self.ic + 1)


def parse_request(octets: bytes) -> MacFrame | None:
    """MAC_Frame of an MA_DATA_Request; None on wrong credits or size (CC = IC, DC = 0)."""
    m_sdu = octets[5:]
    if not 1 <= len(m_sdu) <= MAX_M_SDU:
        return None
    ic, cc, rest = octets[0] >> 5, octets[0] >> 2 & 7, octets[0] & 3
    if ic != cc or rest:
        return None
    addresses = int.from_bytes(octets[1:4], "big")
    return MacFrame(addresses >> 12, addresses & 0xFFF, ic, m_sdu)


def build_indication(frame: MacFrame, cc: int, with_pad: bool) -> bytes:
    """MAC_Frame of an MA_DATA_Indication for the copy that was heard with current credit `cc`."""
    credits = frame.ic << 5 | cc << 2
    addresses = (frame.source << 12 | frame.dest).to_bytes(3, "big")
    pad = pad_len(len(frame.m_sdu))
    m_sdu = frame.m_sdu + bytes(pad if with_pad else 0)
    return bytes((credits,)) + addresses + bytes((pad,)) + m_sdu
