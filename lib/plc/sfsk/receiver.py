# SPDX-License-Identifier: MIT
"""What comes from the chip: deframed, and answered ACK or NAK before anybody looks at it.

Source: sfsk.md 4.4. The chip takes 40 ms of silence for an ACK and forgets the frame, so the
answer goes out inside `feed`. A frame that stops half-way is refused once the line has been
silent for twice tIC: our own loop may read late, and tACK still leaves room for the NAK.
"""

from base.ticks import ticks_add, ticks_diff
from plc.sfsk import counts
from plc.sfsk import local_frame as lf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.counters import Counters
    from plc.contract import ModemPort
    from plc.sfsk.chip import Chip
    from plc.sfsk.contract import ReceiverOwner
    from plc.sfsk.settings import Settings

_ACK_OCTET = b"\x06"
_NAK_OCTET = b"\x15"


class Receiver:
    """Deframer with its one frame buffer `frame`; `owner` gets ACK, NAK, status and frames."""

    def __init__(
        self, port: "ModemPort", chip: "type[Chip]", settings: "Settings", counters: "Counters", owner: "ReceiverOwner"
    ) -> None:
        self.frame = memoryview(bytearray(lf.MAX_FRAME))
        self._port = port
        self._owner = owner
        self._counters = counters
        self._status_len = chip.status_len
        self._gap_ms = 2 * chip.gap_ms * settings["uart_widen"]
        self._state = bytearray(lf.STATE_LEN)
        self._last_octet = 0

    @property
    def is_partial(self) -> bool:
        """In the middle of a frame or status message."""
        return self._state[lf.PHASE] != lf.HUNT

    def drop(self) -> None:
        """Forget half a frame."""
        lf.drop_partial(self._state)

    def feed(self, now: int, mv: "memoryview | bytes", n: int) -> None:
        """Octets from the chip, in any split. Never raises, whatever they are."""
        if self._is_gap(now):
            self._counters.inc(counts.FRAME_GAP)
            self.drop()
        self._last_octet = now
        off = 0
        while off < n:
            off = lf.deframe(self._state, self.frame, self._status_len, mv, off, n)
            event = self._state[lf.EVENT]
            if event:
                _DEFRAMED[event](self, now)

    def on_deadline(self, now: int) -> None:
        """Refuse what stopped half-way."""
        if not self._is_gap(now):
            return
        self._counters.inc(counts.FRAME_GAP)
        was_frame = self._state[lf.PHASE] != lf.STATUS_BODY
        self.drop()
        if was_frame:
            self._port.write(_NAK_OCTET)

    def next_deadline(self) -> "int | None":
        """When half a frame is given up."""
        return ticks_add(self._last_octet, self._gap_ms + 1) if self.is_partial else None

    def _is_gap(self, now: int) -> bool:
        return self.is_partial and ticks_diff(now, self._last_octet) > self._gap_ms

    # --- by event ---

    def _nothing(self, now: int) -> None:
        """EV_NONE never gets here."""

    def _frame_in(self, now: int) -> None:
        self._port.write(_ACK_OCTET)
        self._owner.on_frame(now, self.frame, self._state[lf.POS])

    def _bad_sum_in(self, now: int) -> None:
        self._port.write(_NAK_OCTET)
        self._counters.inc(counts.FRAME_BAD_SUM)

    def _bad_length_in(self, now: int) -> None:
        self._counters.inc(counts.FRAME_BAD_LENGTH)  # NAK when it has gone silent

    def _ack_in(self, now: int) -> None:
        self._owner.on_ack(now)

    def _nak_in(self, now: int) -> None:
        self._owner.on_nak(now)

    def _status_in(self, now: int) -> None:
        self._owner.on_status(now)

    def _garbage_in(self, now: int) -> None:
        self._counters.inc(counts.GARBAGE_OCTET)


_R = Receiver
# By local_frame.EV_*.
_DEFRAMED = (
    _R._nothing,
    _R._frame_in,
    _R._bad_sum_in,
    _R._bad_length_in,
    _R._ack_in,
    _R._nak_in,
    _R._status_in,
    _R._garbage_in,
)
