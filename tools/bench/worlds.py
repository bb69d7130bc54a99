# SPDX-License-Identifier: MIT
"""Rigs the benchmarks share, and what an exchange costs on their line by the model alone.

S-FSK: slots (facts/sfsk.md 1.5). G3: the model of facts/g3.md 7.1 over the hops and modulations of
each meter's own path, mean channel access included (a request's first hop has the shorter one of
high priority), nobody else on the line, nothing lost.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from host_tests.rig_support.g3 import g3_config
from host_tests.rig_support.meters import Numbered
from tools.rig import Rig, fresh_flash
from tools.sim.g3 import airtime, mesh
from tools.sim.g3.node import G3Node
from tools.sim.g3.options import DEFAULT_PSK, G3LineOptions, G3ModemOptions, G3NodeOptions, G3Options
from tools.sim.g3.segment import G3Segment
from tools.sim.mac_frame import sub_frames
from tools.sim.options import ChipOptions, LineOptions, NodeOptions, SegmentOptions

SLOT_S = 0.15  # 2400 baud, 50 Hz
THINK_S = 0.05
_LLC_LEN = 3
_TABLE = 2000  # the stock modem knows 128 devices: too few for 1,200 (facts/g3.md 7.3)
_IPV6_UDP_WRAPPER_LEN = 56
_NORMAL_WAIT_SLOTS = 8
_MEAN_BACKOFF_SLOTS = 3.5
_MEAN_HIGH_BACKOFF_SLOTS = 3.0  # of a window of seven
_BAND_FCC = 2
_SETTLE_S = 120  # discovery rounds and path look-ups after the last registration
_JOIN_LIMIT_S = 12 * 3600


def sfsk(
    meters: int,
    loss: float = 0.0,
    seed: int = 1,
    make_server: Callable[[bytes], Any] = Numbered,
    think_s: float = THINK_S,
    **config: Any,
) -> Rig:
    """A gateway whose meters are all registered. `config`: sections of config.json."""
    line = LineOptions(loss=loss, seed=seed)
    node = NodeOptions(think_us=int(think_s * 1e6))
    rig = Rig(SegmentOptions(meters, chip=ChipOptions(chunk=0), line=line, node=node), make_server, config=config)
    return _settled(rig, meters)


def g3(
    meters: int,
    loss: float = 0.0,
    seed: int = 1,
    make_server: Callable[[bytes], Any] = Numbered,
    think_s: float = THINK_S,
    **config: Any,
) -> Rig:
    """The same on a G3 PAN, CENELEC-A or `g3={"band": 2}` FCC. One PSK for all."""
    return _settled(g3_fresh(meters, loss, seed, make_server, think_s, **config), meters)


def g3_fresh(
    meters: int,
    loss: float = 0.0,
    seed: int = 1,
    make_server: Callable[[bytes], Any] = Numbered,
    think_s: float = THINK_S,
    **config: Any,
) -> Rig:
    """A G3 gateway that is just starting, its meters too."""
    settings = config.get("g3", {})
    dialect = settings.get("dialect", "H")
    node = G3NodeOptions(psk=DEFAULT_PSK, think_us=int(think_s * 1e6))
    modem = G3ModemOptions(dialect, device_table=_TABLE, routing_table=_TABLE)
    band = "fcc" if settings.get("band") == _BAND_FCC else "cen-a"
    sim = G3Segment(G3Options(meters, modem, G3LineOptions(band, loss=loss, seed=seed), node), make_server)
    fs = fresh_flash()
    with fs.open("/state/psk.json", "w") as file:
        file.write('{"": "%s"}' % DEFAULT_PSK.hex())
    tree = g3_config(dialect)
    for section, values in config.items():
        tree[section] = {**tree.get(section, {}), **values}
    return Rig(sim=sim, fs=fs, config=tree)


def _settled(rig: Rig, meters: int) -> Rig:
    rig.run_until(lambda: rig.online() >= meters, _JOIN_LIMIT_S, 1.0)
    rig.run(_SETTLE_S)
    return rig


WORLDS = {"sfsk": sfsk, "g3": g3}


def saps(rig: Rig, meters: int) -> list[int]:
    """Server SAPs of the first rows."""
    return [rig.table.sap(row) for row in range(meters)]


def exchange_s(rig: Rig, request_len: int, answer_len: int) -> float:
    """Line time of one exchange by the model, mean over the meters: the bound of any schedule."""
    if isinstance(rig.sim, G3Segment):
        rows = range(len(rig.sim.nodes))
        return sum(exchange_of_s(rig, row, request_len, answer_len) for row in rows) / len(rows)
    return _sfsk_exchange_s(request_len, answer_len)


def exchange_of_s(rig: Rig, row: int, request_len: int, answer_len: int) -> float:
    """The same with the meter of one row."""
    if isinstance(rig.sim, G3Segment):
        return _g3_exchange_s(rig.sim, rig.sim.nodes[rig.table.title(row)], request_len, answer_len)
    return _sfsk_exchange_s(request_len, answer_len)


def _sfsk_exchange_s(request_len: int, answer_len: int) -> float:
    # request, the slots in which the meter thinks, answer, and the slot before the request's own:
    # a request must be with the modem by then, and the modem takes none while it hears a frame
    think_slots = max(1, math.ceil(THINK_S / SLOT_S))
    slots = sub_frames(request_len + _LLC_LEN) + think_slots + sub_frames(answer_len + _LLC_LEN) + 1
    return slots * SLOT_S


def _g3_exchange_s(sim: G3Segment, node: G3Node, request_len: int, answer_len: int) -> float:
    path = mesh.climb(node, sim.chip.mac) or []
    total_us = sim.line.band.space_us + _MEAN_HIGH_BACKOFF_SLOTS * sim.line.band.slot_us - access_us(sim)
    for here, there in zip(path, path[1:], strict=False):
        modulation = sim.line.modulation(here, there)
        total_us += _g3_hop_us(sim, modulation, request_len) + _g3_hop_us(sim, modulation, answer_len)
    return total_us / 1e6


def access_us(sim: G3Segment) -> float:
    """Mean wait for the channel before an MSDU, nobody else on the line."""
    band = sim.line.band
    return band.space_us + (_NORMAL_WAIT_SLOTS + _MEAN_BACKOFF_SLOTS) * band.slot_us


def _g3_hop_us(sim: G3Segment, modulation: int, apdu_len: int) -> float:
    packet = bytes(6) + b"\x11" + bytes(_IPV6_UDP_WRAPPER_LEN - 7 + apdu_len)
    sizes = airtime.ipv6_lens(packet)
    return sum(access_us(sim) + airtime.msdu_us(sim.line.band, modulation, size) for size in sizes)
