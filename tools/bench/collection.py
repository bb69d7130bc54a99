# SPDX-License-Identifier: MIT
"""The longest pause the firmware makes by itself: one garbage collection of the full gateway.

Counted in instructions (callgrind, x86-64, firmware frozen in, 1,200 nodes, 32 open exchanges);
the bound is what a 480 MHz Cortex-M7 does in the chip's 40 ms ACK window at two cycles each.
"""

import re
import shutil
import subprocess

from tools.bench.report import ROOT, Report

_BINARY = ROOT / "build" / "micropython" / "micropython-unix-frozen"
_FEW, _MANY = 10, 60
_ACK_WINDOW_INSTRUCTIONS = 0.040 * 480e6 / 2


def _instructions(collections: int) -> int:
    script = ["-X", "heapsize=512k", "tools/bench/on_device/budget.py", str(collections)]
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(_BINARY), *script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if found is None:
        raise RuntimeError(done.stdout + done.stderr)
    return int(found.group(1))


def run(report: Report) -> None:
    """One figure."""
    if shutil.which("valgrind") is None:
        print("gc-pause: valgrind is not installed (apt-get install valgrind); not counted")
        return
    subprocess.run(["python3", "tools/build/micropython.py", "unix-frozen"], cwd=ROOT, check=True, capture_output=True)
    pause = (_instructions(_MANY) - _instructions(_FEW)) / (_MANY - _FEW)
    report.add("gc-pause-full-gateway", pause, "instructions", _ACK_WINDOW_INSTRUCTIONS, "the 40 ms ACK window")
