# SPDX-License-Identifier: MIT
"""A G3 PAN whose nodes all lose their supply and come back at once, while four head-ends ask on.

They ask all meters in turn, four at a time each, as if nothing had happened. A fifth one asks every ten
seconds one of the meters that are back: it must not starve. Bound of the return: the same PAN from
power-on with nobody asking.
"""

from __future__ import annotations

import statistics
from typing import NamedTuple

from tools.bench import g3_join, worlds
from tools.bench.head_end import HeadEnd, spread, total
from tools.bench.report import Report
from tools.rig import Rig

_NODES = 1200
_RTT_US = 600_000
_WINDOW, _WANT = 4, 100
_DARK_S = 300
_PROBE_US = 10_000_000
_MOST = 0.99  # of the nodes: the last ones wait up to 15 minutes of their own after a failed join
_LIMIT_S = 12 * 3600
_AFTER_S = 300


class Return(NamedTuple):
    """How it went; rates are answers a second."""

    seconds: float  # until 99 % of the nodes are members again
    rate_before: float
    rates_after: list[float]  # of each head-end
    probes: int
    probes_answered: int
    probe_median_s: float
    join_requests: int
    rig: Rig
    head_ends: list[HeadEnd]


class Probe:
    """Asks meters that are back."""

    def __init__(self, rig: Rig, saps: list[int]) -> None:
        self.asked = 0
        self.is_on = True
        self._rig = rig
        self._nodes = [rig.sim.nodes[rig.table.title(row)] for row in range(len(saps))]
        self._saps, self._next = saps, 0
        self.head_end = HeadEnd(rig, saps, _RTT_US, window=0)
        self.head_end.is_on = False
        self._ask()

    def _ask(self) -> None:
        for _ in self._saps if self.is_on else ():
            self._next = (self._next + 7) % len(self._saps)
            if self._may_ask(self._next):
                self.asked += 1
                self.head_end.ask(self._saps[self._next])
                break
        self._rig.kernel.call_later(_PROBE_US, self._ask)

    def _may_ask(self, row: int) -> bool:
        is_open = self.head_end.is_asking(self._saps[row]) or self._rig.forwarder.exchanges.active(row) is not None
        return self._nodes[row].is_member and not is_open


def come_back(nodes: int, dialect: str = "H") -> Return:
    """Everybody in service, away for five minutes, back."""
    rig = worlds.g3(nodes, g3={"dialect": dialect})
    saps = worlds.saps(rig, nodes)
    head_ends = spread(rig, saps, 4, _RTT_US, window=_WINDOW, want=_WANT)
    rig.run(_AFTER_S)
    before = total(head_ends)
    for node in rig.sim.nodes.values():
        node.leave()
    rig.run(_DARK_S)
    requests = rig.segment.counters.named("join_requests")
    for node in rig.sim.nodes.values():
        node.join()
    probe = Probe(rig, saps)
    seconds = rig.run_until(lambda: _members(rig) >= _MOST * nodes, _LIMIT_S, 5.0)
    probe.is_on = False
    served = [head_end.answers for head_end in head_ends]
    rig.run(_AFTER_S)
    after = [(head_end.answers - had) / _AFTER_S for head_end, had in zip(head_ends, served, strict=True)]
    ends = [*head_ends, probe.head_end]
    total(ends)
    waits = [wait_us / 1e6 for wait_us in probe.head_end.waits_us]
    requests = rig.segment.counters.named("join_requests") - requests
    answered = probe.head_end.answers
    return Return(
        seconds, before / _AFTER_S, after, probe.asked, answered, statistics.median(waits), requests, rig, ends
    )


def _members(rig: Rig) -> int:
    return sum(node.is_member for node in rig.sim.nodes.values())


def run(report: Report) -> None:
    """1,200 nodes, dialect H."""
    alone_s, _ = g3_join.join_s("H", _NODES)
    found = come_back(_NODES)
    name = "g3-blackout-%d-nodes-" % _NODES
    report.add(name + "back", found.seconds, "virtual s", alone_s, "nobody asking")
    report.add(name + "rate-after", sum(found.rates_after), "exchanges/s", found.rate_before, "before")
    report.add(name + "least-served", min(found.rates_after), "exchanges/s", max(found.rates_after), "the most served")
    report.add(name + "asked-of-those-back", found.probes_answered, "answers", found.probes, "asked")
    report.add(name + "asked-of-those-back-median", found.probe_median_s, "s")
    report.add(name + "join-requests", found.join_requests, "", _NODES, "nodes")
