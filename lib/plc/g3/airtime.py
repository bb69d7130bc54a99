# SPDX-License-Identifier: MIT
"""Airtime on the G3 line: one MSDU over one hop by modulation; microseconds and integers inside.

Source: g3.md 7.1 (model and constants, CENELEC-A and FCC), 1.1. No retries, no hidden nodes:
who waits for an answer adds slack. Law: no reply window is a constant; all come from here.
"""

from micropython import const

ROBO = const(0)
BPSK = const(1)
QPSK = const(2)

_OVERHEAD = const(22)  # mesh + IPHC + UDP 14, wrapper 8
_MAC_FIRST = const(26)  # segment control, MAC header, security header, MIC, FCS
_MAC_NEXT = const(20)
_FRAGMENT = const(400)
_FRAGMENT_HEAD = const(5)
_TAIL_BITS = const(6)
_BAND_FCC = const(2)
# band -> (preamble, FCH, symbol, ACK, RIFS, mean access: CIFS + priority wait + backoff) in us
_CENELEC_US = (6080, 9040, 695, 15100, 5560, 21500)
_FCC_US = (2024, 2784, 232, 4800, 2320, 7650)
# modulation -> (RS parity octets, bits per carrier and symbol x 8 after rate 1/2 and repetition, most PSDU octets)
_CENELEC_MODES = ((8, 1, 133), (16, 4, 235), (16, 8, 235))
_FCC_MODES = ((8, 1, 247), (16, 4, 239), (16, 8, 239))
_CENELEC_CARRIERS = const(36)
_FCC_CARRIERS = const(72)


class Airtime:
    """The line's clock for one band; `time_scale` divides it, 0 = no airtime."""

    def __init__(self, band: int, time_scale: int) -> None:
        is_fcc = band == _BAND_FCC
        self._times = _FCC_US if is_fcc else _CENELEC_US
        self._modes = _FCC_MODES if is_fcc else _CENELEC_MODES
        self._carriers = _FCC_CARRIERS if is_fcc else _CENELEC_CARRIERS
        self._scale = time_scale

    def one_way_ms(self, apdu_len: int, hops: int, mode: int) -> int:
        """An APDU of `apdu_len` octets over `hops` hops."""
        if not self._scale:
            return 0
        left = apdu_len + _OVERHEAD
        total = 0
        while left > 0:
            size = min(left, _FRAGMENT)
            total += self._msdu_us(size, mode)
            left -= size
            if left > 0:
                left += _FRAGMENT_HEAD
        return (total * hops // self._scale + 999) // 1000

    def _msdu_us(self, length: int, mode: int) -> int:
        parity, eighths, most = self._modes[mode]
        preamble, fch, symbol, ack, rifs, access = self._times
        total = access
        head = _MAC_FIRST
        while length > 0:
            size = min(length, most - head)
            bits = (size + head + parity) * 8 + _TAIL_BITS
            symbols = (bits * 8 + self._carriers * eighths - 1) // (self._carriers * eighths)
            total += preamble + fch + symbols * symbol + rifs + ack
            length -= size
            if length > 0:
                total += rifs
            head = _MAC_NEXT
        return total
