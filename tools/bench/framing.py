# SPDX-License-Identifier: MIT
"""Instructions per frame, C framing core against Python twin: `python -m tools.bench.framing`.

Counted by callgrind on MicroPython's unix port (x86-64): exact and the same on every run, so a
change shows at once. Prints `name value unit (ratio to: the twin)` and fails when a job for which
the C core exists costs less than RATIO_WANTED times more in Python.
"""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tools.bench.report import Report
from tools.build import micropython, system

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = "tools/bench/on_device/framing.py"
JOBS = ("local_encode", "local_deframe", "usi_encode", "usi_deframe", "fcs16", "ghash", "wpdu_scan")
# Issue 3 asks for ten times fewer instructions for framing. (wpdu_scan looks at eight octets: no gain expected.)
PER_FRAME = ("local_encode", "local_deframe", "usi_encode", "usi_deframe", "fcs16", "ghash")
HARNESS = ("local_deframe", "usi_deframe")  # their loops over the pieces are measured alone and subtracted
RATIO_WANTED = 10
# Differences of two counts; many for what is cheap, so that a collection more or less does not count.
FEW = 20
MORE = {"user": 800, "python": 40}


class Measurement(NamedTuple):
    """One printed line."""

    name: str
    value: int  # instructions per job, C core
    twin: int  # the same, Python twin

    @property
    def ratio(self) -> float:
        """How many times fewer instructions the C core needs."""
        return self.twin / self.value

    def __str__(self) -> str:
        return f"framing-{self.name} {self.value} instructions ({self.ratio:.1f}x fewer; ratio to: twin {self.twin})"


def _instructions(core: str, job: str, times: int) -> int:
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(micropython.ensure("unix"))]
    command += [SCRIPT, core, job, str(times)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if found is None:
        raise ValueError(f"callgrind said nothing: {done.stderr}")
    return int(found[1])


def per_job(core: str, job: str) -> int:
    """Instructions of one job."""
    more = MORE[core]
    return (_instructions(core, job, FEW + more) - _instructions(core, job, FEW)) // more


def measure() -> list[Measurement]:
    """All jobs on both."""
    system.require("valgrind")
    micropython.ensure("unix")
    pairs = [(core, job) for job in JOBS for core in MORE] + [("user", f"{job}_harness") for job in HARNESS]
    with ThreadPoolExecutor(2) as pool:
        counts = dict(zip(pairs, pool.map(lambda pair: per_job(*pair), pairs), strict=True))
    loops = {job: counts["user", f"{job}_harness"] for job in HARNESS}
    counts = {(core, job): count - loops.get(job, 0) for (core, job), count in counts.items()}
    return [Measurement(job, counts["user", job], counts["python", job]) for job in JOBS]


def run(report: Report) -> None:
    """For `make bench`: each figure beside the twin's."""
    for line in measure():
        report.add(f"framing-{line.name}", line.value, "instructions", line.twin, "Python twin")


def main() -> int:
    """The exit code: 1 when the C core does not pay."""
    found = measure()
    print("\n".join(map(str, found)))
    return 1 if any(line.ratio < RATIO_WANTED for line in found if line.name in PER_FRAME) else 0


if __name__ == "__main__":
    sys.exit(main())
