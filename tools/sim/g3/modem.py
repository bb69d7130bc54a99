# SPDX-License-Identifier: MIT
"""Byte-level twin of the Microchip G3 modem as PAN coordinator, USI/ADP on its UART (g3.md 2).

Inputs: `host_write`, `set_reset`, `set_power`; output: `on_output(octets)`. `tap(dir, frame)` sees USI frames.
Law: written from the fact sheet only. Everything happens in kernel time, nothing returns octets.
"""

from collections import Counter, deque
from collections.abc import Callable

from tools.sim.chip_uart import UartIn, UartOut, octets_per_s
from tools.sim.g3 import codes, usi
from tools.sim.g3.adp import Adp
from tools.sim.g3.coordinator import Coordinator
from tools.sim.g3.data_path import DataPath
from tools.sim.g3.lbp_port import LbpPort
from tools.sim.g3.lbs import Lbs
from tools.sim.g3.line import G3Line
from tools.sim.g3.modem_faults import G3ModemFaults
from tools.sim.g3.options import G3ModemOptions
from tools.sim.g3.pib_adp import adp_pib
from tools.sim.g3.pib_mac import mac_pib
from tools.sim.g3.request import Request
from tools.sim.g3.routes import Routes
from tools.sim.kernel import Timer

_NOISE = bytes.fromhex("00FF7D7D13A5")
_STALE_LEN = 2048
_CONFLICT_S = 5.0


