# SPDX-License-Identifier: MIT
"""One command at a time over the chip's host interface: T_REQ, status, frame, ACK.

Source: sfsk.md 4.4. Host to modem: T_REQ low, status within tPOLL, STX within tSR, T_REQ
high, ACK within tACK; NAK or silence restarts the whole sequence, a bounded number of
times. Modem to host: any time; answered ACK or NAK inside `feed`, before anything else
looks at the frame, because the chip takes 40 ms of silence for an ACK and forgets it.
"""

from micropython import const

from base.ticks import earliest, ticks_add, ticks_diff
from plc.sfsk import counts
from plc.sfsk import local_frame as lf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.counters import Counters
    from plc.contract import ModemPort
    from plc.sfsk.chip import Chip
    from plc.sfsk.contract import LinkOwner
    from plc.sfsk.settings import Settings

# States.
IDLE = const(0)
POLL = const(1)  # T_REQ is low, the status message is due
AWAIT_ACK = const(2)  # the frame is out
PAUSE = const(3)  # before the sequence is started again

# Events.
ON_STATUS = const(0)
ON_ACK = const(1)
ON_NAK = const(2)
ON_TIMEOUT = const(3)
ON_FRAME = const(4)

# What LinkOwner.judge answers to a status message while a command waits.
GO = const(0)
WAIT = const(1)  # poll again after `busy_ms`
STOP = const(2)  # drop the command; the owner knows why
TAKEN = const(3)  # the chip has it already (its ACK was lost)

# Why LinkOwner.on_link_failed is called.
FAIL_NO_STATUS = const(0)
FAIL_NO_ACK = const(1)
FAIL_NAK = const(2)

_TRIES = const(3)
_PAUSE_MS = const(20)  # longer than tIC, so that the chip has dropped half a frame
_SLACK_MS = const(5)  # a tick is 1 ms and the loop is not exact

_NAK_OCTET = b"\x15"
_ACK_OCTET = b"\x06"


