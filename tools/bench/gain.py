# SPDX-License-Identifier: MIT
"""How much faster than strictly one outstanding, by answer size, WAN round trip and silent meters.

Strict is what published pilots did: one request from head-end to meter, the line silent for a round trip.
Per exchange it pays airtime + thinking + round trip, where a full line pays the airtime: with all meters
answering no policy can be more than (airtime + thinking + round trip) / airtime times as fast, which is
printed beside. The longer the exchange, the smaller that is. Who does not answer costs strict his whole
window (here the gateway's own: shorter than the 30 to 60 s of facts/g3.md 7.1), others only his place in it.
"""

from __future__ import annotations

from typing import Any

from tools.bench import channel, worlds
from tools.bench.report import Report

_RTTS_MS = (600, 1000, 2000)  # GPRS: 0.6 to 2 s
_ANSWER_LENS = (30, 115, 400)  # a register; what channel measures; a block of a profile
_SILENT = (0, 3)  # of 60
_SPAN_S = 200
_SILENT_SPAN_S = 600  # strict meets few silent ones in less


def ratio(world: channel.World, answer_len: int, rtt_ms: int, silent: int) -> tuple[float, float]:
    """(shipped to strict, what the model allows with all answering)."""
    span_s = _SILENT_SPAN_S if silent else _SPAN_S
    about: dict[str, Any] = {"silent": silent, "span_s": span_s, "answer_len": answer_len}
    shipped = channel.rates(world, "shipped", rtt_ms, **about)
    strict = channel.rates(world, "strict", rtt_ms, **about)
    air_s = 1 / shipped.bound
    thinking_s = 0.0 if world.medium == "sfsk" else worlds.THINK_S  # in its slots already
    return shipped.measured / strict.measured, (air_s + thinking_s + rtt_ms / 1000) / air_s


def run(report: Report) -> None:
    """The table, a row at a time."""
    for world in channel.WORLDS:
        for answer_len in _ANSWER_LENS if world.name == "g3" else (115,):
            for rtt_ms in _RTTS_MS if world.name == "g3" else _RTTS_MS[:1]:
                for silent in _SILENT:
                    _tell(report, world, answer_len, rtt_ms, silent)


def _tell(report: Report, world: channel.World, answer_len: int, rtt_ms: int, silent: int) -> None:
    times, most = ratio(world, answer_len, rtt_ms, silent)
    name = "gain-%s-%d-octets-rtt-%d%s" % (world.name, answer_len, rtt_ms, "-silent-%d" % silent if silent else "")
    if silent:
        report.add(name, times, "x strict")
    else:
        report.add(name, times, "x strict", most, "what can be")
