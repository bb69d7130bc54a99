# SPDX-License-Identifier: MIT
"""One command at a time over the chip's host interface: T_REQ, status, frame, ACK.

Source: sfsk.md 4.4. Host to modem: T_REQ low, status within tPOLL, STX within tSR, T_REQ
high, ACK within tACK; NAK or silence restarts the whole sequence, a bounded number of
times. What the chip sends of its own accord is the `receiver`'s; it may come at any moment.
"""

from micropython import const

from base.ticks import earliest, ticks_add, ticks_diff
from plc.sfsk import counts
from plc.sfsk.receiver import Receiver

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
_STX_OCTET = b"\x02"


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
        self._receiver = Receiver(port, chip, settings, counters, self)
        self.frame = self._receiver.frame
        self._command: "memoryview | None" = None  # None: only the status is wanted
        self._start = 0
        self._len = 0
        self._tries = 0
        self.was_sent = False
        self._why = FAIL_NO_STATUS
        self._due = 0
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
        self._receiver.drop()

    def feed(self, now: int, mv: "memoryview | bytes", n: int) -> None:
        """Octets from the chip, in any split. Never raises, whatever they are."""
        self._receiver.feed(now, mv, n)

    def on_deadline(self, now: int) -> None:
        """Act on whatever is due at `now`."""
        self._receiver.on_deadline(now)
        if self.state != IDLE and ticks_diff(now, self._due) >= 0:
            _TABLE[self.state][ON_TIMEOUT](self, now)

    def next_deadline(self) -> "int | None":
        """Tick at which `on_deadline` wants to be called; None when nothing is awaited."""
        return earliest(None if self.state == IDLE else self._due, self._receiver.next_deadline())

    # --- ReceiverOwner ---

    def on_frame(self, now: int, frame: memoryview, n: int) -> None:
        """A whole frame, acknowledged."""
        _TABLE[self.state][ON_FRAME](self, now)
        self._owner.on_link_frame(now, frame, n)

    def on_ack(self, now: int) -> None:
        """06 outside a frame."""
        _TABLE[self.state][ON_ACK](self, now)

    def on_nak(self, now: int) -> None:
        """15 outside a frame."""
        _TABLE[self.state][ON_NAK](self, now)

    def on_status(self, now: int) -> None:
        """A status message stands in `frame`."""
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
            if self.state == PAUSE:  # else the owner has begun something else while judging
                self.cancel()
        return None

    def _no_status(self, now: int) -> None:
        if self._receiver.is_partial:
            return self._rearm(now)
        if self._is_unused and ticks_diff(now, self._unused_until) < 0:
            return self._pause(now, ticks_diff(self._unused_until, now))
        self._counters.inc(counts.POLL_SILENT)
        return self._retry(now, FAIL_NO_STATUS)

    def _no_ack(self, now: int) -> None:
        if self._receiver.is_partial:
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
        if self._receiver.is_partial:
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
        self._port.write(_STX_OCTET)
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
