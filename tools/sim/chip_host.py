# SPDX-License-Identifier: MIT
"""Host interface of the chip twin: T_REQ arbitration, status, ACK/NAK, repeats (sfsk.md 4.4).

The chip is the master of the wire: a host frame is taken only after a status message, within tSR.
Frames to the host go out when nothing else runs; silence counts as ACK, NAK repeats once after tWBC.
Choice [U]: T_REQ acts on its falling edge; a request withdrawn before the status is forgotten.
"""

from collections import Counter, deque
from collections.abc import Callable

from tools.sim import chips, local_frame
from tools.sim.chip_faults import ChipFaults
from tools.sim.chip_uart import UartIn, UartOut, octets_per_s
from tools.sim.kernel import Kernel, Timer
from tools.sim.options import ChipOptions

_DEAF, _IDLE, _POLL, _STATUS, _WAIT_STX, _RECEIVE, _ANSWER, _SEND, _WAIT_ACK, _PAUSE = range(10)


class HostInterface:
    """Wire-level state machine; `on_command(command, payload)` gets each valid host frame.

    on_command returns True to ACK and then run `after_ack()`, False to NAK.
    """

    def __init__(self, kernel: Kernel, options: ChipOptions, faults: ChipFaults) -> None:
        self.kernel, self._options, self._faults = kernel, options, faults
        rate = octets_per_s(options.uart_baud, options.uart_speed)
        self.out = UartOut(kernel, rate, options.chunk)
        self.wire_in = UartIn(kernel, rate)
        self.wire_in.sink = self._octet
        self.counters: Counter = Counter()
        self.tic_us = chips.T_IC_RESET_US
        self.status: "Callable[[], bytes]" = lambda: b""
        self.on_command: "Callable[[int, bytes], bool]" = lambda command, payload: False
        self.after_ack: "Callable[[], object]" = lambda: None
        self.on_reset_fault: "Callable[[], object]" = lambda: None
        self.tap: "Callable[[str, bytes], object]" = lambda direction, frame: None
        self._state = _DEAF
        self._timer: "Timer | None" = None
        self._reader = local_frame.FrameReader()
        self._seen = bytearray()
        self._last_us = 0
        self._is_bad = False
        self._queue: deque = deque()
        self._frame = b""
        self._is_repeat = False
        self._t_req = False
        self._is_asked = False

    # --- what the chip and the host do ---

    @property
    def queue_len(self) -> int:
        """Frames waiting for the host, the one on the wire not counted."""
        return len(self._queue)

    def start(self) -> None:
        """Out of reset: empty, listening; a T_REQ that is low already counts as asked."""
        self.stop()
        self._is_asked = self._t_req
        self._go(_IDLE)
        self._next()

    def stop(self) -> None:
        """Deaf and dumb from now on; a frame under way is cut."""
        self.out.cut()
        self.wire_in.clear()
        self._reader.clear()
        self._queue.clear()
        self._go(_DEAF)

    def set_t_req(self, is_asserted: bool) -> None:
        """The T_REQ line; asserted = low."""
        if is_asserted and not self._t_req:
            self._is_asked = True
            if self._state == _WAIT_STX and self._options.status_again:
                self._go(_IDLE)
        self._t_req = is_asserted
        if not is_asserted:
            self._is_asked = False
            if self._state == _POLL:
                self._go(_IDLE)
        self._next()

    def send(self, frame: bytes) -> None:
        """Queue a local frame for the host."""
        self._queue.append(frame)
        self._next()

    # --- from here on: one method per edge of the state machine ---

    def _go(self, state: int, delay_us: float = 0, fn: "Callable | None" = None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._state = state
        if fn is not None:
            self._timer = self.kernel.call_later(round(delay_us), fn)

    def _limit(self, limit_us: float) -> float:
        """A time limit on the host's next octet, counted to that octet's end."""
        return limit_us * self._options.widen + self.wire_in.char_us + 1

    def _next(self) -> None:
        if self._state != _IDLE:
            return
        if self._is_asked:
            self._is_asked = False
            if self._faults.take("drop_status"):
                self._next()
            else:
                self._go(_POLL, self._options.poll_us, self._send_status)
        elif self._queue:
            self._frame = self._queue.popleft()
            self._is_repeat = False
            self._go(_SEND)
            self._send_frame()

    def _idle(self) -> None:
        self._go(_IDLE)
        self._next()

    def _send_status(self) -> None:
        self.counters["status"] += 1
        octets = self.status()
        self.tap("up", octets)
        self._go(_STATUS)
        self.out.send(octets, self._status_out)

    def _status_out(self) -> None:
        self._reader.clear()
        self._seen = bytearray()
        self._is_bad = False
        self._go(_WAIT_STX, self._limit(chips.T_SR_US), self._no_stx)

    def _no_stx(self) -> None:
        if self._reached_by_wire(chips.T_SR_US, self._no_stx):
            return
        self.counters["tsr_over"] += 1
        self._idle()

    def _reached_by_wire(self, limit_us: float, fn: "Callable") -> bool:
        """True, and re-armed, while octets written in time are still arriving."""
        left_us = self.wire_in.busy_until_us - self.kernel.now_us
        if left_us <= 0 or self._state == _WAIT_STX:
            return False
        self._go(self._state, left_us + self._limit(limit_us), fn)
        return True

    def _octet(self, octet: int, at_us: int) -> None:
        if self._faults.hung:
            return
        if self._state == _WAIT_STX and octet == chips.STX:
            self._begin(octet, at_us)
        elif self._state == _RECEIVE:
            self._collect(octet, at_us)
        elif self._state == _WAIT_ACK and octet in (chips.ACK, chips.NAK):
            self._answered(octet)
        else:
            self.counters["stray_octets"] += 1

    def _begin(self, octet: int, at_us: int) -> None:
        self._last_us = at_us
        self._seen.append(octet)
        self._reader.feed(octet)
        self._go(_RECEIVE, self._limit(self.tic_us), self._gap)

    def _collect(self, octet: int, at_us: int) -> None:
        idle_us = at_us - self._last_us - self.wire_in.char_us
        self._last_us = at_us
        if idle_us > self.tic_us * self._options.widen:
            self._gap_over()
            return
        self._go(_RECEIVE, self._limit(self.tic_us), self._gap)
        self._seen.append(octet)
        if self._is_bad:
            return
        verdict = self._reader.feed(octet)
        if verdict is None:
            return
        if verdict:
            self._received()
        elif self._reader.is_complete:
            self.counters["bad_host_frames"] += 1
            self._answer(chips.NAK)
        else:
            self._is_bad = True  # no length to go by: the frame ends with a gap

    def _gap(self) -> None:
        if not self._reached_by_wire(self.tic_us, self._gap):
            self._gap_over()

    def _gap_over(self) -> None:
        self.counters["bad_host_frames" if self._is_bad else "tic_over"] += 1
        self._answer(chips.NAK)

    def _received(self) -> None:
        self.tap("down", bytes(self._seen))
        if self._faults.take("nak_next"):
            self._answer(chips.NAK)
            return
        is_known = self.on_command(self._reader.command, self._reader.payload)
        self._answer(chips.ACK if is_known else chips.NAK)

    def _answer(self, octet: int) -> None:
        self.counters["acks" if octet == chips.ACK else "naks"] += 1
        is_ack = octet == chips.ACK
        if is_ack and self._faults.take("drop_acks"):
            self._go(_ANSWER, self._options.ack_us, self._acked)
            return
        done = self._acked if is_ack else self._idle
        self._go(_ANSWER, self._options.ack_us, lambda: self._send_answer(octet, done))

    def _send_answer(self, octet: int, done: "Callable") -> None:
        self.tap("up", bytes((octet,)))
        self.out.send(bytes((octet,)), done)

    def _acked(self) -> None:
        self._go(_IDLE)
        self.after_ack()
        self._next()

    def _send_frame(self) -> None:
        frame = self._frame
        if self._faults.take("corrupt_sum"):
            frame = frame[:-1] + bytes((frame[-1] ^ 0x55,))
        elif self._faults.take("omit_sum"):
            frame = frame[:-2]
        self.tap("up", frame)
        self.out.send(frame, self._frame_out)
        cut = self._faults.reset_in_frame
        if cut:
            self._faults.reset_in_frame = 0
            self.kernel.call_at(self.out.after(cut), self.on_reset_fault)

    def _frame_out(self) -> None:
        self._go(_WAIT_ACK, self._limit(chips.T_ACK_US), self._unanswered)

    def _unanswered(self) -> None:
        self.counters["frames_lost"] += 1
        self._pause()

    def _answered(self, octet: int) -> None:
        self.tap("down", bytes((octet,)))
        if octet == chips.NAK and not self._is_repeat:
            self.counters["repeats"] += 1
            self._is_repeat = True
            # NOTE: the repeat must not overtake tWBC, the host clears its receiver in that time
            self._go(_PAUSE, chips.T_WBC_US * self._options.widen, self._repeat)
            return
        self.counters["frames_acked" if octet == chips.ACK else "frames_refused"] += 1
        self._pause()

    def _repeat(self) -> None:
        self._go(_SEND)
        self._send_frame()

    def _pause(self) -> None:
        if self._options.frame_gap_us:
            self._go(_PAUSE, self._options.frame_gap_us, self._idle)
        else:
            self._idle()
