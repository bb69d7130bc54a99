# SPDX-License-Identifier: MIT
"""Makes every task, restarts the ones that die, feeds the watchdog only when all is well.

A duty is a named task from a factory. A critical one must report (`beat`) within its own
budget. The watchdog is fed when every critical duty has, *and* the modem has given a sign
of life: "alive but not forwarding" ends in a reset.
"""

import asyncio
import sys

from micropython import const

from base import events
from base.log import ERROR
from base.ticks import ticks_diff

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from base.log import Log

_CHECK_MS = const(500)
_RESTART_MS = const(1000)
_MAX_RESTART_MS = const(30000)
_STABLE_MS = const(60000)  # longer than any pause: a duty that began so long ago is running
_DOWN_MS = const(120000)  # a needed duty that has kept dying for so long is missed by everybody


class Duty:
    """One task the gateway cannot do without, or one that may rest.

    `budget_ms` > 0: critical, must `beat` as often. `is_needed`: cannot beat (it waits for
    others), but may not keep dying either.
    """

    def __init__(
        self,
        name: str,
        factory: "Callable[[Duty], Coroutine[object, object, None]]",
        budget_ms: int,
        is_needed: bool,
    ) -> None:
        self.name = name
        self.factory = factory
        self.budget_ms = budget_ms
        self.is_needed = is_needed
        self.last_beat = 0
        self.began = 0
        self.deaths = 0
        self._down_since: "int | None" = None  # first death of those in a row
        self.task: "object | None" = None

    def beat(self, now: int) -> None:
        """I am alive and doing my work."""
        self.last_beat = now

    def died(self, now: int) -> None:
        """It ended, which no duty should."""
        self.deaths += 1
        if self._down_since is None:
            self._down_since = now

    def is_late(self, now: int) -> bool:
        """Critical and silent for longer than its budget, or needed and dying again and again."""
        if self.budget_ms > 0 and ticks_diff(now, self.last_beat) > self.budget_ms:
            return True
        if self._down_since is None:
            return False
        if ticks_diff(now, self.began) > _STABLE_MS:
            self._down_since = None
            return False
        return self.is_needed and ticks_diff(now, self._down_since) > _DOWN_MS


class Supervisor:
    """Owns the duties and the watchdog. `is_modem_alive(now)` is the medium's own verdict."""

    def __init__(
        self, clock: "object", watchdog: "object", log: "Log", is_modem_alive: "Callable[[int], bool]"
    ) -> None:
        self._clock = clock
        self._watchdog = watchdog
        self._log = log
        self._is_modem_alive = is_modem_alive
        self.duties: "list[Duty]" = []
        self.starved = 0  # checks at which the watchdog was not fed
        self._starving = -1

    def add(
        self,
        name: str,
        factory: "Callable[[Duty], Coroutine[object, object, None]]",
        budget_ms: int = 0,
        is_needed: bool = False,
    ) -> None:
        """Register a duty; `budget_ms` > 0 makes it critical."""
        self.duties.append(Duty(name, factory, budget_ms, is_needed))

    async def run(self) -> None:
        """Start everything and watch it for ever."""
        now = self._clock.ticks_ms()  # type: ignore[attr-defined]
        for index, duty in enumerate(self.duties):
            duty.beat(now)
            duty.task = asyncio.create_task(self._keep(index, duty))
        # NOTE: the medium counts as alive from its start, which is a duty's first step.
        await asyncio.sleep_ms(0)
        while True:
            self.check(self._clock.ticks_ms())  # type: ignore[attr-defined]
            await asyncio.sleep_ms(_CHECK_MS)

    def check(self, now: int) -> None:
        """Feed the watchdog, or say (once) who keeps it from being fed."""
        culprit = self.culprit(now)
        if culprit < 0:
            self._starving = -1
            self._watchdog.feed()  # type: ignore[attr-defined]
            return
        self.starved += 1
        if culprit != self._starving:
            self._starving = culprit
            self._log.add(ERROR, events.WATCHDOG, a=culprit)

    def culprit(self, now: int) -> int:
        """Index of the first critical duty that is late; len(duties) for the modem; -1 if all is well."""
        for index, duty in enumerate(self.duties):
            if duty.is_late(now):
                return index
        return -1 if self._is_modem_alive(now) else len(self.duties)

    async def _keep(self, index: int, duty: Duty) -> None:
        pause_ms = _RESTART_MS
        while True:
            duty.began = self._clock.ticks_ms()  # type: ignore[attr-defined]
            cause = 0
            try:
                await duty.factory(duty)
            except OSError as error:
                cause = _errno(error)
            except Exception as error:  # noqa: BLE001 - a bug must not take the other duties with it
                cause = -2
                self._report(error)
            now = self._clock.ticks_ms()  # type: ignore[attr-defined]
            duty.died(now)
            self._log.add(ERROR, events.TASK_DIED, a=index, b=cause)
            if ticks_diff(now, duty.began) > _MAX_RESTART_MS:
                pause_ms = _RESTART_MS
            await asyncio.sleep_ms(pause_ms)
            pause_ms = min(2 * pause_ms, _MAX_RESTART_MS)

    def _report(self, error: Exception) -> None:
        """Where it happened, for the console."""
        sys.print_exception(error)


def _errno(error: OSError) -> int:
    """The number an OSError carries, -1 when it is one of words."""
    number = error.args[0] if error.args else -1
    return number if isinstance(number, int) else -1
