# SPDX-License-Identifier: MIT
"""Airtime on the S-FSK line: slots, sub-frames, frames, transactions; integers only.

Sources: sfsk.md 1.2 (slot = 360 bits), 1.3 (N = ceil((n + 10) / 36) sub-frames), 1.4
(a frame is repeated IC times), 1.5. Law: no time-out is a constant; all come from here.
"""

from micropython import const

from base.errors import LocalError

_SLOT_BITS = const(360)
_MAC_OVERHEAD = const(10)  # NS 2, credits 1, addresses 3, pad length 1, FCS 3
_SUBFRAME_LEN = const(36)
MAX_SUBFRAMES = const(7)

LLC_HEAD_LEN = const(3)


def subframes(msdu_len: int) -> int:
    """N for an LLC frame of `msdu_len` octets: 1..7. LocalError beyond 242 octets."""
    count = (msdu_len + _MAC_OVERHEAD + _SUBFRAME_LEN - 1) // _SUBFRAME_LEN
    if count > MAX_SUBFRAMES:
        raise LocalError("LLC frame of %d octets" % msdu_len)
    return count


def pad_len(msdu_len: int) -> int:
    """Pad octets the MAC adds so that the frame fills its sub-frames."""
    return -(msdu_len + _MAC_OVERHEAD) % _SUBFRAME_LEN


class Airtime:
    """The line's clock: `baud` on the line, `time_scale` divides it, 0 means no airtime.

    Times are microseconds inside and milliseconds, rounded up, outside.
    """

    def __init__(self, baud: int, time_scale: int) -> None:
        self.slot_us = _SLOT_BITS * 1000000 // (baud * time_scale) if time_scale else 0

    def slots_ms(self, count: int) -> int:
        """Milliseconds of `count` slots."""
        return (count * self.slot_us + 999) // 1000

    def frame_slots(self, msdu_len: int, credit: int) -> int:
        """Slots of a frame and its `credit` repetitions."""
        return subframes(msdu_len) * (credit + 1)

    def tx_ms(self, msdu_len: int, credit: int) -> int:
        """T_tx: the frame and its repetitions."""
        return self.slots_ms(self.frame_slots(msdu_len, credit))

    def transaction_ms(self, request_len: int, credit: int, response_len: int, think_ms: int) -> int:
        """Bound of request + think + response (LLC frame octets), waiting for a slot twice."""
        slots = 2 + self.frame_slots(request_len, credit) + self.frame_slots(response_len, credit)
        return self.slots_ms(slots) + think_ms