class G3Modem:
    """One modem on `line`; powered and running after construction, not initialised."""

    def __init__(self, line: G3Line, options: G3ModemOptions | None = None) -> None:
        self.options = options or G3ModemOptions()
        self.line, self.kernel = line, line.kernel
        self.faults = G3ModemFaults()
        self.counters: Counter = Counter()
        self.mac = Coordinator(self)
        self.on_output: "Callable[[bytes], object]" = lambda octets: None
        self.tap: "Callable[[str, bytes], object]" = lambda direction, frame: None
        speed = octets_per_s(self.options.uart_baud, self.options.uart_speed)
        self._out = UartOut(self.kernel, speed, self.options.chunk)
        self._in = UartIn(self.kernel, speed)
        self._out.sink, self._in.sink = self._to_host, self._octet
        self._reader = usi.UsiReader(self.options.dialect, self.options.usi_buffer)
        self._queue: "deque[bytes]" = deque()
        self._is_sending = False
        self._stale = bytes(_STALE_LEN)
        self.resets_cnt = self.epoch = 0
        self._is_powered, self._is_held, self._is_deaf = True, False, False
        self._boot_timer: "Timer | None" = None
        self._build()

    def _build(self) -> None:
        """Everything in the modem's RAM, as after a reset."""
        self.epoch += 1
        self.is_initialised = self.is_started = False
        self.wanted_pan_id, self.wanted_short_addr = codes.NO_ADDR, codes.NO_ADDR
        self.routes = Routes(self)
        self.adp_pib, self.mac_pib = adp_pib(self), mac_pib(self)
        self.lbp_port = LbpPort(self)
        self.lbs = Lbs(self)
        self.data_path = DataPath(self)
        self.adp = Adp(self)

    # --- lines ---

    def host_write(self, octets: bytes) -> None:
        """The host puts octets on its TXD; they arrive at the baud rate."""
        if self._is_powered and not self._is_held and not self.faults.hung:
            self._in.write(bytes(octets))

    def set_t_req(self, is_asserted: bool) -> None:
        """A line this modem does not have."""

    def set_reset(self, is_asserted: bool) -> None:
        """RESET line."""
        self._is_held = is_asserted
        self.faults.hung = False
        self._down()
        if not is_asserted:
            self._boot()

    def set_power(self, is_on: bool) -> None:
        """Supply of the modem."""
        self._is_powered = is_on
        self.faults.hung = False
        self.faults.no_data &= 2
        if not is_on and not self.options.keeps_counter:
            self.mac.frame_counter = 0
        self._down()
        if is_on:
            self._boot()

    # --- faults that are events ---

    def reset_now(self) -> None:
        """The modem resets on its own, also in the middle of a frame. It restores its frame counter."""
        if self._is_powered and not self._is_held:
            self._down()
            self._boot()

    def swap(self) -> None:
        """Another modem in its place: its frame counter begins at 0, the PAN has forgotten nothing."""
        self.mac.frame_counter = 0
        self.mac.eui64 = self.options.eui64
        self.mac.forget_counters()
        self.reset_now()

    def set_silent(self, is_silent: bool) -> None:
        """Say nothing at all until told otherwise, whatever the host does."""
        self.faults.silent = is_silent

    def hang(self) -> None:
        """Deaf and dumb until reset line or power."""
        self.faults.hung = True
        self._in.clear()

    def inject(self, octets: bytes) -> None:
        """Garbage on the wire to the host, now."""
        self._to_host(octets)

    def pan_conflict(self, foreign_pan_id: int | None = None) -> None:
        """A station heard beacons of another PAN with our id: NETWORK_STATUS_IND 80."""
        pan_id = self.mac.pan_id if foreign_pan_id is None else foreign_pan_id
        self.adp.network_status(pan_id, codes.ALTERNATE_PAN)

    def add_foreign_pan(self, pan_id: int, lqi: int = 60) -> None:
        """Another network comes into range; with our id that is a conflict."""
        self.mac.foreign_pans[pan_id] = lqi
        self.check_conflict()

    def check_conflict(self) -> None:
        """Some member hears the other network's beacons sooner or later."""
        if self.is_started and self.mac.pan_id in self.mac.foreign_pans:
            self.later(self.pan_conflict, delay_us=self.line.timer_us(_CONFLICT_S))

    # --- reset ---

    def _down(self) -> None:
        if self._boot_timer is not None:
            self._boot_timer.cancel()
            self._boot_timer = None
        self._out.cut()
        self._in.clear()
        self._reader.clear()
        self._queue.clear()
        self._is_sending = False
        self._is_deaf = True
        self.resets_cnt += 1
        self.forget()

    def forget(self) -> None:
        """RAM as after a reset; what was under way is forgotten."""
        self.mac.stop()
        self._build()

    def _boot(self) -> None:
        if self._is_powered and not self._is_held:
            self._boot_timer = self.kernel.call_later(self.options.boot_us, self._ready)

    def _ready(self) -> None:
        self._is_deaf = False

    def later(self, fn: "Callable", *args: object, delay_us: int | None = None) -> None:
        """Run after the modem's own delay, unless it was reset meanwhile."""
        epoch = self.epoch
        wait_us = self.options.exec_us if delay_us is None else delay_us
        self.kernel.call_later(wait_us, lambda: epoch == self.epoch and fn(*args))

    # --- host to modem ---

    def _octet(self, octet: int, at_us: int) -> None:
        if self._is_deaf or self.faults.hung:
            return
        oversize = self._reader.counters["oversize"]
        message = self._reader.take(octet)
        if message is not None:
            self._received(message)
        elif self._reader.counters["oversize"] > oversize and self.options.crashes_on_overrun:
            self.counters["overrun_crashes"] += 1
            self.hang()

    def _received(self, message: usi.Message) -> None:
        self.tap("down", usi.build(message.protocol, message.payload, self.options.dialect))
        if message.protocol != usi.ADP:
            self.counters["foreign_protocol"] += 1
            return
        request = Request(message.payload, self._stale)
        self._stale = message.payload + self._stale[len(message.payload) :]
        self.counters["requests"] += 1
        self.adp.handle(request)

    # --- modem to host ---

    def emit(self, command: int, payload: bytes = b"", is_confirm: bool = False) -> None:
        """Queue a message of protocol 25. What the USI buffer does not hold vanishes."""
        faults = self.faults
        if faults.take("drop_frames") or (is_confirm and faults.take("drop_confirms")):
            return
        bad_crc = 0x5A if faults.take("corrupt_crc") else 0
        try:
            frame = usi.build(usi.ADP, bytes((command,)) + payload, self.options.dialect, bad_crc)
        except ValueError:
            frame = bytes(self.options.usi_buffer + 1)
        if len(frame) > self.options.usi_buffer:
            self.counters["oversize_to_host"] += 1
            return
        if faults.take("cut_frames"):
            frame = frame[:-3]
        if faults.take("garbage_before"):
            frame = _NOISE + frame
        self.tap("up", frame)
        self._queue.extend([frame] * (2 if faults.take("repeat_frames") else 1))
        self._pump()

    def confirm(self, command: int, payload: bytes) -> None:
        """A confirm after the modem's own delay."""
        self.later(self.emit, command, payload, True)

    def _pump(self) -> None:
        if self._is_sending or not self._queue:
            return
        self._is_sending = True
        frame = self._queue.popleft()
        self._out.send(frame, self._sent)
        limit, self.faults.reset_in_frame = self.faults.reset_in_frame, 0
        if 0 < limit < len(frame):
            self.kernel.call_at(self._out.after(limit), self.reset_now)

    def _sent(self) -> None:
        self._is_sending = False
        self._pump()

    def _to_host(self, octets: bytes) -> None:
        if octets and not self.faults.silent and not self.faults.hung and self._is_powered:
            self.on_output(octets)

    def report(self) -> dict:
        """Counters as a plain dict."""
        parts = (self.counters, self._reader.counters, self.mac.counters, self.routes.counters, self.lbs.counters)
        found: Counter = Counter()
        for part in (*parts, self.data_path.counters):
            found.update(part)
        state = {"pan_id": self.mac.pan_id, "frame_counter": self.mac.frame_counter, "started": self.is_started}
        return {**found, **state, "resets": self.resets_cnt}
