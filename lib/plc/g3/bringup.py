# SPDX-License-Identifier: MIT
"""From any state of the modem to a started network, and back there after each fault.

Source: g3.md 2.9 (order of the messages), 2.10. CONFIG walks the table of steps; a step that
fails climbs the ladder RESET - reset line - power - FAILED, which rests and tries for ever.
Law: own keys and a frame counter ahead of every one ever used stand in the modem before the
network is started; the PAN id of a formed network changes only on purpose.
"""

from micropython import const

from base import events
from base.log import ERROR, NOTICE, WARNING
from base.ticks import ticks_add, ticks_diff
from plc.g3 import adp, counts
from plc.g3 import command as cmds
from plc.g3.bringup_steps import AGAIN, DONE, STEPS, Steps
from plc.g3.command import Command
from plc.reset_ladder import ResetLadder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.contract import ModemPort
    from plc.g3.modem import Modem
    from plc.g3.network_record import NetworkRecord
    from plc.g3.shared import Shared

# States.
OFF = const(0)
CONFIG = const(1)
AGAIN_LATER = const(2)  # a network start is repeated after a rest
SOFT = const(3)
LINE = const(4)
LINE_BOOT = const(5)
POWER = const(6)
POWER_BOOT = const(7)
UP = const(8)
FAILED = const(9)

_LADDER = (SOFT, LINE, POWER, FAILED)  # by rung
_COUNTS = (counts.RESET_SOFT, counts.RESET_LINE, counts.RESET_POWER, counts.MODEM_FAILED)
_PULSE_MS = const(20)
_POWER_OFF_MS = const(1000)
_STABLE_MS = const(60000)
_START_TRIES = const(6)


