# SPDX-License-Identifier: MIT
"""Channel use under saturation against the airtime bound, and the same work one request at a time.

Four head-ends ask 60 meters for answers of 115 octets, four requests each under way, over three
round trips. Bound: exchanges per second of a line that never waits for anybody (bench/worlds).
Policies: as shipped; `one-on-air` = one request outstanding in the forwarder; `strict` = one from
the head-end to the meter, so that every exchange pays the WAN round trip while the line is silent.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from tools.bench import worlds
from tools.bench.head_end import Gate, OneOutstanding, spread, total
from tools.bench.report import Report
from tools.rig import Rig

_METERS = 60
_HEAD_ENDS = 4
_WINDOW = 4
_WANT = 100
_WARM_UP_S, _SPAN_S = 60, 600
_REQUEST_LEN, _ANSWER_LEN = 13, 15 + _WANT
_RTTS_MS = (20, 600, 2000)
_FCC: dict[str, Any] = {"g3": {"band": 2}}


class World(NamedTuple):
    """A medium by the name it has in the report."""

    name: str
    medium: str
    config: dict[str, Any]
    goal: float  # of the bound, at 600 ms (issue 5)


WORLDS = (World("sfsk", "sfsk", {}, 0.95), World("g3", "g3", {}, 0.90), World("g3-fcc", "g3", _FCC, 0.90))


class Rates(NamedTuple):
    """Exchanges per virtual second."""

    measured: float
    bound: float


def rates(world: World, policy: str, rtt_ms: int, silent: int = 0, span_s: int = _SPAN_S) -> Rates:
    """Saturate; `silent` meters of 60 never answer."""
    rig = worlds.WORLDS[world.medium](_METERS, **world.config)
    for row in range(silent):
        rig.sim.nodes[rig.table.title(row * 7)].server.is_dumb = True
    saps = worlds.saps(rig, _METERS)
    gate = _gate(rig, policy, rtt_ms * 1000)
    head_ends = spread(rig, saps, _HEAD_ENDS, rtt_ms * 1000, window=_WINDOW, want=_WANT, gate=gate)
    rig.run(_WARM_UP_S)
    answers = total(head_ends)
    rig.run(span_s)
    answers = total(head_ends) - answers
    return Rates(answers / span_s, 1 / worlds.exchange_s(rig, _REQUEST_LEN, _ANSWER_LEN))


def _gate(rig: Rig, policy: str, rtt_us: int) -> Gate:
    if policy == "shipped":
        return Gate()
    return OneOutstanding(rig, rtt_us if policy == "strict" else 0)


def run(report: Report) -> None:
    """Use of the bound by round trip, then both reference policies."""
    for world in WORLDS:
        shipped = {}
        for rtt_ms in _RTTS_MS:
            shipped[rtt_ms], bound = rates(world, "shipped", rtt_ms)
            report.add("channel-%s-rtt-%d" % (world.name, rtt_ms), shipped[rtt_ms], "exchanges/s", bound, "air bound")
        for rtt_ms in _RTTS_MS:
            strict, _ = rates(world, "strict", rtt_ms)
            name = "gain-%s-rtt-%d-over-strict" % (world.name, rtt_ms)
            report.add(name, shipped[rtt_ms], "exchanges/s", strict, "one outstanding")
        one_on_air, _ = rates(world, "one-on-air", 600)
        name = "gain-%s-rtt-600-over-one-on-air" % world.name
        report.add(name, shipped[600], "exchanges/s", one_on_air, "one on the air")
        _with_silent_meters(report, world)


def _with_silent_meters(report: Report, world: World) -> None:
    """Two meters of 60 never answer: they cost their own time, or everybody's."""
    shipped, _ = rates(world, "shipped", 600, silent=2)
    strict, _ = rates(world, "strict", 600, silent=2)
    name = "gain-%s-rtt-600-two-silent-over-strict" % world.name
    report.add(name, shipped, "exchanges/s", strict, "one outstanding")
