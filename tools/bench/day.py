# SPDX-License-Identifier: MIT
"""1,200 meters, 24 hours, four head-ends, in virtual time and from a seed: S-FSK at 2400 baud and G3.

Three head-ends (round trips 20 ms, 600 ms, 2 s) read a profile of every meter after midnight and one
of their large customers each hour; the fourth reads meters on demand and switches now and then. 5 %
of all frames are not heard, meters fail and return, a tenth of them all at once at 14:00.
`python -m tools.bench.day [--medium M] [--seed S] [--meters N] [--hours H]` runs one day and prints it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import statistics
import subprocess
import sys
import time
from typing import Any

from tools.bench import worlds
from tools.bench.day_jobs import Collection, Visits
from tools.bench.day_ledger import LineLedger
from tools.bench.day_load import DayMeter, Wan
from tools.bench.day_trouble import Trouble
from tools.bench.report import ROOT, Report

METERS, HOURS, LOSS = 1200, 24.0, 0.05
DAY_FILE = ROOT / "build" / "day-%s.json"
_RTTS_US = (20_000, 600_000, 2_000_000)
_ON_DEMAND_RTT_US = 600_000
_CLASSES = ["control client 1", "bulk client 2"]
_BULK_CLIENT, _ON_DEMAND_CLIENT, _CONTROL_CLIENT = 2, 16, 1
MEDIA = ("sfsk", "g3")
_PROFILE = {"sfsk": (4, 220), "g3": (2, 440)}  # GETs and octets of each: 24 hours of hourly values, several channels
_BULK_AT_S, _WINDOW = 600, 4
_LARGE_SHARE = 0.05
_ON_DEMAND_EVERY_S, _CONTROL_EVERY_S = 30.0, 300.0
_BLACKOUT_AT_S, _BLACKOUT_SHARE, _BLACKOUT_S = 14 * 3600, 0.1, 1800


class Day:
    """One simulated day; `run()` and then `figures()`."""

    def __init__(self, medium: str, meters: int = METERS, seed: int = 1) -> None:
        self.medium, self.meters, self.seed = medium, meters, seed
        self._chance = random.Random("day/%s/%d" % (medium, seed))
        self.rig = worlds.WORLDS[medium](meters, LOSS, seed, DayMeter, gateway={"classes": _CLASSES})
        self.began_us = self.rig.kernel.now_us
        self.ledger = LineLedger(self.rig)
        self.trouble = Trouble(self.rig, self._chance)
        self.wans = [Wan(self.rig, rtt_us, self.ledger.answered) for rtt_us in (*_RTTS_US, _ON_DEMAND_RTT_US)]
        self.nightly: list[Collection] = []
        self.hourly: list[Collection] = []
        saps = worlds.saps(self.rig, meters)
        self._shares = [saps[first :: len(_RTTS_US)] for first in range(len(_RTTS_US))]
        self.on_demand = Visits(self.wans[-1], saps, _ON_DEMAND_CLIENT, _ON_DEMAND_EVERY_S, self._chance)
        self.control = Visits(self.wans[-1], saps, _CONTROL_CLIENT, _CONTROL_EVERY_S, self._chance)

    def run(self, hours: float = HOURS) -> None:
        """Let the day pass."""
        kernel = self.rig.kernel
        kernel.call_later(_BULK_AT_S * 1_000_000, self._night)
        for hour in range(6, int(hours)):
            kernel.call_later(hour * 3_600_000_000, self._hour)
        kernel.call_later(_BLACKOUT_AT_S * 1_000_000, self.trouble.blackout, _BLACKOUT_SHARE, _BLACKOUT_S)
        self.rig.run(hours * 3600)

    def _night(self) -> None:
        for wan, saps in zip(self.wans, self._shares, strict=False):
            self.nightly.append(Collection(wan, saps, _BULK_CLIENT, *_PROFILE[self.medium], _WINDOW))

    def _hour(self) -> None:
        for wan, saps in zip(self.wans, self._shares, strict=False):
            large = [sap for sap in saps[: int(len(saps) * _LARGE_SHARE)] if (sap, _BULK_CLIENT) not in wan.open]
            self.hourly.append(Collection(wan, large, _BULK_CLIENT, 1, _PROFILE[self.medium][1], _WINDOW))

    def figures(self) -> dict[str, Any]:
        """What the day was like; the same for the same seed."""
        minutes = self.ledger.minutes
        ended_us = max(job.ended_us for job in self.nightly) if self.nightly else self.began_us
        found: dict[str, Any] = {
            "registered_s": self.began_us / 1e6,
            "online": self.rig.online(),
            "failures": self.trouble.failures,
            "nightly": sum(job.whole for job in self.nightly),
            "nightly_of": sum(job.size for job in self.nightly),
            "nightly_h": (ended_us - self.began_us) / 3.6e9,
            "hourly": sum(job.whole for job in self.hourly),
            "hourly_of": sum(job.size for job in self.hourly),
            "refused": sum(wan.refused for wan in self.wans),
            "unanswered": sum(wan.unanswered for wan in self.wans),
            "late": sum(wan.late for wan in self.wans),
            "wrong": sum(wan.wrong for wan in self.wans),
            "used": sum(minute.used for minute in minutes),
            "wasted": sum(minute.wasted for minute in minutes),
            "upkeep": sum(minute.upkeep for minute in minutes),
            "forwarded": self.rig.forwarder.counters.named("requests-forwarded"),
        }
        for name, visits in (("on_demand", self.on_demand), ("control", self.control)):
            found.update(_visits(name, visits))
        text = json.dumps([found, minutes], sort_keys=True)
        found["digest"] = hashlib.sha256(text.encode()).hexdigest()[:16]
        return found


def _visits(name: str, visits: Visits) -> dict[str, Any]:
    waits = sorted(visits.waits_s) or [0.0]
    return {
        name: visits.whole,
        name + "_of": visits.asked,
        name + "_median_s": statistics.median(waits),
        name + "_p95_s": waits[int(0.95 * (len(waits) - 1))],
        name + "_longest_s": waits[-1],
    }


def simulate(medium: str, meters: int, seed: int, hours: float) -> dict[str, Any]:
    """Run a day; its figures, with the processor's seconds, and in `minutes` the ledger."""
    began = time.process_time()
    day = Day(medium, meters, seed)
    day.run(hours)
    found = day.figures()
    found["cpu_s"] = time.process_time() - began
    found["minutes"] = [tuple(round(part, 3) for part in minute) for minute in day.ledger.minutes]
    return found


