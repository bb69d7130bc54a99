# SPDX-License-Identifier: MIT
"""The gateway firmware as a child process: started, read, started again after a reset, ended by pid.

A board whose firmware ends starts it again; so does this, unless it dies at once several times.
The child gets its own process group, so that a Ctrl-C reaches it only through `stop`.
"""

import asyncio
import os
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from tools.sim import console

ROOT = Path(__file__).resolve().parents[2]
RUNTIMES = ("micropython", "micropython-arm", "cpython")
_BUILD = ROOT / "build" / "micropython"
_ARM_ROOT = "/usr/arm-linux-gnueabihf"
_QUICK_DEATH_S = 5.0
_MOST_QUICK_DEATHS = 3
_STOP_TIMEOUT_S = 3.0
_LAST_LINES = 20
_CAUSE_BASE, _CAUSES = 64, 16  # host_tests/run_firmware.py ends so on a reset
_ITSELF = "reset itself"
_RESETS = {3: _ITSELF, _CAUSE_BASE + 2: _ITSELF, _CAUSE_BASE + 3: "was reset by its watchdog"}  # 3: lib/hal/unix.py
_ASKED_FOR = ("restart", "factory-reset")
_LINE_LIMIT = 1 << 16


class ProcessError(RuntimeError):
    """The gateway cannot be started or does not stay up; the text is for people."""


def command(runtime: str, heap: str) -> list[str]:
    """Argument list that runs main.py on `runtime`; ProcessError when the interpreter is missing."""
    if runtime == "cpython":
        return [sys.executable, "-m", "host_tests.run_firmware", "main.py"]
    name = "micropython-unix" if runtime == "micropython" else "micropython-arm"
    binary = Path(os.environ.get("GW_MICROPYTHON", _BUILD / name))
    if not binary.exists():
        hint = "tools/build/runtime.sh %s builds it; --runtime cpython needs no compiler" % runtime
        raise ProcessError("no interpreter at %s: %s" % (binary, hint))
    line = [str(binary), "-X", "heapsize=" + heap, "main.py"]
    if runtime == "micropython":
        return line
    emulator = shutil.which("qemu-arm-static")
    if emulator is None:
        raise ProcessError("qemu-arm-static is not installed")
    return [emulator, "-L", _ARM_ROOT, *line]


class GatewayProcess:
    """One firmware; `on_line(text)` gets each line it prints, `on_death(text)` each end but by `stop`.

    `before_start()` is called before each start, the first and those after a reset.
    """

    def __init__(self, arguments: list[str], uart_port: int, state_dir: Path) -> None:
        self._arguments = arguments
        self._environment = dict(os.environ, GW_UART="127.0.0.1:%d" % uart_port, GW_STATE=str(state_dir))
        self._environment.update(PYTHONUNBUFFERED="1", GW_RESTART="exit")
        self._process: "asyncio.subprocess.Process | None" = None
        self._is_stopping = False
        self.last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        self.starts_cnt = 0
        self.before_start: "Callable[[], object]" = lambda: None
        self.on_line: "Callable[[str], object]" = lambda text: None
        self.on_death: "Callable[[str], object]" = lambda text: None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return None if self._process is None else self._process.pid

    async def run(self) -> None:
        """Keep the firmware running; returns after `stop`, ProcessError when it cannot stay up."""
        quick_deaths = 0
        while not self._is_stopping:
            started = time.monotonic()
            code = await self._run_once()
            if self._is_stopping:
                return
            self._environment.pop("GW_RESET_CAUSE", None)
            if code - _CAUSE_BASE in range(_CAUSES):
                self._environment["GW_RESET_CAUSE"] = str(code - _CAUSE_BASE)
            is_quick = time.monotonic() - started < _QUICK_DEATH_S
            quick_deaths = quick_deaths + 1 if is_quick else 0
            if quick_deaths >= _MOST_QUICK_DEATHS:
                raise ProcessError("%d times within %d s each: %s" % (quick_deaths, _QUICK_DEATH_S, self._report(code)))
            self.on_death(self._report(code))

    def _report(self, code: int) -> str:
        """Why it ended, in words."""
        records = [console.parse(line) for line in self.last_lines]
        asked = [record.text for record in records if record and record.name in _ASKED_FOR]
        if code in _RESETS and asked:
            return "the gateway restarts, as it was asked to: " + asked[-1]
        what = _RESETS.get(code, "process ended with %s" % code)
        return "the gateway %s, its last lines:\n%s" % (what, "\n".join("    " + line for line in self.last_lines))

    async def _run_once(self) -> int:
        self.before_start()
        self.starts_cnt += 1
        self.last_lines.clear()
        process = await asyncio.create_subprocess_exec(
            *self._arguments,
            cwd=ROOT,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,  # its flash holds keys
            limit=_LINE_LIMIT,
        )
        self._process = process
        if self._is_stopping:
            process.terminate()
        assert process.stdout is not None
        try:
            while line := await process.stdout.readline():
                self._line(line.decode("utf-8", "replace").rstrip())
        except ValueError:
            self._line("(a line of more than %d octets)" % _LINE_LIMIT)
        code = await process.wait()
        self._process = None
        return code

    def _line(self, text: str) -> None:
        self.last_lines.append(text)
        self.on_line(text)

    async def stop(self) -> None:
        """End the child: SIGTERM, then SIGKILL; returns when it is gone."""
        self._is_stopping = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        try:
            process.terminate()
            await asyncio.wait_for(process.wait(), _STOP_TIMEOUT_S)
        except ProcessLookupError:
            return
        except asyncio.TimeoutError:
            process.kill()
            await process.wait()
