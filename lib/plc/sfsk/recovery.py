# SPDX-License-Identifier: MIT
"""From any state of the chip to an operating master, and back there after each fault.

Source: sfsk.md 4.7 (boot sequence), 3.9. A table of steps: ask - soft reset - reset line -
power, each followed by a check; then configuration with read-back compare, then waiting for
synchronisation. The ladder climbs one rung per failure; above it is FAILED, which rests and
tries again, ever more slowly, for ever. Stable operation puts the ladder back down.
"""

from micropython import const

from base import events
from base.log import ERROR, NOTICE, WARNING
from base.ticks import ticks_add, ticks_diff
from plc.reset_ladder import ResetLadder
from plc.sfsk import chip as chips
from plc.sfsk import command as cmds
from plc.sfsk import counts, data_config
from plc.sfsk.command import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.counters import Counters
    from base.log import Log
    from plc.contract import ModemPort
    from plc.sfsk.modem import Modem
    from plc.sfsk.settings import Settings

# Steps.
OFF = const(0)
ASK = const(1)
SOFT = const(2)
LINE = const(3)
LINE_BOOT = const(4)
POWER = const(5)
POWER_BOOT = const(6)
CHECK = const(7)
CONFIG = const(8)
SYNC = const(9)
UP = const(10)
FAILED = const(11)

_LADDER = (SOFT, LINE, POWER, FAILED)  # by rung
_RUNG_COUNTS = (counts.RESET_SOFT, counts.RESET_LINE, counts.RESET_POWER, counts.MODEM_FAILED)

_SETTLE_MS = const(100)  # after a soft reset; not in the datasheet pages read
_POWER_OFF_MS = const(1000)
_CHECK_MS = const(2000)  # a booting chip may be silent this long
_ASK_AGAIN_MS = const(100)
_ANSWER_MS = const(500)
_GIVE_UP_MS = const(2000)
_STABLE_MS = const(60000)
_HEAD = const(3)
_BUF_LEN = const(48)