def run(report: Report) -> None:
    """Both media at the same time, a process each."""
    began = time.monotonic()
    command = [sys.executable, "-m", "tools.bench.day", "--medium"]
    days = {medium: subprocess.Popen([*command, medium], cwd=ROOT, stdout=subprocess.DEVNULL) for medium in MEDIA}
    try:
        codes = [day.wait() for day in days.values()]
    finally:
        for day in days.values():
            day.kill()
    assert not any(codes), "a day ended with an error: %s" % codes
    for medium in days:
        _tell(report, medium, json.loads((DAY_FILE.parent / (DAY_FILE.name % medium)).read_text()))
    report.add("day-both-media-wall-clock", time.monotonic() - began, "s", 300, "five minutes")


def _tell(report: Report, medium: str, found: dict[str, Any]) -> None:
    name = "day-%s-" % medium
    span_s = 60.0 * len(found["minutes"])
    report.add(name + "profiles", found["nightly"], "meters", found["nightly_of"], "all")
    report.add(name + "profiles-done-after", found["nightly_h"], "h")
    report.add(name + "hourly", found["hourly"], "readings", found["hourly_of"], "asked for")
    for kind in ("on_demand", "control"):
        report.add(name + kind.replace("_", "-"), found[kind], "answers", found[kind + "_of"], "asked for")
        report.add(name + kind.replace("_", "-") + "-median", found[kind + "_median_s"], "s")
        report.add(name + kind.replace("_", "-") + "-p95", found[kind + "_p95_s"], "s")
    for kind in ("used", "wasted", "upkeep"):
        report.add(name + "air-" + kind, found[kind], "s", span_s, "the day")
    report.add(name + "wrong-or-crossed-answers", found["wrong"], "")
    report.add(name + "processor", found["cpu_s"], "s")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="tools.bench.day", description=__doc__)
    parser.add_argument("--medium", choices=MEDIA, default="sfsk")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--meters", type=int, default=METERS)
    parser.add_argument("--hours", type=float, default=HOURS)
    options = parser.parse_args()
    found = simulate(options.medium, options.meters, options.seed, options.hours)
    file = DAY_FILE.parent / (DAY_FILE.name % options.medium)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found))
    print(json.dumps({name: found[name] for name in found if name != "minutes"}, indent=1))


if __name__ == "__main__":
    main()
