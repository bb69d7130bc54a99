# SPDX-License-Identifier: MIT
"""Frames to and from the modem chip: payloads in, octets on the UART out, and back.

Source: g3.md 2.2, 2.10. The framing core does flags, escapes, length and CRC; what it finds
wrong is counted and dropped. Law: the modem does not bound its receive buffer, so no frame
longer than that (escapes included) ever leaves here.
"""

from micropython import const

from base.framing import usi_deframe, usi_encode_into
from base.framing_words import (
    USI_BAD_CRC,
    USI_BAD_ESCAPE,
    USI_BAD_LENGTH,
    USI_BAD_PROTOCOL,
    USI_EVENT,
    USI_FRAME,
    USI_GARBAGE,
    USI_HEAD_LEN,
    USI_MAX_FRAME,
    USI_POS_HIGH,
    USI_POS_LOW,
    USI_STATE_LEN,
    USI_TOO_LONG,
)
from plc.g3 import counts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.counters import Counters
    from plc.contract import ModemPort
    from plc.g3.contract import FrameOwner
    from plc.g3.settings import Settings

_PROTOCOL = const(0x3F)
_MAX_PAYLOAD_L = const(1023)  # dialect L has no bit 10 of the length in protocol 0x25
_MAX_PAYLOAD_H = const(2047)
_FLAGS = b"\x7e\x7e"
_BAD = {
    USI_BAD_CRC: counts.FRAME_BAD_CRC,
    USI_BAD_LENGTH: counts.FRAME_BAD_LENGTH,
    USI_BAD_ESCAPE: counts.FRAME_BAD_ESCAPE,
    USI_TOO_LONG: counts.FRAME_TOO_LONG,
    USI_BAD_PROTOCOL: counts.FRAME_BAD_PROTOCOL,
    USI_GARBAGE: counts.GARBAGE,
}


class UsiLink:
    """One UART to one modem chip. Allocates its two buffers (frame in, octets out) once."""

    def __init__(self, port: "ModemPort", settings: "Settings", counters: "Counters", owner: "FrameOwner") -> None:
        self._port = port
        self._counters = counters
        self._owner = owner
        self._max_payload = _MAX_PAYLOAD_L if settings.is_dialect_l else _MAX_PAYLOAD_H
        self._state = bytearray(USI_STATE_LEN)
        self._frame = memoryview(bytearray(USI_MAX_FRAME))
        self._wire = memoryview(bytearray(settings["modem_buffer"]))

    def reset(self) -> None:
        """Forget a half received frame; idle flags make the other side forget its half."""
        for i in range(USI_STATE_LEN):
            self._state[i] = 0
        self._port.write(_FLAGS)

    def send(self, protocol: int, payload: memoryview, length: int) -> bool:
        """Frame payload[:length] and write it; False (counted) when it would not fit the modem's buffer."""
        if length <= self._max_payload:
            try:
                n = usi_encode_into(self._wire, 0, protocol, payload, 0, length)
            except ValueError:
                n = 0
            if n:
                self._counters.inc(counts.TX_FRAMES)
                self._port.write(self._wire[:n])
                return True
        self._counters.inc(counts.TX_OVERSIZED)
        return False

    def feed(self, now: int, mv: "memoryview | bytes", n: int) -> None:
        """mv[:n] came from the UART. Never raises."""
        off = 0
        state = self._state
        while off < n:
            off = usi_deframe(state, self._frame, mv, off, n)
            event = state[USI_EVENT]
            if event == USI_FRAME:
                end = state[USI_POS_HIGH] << 8 | state[USI_POS_LOW]
                self._counters.inc(counts.RX_FRAMES)
                self._owner.on_frame(now, self._frame[1] & _PROTOCOL, self._frame, USI_HEAD_LEN, end)
            elif event in _BAD:
                self._counters.inc(_BAD[event])