class Bringup:
    """State machine of the way up; owns one request and the steps."""

    def __init__(self, modem: "Modem", port: "ModemPort", shared: "Shared", record: "NetworkRecord") -> None:
        self.state = OFF
        self.steps = Steps(shared, record)
        self._modem = modem
        self._port = port
        self._shared = shared
        self._settings = shared.settings
        self._command = Command(self)
        self._ladder = ResetLadder()
        self.hung_cnt = 0  # resets because it confirmed nothing, since it last confirmed something
        self._step = 0
        self._tries = 0
        self._is_timed = False
        self._due = 0

    def begin(self, now: int, cause: int, is_hung: bool = False) -> None:
        """Take the modem down and configure it anew; one that is hung is reset first, harder each time."""
        # NOTE: a modem that comes up and confirms nothing must get to its power, not around the lowest rung.
        if self.state == UP and not is_hung:
            self._ladder.relapse()
        if self.state != OFF:
            self._shared.record(WARNING, events.MODEM_DOWN, cause)
        self._modem.set_down(now)
        if is_hung:
            self.hung_cnt += 1
            self._climb(now)
        else:
            self._enter(now, CONFIG)

    def worked(self) -> None:
        """The modem confirmed a data request: it does what it is for."""
        self.hung_cnt = 0

    def on_deadline(self, now: int) -> None:
        """Act on a wait that is over."""
        if self._is_timed and ticks_diff(now, self._due) >= 0:
            self._is_timed = False
            _STATES[self.state][2](self, now)

    def next_deadline(self) -> "int | None":
        """End of the wait under way, if any."""
        return self._due if self._is_timed else None

    def on_command(self, now: int, command: "Command", result: int, mv: memoryview, off: int, n: int) -> None:
        """CommandOwner: the request of the current step ended."""
        if result != cmds.CMD_DOWN:  # that: we took the modem down ourselves
            _STATES[self.state][1](self, now, result, mv, off, n)

    # --- entering ---

    def _enter(self, now: int, state: int) -> None:
        self.state = state
        self._is_timed = False
        _STATES[state][0](self, now)

    def _first_step(self, now: int) -> None:
        self._modem.link.reset()
        self.steps.restart()
        self._step = -1
        self._tries = 0
        self._next_step(now)

    def _next_step(self, now: int) -> None:
        self._step += 1
        while self._step < len(STEPS):
            if STEPS[self._step][0](self.steps, self._command):
                self._modem.desk.push(now, self._command)
                return
            self._step += 1
        self._enter(now, UP)

    def _soft_reset(self, now: int) -> None:
        self._command.mv[0] = adp.RESET
        self._command.load(1, self._settings.timeout_ms("request_timeout_ms"))
        self._modem.desk.push(now, self._command)

    def _line_low(self, now: int) -> None:
        self._port.reset(True)
        self._wait(now, _PULSE_MS)

    def _line_high(self, now: int) -> None:
        self._port.reset(False)
        self._wait(now, self._settings.timeout_ms("boot_ms"))

    def _power_off(self, now: int) -> None:
        self._port.power(False)
        self._wait(now, _POWER_OFF_MS)

    def _power_on(self, now: int) -> None:
        self._port.power(True)
        self._wait(now, self._settings.timeout_ms("boot_ms"))

    def _go_up(self, now: int) -> None:
        self._wait(now, _STABLE_MS)
        self._shared.record(NOTICE, events.MODEM_UP, self._ladder.rung + 1)
        self._modem.set_up(now)

    def _rest(self, now: int) -> None:
        rest_ms = self._ladder.rest_ms()
        self._shared.record(ERROR, events.MODEM_FAILED, rest_ms)
        self._wait(now, rest_ms)

    def _rest_start(self, now: int) -> None:
        self._wait(now, self._settings.timeout_ms("init_retry_ms"))

    def _nothing(self, now: int) -> None:
        """A state that only waits to be left."""

    # --- a request ended ---

    def _step_done(self, now: int, result: int, mv: memoryview, off: int, n: int) -> None:
        verdict = STEPS[self._step][1](self.steps, now, result, mv, off, n)
        if verdict == DONE:
            self._next_step(now)
        elif verdict == AGAIN and self._tries < _START_TRIES:
            self._tries += 1
            self._enter(now, AGAIN_LATER)
        else:
            self._shared.counters.inc(counts.CONFIG_FAILED)
            if result != cmds.CMD_TIMEOUT:
                self._shared.record(WARNING, events.MODEM_REFUSED, self._command.code, mv[off])
            self._climb(now)

    def _soft_done(self, now: int, result: int, mv: memoryview, off: int, n: int) -> None:
        if result == cmds.CMD_OK:
            self._enter(now, CONFIG)
        else:
            self._climb(now)

    def _stray(self, now: int, result: int, mv: memoryview, off: int, n: int) -> None:
        self._shared.counters.inc(counts.CONFIRM_STRAY)

    # --- a wait is over ---

    def _same_step(self, now: int) -> None:
        self.state = CONFIG
        self._step -= 1
        self._next_step(now)

    def _to_line_boot(self, now: int) -> None:
        self._enter(now, LINE_BOOT)

    def _to_power_boot(self, now: int) -> None:
        self._enter(now, POWER_BOOT)

    def _to_config(self, now: int) -> None:
        self._enter(now, CONFIG)

    def _to_line(self, now: int) -> None:
        self._ladder.restart()
        self._climb(now)

    def _calm(self, now: int) -> None:
        if not self.hung_cnt:  # else it has yet to show that the reset helped
            self._ladder.calm()

    # --- inside ---

    def _wait(self, now: int, wait_ms: int) -> None:
        self._is_timed = True
        self._due = ticks_add(now, wait_ms)

    def _climb(self, now: int) -> None:
        rung = self._ladder.climb()
        self._shared.counters.inc(_COUNTS[rung])
        self._shared.record(WARNING, events.MODEM_RESET, rung)
        self._enter(now, _LADDER[rung])


_B = Bringup
# Row = state: (on entering, when its request ended, when its wait is over).
_STATES = (
    (_B._nothing, _B._stray, _B._nothing),  # OFF
    (_B._first_step, _B._step_done, _B._nothing),  # CONFIG
    (_B._rest_start, _B._stray, _B._same_step),  # AGAIN_LATER
    (_B._soft_reset, _B._soft_done, _B._nothing),  # SOFT
    (_B._line_low, _B._stray, _B._to_line_boot),  # LINE
    (_B._line_high, _B._stray, _B._to_config),  # LINE_BOOT
    (_B._power_off, _B._stray, _B._to_power_boot),  # POWER
    (_B._power_on, _B._stray, _B._to_config),  # POWER_BOOT
    (_B._go_up, _B._stray, _B._calm),  # UP
    (_B._rest, _B._stray, _B._to_line),  # FAILED
)
