# SPDX-License-Identifier: MIT
"""The whole chain in real time: meters in this process, tools.sim, the gateway on MicroPython.

    with Stack(meters) as stack:
        wire = stack.wire()             # through the tracing relay
        stack.control("mute", node=title)
        stack.trace.since(mark)

GW_E2E_RUNTIME chooses the interpreter (micropython, cpython, micropython-arm). The law: loopback
only, ports of its own, a temporary state directory, nothing left running whatever happens, and
a failure shows the gateway's last lines.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from host_tests.e2e.trace import Trace
from tools.hes.wire import Wire
from tools.sim.console import Record, parse
from tools.sim.gateway_config import merge
from tools.sim.meter.server import MeterServer

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = os.environ.get("GW_E2E_RUNTIME", "micropython")
# On ARM as on the board: the firmware frozen into the interpreter (make arm-frozen), the board's heap.
BOARD_HEAP = ("--heap", os.environ.get("GW_E2E_HEAP", "256k")) if RUNTIME == "micropython-arm" else ()
if RUNTIME == "micropython-arm":
    os.environ.setdefault("GW_MICROPYTHON", str(ROOT / "build" / "micropython" / "micropython-arm-frozen"))
SLOWNESS = 10 if RUNTIME == "micropython-arm" else 1  # qemu on one of two busy cores
# Every wait is a guard against hanging only: it may take so many times longer than on an idle PC.
PATIENCE = 6 if SLOWNESS == 1 else 20
START_S, STOP_S, CONTROL_S = 60 * PATIENCE, 60, 60
_POLL_S = 0.02
_LAST_LINES = 40
_OPTIONS = {"--time-scale": "100", "--think-ms": "5", "--widen": "6", "--wan-port": "0", "--control": "0"}
# Short times, because the line is 100 times faster, but room in the reply window for a PC that stands still a while;
# no limit on connects, because tests connect at will.
CONFIG = {
    "wan": {"connects_per_s": 100, "sessions": 8},
    "gateway": {"guard_ms": 500, "nodes": 64},
    "sfsk": {"think_ms": 800, "think_margin_ms": 850},
    "g3": {"think_ms": 200, "slack_ms": 1000, "route_ms": 1000},
}


class StackError(AssertionError):
    """The chain did not do what was waited for; carries the last lines of simulator and gateway."""


def until(condition: "Callable[[], object]", timeout_s: float, what: str) -> object:
    """Poll until `condition()` is true; its value. `timeout_s`: what is more than enough on an idle PC."""
    deadline = time.monotonic() + timeout_s * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise StackError("after %.0f s still not: %s" % (timeout_s * PATIENCE, what))
        time.sleep(_POLL_S)


def processes_naming(words: str) -> "list[int]":
    """Processes whose command line or environment has these words, from /proc: whoever their parent is by now."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                texts = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
                if words.encode() in texts:
                    found.append(int(entry.name))
    return found


class Console:
    """Reads what the simulator prints (the gateway's records with it) in a thread of its own."""

    def __init__(self, pipe: object) -> None:
        self.lines: "list[str]" = []
        self._pipe = pipe
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._pipe:  # type: ignore[attr-defined]
            self.lines.append(line.rstrip("\n"))

    def close(self) -> None:
        """The writer is gone; take the rest."""
        self._thread.join(STOP_S)
        with contextlib.suppress(OSError):
            self._pipe.close()  # type: ignore[attr-defined]

    def text_after(self, start: str) -> str:
        """The rest of the first line that begins so, "" when there is none yet."""
        return next((line[len(start):] for line in self.lines if line.startswith(start)), "")

    def records(self, name: str, since: int = 0) -> "list[Record]":
        """The gateway's records of that name from line `since` on."""
        found = [parse(line) for line in self.lines[since:]]
        return [record for record in found if record is not None and record.name == name]


