# SPDX-License-Identifier: MIT
"""The one simulated board: clock, flash, modem wires, pins, watchdog, and how it was started.

Tests call `device.power_on()` for a fresh board in virtual time and `device.run(coro)` for a
coroutine on its loop; `run_firmware` gives it the real clock, a directory and the modem's URL.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from host_tests.shim.clock import Clock, VirtualClock
from host_tests.shim.files import FileSystem

PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5


class DeviceReset(SystemExit):
    """The board restarts. `cause` is what machine.reset_cause() says afterwards."""

    def __init__(self, cause: int) -> None:
        super().__init__(f"device reset, cause {cause}")
        self.cause = cause


class Device:
    """State of the board. Attributes may be replaced by a test between power_on() and use."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self.power_on()

    def power_on(self, clock: Clock | None = None, fs: FileSystem | None = None, cause: int = PWRON_RESET) -> None:
        """A fresh board; virtual clock and empty flash unless given."""
        self.clock: Clock = clock or VirtualClock()
        self.fs = fs or FileSystem()
        self.reset_cause = cause
        self.unique_id = bytes.fromhex("0011223344556677889900AA")
        self.modem_url = ""
        self.modem: Any = None  # the open pyserial object, shared by UART and pins
        self.pins: dict[str, int] = {}
        self.wires = {"D2": "t_req", "D3": "reset", "D4": "power"}  # the configuration's default pins
        self.link_is_up = True
        self.heap_lock_depth = 0
        self.watchdog_deadline_us: int | None = None
        self.exception_handler: Callable[[Any, dict[str, Any]], None] | None = None
        self._close_loop()

    # -- event loop --------------------------------------------------------------------------
    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The board's event loop, made on first use."""
        if self._loop is None:
            self._loop = self.clock.new_loop()
            self._loop.set_exception_handler(self._on_loop_error)
        return self._loop

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        handler = self.exception_handler
        if handler is not None:
            handler(loop, context)
        else:
            error = context.get("exception")
            print(context.get("message", "unhandled exception in a task"), repr(error), file=sys.stderr)

    def renew_loop(self) -> None:
        """Drop the loop and everything that waits on it."""
        self._close_loop()

    def _close_loop(self) -> None:
        loop, self._loop = self._loop, None
        if loop is None or loop.is_closed() or loop.is_running():
            return
        abandoned = asyncio.all_tasks(loop)
        for task in abandoned:
            task.cancel()
        if abandoned:
            loop.run_until_complete(asyncio.wait(abandoned, timeout=0))
        loop.close()

    def run(self, coro: Coroutine[Any, Any, Any]) -> Any:
        """Run `coro` to its end on the board's loop; other tasks stay as they are."""
        self.check_watchdog()
        return self.loop.run_until_complete(coro)

    # -- watchdog ----------------------------------------------------------------------------
    def feed(self, timeout_ms: int) -> None:
        """Arm or feed the watchdog: a reset unless fed again within `timeout_ms`."""
        self.check_watchdog()
        self.watchdog_deadline_us = self.clock.us + timeout_ms * 1000

    def check_watchdog(self) -> None:
        """Raise DeviceReset when the watchdog has starved."""
        if self.watchdog_deadline_us is not None and self.clock.us > self.watchdog_deadline_us:
            raise DeviceReset(WDT_RESET)


device = Device()
