# SPDX-License-Identifier: MIT
"""The lanes of the framing suite: which interpreter runs which build, and how to start it.

`python -m host_tests.framing.lanes [lane …]` builds what a lane needs and runs it; without
arguments all. host_tests/test_framing.py runs the same lanes under pytest.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tools.build import framing, micropython

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "host_tests" / "framing"
ARM_ROOT = "/usr/arm-linux-gnueabihf"
BOARD_HEAP = "256k"  # issue 3: the board's budget
TIME_LIMIT_S = 600  # a guard against hanging: the slowest lane takes a few seconds


class Lane(NamedTuple):
    """One interpreter with one build of the core."""

    interpreter: str  # cpython, unix, arm
    core: str  # python, user, or what tools.build.framing builds
    kind: str  # what the core says of itself


LANES = {
    "cpython-twin": Lane("cpython", "python", "python"),
    "cpython-extension": Lane("cpython", "cpython", "cpython"),
    "unix-twin": Lane("unix", "python", "python"),
    "unix-user": Lane("unix", "user", "user"),
    "unix-mpy": Lane("unix", "x64", "mpy"),
    "arm-twin": Lane("arm", "python", "python"),
    "arm-user": Lane("arm", "user", "user"),
    "arm-mpy": Lane("arm", "armv7emdp", "mpy"),
}


def interpreter(name: str) -> list[str]:
    """Command that starts interpreter `name`, built if need be."""
    if name == "cpython":
        return [sys.executable, "-m", "host_tests.framing.on_cpython"]
    program = str(micropython.ensure(name))
    emulator = ["qemu-arm-static", "-L", ARM_ROOT] if name == "arm" else []
    return [*emulator, program, "-X", f"heapsize={BOARD_HEAP if name == 'arm' else '512k'}"]


def core_path(core: str) -> str:
    """What conformance.py is told to load."""
    if core in ("python", "user"):
        return core
    path = framing.ensure(core)
    return str(path if core == "cpython" else path.with_name("native_framing.mpy"))


def command(lane: Lane) -> list[str]:
    """The whole command of a lane."""
    script = [] if lane.interpreter == "cpython" else [str(HERE / "conformance.py")]
    build_id = "" if lane.core == "python" else framing.source_id()
    return [*interpreter(lane.interpreter), *script, str(ROOT / "lib"), core_path(lane.core), lane.kind, build_id]


def expected_count() -> int:
    """Number of tests written in the suite."""
    bodies = [ast.parse(path.read_text()).body for path in HERE.glob("suite_*.py")]
    return sum(isinstance(node, ast.FunctionDef) and node.name.startswith("test_") for body in bodies for node in body)


def run(name: str) -> str:
    """Failure text of a lane; empty when every test of the suite passed."""
    try:
        done = subprocess.run(command(LANES[name]), capture_output=True, text=True, cwd=ROOT, timeout=TIME_LIMIT_S)
    except subprocess.TimeoutExpired as error:
        said = (error.stdout or b"").decode(errors="replace")
        return f"{name}: killed, as it had not ended after {TIME_LIMIT_S} s; it hangs behind\n{said}"
    passed = sum(line.startswith("ok ") for line in done.stdout.splitlines())
    if done.returncode or passed != expected_count():
        return f"{name}: {passed} of {expected_count()} passed\n{done.stdout}{done.stderr}"
    return ""


def main() -> int:
    """Run the lanes named on the command line; the exit code."""
    failed = 0
    for name in sys.argv[1:] or list(LANES):
        failure = run(name)
        print(failure or f"framing {name}: {expected_count()} passed", flush=True)
        failed += bool(failure)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
