# SPDX-License-Identifier: MIT
"""Byte-level twin of the S-FSK modem chip AMIS-49587, with the ST7570's deltas by table (sfsk.md 4).

Inputs: `host_write`, `set_t_req`, `set_reset`, `set_power`; output: `on_output(octets)`.
Law: written from the fact sheet only. Everything happens in kernel time, nothing returns octets.
"""

from collections.abc import Callable
from functools import partial

from tools.sim import chip_config, chips, local_frame
from tools.sim.chip_db import Database, DbError
from tools.sim.chip_faults import HUNG_LINE, HUNG_NO, HUNG_POWER, ChipFaults
from tools.sim.chip_host import HostInterface
from tools.sim.chip_mac import ChipMac
from tools.sim.kernel import Timer
from tools.sim.line import Line
from tools.sim.options import ChipOptions

_TIC_CHARS_US = 48_000_000  # five characters, as 10 ms at 4800 baud (sfsk.md 4.4)


class Chip:
    """One modem chip on `line`; powered and running after construction."""

    def __init__(self, line: Line, options: ChipOptions | None = None) -> None:
        self.options = options or ChipOptions()
        self.kernel = line.kernel
        self.table = chips.TABLES[self.options.model]
        self.faults = ChipFaults()
        self.database = Database(self.options.version)
        self.host = HostInterface(self.kernel, self.options, self.faults)
        self.mac = ChipMac(line, self.options, self.faults, self.database)
        self.mac.emit = self._emit
        self.mac.has_room = lambda: self.host.queue_len < self.options.rx_queue
        self.host.status = self.status_octets
        self.host.on_command = self._on_command
        self.host.after_ack = self._after_ack
        self.host.on_reset_fault = self.reset_now
        self.resets_cnt = 0
        self._is_powered, self._is_held = True, False
        self._boot_timer: Timer | None = None
        self._job: "Callable[[], object]" = lambda: None
        self._last_answer = b""
        self._commands = self._command_table()
        self._boot(0)

    # --- lines ---

    @property
    def on_output(self) -> "Callable[[bytes], object]":
        """Where octets for the host go; set it once."""
        return self.host.out.sink

    @on_output.setter
    def on_output(self, sink: "Callable[[bytes], object]") -> None:
        self.host.out.sink = sink

    def host_write(self, octets: bytes) -> None:
        """The host puts octets on its TXD; they arrive at the baud rate."""
        if self._is_powered and not self._is_held:
            self.host.wire_in.write(bytes(octets))

    def set_t_req(self, is_asserted: bool) -> None:
        """T_REQ; asserted = low = asks for the wire."""
        self.host.set_t_req(is_asserted)

    def set_reset(self, is_asserted: bool) -> None:
        """RESET line."""
        self._is_held = is_asserted
        if is_asserted:
            self._unhang(HUNG_LINE)
        self._follow_lines()

    def set_power(self, is_on: bool) -> None:
        """Supply of the chip."""
        self._is_powered = is_on
        if not is_on:
            self._unhang(HUNG_POWER)
        self._follow_lines()

    def _follow_lines(self) -> None:
        self._down()
        if self._is_powered and not self._is_held:
            self._boot(self.options.boot_us)

    # --- faults that are events ---

    def reset_now(self) -> None:
        """The chip resets on its own, also in the middle of a frame."""
        if self._is_powered and not self._is_held:
            self._boot(self.options.reset_us)

    def set_silent(self, is_silent: bool) -> None:
        """Say nothing at all until told otherwise, whatever the host does."""
        self.faults.silent = is_silent
        self._mute()

    def hang(self, until: int = HUNG_LINE) -> None:
        """Deaf and dumb until the reset line (HUNG_LINE) or a power cycle (HUNG_POWER)."""
        self.faults.hung = until
        self._mute()

    def inject(self, octets: bytes) -> None:
        """Garbage on the wire to the host, now."""
        self.host.out.inject(octets)

    def _unhang(self, cure: int) -> None:
        if self.faults.hung and self.faults.hung <= cure:
            self.faults.hung = HUNG_NO
            self._mute()
        if self.faults.no_air <= cure:
            self.faults.no_air = HUNG_NO

    def _mute(self) -> None:
        self.host.out.is_muted = self.faults.silent or bool(self.faults.hung)

    def report(self) -> dict:
        """Counters as a plain dict."""
        return dict(self.host.counters, resets=self.resets_cnt, lost=self.mac.lost_cnt)

    # --- reset and status ---

    def _down(self) -> None:
        if self._boot_timer is not None:
            self._boot_timer.cancel()
            self._boot_timer = None
        self.host.stop()
        self.mac.reset()
        self.database.reset()
        self.faults.stuck_busy = False
        self._last_answer = b""
        self.host.tic_us = chips.T_IC_RESET_US

    def _boot(self, delay_us: int) -> None:
        self._down()
        self.resets_cnt += 1
        self._boot_timer = self.kernel.call_later(delay_us, self.host.start)

    def status_octets(self) -> bytes:
        """The status message: 3F and three octets (sfsk.md 4.5)."""
        mac = self.mac
        if mac.mode == chips.MODE_NOT_SET:
            return bytes((chips.STATUS, 2, 0, self.options.version))
        first = (not mac.is_synced) << 2 | mac.is_busy
        slot = mac.line_slot & 7
        has_alarm = chip_config.alarm_cnt(self.database.config) > 0
        second = slot << 5 | has_alarm << 1 | mac.is_pll_locked
        third = min(self.database.invalid_cnt, 255)
        if mac.mode == chips.MODE_SLAVE:
            first |= (not mac.is_synced) << 4 | (self.database.local_mac == 0xFFE) << 3
            third = self.database.min_delta << 2 | self.database.values[0x0B][0] & 3
        if mac.mode == chips.MODE_MONITOR:
            third = 0
        return bytes((chips.STATUS, first, second, third))

    # --- commands ---

    def _command_table(self) -> dict:
        table = {
            chips.RESET_REQ: lambda payload: self.reset_now(),
            chips.DESYNCHRO_REQ: self._desynchro,
            chips.DATA_REQ: lambda payload: self._later(self.mac.request, payload),
            chips.ISA_REQ: self._isa,
            self.table.db_write[0]: self._db_access,
            self.table.db_read[0]: self._db_read,
        }
        if self.table.db_write == self.table.db_read:
            table[self.table.db_write[0]] = self._db_access
        for request, answers in self.table.config.items():
            table[request] = partial(self._config, answers)
        return table

    def _on_command(self, command: int, payload: bytes) -> bool:
        handler = self._commands.get(command)
        if handler is not None:
            self._job = lambda: handler(payload)
            return True
        if not self.table.syntax_error:
            return False
        answer = self.table.syntax_error
        self._job = lambda: self._emit(answer[0], answer[1:])
        return True

    def _after_ack(self) -> None:
        job, self._job = self._job, lambda: None
        job()

    def _later(self, fn: "Callable", *args: object) -> None:
        epoch = self.resets_cnt
        self.kernel.call_later(
            self.options.exec_us, lambda: epoch == self.resets_cnt and fn(*args)
        )

    def _emit(self, command: int, payload: bytes) -> None:
        is_answer = command & 0x0F in (2, 3) and command != chips.BAD_CRC_IND
        frame = local_frame.build(command, payload)
        if not is_answer:
            self.host.send(frame)
            return
        if self.faults.take("drop_confirms"):
            return
        previous, self._last_answer = self._last_answer, frame
        if previous and self.faults.take("answer_previous"):
            frame = previous
        self.host.send(frame)

    def _desynchro(self, payload: bytes) -> None:
        is_master = self.mac.mode == chips.MODE_MASTER and self.options.desynchro_as_master
        if is_master or self.mac.mode == chips.MODE_SLAVE:
            self._later(self.mac.lose_sync, 5)

    def _isa(self, payload: bytes) -> None:
        code = self.mac.repeater_call(payload)
        if code:
            self._later(self._emit, chips.ISA_ERR, bytes((code,)))

    def _config(self, answers: tuple, payload: bytes) -> None:
        code = chip_config.check(payload, self.database.config or None)
        if self.faults.config_errors:
            code = self.faults.config_errors.pop(0)
        if code:
            self._later(self._emit, answers[1], bytes((code,)))
            return
        self.database.set_config(payload)
        self.mac.configure(chip_config.mode_of(payload) or chips.MODE_MASTER)
        self._set_tic(payload)
        if self.faults.take("wrong_echo"):
            payload = payload[:10] + bytes((payload[10] ^ 0x01,)) + payload[11:]
        self._later(self._emit, answers[0], payload)

    def _set_tic(self, config: bytes) -> None:
        if self.table.tic_follows_baud and not chip_config.is_tic_constant(config):
            self.host.tic_us = round(_TIC_CHARS_US / self.options.uart_baud)

    def _db_access(self, payload: bytes) -> None:
        item = chips.IDENTS.get(chip_config.word(payload, 0)) if len(payload) >= 2 else None
        arg_len = item.arg_len if item else 0
        can_read = self.table.db_read == self.table.db_write
        is_read = can_read and len(payload) == 2 + arg_len
        self._db_run(payload, is_read, self.table.db_write)

    def _db_read(self, payload: bytes) -> None:
        self._db_run(payload, True, self.table.db_read)

    def _db_run(self, payload: bytes, is_read: bool, codes: tuple) -> None:
        try:
            value = self._db_value(payload, is_read)
        except DbError as error:
            self._later(self._emit, codes[2], bytes((error.code,)))
            return
        self._later(self._emit, codes[1], payload[:2] + value)

    def _db_value(self, payload: bytes, is_read: bool) -> bytes:
        if self.faults.db_errors:
            raise DbError(self.faults.db_errors.pop(0))
        if self.mac.mode == chips.MODE_NOT_SET:
            raise DbError(chips.ERR_NOT_ALLOWED)
        if len(payload) < 2:
            raise DbError(chips.ERR_DATA)
        ident = chip_config.word(payload, 0)
        if is_read:
            return self.database.read(ident, payload[2:])
        return self.database.write(ident, payload[2:], self.mac.mode)