class Stack:
    """One running chain. `meters`: objects with `title` and `handle`; `built_in`: meters inside the simulator."""

    def __init__(self, meters: "tuple | list" = (), built_in: int = 0, config: "dict | None" = None,
                 options: "dict[str, str] | None" = None, files: "dict[str, bytes] | None" = None) -> None:
        self.meters = {meter.title.hex().upper(): meter for meter in meters}
        self._built_in = built_in
        self._config = merge(CONFIG, config or {})
        self._files = files or {}  # in the gateway's state folder, before its first start
        self._options = {**_OPTIONS, **(options or {})}
        self._exit = contextlib.ExitStack()
        self._control: "object | None" = None
        self.port = 0  # WAN, through the tracing relay
        self.directory = Path()
        self.is_broken = False  # a test has ended the simulator itself

    # --- life ---

    def __enter__(self) -> "Stack":
        try:
            self._start()
        except BaseException:
            self._exit.close()
            raise
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._exit.close()

    def _start(self) -> None:
        temporary = tempfile.TemporaryDirectory(prefix="gw-e2e-")
        self.directory = Path(self._exit.enter_context(temporary))
        self.state_dir.mkdir()
        for name, octets in self._files.items():
            (self.state_dir / name).write_bytes(octets)
        (self.directory / "over.json").write_text(json.dumps(self._config))
        self._process = subprocess.Popen(
            self._command(), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True)
        self.console = Console(self._process.stdout)
        self._exit.callback(self._end)
        self._await_ready()
        self.trace = Trace(self.directory / "trace.jsonl")
        self._exit.callback(self.trace.close)

    def _command(self) -> "list[str]":
        command = [sys.executable, "-m", "tools.sim", "--runtime", RUNTIME, "--verbose", *BOARD_HEAP]
        # NOTE: when pytest is killed nobody ends the simulator but this; the gateway ends with the simulator.
        if shutil.which("setpriv"):
            command = ["setpriv", "--pdeathsig", "TERM", *command]
        for title, meter in self.meters.items():
            server = self._exit.enter_context(MeterServer(meter.handle))
            command += ["--meter", "%s@127.0.0.1:%d" % (title, server.port)]
        for name, value in self._options.items():
            command += [name, value]
        command += ["--trace", str(self.directory / "trace.jsonl"), "--config", str(self.directory / "over.json")]
        command += ["--state-dir", str(self.state_dir)]
        return command + (["--meters", str(self._built_in)] if self._built_in else [])

    def _await_ready(self) -> None:
        def is_ready() -> bool:
            if self._process.poll() is not None:
                self.console.close()
                raise StackError("the simulator ended with %s" % self._process.returncode)
            return bool(self.console.text_after("READY "))

        self.until(is_ready, START_S / PATIENCE, "READY")
        self.port = int(self.console.text_after("READY ").rpartition(":")[2])
        self._connect_control()

    def _end(self) -> None:
        """SIGTERM, and by pid what is left: simulator and gateway name the temporary directory."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_S)
        left = processes_naming(str(self.directory))
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        until(lambda: not processes_naming(str(self.directory)), STOP_S, "everything gone")
        self.console.close()
        if left and not self.is_broken:
            raise StackError("had to kill %s\n%s" % (left, self.last_lines()))

    # --- use ---

    @property
    def state_dir(self) -> Path:
        """The gateway's file system."""
        return self.directory / "state"

    def kept_events(self) -> "set[int]":
        """Events of which the gateway has a record on flash: octet 5 of each 24 (lib/app/log_file.py)."""
        path = self.state_dir / "events.log"
        return set(path.read_bytes()[5::24]) if path.exists() else set()

    @property
    def gateway_port(self) -> int:
        """The gateway's own listener, without the tracing relay."""
        return json.loads((self.state_dir / "config.json").read_text())["wan"]["port"]

    @property
    def simulator_pid(self) -> int:
        """Process id of tools.sim."""
        return self._process.pid

    @property
    def gateway_pid(self) -> int:
        """Process id of the interpreter that runs the firmware, 0 while there is none."""
        return self.control("stats")["gateway"].get("pid") or 0

    def wire(self, gives_up_s: float = 0, port: int = 0) -> Wire:
        """A head-end's connection; with `gives_up_s` of one that asks again after so long."""
        return Wire.connect(port or self.port, gives_up_s * SLOWNESS or 10 * PATIENCE)

    def saps(self) -> "dict[str, int]":
        """SAP by title, as the console said it."""
        records = [record for line in self.console.lines if (record := parse(line)) is not None]
        return {record.fields["title"]: int(record.fields["sap"], 0) for record in records
                if record.name in ("node-up", "node-restored")}

    def control(self, command: str, **arguments: object) -> dict:
        """One command on the control socket; a refusal fails the test."""
        line = json.dumps({"cmd": command, **arguments}) + "\n"
        self._control.write(line)  # type: ignore[union-attr]
        self._control.flush()  # type: ignore[union-attr]
        answer = json.loads(self._control.readline())  # type: ignore[union-attr]
        assert answer["ok"], (command, arguments, answer)
        return answer

    def _connect_control(self) -> None:
        port = int(self.console.text_after("control 127.0.0.1:"))
        sock = self._exit.enter_context(socket.create_connection(("127.0.0.1", port), CONTROL_S))
        self._control = self._exit.enter_context(sock.makefile("rw", encoding="utf-8"))

    def until(self, condition: "Callable[[], object]", timeout_s: float, what: str) -> object:
        """Poll; on time-out the last lines of simulator and gateway are shown."""
        try:
            return until(condition, timeout_s, what)
        except StackError as error:
            raise StackError("%s\n%s" % (error, self.last_lines())) from None

    def await_record(self, name: str, since: int, timeout_s: float) -> Record:
        """The first record of that name after console line `since`."""
        return self.until(lambda: self.console.records(name, since), timeout_s, name)[0]  # type: ignore[index]

    def complaints(self) -> "list[str]":
        """What the gateway logged as an error, and what it printed that is no record (a traceback, say)."""
        records = [parse(line) for line in self.console.lines]
        errors = [record.text for record in records if record is not None and record.level == "ERROR"]
        return errors + [line for line in self.console.lines if line.startswith("gateway: ")]

    def last_lines(self) -> str:
        """What to show when something fails."""
        return "\n".join("    " + line for line in self.console.lines[-_LAST_LINES:])
