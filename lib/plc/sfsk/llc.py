# SPDX-License-Identifier: MIT
"""MAC_Frame and LLC header in front of an APDU, in place; and back.

Sources: sfsk.md 4.6.1 (MAC_Frame of commands 50/51/53), 2.1 (IEC 61334-4-32 DL_Data:
`90 DSAP SSAP`). Law: the whole path header is 8 octets plus the 3 of the local frame,
written into the headroom; nothing is copied. What does not parse is a RemoteError.
"""

from micropython import const

from base.errors import RemoteError
from plc.sfsk import airtime

DL_DATA = const(0x90)
LLC_LEN = const(3)
MAC_LEN = const(5)  # credits, SA+DA, pad length
LOCAL_LEN = const(3)
HEADROOM = const(11)  # LOCAL_LEN + MAC_LEN + LLC_LEN
TAILROOM = const(2)  # the local frame's sum

_MAC_OVERHEAD = const(10)
_SUBFRAME_LEN = const(36)


def put_header(
    mv: "memoryview | bytearray", apdu_off: int, credit: int, addresses: int, saps: int, msb_first: bool
) -> None:
    """Write MAC_Frame and LLC headers at mv[apdu_off-8:apdu_off].

    `addresses` = SA << 12 | DA, `saps` = DSAP << 8 | SSAP. CC = IC = credit, DC = 0
    (master, sfsk.md 1.4); the pad length is the MAC's to fill.
    """
    off = apdu_off - LLC_LEN - MAC_LEN
    mv[off] = credit << 5 | credit << 2
    first, last = (1, 3) if msb_first else (3, 1)
    mv[off + first] = addresses >> 16
    mv[off + 2] = addresses >> 8 & 0xFF
    mv[off + last] = addresses & 0xFF
    mv[off + 4] = 0
    mv[off + 5] = DL_DATA
    mv[off + 6] = saps >> 8
    mv[off + 7] = saps & 0xFF


class Indication:
    """One received MAC_Frame, parsed in place; reused for every frame."""

    def __init__(self, msb_first: bool) -> None:
        self._msb_first = msb_first
        self.initial_credit = 0
        self.current_credit = 0
        self.sa = 0
        self.da = 0
        self.msdu_len = 0  # without pad
        self.dsap = 0
        self.ssap = 0
        self.apdu_off = 0
        self.apdu_len = 0

    @property
    def repetitions(self) -> int:
        """How often the frame had been repeated when this copy was heard."""
        return max(self.initial_credit - self.current_credit, 0)

    def parse_mac(self, mv: "memoryview | bytes", off: int, n: int) -> None:
        """Read MAC_Frame mv[off:off+n] (without the LLC frame). RemoteError when malformed."""
        if n < MAC_LEN:
            raise RemoteError("MAC_Frame of %d octets" % n)
        credits = mv[off]
        self.initial_credit = credits >> 5
        self.current_credit = credits >> 2 & 7
        first, last = (1, 3) if self._msb_first else (3, 1)
        addresses = mv[off + first] << 16 | mv[off + 2] << 8 | mv[off + last]
        self.sa = addresses >> 12
        self.da = addresses & 0xFFF
        self.msdu_len = self._unpadded(n - MAC_LEN, mv[off + 4])
        self.apdu_off = off + MAC_LEN + LLC_LEN

    def parse_llc(self, mv: "memoryview | bytes") -> None:
        """Read the LLC header behind the MAC header. RemoteError unless DL_Data with a body."""
        if self.msdu_len <= LLC_LEN:
            raise RemoteError("LLC frame of %d octets" % self.msdu_len)
        off = self.apdu_off - LLC_LEN
        if mv[off] != DL_DATA:
            raise RemoteError("LLC control %02x" % mv[off])
        self.dsap = mv[off + 1]
        self.ssap = mv[off + 2]
        self.apdu_len = self.msdu_len - LLC_LEN

    def is_of(self, sap: int) -> bool:
        """From or to that L-SAP."""
        return sap == self.dsap or sap == self.ssap

    def airtime_slots(self) -> int:
        """Slots the frame took up to and including the copy that was heard."""
        return airtime.subframes(self.msdu_len) * (self.repetitions + 1)

    def pending_slots(self) -> int:
        """Slots for which the frame is still being repeated."""
        return airtime.subframes(self.msdu_len) * self.current_credit

    def _unpadded(self, length: int, pad: int) -> int:
        """sfsk.md 4.6.1: the pad is in the M_sdu only when the frame fills its sub-frames."""
        if pad and (length + _MAC_OVERHEAD) % _SUBFRAME_LEN == 0:
            length -= pad
        if length < 0 or length > 242:
            raise RemoteError("pad %d" % pad)
        return length
