# SPDX-License-Identifier: MIT
"""Character timing of the chip's UART: 1 start, 8 data, 1 stop bit (sfsk.md 4.2).

`UartOut` lets octets leave one by one, or in chunks, at the instant their last bit is out;
`UartIn` gives each octet of the host the instant it has arrived.
"""

from collections.abc import Callable

from tools.sim.kernel import Kernel, Timer

_BITS = 10


class UartOut:
    """Chip to host. One frame at a time; `cut` ends it after the octets that are out by now."""

    def __init__(self, kernel: Kernel, octets_per_s: float, chunk: int) -> None:
        self._kernel = kernel
        self._us = 1e6 / octets_per_s
        self._chunk = chunk
        self._frame = b""
        self._sent = 0
        self._start_us = 0
        self._done: "Callable[[], object] | None" = None
        self._timer: "Timer | None" = None
        self.sink: "Callable[[bytes], object]" = lambda octets: None
        self.is_muted = False

    def send(self, frame: bytes, done: "Callable[[], object]") -> None:
        """Send `frame`; done() is called at its last stop bit."""
        self._frame, self._sent, self._done = frame, 0, done
        self._start_us = self._kernel.now_us
        self._schedule()

    def cut(self) -> None:
        """Stop now: what is out stays out, the rest and done() never happen."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        out_cnt = int((self._kernel.now_us - self._start_us + 1) / self._us)
        self._emit(self._frame[self._sent : out_cnt])

    def inject(self, octets: bytes) -> None:
        """Garbage on the wire, now, whatever else is going on."""
        self._emit(octets)

    def after(self, octets_cnt: int) -> int:
        """Instant at which `octets_cnt` octets of the frame being sent are out."""
        return self._start_us + round(octets_cnt * self._us)

    def _schedule(self) -> None:
        step = self._chunk or len(self._frame)
        end = min(self._sent + step, len(self._frame))
        self._timer = self._kernel.call_at(self.after(end), self._out, end)

    def _out(self, end: int) -> None:
        start, self._sent = self._sent, end
        self._timer = None
        is_last = end >= len(self._frame)
        if not is_last:
            self._schedule()
        self._emit(self._frame[start:end])
        if is_last and self._done is not None:
            self._done()

    def _emit(self, octets: bytes) -> None:
        if octets and not self.is_muted:
            self.sink(octets)


class UartIn:
    """Host to chip: sink(octet, arrived_us) for each octet, in order.

    The first octet of a write is delivered when it arrives, the others when the last one has.
    """

    def __init__(self, kernel: Kernel, octets_per_s: float) -> None:
        self._kernel = kernel
        self.char_us = max(1, round(1e6 / octets_per_s))
        self._free_us = 0
        self._epoch = 0
        self.sink: "Callable[[int, int], object]" = lambda octet, at_us: None

    @property
    def busy_until_us(self) -> int:
        """Instant at which the last octet written so far has arrived."""
        return self._free_us

    def write(self, octets: bytes) -> None:
        """The host hands octets to its UART."""
        if not octets:
            return
        start_us = max(self._kernel.now_us, self._free_us)
        self._free_us = start_us + len(octets) * self.char_us
        first_us = start_us + self.char_us
        self._kernel.call_at(first_us, self._arrive, octets[:1], first_us, self._epoch)
        if len(octets) > 1:
            args = (octets[1:], first_us + self.char_us, self._epoch)
            self._kernel.call_at(self._free_us, self._arrive, *args)

    def clear(self) -> None:
        """The chip is deaf: octets under way are lost."""
        self._epoch += 1
        self._free_us = self._kernel.now_us

    def _arrive(self, octets: bytes, first_us: int, epoch: int) -> None:
        at_us = first_us
        for octet in octets:
            if epoch == self._epoch:
                self.sink(octet, at_us)
            at_us += self.char_us


def octets_per_s(baud: int, speed: float) -> float:
    """Octets per second of a UART at `baud`, `speed` times faster than real."""
    return baud * speed / _BITS
