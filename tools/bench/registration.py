# SPDX-License-Identifier: MIT
"""Cold registration of an empty segment, in virtual time, against the slots it must cost.

Bound: reports arrive by slotted ALOHA, whose best yield is 1/e per slot; every node costs one
ping and its answer (a slot each, credit 0); a Register PDU carries 12 systems in 4 slots
(133 octets of M_sdu, facts/sfsk.md 1.3 and 3.5). Nothing is charged for Discover PDUs.
"""

import math

from tools.bench.report import Report
from tools.rig import Rig
from tools.sim.options import SegmentOptions

_SLOT_S = 0.15  # 2400 baud, 50 Hz
_PER_PDU = 12
_REGISTER_SLOTS = 4
_PING_SLOTS = 2


def slot_bound(nodes: int) -> float:
    """Fewest slots for `nodes` systems that report by chance."""
    return math.e * nodes + math.ceil(nodes / _PER_PDU) * _REGISTER_SLOTS + _PING_SLOTS * nodes


def run(report: Report) -> None:
    """Both sizes of the issue."""
    for nodes in (100, 1200):
        rig = Rig(SegmentOptions(meters=nodes))
        seconds = rig.run_until_registered(nodes, 36_000)
        bound = slot_bound(nodes) * _SLOT_S
        report.add("registration-%d-nodes" % nodes, seconds, "virtual s", bound, "slot bound")