class Recovery:
    """State machine of the way up. Owns one control command and its 48-octet buffer."""

    def __init__(
        self, modem: "Modem", port: "ModemPort", settings: "Settings", counters: "Counters", log: "Log | None"
    ) -> None:
        self.step = OFF
        self.version = 0
        self._modem = modem
        self._port = port
        self._counters = counters
        self._log = log
        self._widen = settings["uart_widen"]
        self._sync_ms = settings["sync_timeout_ms"]
        self._mv = memoryview(bytearray(_BUF_LEN))
        self._config = bytearray(chips.CONFIG_LEN)
        data_config.encode_into(self._config, 0, settings)
        self._command = Command(self, cmds.PRIO_CONTROL)
        self._ladder = ResetLadder()
        self.fruitless = 0  # times that all rungs were climbed since a transmission was confirmed
        self._has_sent = True  # since it came up
        self._is_timed = False
        self._due = 0
        self._limit = 0  # end of CHECK or SYNC

    def begin(self, now: int, cause: int) -> None:
        """Take the modem down and start over by asking the chip how it is."""
        # NOTE: a chip that comes up and never sends anything must get to its power, not around the lowest rung.
        if self.step == UP and self._has_sent:
            self._ladder.relapse()
        if self.step != OFF:
            self._record(WARNING, events.MODEM_DOWN, cause)
        self._modem.set_down(now)
        self._enter(now, ASK)

    def worked(self) -> None:
        """The chip confirmed a transmission: it does what it is for."""
        self._has_sent = True
        self.fruitless = 0

    def resync(self, now: int) -> None:
        """Configured but no longer synchronised: wait for that, without a reset."""
        self._record(WARNING, events.MODEM_DOWN, -1)
        self._modem.set_down(now)
        self._start_sync(now)

    def hurry(self, now: int) -> None:
        """A synchronisation event came: look at the status now."""
        if self.step == SYNC and self._is_timed and not self._modem.desk.has(self._command):
            self._due = now

    def on_deadline(self, now: int) -> None:
        """Act on a wait that is over."""
        if self._is_timed and ticks_diff(now, self._due) >= 0:
            self._is_timed = False
            _STEPS[self.step][2](self, now)

    def next_deadline(self) -> "int | None":
        """End of the wait under way, if any."""
        return self._due if self._is_timed else None

    def on_command(self, now: int, command: "Command", result: int, mv: memoryview, off: int, n: int) -> None:
        """CommandOwner: the command of the current step ended."""
        if result not in (cmds.CMD_UNSENT, cmds.CMD_DOWN):  # those: we took the modem down ourselves
            self._is_timed = False
            _STEPS[self.step][1](self, now, result, mv, off, n)

    # --- entering ---

    def _enter(self, now: int, step: int) -> None:
        self.step = step
        self._is_timed = False
        _STEPS[step][0](self, now)

    def _poll(self, now: int) -> None:
        self._command.poll()
        self._send(now)

    def _soft_reset(self, now: int) -> None:
        self._command.load(self._mv, 0, self._modem.chip.reset_req, 0)
        self._send(now)

    def _line_low(self, now: int) -> None:
        self._modem.link.reset()
        self._port.reset(True)
        self._wait(now, self._modem.chip.pulse_ms)

    def _line_high(self, now: int) -> None:
        self._port.reset(False)
        self._wait(now, self._modem.chip.boot_ms)

    def _power_off(self, now: int) -> None:
        self._modem.link.reset()
        self._port.power(False)
        self._wait(now, _POWER_OFF_MS)

    def _power_on(self, now: int) -> None:
        self._port.power(True)
        self._wait(now, self._modem.chip.boot_ms)

    def _write_config(self, now: int) -> None:
        chip = self._modem.chip
        self._mv[_HEAD : _HEAD + chips.CONFIG_LEN] = self._config
        self._command.load(self._mv, 0, chip.config_req, chips.CONFIG_LEN)
        self._command.expect(chip.config_cnf, chip.config_err, _ANSWER_MS * self._widen)
        self._send(now)

    def _read_version(self, now: int) -> None:
        chip = self._modem.chip
        self._mv[_HEAD] = chips.DB_VERSION
        self._mv[_HEAD + 1] = 0
        self._command.load(self._mv, 0, chip.db_read_req, 2)
        self._command.expect(chip.db_read_cnf, chip.db_read_err, _ANSWER_MS * self._widen)
        self._command.ident = chips.DB_VERSION
        self._send(now)

    def _go_up(self, now: int) -> None:
        self._has_sent = False
        self._wait(now, _STABLE_MS)
        self._record(NOTICE, events.MODEM_UP, self._ladder.rung + 1)
        self._modem.set_up(now)

    def _rest(self, now: int) -> None:
        self.fruitless += 1
        rest_ms = self._ladder.rest_ms()
        self._record(ERROR, events.MODEM_FAILED, rest_ms)
        self._wait(now, rest_ms)

    def _nothing(self, now: int) -> None:
        """A step that only waits to be left."""

    # --- a command ended ---

    def _asked(self, now: int, result: int, mv: memoryview, off: int, n: int) -> None:
        if result != cmds.CMD_OK:
            self._ladder.skip_soft()
            self._climb(now)
        elif self._modem.d1 & chips.D1_NOT_SET:
            self._enter(now, CONFIG)
        else:
            self._climb(now)

    def _soft_done(self, now: int, result: int, mv: memoryview, off: int, n: int) -> None:
        if result == cmds.CMD_OK:
            self._wait(now, _SETTLE_MS)
        else:
            self._climb(now)

    def _checked(self, now: int, result: int, mv: memoryview, off: int, n: int) -> None:
        if result == cmds.CMD_OK and self._modem.d1 & chips.D1_NOT_SET:
            self._enter(now, CONFIG)
        elif ticks_diff(now, self._limit) < 0:
            self._wait(now, _ASK_AGAIN_MS)
        else:
            self._climb(now)

    def _config_done(self, now: int, result: int, mv: memoryview, off: int, n: int) -> None:
        if result != cmds.CMD_OK:
            self._counters.inc(counts.CONFIG_REFUSED)
            return self._climb(now)
        bad_at = data_config.first_difference(self._config, mv, off, n)
        if bad_at >= 0:
            self._counters.inc(counts.CONFIG_MISMATCH)
            self._record(ERROR, events.MODEM_CONFIG_MISMATCH, bad_at)
            return self._climb(now)
        return self._start_sync(now)

    def _sync_polled(self, now: int, result: int, mv: memoryview, off: int, n: int) -> None:
        """The read's answer matters little; the status message in front of it is what is wanted."""
        if result == cmds.CMD_OK and n >= 3:
            self.version = mv[off + 2]
        if result == cmds.CMD_SILENT:
            self._climb(now)
        elif self._modem.d1 & chips.D1_NOT_SET:
            self._counters.inc(counts.MODEM_SPONTANEOUS_RESET)
            self._enter(now, CONFIG)
        elif self._modem.is_synchronised():
            self._enter(now, UP)
        elif ticks_diff(now, self._limit) < 0:
            self._wait(now, _ASK_AGAIN_MS)
        else:
            self._counters.inc(counts.SYNC_TIMEOUT)
            self._climb(now)

    def _stray(self, now: int, result: int, mv: memoryview, off: int, n: int) -> None:
        self._counters.inc(counts.CONFIRM_STRAY)

    def _again(self, now: int) -> None:
        self._modem.set_down(now)
        self._enter(now, self.step)

    def _gave_up(self, now: int) -> None:
        self._modem.set_down(now)
        self._climb(now)

    def _to_check(self, now: int) -> None:
        self._modem.set_down(now)
        self._limit = ticks_add(now, _CHECK_MS * self._widen)
        self._enter(now, CHECK)

    def _to_line_boot(self, now: int) -> None:
        self._enter(now, LINE_BOOT)

    def _to_power_boot(self, now: int) -> None:
        self._enter(now, POWER_BOOT)

    def _to_line(self, now: int) -> None:
        self._ladder.restart()
        self._climb(now)

    def _send(self, now: int) -> None:
        # NOTE: the wait is a net under every command step: should a result ever fail to come,
        # the way up goes on instead of standing still for ever.
        self._wait(now, _GIVE_UP_MS * self._widen)
        self._modem.submit(now, self._command)

    def _wait(self, now: int, wait_ms: int) -> None:
        self._is_timed = True
        self._due = ticks_add(now, wait_ms)

    def _start_sync(self, now: int) -> None:
        self._limit = ticks_add(now, self._sync_ms)
        self._enter(now, SYNC)

    def _climb(self, now: int) -> None:
        rung = self._ladder.climb()
        self._counters.inc(_RUNG_COUNTS[rung])
        self._record(WARNING, events.MODEM_RESET, rung)
        self._enter(now, _LADDER[rung])

    def _calm(self, now: int) -> None:
        self._ladder.calm()

    def _record(self, level: int, event: int, a: int) -> None:
        if self._log is not None:
            self._log.add(level, event, a=a)


_R = Recovery
# Row = step: (on entering, when its command ended, when its wait is over).
_STEPS = (
    (_R._nothing, _R._stray, _R._nothing),  # OFF
    (_R._poll, _R._asked, _R._gave_up),  # ASK
    (_R._soft_reset, _R._soft_done, _R._to_check),  # SOFT
    (_R._line_low, _R._stray, _R._to_line_boot),  # LINE
    (_R._line_high, _R._stray, _R._to_check),  # LINE_BOOT
    (_R._power_off, _R._stray, _R._to_power_boot),  # POWER
    (_R._power_on, _R._stray, _R._to_check),  # POWER_BOOT
    (_R._poll, _R._checked, _R._again),  # CHECK
    (_R._write_config, _R._config_done, _R._gave_up),  # CONFIG
    (_R._read_version, _R._sync_polled, _R._again),  # SYNC
    (_R._go_up, _R._stray, _R._calm),  # UP
    (_R._rest, _R._stray, _R._to_line),  # FAILED
)
