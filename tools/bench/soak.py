# SPDX-License-Identifier: MIT
"""Days of the shipped firmware on MicroPython in the board's heap, faults on: `python -m tools.bench.soak`.

main.py with all its tasks runs in virtual time against a scripted chip (on_device/soak.py): some 2,200
exchanges a day, each day 2.4 hours of line time and 13 minutes of rest, 1,200 meters in the journal.
Every evening nobody may be left: no session, no buffer, no exchange, no late duty; the heap in use may
not grow. Two evenings of three the gateway is alive but cannot forward, and the watchdog has to bite.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tools.bench.report import ROOT, Report
from tools.check_budget import SMALL

DAYS, HOURS, NODES, SEED = 30, 2.4, 1200, 1
# As tight as 256 KiB on the board. The same gateway at work (on_device/work.py, 1,200 nodes, settings of the small
# heap) takes 251,744 octets on 32-bit ARM and 413,088 on 64 bit, 1.64 as many; the collector's tables take 2.3 % of the
# one heap and 1 % of the other: 415 KiB. This script takes 29 kB more (18 kB on ARM).
HEAP = "444k"
LEAST_BLOCK = 1024  # octets free in one piece, each evening: more than anything asked for after start
UNIX = "unix-frozen"
# Octets. The collector takes whatever looks like a pointer on the stack for one, and may keep dead objects for an
# evening (640 octets once in thirty); what grows by 36 a day, about a block in 2,200 exchanges, is found all the same.
_GROWTH = 1024
_ANSWERED = 0.8  # of all requests, each 20th meter being silent and faults on
ARM_HEAP = "274k"
_QEMU = ("qemu-arm-static", "-L", "/usr/arm-linux-gnueabihf")
_FOLDER = ROOT / "build" / "micropython"
_RESTORE, _SCRIPT = "tools/bench/on_device/restore.py", "tools/bench/on_device/soak.py"


class Evening(NamedTuple):
    """What one day's line says; sums since the start."""

    exchanges: int
    answered: int
    wrong: int
    faults: int
    used: int  # octets of heap
    late: int  # duties
    dead: int  # deaths of duties, each started again
    sessions: int
    buffers: int
    open: int
    bites: int
    wanted: int  # evenings on which the watchdog had to bite
    largest: int = 0  # free block


def _run(binary: Path, heap: str, *arguments: str, state: str = "") -> subprocess.CompletedProcess[str]:
    emulator = _QEMU if "arm" in binary.name else ()
    command = [*emulator, str(binary), "-X", "heapsize=" + heap, *arguments]
    environment = dict(os.environ, GW_STATE=state)
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def evenings(text: str) -> list[Evening]:
    """The days of a run's output."""
    found = []
    for line, blocks in re.findall(r"^(day=.*)$(?s:.*?)max free sz: (\d+)", text, re.MULTILINE):
        values = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", line)}
        values["largest"] = int(blocks) * values["block"]
        found.append(Evening(*[values[name] for name in Evening._fields]))
    return found


class Span(NamedTuple):
    """How much of it."""

    days: int = DAYS
    hours: float = HOURS
    nodes: int = NODES
    rest_s: int = 400  # twice an evening
    config: str = "{}"  # config.json


def soak(span: Span, binary: Path, heap: str) -> list[Evening]:
    """Run; afterwards the gateway is started once more on the flash it left. RuntimeError when it ends early."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text(span.config)
        _run(binary, "2m", _RESTORE, folder, str(span.nodes))
        rest = (str(span.nodes), str(SEED), str(span.rest_s))
        done = _run(binary, heap, _SCRIPT, str(span.days), str(span.hours), *rest, state=folder)
        found = evenings(done.stdout)
        again = _run(binary, heap, _SCRIPT, "1", "0.05", *rest, state=folder)
    is_back = any(evening.answered for evening in evenings(again.stdout))
    if done.returncode or len(found) != span.days or not is_back:
        raise RuntimeError("\n".join((done.stdout + done.stderr + again.stderr).splitlines()[-30:]))
    return found


def faults_of(found: list[Evening], least_block: int = LEAST_BLOCK) -> list[str]:
    """What is not as it must be; empty when all is well."""
    wrong = []
    before = found[0]._replace(bites=0, wanted=0)
    for number, evening in enumerate(found, 1):
        left = (evening.wrong, evening.late, evening.sessions, evening.buffers, evening.open)
        if any(left):
            wrong.append("day %d: wrong, late, sessions, buffers, open = %s" % (number, left))
        if evening.used - found[0].used > _GROWTH:
            wrong.append("day %d: the heap has grown by %d" % (number, evening.used - found[0].used))
        if evening.largest < least_block:
            wrong.append("day %d: largest free block %d" % (number, evening.largest))
        if (evening.bites > before.bites) != (evening.wanted > before.wanted):
            wrong.append("day %d: the watchdog bit %d times" % (number, evening.bites - before.bites))
        before = evening
    if found[-1].answered < _ANSWERED * found[-1].exchanges:
        wrong.append("only %d of %d answered" % (found[-1].answered, found[-1].exchanges))
    return wrong


def _frozen(variant: str) -> Path:
    subprocess.run(["python3", "tools/build/micropython.py", variant], cwd=ROOT, check=True, capture_output=True)
    return _FOLDER / ("micropython-" + variant)


def run(report: Report, days: int = DAYS, hours: float = HOURS, heap: str = "", variant: str = UNIX) -> list[str]:
    """The figures; what is wrong."""
    span = Span(days, hours, config=json.dumps(SMALL))
    found = soak(span, _frozen(variant), heap or (HEAP if variant == UNIX else ARM_HEAP))
    last = found[-1]
    name = "soak-%d-days-" % days
    report.add(name + "exchanges", last.exchanges, "of %.1f line hours a day" % hours)
    report.add(name + "answered", last.answered, "answers", last.exchanges, "all asked")
    report.add(name + "faults", last.faults, "faults")
    report.add(name + "wrong-or-crossed-answers", last.wrong, "answers")
    report.add(name + "heap-in-use", last.used, "octets, %d bit" % (64 if variant == UNIX else 32))
    report.add(name + "heap-growth", max(evening.used for evening in found) - found[0].used, "octets")
    least = min(evening.largest for evening in found)
    report.add(name + "least-largest-free-block", least, "octets", LEAST_BLOCK, "floor")
    report.add(name + "duties-died-and-were-restarted", last.dead, "times")
    report.add(name + "watchdog-bites-when-not-forwarding", last.bites, "bites", last.wanted or 1, "such evenings")
    wrong = faults_of(found)
    for text in wrong:
        print(text)
    return wrong


def main() -> int:
    """Command line; 1 when something is wrong."""
    parser = argparse.ArgumentParser(prog="tools.bench.soak", description=__doc__)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--hours", type=float, default=HOURS, help="of line time a day (default: %(default)s)")
    parser.add_argument("--arm", action="store_true", help="on 32-bit ARM under emulation: fifteen times slower")
    parser.add_argument("--heap", default="", help="default: %s; ARM %s" % (HEAP, ARM_HEAP))
    options = parser.parse_args()
    variant = "arm-frozen" if options.arm else UNIX
    return 1 if run(Report(), options.days, options.hours, options.heap, variant) else 0


if __name__ == "__main__":
    sys.exit(main())