class HostLink:
    """The wire to one modem chip. Allocates one frame buffer; `owner` gets what happens."""

    def __init__(
        self, port: "ModemPort", chip: "type[Chip]", settings: "Settings", counters: "Counters", owner: "LinkOwner"
    ) -> None:
        self.state = IDLE
        self.busy_ms = 20
        self._port = port
        self._owner = owner
        self._counters = counters
        self._chip = chip
        self._widen = settings["uart_widen"]
        self._baud = settings["uart_baud"]
        self._deframer = bytearray(lf.STATE_LEN)
        self.frame = memoryview(bytearray(lf.MAX_FRAME))
        self._command: "memoryview | None" = None  # None: only the status is wanted
        self._start = 0
        self._len = 0
        self._tries = 0
        self.was_sent = False
        self._why = FAIL_NO_STATUS
        self._due = 0
        self._last_octet = 0
        self._is_unused = False  # the last status message was followed by no frame
        self._unused_until = 0

    def uart_ms(self, octets: int) -> int:
        """Milliseconds `octets` characters take on the UART, rounded up."""
        return octets * 10000 // self._baud + 1

    def send(self, now: int, mv: "memoryview | None", start: int, length: int) -> None:
        """Deliver the local frame mv[start:start+length]; with None only ask for the status.

        The buffer is borrowed until on_link_taken or on_link_failed. Only when IDLE.
        """
        self._command = mv
        self._start = start
        self._len = length
        self._tries = _TRIES
        self.was_sent = False
        self._restart(now)

    def cancel(self) -> None:
        """Forget the command, if any, and release the line; no callback."""
        self._port.t_req(False)
        self._command = None
        self.state = IDLE

    def reset(self) -> None:
        """As `cancel`, and forget half a frame: the chip is being reset."""
        self.cancel()
        lf.drop_partial(self._deframer)

    def feed(self, now: int, mv: "memoryview | bytes", n: int) -> None:
        """Octets from the chip, in any split. Never raises, whatever they are."""
        if self._is_partial() and ticks_diff(now, self._last_octet) > self._gap_ms():
            self._counters.inc(counts.FRAME_GAP)
            lf.drop_partial(self._deframer)
        self._last_octet = now
        off = 0
        while off < n:
            off = lf.deframe(self._deframer, self.frame, self._chip.status_len, mv, off, n)
            event = self._deframer[lf.EVENT]
            if event:
                _DEFRAMED[event](self, now)

    def on_deadline(self, now: int) -> None:
        """Act on whatever is due at `now`."""
        if self._is_partial() and ticks_diff(now, self._last_octet) > self._gap_ms():
            self._on_gap()
        if self.state != IDLE and ticks_diff(now, self._due) >= 0:
            _TABLE[self.state][ON_TIMEOUT](self, now)

    def next_deadline(self) -> "int | None":
        """Tick at which `on_deadline` wants to be called; None when nothing is awaited."""
        due = None if self.state == IDLE else self._due
        if self._is_partial():
            due = earliest(due, ticks_add(self._last_octet, self._gap_ms() + 1))
        return due

    # --- receiving ---

    def _is_partial(self) -> bool:
        return self._deframer[lf.PHASE] != lf.HUNT

    def _gap_ms(self) -> int:
        # Twice tIC: our own loop may read late, and tACK (40 ms) still leaves room for a NAK.
        return 2 * self._chip.gap_ms * self._widen

    def _on_gap(self) -> None:
        self._counters.inc(counts.FRAME_GAP)
        was_frame = self._deframer[lf.PHASE] != lf.STATUS_BODY
        lf.drop_partial(self._deframer)
        if was_frame:
            self._port.write(_NAK_OCTET)

    def _frame_in(self, now: int) -> None:
        self._port.write(_ACK_OCTET)
        _TABLE[self.state][ON_FRAME](self, now)
        self._owner.on_link_frame(now, self.frame, self._deframer[lf.POS])

    def _bad_sum_in(self, now: int) -> None:
        self._port.write(_NAK_OCTET)
        self._counters.inc(counts.FRAME_BAD_SUM)

    def _bad_length_in(self, now: int) -> None:
        self._counters.inc(counts.FRAME_BAD_LENGTH)

    def _garbage_in(self, now: int) -> None:
        self._counters.inc(counts.GARBAGE_OCTET)

    def _ack_in(self, now: int) -> None:
        _TABLE[self.state][ON_ACK](self, now)

    def _nak_in(self, now: int) -> None:
        _TABLE[self.state][ON_NAK](self, now)

    def _status_in(self, now: int) -> None:
        _TABLE[self.state][ON_STATUS](self, now)

    # --- cells of the table ---

    def _nothing(self, now: int) -> None:
        """Expected here and without consequence."""

    def _stray(self, now: int) -> None:
        self._counters.inc(counts.ACK_STRAY)

    def _status_unasked(self, now: int) -> None:
        self._counters.inc(counts.STATUS_STRAY)
        self._owner.on_link_status(now)

    def _rearm(self, now: int) -> None:
        """The chip was faster with a frame of its own; it answers us after our ACK."""
        limit = self._chip.poll_ms if self.state == POLL else self._chip.ack_ms
        self._arm(now, limit)

    def _status_polled(self, now: int) -> None:
        self.state = PAUSE  # NOTE: the owner may cancel and send anew inside the callback
        self._due = now
        self._owner.on_link_status(now)
        if self.state == PAUSE and self._due == now:
            self._judge(now)

    def _judge(self, now: int) -> None:
        if self._command is None:
            self._leave_unused(now)
            return self._taken(now)
        verdict = self._owner.judge(now, self.was_sent)
        if verdict == GO:
            self._write(now)
        elif verdict == WAIT:
            self._counters.inc(counts.BUSY_WAIT)
            self._leave_unused(now)
            self._pause(now, self.busy_ms)
        elif verdict == TAKEN:
            self._taken(now)
        else:
            self._leave_unused(now)
            self.cancel()
        return None

    def _no_status(self, now: int) -> None:
        if self._is_partial():
            return self._rearm(now)
        if self._is_unused and ticks_diff(now, self._unused_until) < 0:
            return self._pause(now, ticks_diff(self._unused_until, now))
        self._counters.inc(counts.POLL_SILENT)
        return self._retry(now, FAIL_NO_STATUS)

    def _no_ack(self, now: int) -> None:
        if self._is_partial():
            return self._rearm(now)
        self._counters.inc(counts.ACK_SILENT)
        return self._retry(now, FAIL_NO_ACK)

    def _nak(self, now: int) -> None:
        self._counters.inc(counts.COMMAND_NAK)
        self.was_sent = False  # refused for certain
        self._retry(now, FAIL_NAK)

    def _ack_late(self, now: int) -> None:
        if self.was_sent and self._why == FAIL_NO_ACK:
            self._taken(now)
        else:
            self._stray(now)

    def _taken(self, now: int) -> None:
        self.cancel()
        self._owner.on_link_taken(now)

    def _restart(self, now: int) -> None:
        if self._is_partial():
            return self._pause(now, _PAUSE_MS)
        self.state = POLL
        self._port.t_req(True)
        return self._arm(now, self._chip.poll_ms)

    # --- inside ---

    def _arm(self, now: int, limit_ms: int) -> None:
        self._due = ticks_add(now, limit_ms * self._widen + self.uart_ms(self._chip.status_len) + _SLACK_MS)

    def _leave_unused(self, now: int) -> None:
        # NOTE: a chip still waiting for STX (tSR) may not answer T_REQ again before that is over;
        # taking its silence for death would end in a reset after every poll.
        limit_ms = self._chip.send_ms * self._widen + _SLACK_MS
        self._is_unused = True
        self._unused_until = ticks_add(now, limit_ms)

    def _pause(self, now: int, pause_ms: int) -> None:
        self._port.t_req(False)
        self.state = PAUSE
        self._due = ticks_add(now, max(pause_ms, 1))

    def _retry(self, now: int, why: int) -> None:
        self._why = why
        self._tries -= 1
        if self._tries:
            return self._pause(now, _PAUSE_MS * self._widen)
        self.cancel()
        return self._owner.on_link_failed(now, why, self.was_sent)

    def _write(self, now: int) -> None:
        command = self._command
        first = self._start
        if command is None:
            return
        self._port.write(command[first : first + 1])
        self._port.t_req(False)  # released as soon as STX is out
        self._port.write(command[first + 1 : first + self._len])
        self.was_sent = True
        self._is_unused = False
        self.state = AWAIT_ACK
        self._arm(ticks_add(now, self.uart_ms(self._len)), self._chip.ack_ms)


_L = HostLink
# Columns: ON_STATUS, ON_ACK, ON_NAK, ON_TIMEOUT, ON_FRAME.
_TABLE = (
    (_L._status_unasked, _L._stray, _L._stray, _L._nothing, _L._nothing),  # IDLE
    (_L._status_polled, _L._stray, _L._stray, _L._no_status, _L._rearm),  # POLL
    (_L._status_unasked, _L._taken, _L._nak, _L._no_ack, _L._rearm),  # AWAIT_ACK
    (_L._status_unasked, _L._ack_late, _L._stray, _L._restart, _L._nothing),  # PAUSE
)
# By local_frame.EV_*; EV_NONE never gets here.
_DEFRAMED = (
    _L._nothing,
    _L._frame_in,
    _L._bad_sum_in,
    _L._bad_length_in,
    _L._ack_in,
    _L._nak_in,
    _L._status_in,
    _L._garbage_in,
)
