# SPDX-License-Identifier: MIT
"""How long a control request takes while three head-ends keep the line full of bulk.

The fourth head-end asks a meter every 7 s as the client that means control. Its time from the
gateway's socket to the answer, against an exchange of its own and one of the others' that is
already on the line: what any gateway that interrupts nothing must need.
"""

from __future__ import annotations

import statistics

from tools.bench import worlds
from tools.bench.head_end import HeadEnd, spread, total
from tools.bench.report import Report

_METERS = 60
_BULK_WINDOW = 5
_BULK_WANT = 200
_REQUEST_LEN, _HEAD_LEN = 13, 15
_EVERY_S = 7.3
_COUNT = 120
_WAN_US = 20_000
_CONTROL_CLIENT = 1
_CLASSES = ["control client 1", "bulk client 16"]


def waits_s(medium: str, count: int = _COUNT) -> tuple[list[float], float]:
    """(seconds of each control request inside the gateway and on the line, bound)."""
    rig = worlds.WORLDS[medium](_METERS, gateway={"classes": _CLASSES})
    saps = worlds.saps(rig, _METERS)
    bulk = spread(rig, saps[1:], 3, 600_000, window=_BULK_WINDOW, want=_BULK_WANT)
    rig.run(60)
    control = HeadEnd(rig, saps[:1], _WAN_US, window=0)
    control.client_sap = _CONTROL_CLIENT
    control.is_on = False
    for _ in range(count):
        answered = control.answers + control.refused
        control.ask()
        rig.run_until(lambda seen=answered: control.answers + control.refused > seen, 120)  # type: ignore[misc]
        rig.run(_EVERY_S)
    assert total([*bulk, control]) and not control.refused
    bound = worlds.exchange_s(rig, _REQUEST_LEN, _HEAD_LEN + _BULK_WANT)
    bound += worlds.exchange_s(rig, _REQUEST_LEN, _HEAD_LEN)
    return [(wait_us - _WAN_US) / 1e6 for wait_us in control.waits_us], bound


def run(report: Report) -> None:
    """Median and longest on both media."""
    for medium in ("sfsk", "g3"):
        waits, bound = waits_s(medium)
        what = "own exchange and one under way"
        report.add("control-latency-%s-median" % medium, statistics.median(waits), "s", bound, what)
        report.add("control-latency-%s-longest" % medium, max(waits), "s", bound, what)
