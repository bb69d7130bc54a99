# SPDX-License-Identifier: MIT
"""Channel use under saturation against the airtime bound.

Four head-ends ask 60 meters for answers of 115 octets, four requests each under way, over three
round trips; 16 requests in 2 s are too few for FCC. Bound: exchanges per second of a line that never
waits for anybody (bench/worlds).
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
_WARM_UP_S, _SPAN_S = 60, 600
_REQUEST_LEN, _HEAD_LEN = 13, 15
_ANSWER_LEN = 115
_THINK_LONG_S = 0.4
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


def rates(
    world: World,
    policy: str,
    rtt_ms: int,
    silent: int = 0,
    span_s: int = _SPAN_S,
    answer_len: int = _ANSWER_LEN,
    think_s: float = worlds.THINK_S,
) -> Rates:
    """Saturate; `silent` meters of 60 never answer."""
    rig = worlds.WORLDS[world.medium](_METERS, think_s=think_s, **world.config)
    for row in range(silent):
        rig.sim.nodes[rig.table.title(row * 7)].server.is_dumb = True
    saps = worlds.saps(rig, _METERS)
    gate = _gate(rig, policy, rtt_ms * 1000)
    head_ends = spread(rig, saps, _HEAD_ENDS, rtt_ms * 1000, window=_WINDOW, want=answer_len - _HEAD_LEN, gate=gate)
    rig.run(_WARM_UP_S)
    answers = total(head_ends)
    rig.run(span_s)
    answers = total(head_ends) - answers
    return Rates(answers / span_s, 1 / worlds.exchange_s(rig, _REQUEST_LEN, answer_len))


def _gate(rig: Rig, policy: str, rtt_us: int) -> Gate:
    if policy == "shipped":
        return Gate()
    return OneOutstanding(rig, rtt_us if policy == "strict" else 0)


def run(report: Report) -> None:
    """Use of the bound by round trip, of slow meters, and against one request on the air."""
    for world in WORLDS:
        for rtt_ms in _RTTS_MS:
            measured, bound = rates(world, "shipped", rtt_ms)
            report.add("channel-%s-rtt-%d" % (world.name, rtt_ms), measured, "exchanges/s", bound, "air bound")
        if world.medium == "g3":
            measured, bound = rates(world, "shipped", 600, think_s=_THINK_LONG_S)
            report.add("channel-%s-thinking-0.4-s" % world.name, measured, "exchanges/s", bound, "air bound")
        measured, bound = rates(world, "one-on-air", 600)
        report.add("channel-%s-one-on-air" % world.name, measured, "exchanges/s", bound, "air bound")
