# SPDX-License-Identifier: MIT
"""The MicroPython lane: every file of host_tests/both on the real interpreter.

`python host_tests/micropython/run.py [--runtime unix|arm] [file …]`. Each file gets its own
interpreter with a board-like heap. Counts against the test functions found in the source,
so that a file that silently runs nothing fails.
"""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BOTH = ROOT / "host_tests" / "both"
OUT = ROOT / "build" / "micropython"
COMMANDS = {
    "unix": [str(OUT / "micropython-unix")],
    "arm": ["qemu-arm-static", "-L", "/usr/arm-linux-gnueabihf", str(OUT / "micropython-arm")],
}
# The 64-bit interpreter needs about twice the heap of the board (facts/toolchain.md); the board offers ~500 kB.
HEAP = {"unix": "1024k", "arm": "512k"}
TIME_LIMIT_S = 1200  # a guard against hanging, also under emulation on a busy PC


def expected_count(path: Path) -> int:
    """Number of test functions written in the file."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    body = ast.parse(path.read_text()).body
    return sum(isinstance(node, functions) and node.name.startswith("test_") for node in body)


def run_file(runtime: str, path: Path) -> tuple[int, str]:
    """(tests passed, failure text or empty) of one file."""
    runner = str(ROOT / "host_tests" / "micropython" / "runner.py")
    command = [*COMMANDS[runtime], "-X", f"heapsize={HEAP[runtime]}", runner, str(ROOT / "lib"), str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT_S, cwd=ROOT)
    except subprocess.TimeoutExpired as error:
        said = (error.stdout or b"").decode(errors="replace")
        return 0, f"killed, as it had not ended after {TIME_LIMIT_S} s; it hangs behind\n{said}"
    passed = sum(line.startswith("ok ") for line in done.stdout.splitlines())
    if done.returncode or passed != expected_count(path):
        return passed, f"{passed} of {expected_count(path)} passed\n{done.stdout}{done.stderr}"
    return passed, ""


def main() -> int:
    """Run the files; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runtime", choices=sorted(COMMANDS), default="unix")
    parser.add_argument("files", nargs="*", type=Path)
    arguments = parser.parse_args()
    paths = [path.resolve() for path in arguments.files] or sorted(BOTH.glob("test_*.py"))
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        parser.error("no such file: %s" % ", ".join(missing))
    total, failed_cnt = 0, 0
    with ThreadPoolExecutor(2) as pool:
        outcomes = pool.map(lambda path: run_file(arguments.runtime, path), paths)
        for path, (passed, failure) in zip(paths, outcomes, strict=True):
            print(f"{'FAIL' if failure else 'ok  '} {path.name}: {failure or f'{passed} passed'}", flush=True)
            total += passed
            failed_cnt += bool(failure)
    print(f"MicroPython ({arguments.runtime}): {total} passed in {len(paths)} files, {failed_cnt} files failed")
    return 1 if failed_cnt or not total else 0


if __name__ == "__main__":
    sys.exit(main())
