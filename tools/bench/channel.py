# SPDX-License-Identifier: MIT
"""Channel use with one and with four head-ends, WAN round trip included, in virtual time.

Each head-end reads its meters one after the other, one request at a time. Bound: a line that
never waits for the WAN still needs, per exchange, the request's slot, the slot in which the
meter thinks, the reply's slot, and one slot because a request must be with the modem in the
slot before its own (facts/sfsk.md 1.5).
"""

from tools.bench.report import Report
from tools.rig import Hes, Rig
from tools.sim.options import SegmentOptions

_METERS = 16
_SPAN_S = 600
_GET = bytes.fromhex("C001C100080000010000FF0200")
_WAN_RTT_US = 600_000
_SLOT_S = 0.15  # 2400 baud, 50 Hz
_SLOTS_PER_EXCHANGE = 4


class Reader:
    """Reads its meters in turn, for ever; the next request leaves when the answer has arrived."""

    def __init__(self, rig: Rig, first: int, step: int) -> None:
        self._rig = rig
        self._hes: Hes = rig.connect()
        self._saps = [rig.table.sap(row) for row in range(first, _METERS, step)]
        self._turn = 0
        self.answers = 0
        self._hes.on_reply = self._replied
        self._ask()

    def _ask(self) -> None:
        sap = self._saps[self._turn % len(self._saps)]
        self._turn += 1
        self._rig.kernel.call_later(_WAN_RTT_US // 2, self._hes.request, 16, sap, _GET)

    def _replied(self, source: int, destination: int, apdu: bytes) -> None:
        self.answers += 1
        self._rig.kernel.call_later(_WAN_RTT_US // 2, self._ask)


def exchanges_in(head_ends: int) -> tuple[int, int, int]:
    """(answers, slots in which somebody transmitted, all slots) of the span."""
    rig = Rig(SegmentOptions(meters=_METERS))
    rig.run_until_registered(_METERS)
    rig.run(120)
    readers = [Reader(rig, first, head_ends) for first in range(head_ends)]
    rig.run(30)
    answers, line = sum(reader.answers for reader in readers), rig.sim.line.report()
    rig.run(_SPAN_S)
    after = rig.sim.line.report()
    answers = sum(reader.answers for reader in readers) - answers
    return answers, after["busy_slots"] - line["busy_slots"], after["slots"] - line["slots"]


def run(report: Report) -> None:
    """One and four head-ends at 600 ms, against the line's own time."""
    bound = 1 / (_SLOTS_PER_EXCHANGE * _SLOT_S)
    for head_ends in (1, 4):
        answers, busy, slots = exchanges_in(head_ends)
        report.add("exchanges-%d-hes-600ms" % head_ends, answers / _SPAN_S, "per virtual s", bound, "airtime bound")
        report.add("channel-use-%d-hes-600ms" % head_ends, busy / slots, "of all slots", 0.5, "best, 2 of 4 slots")
