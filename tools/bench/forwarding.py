# SPDX-License-Identifier: MIT
"""What forwarding one APDU costs on MicroPython: instructions and heap, in steady state.

Instructions are counted by callgrind on the x86-64 unix port (the same total whatever else the
machine does): two runs of different length, their difference divided by the exchanges between.
An exchange = request from the WAN to the modem and its answer back, one frame each.
"""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tools.bench.report import ROOT, Report

_BINARY = ROOT / "build" / "micropython" / "micropython-unix"
_SCRIPT = "tools/bench/on_device/forward.py"
_FEW, _MANY = 50, 250
_WEIGHED = 40
_LONG = 100_000
_HEAP_BUDGET = 300  # octets per forwarded APDU on the 32-bit board; a 64-bit object has twice that


def _device(heap: str, *arguments: str, wrapper: "tuple[str, ...]" = ()) -> str:
    command = [*wrapper, str(_BINARY), "-X", "heapsize=" + heap, _SCRIPT, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError("%s\n%s" % (" ".join(command), done.stdout + done.stderr))
    return done.stdout + done.stderr


def _figures(text: str) -> dict[str, int]:
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", text)}


def _instructions(exchanges: int, nodes: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "callgrind"
        wrapper = ("valgrind", "--tool=callgrind", "--callgrind-out-file=%s" % out)
        text = _device("4m", str(exchanges), str(nodes), wrapper=wrapper)
    found = re.search(r"Collected : (\d+)", text)
    assert found is not None, text
    return int(found.group(1))


def run(report: Report) -> None:
    """Instructions at 8 and 1,200 nodes, heap per APDU, growth over many."""
    if shutil.which("valgrind") is None:
        print("forwarding cost: valgrind is not installed (apt-get install valgrind); instructions not counted")
    else:
        costs = {}
        for nodes in (8, 1200):
            costs[nodes] = (_instructions(_MANY, nodes) - _instructions(_FEW, nodes)) / (_MANY - _FEW)
        report.add("forwarding-cost-8-nodes", costs[8], "instructions per exchange")
        report.add("forwarding-cost-1200-nodes", costs[1200], "instructions per exchange", costs[8], "8 nodes")
    weighed = _figures(_device("2m", str(_WEIGHED), "8", "weigh"))
    report.add("heap-per-apdu", weighed["taken"] / weighed["exchanges"], "octets, 64 bit", 2 * _HEAP_BUDGET, "budget")
    long_run = _figures(_device("1m", str(_LONG), "8"))
    report.add("heap-growth-%d-exchanges" % _LONG, long_run["grown"], "octets")
    report.add("heap-in-use-8-nodes", long_run["base"], "octets, 64 bit")
