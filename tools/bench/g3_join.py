# SPDX-License-Identifier: MIT
"""G3: an empty PAN until everybody has joined, and a rekey with silent nodes, in virtual time.

Bound: the LBP frames of facts/g3.md 6.4 and 6.5 over the hops of each node's own path, by the model of
7.1 (mean channel access, no retries), one after the other on one line; beacons, route requests and the
nodes' own waits cost nothing in it. A silent node costs its timers, so many at once as are asked.
"""

from __future__ import annotations

from tools.bench import worlds
from tools.bench.report import Report
from tools.rig import Rig
from tools.sim.g3 import airtime, mesh

_LIMIT_S = 12 * 3600
# Octets of the NSDUs: JOINING, message 1, 2, 3, 4, ACCEPTED.
_JOIN_LENS = (10, 40, 72, 96, 58, 14)
# Message 1 to 4 with the key alone, ACCEPTED, activation, its result.
_REKEY_LENS = (40, 72, 89, 58, 14, 13, 14)
_REKEY_NODES = 200
_SILENT = 10


def lbp_s(rig: Rig, titles: list[bytes], lens: tuple[int, ...]) -> float:
    """Line time of these frames for each of the nodes."""
    sim, total_us = rig.sim, 0.0
    for title in titles:
        path = mesh.climb(sim.nodes[title], sim.chip.mac) or []
        for here, there in zip(path, path[1:], strict=False):
            modulation = sim.line.modulation(here, there)
            for size in lens:
                msdu_len = mesh.lbp_lens(bytes(size))[0]
                total_us += worlds.access_us(sim) + airtime.msdu_us(sim.line.band, modulation, msdu_len)
    return total_us / 1e6


def join_s(dialect: str, nodes: int) -> tuple[float, float]:
    """(virtual seconds from power-on until all are online, the bound)."""
    rig = worlds.g3_fresh(nodes, g3={"dialect": dialect})
    seconds = rig.run_until(lambda: rig.online() >= nodes, _LIMIT_S, 1.0)
    return seconds, lbp_s(rig, list(rig.sim.nodes), _JOIN_LENS)


def mute_leaves(rig: Rig, count: int) -> list[bytes]:
    """So many nodes through which nobody is reached fall silent."""
    ways = [mesh.climb(node, rig.sim.chip.mac) or [] for node in rig.sim.nodes.values()]
    relays = {station for way in ways for station in way[1:]}
    leaves = [title for title, node in rig.sim.nodes.items() if node not in relays][:count]
    for title in leaves:
        rig.sim.nodes[title].set_muted(True)
    return leaves


def rekey_s(dialect: str, nodes: int = _REKEY_NODES, silent: int = _SILENT) -> tuple[float, float, int]:
    """(virtual seconds of a rotation, the bound, nodes that use the new key)."""
    rig = worlds.g3(nodes, g3={"dialect": dialect})
    muted = mute_leaves(rig, silent)
    well = [title for title in rig.sim.nodes if title not in muted]
    assert rig.segment.rekey.begin(rig.now())
    rig.reschedule()
    seconds = rig.run_until(lambda: not rig.segment.rekey.is_on, _LIMIT_S, 1.0)
    settings = rig.segment.settings
    timers_s = len(muted) * settings["rekey.tries"] * settings["rekey.timeout_s"] / settings["rekey.parallel"]
    return seconds, lbp_s(rig, well, _REKEY_LENS) + timers_s, rig.segment.rekey.nodes.progress()[2]


def run(report: Report) -> None:
    """Both sizes and both dialects of the issue."""
    for dialect in ("H", "L"):
        for nodes in (100, 1200):
            seconds, bound = join_s(dialect, nodes)
            report.add("g3-join-%d-nodes-%s" % (nodes, dialect), seconds, "virtual s", bound, "airtime bound")
        seconds, bound, active = rekey_s(dialect)
        name = "g3-rekey-%d-nodes-%d-silent-%s" % (_REKEY_NODES, _SILENT, dialect)
        report.add(name, seconds, "virtual s", bound, "airtime and timer bound")
        report.add(name + "-reached", active, "nodes", _REKEY_NODES - _SILENT, "those that hear")
