# SPDX-License-Identifier: MIT
"""Power on to the first APDU forwarded and answered, with 1,200 meters in the journal.

In virtual time: what modem and line need (bound: lock, synchronisation, one exchange). And how long
MicroPython takes to fill its table from the journal, by this machine's clock: printed, judged nowhere.
"""

from __future__ import annotations

import re
import subprocess
import tempfile

from tools.bench import worlds
from tools.bench.head_end import HeadEnd
from tools.bench.report import ROOT, Report
from tools.rig import Rig
from tools.sim.options import ChipOptions

METERS = 1200
_WAN_US = 20_000
_BINARY = ROOT / "build" / "micropython" / "micropython-unix"
_SCRIPT = "tools/bench/on_device/restore.py"


def first_answer_s(meters: int = METERS) -> tuple[float, float]:
    """(virtual seconds from power-on to the first answer, what chip and line need at least)."""
    rig = worlds.sfsk(meters)
    fs = rig.power_cut()
    rig.sim.chip.set_power(False)
    rig.kernel.run_for(10_000_000)
    began_us = rig.kernel.now_us
    rig.sim.chip.set_power(True)
    rig = Rig(fs=fs, sim=rig.sim)
    head_end = HeadEnd(rig, worlds.saps(rig, meters)[-1:], _WAN_US)
    rig.run_until(lambda: head_end.answers > 0, 300, 0.01)
    chip = ChipOptions()
    least_s = (chip.boot_us + chip.pll_us + chip.sync_us + _WAN_US) / 1e6 + worlds.exchange_s(rig, 13, 15)
    return (rig.kernel.now_us - began_us) / 1e6, least_s


def _restore_ms() -> int:
    with tempfile.TemporaryDirectory() as folder:
        command = [str(_BINARY), "-X", "heapsize=512k", _SCRIPT, folder, str(METERS)]
        text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = re.search(r"restore_ms=(\d+)", text)
    assert found is not None, text
    return int(found[1])


def run(report: Report) -> None:
    """Both."""
    seconds, least_s = first_answer_s()
    report.add("boot-1200-nodes-first-answer", seconds, "virtual s", least_s, "lock, synchronise, one exchange")
    report.add("boot-1200-nodes-table-from-journal", _restore_ms(), "ms of this machine")
