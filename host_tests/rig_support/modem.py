# SPDX-License-Identifier: MIT
"""A gateway with four meters, and one exchange during which something happens to the modem."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from host_tests.rig_support.ledger import ANSWERED, OPEN, REFUSED, Asked, assert_at_rest, numbered_rig
from tools.sim.options import ChipOptions, NodeOptions, SegmentOptions

METERS = 4
DETECT_S = 3.0  # issue 2: modem death is detected within 3 s ...
BACK_S = 15.0  # ... and service is back within 15 s, from saved state
STABLE_S = 65.0  # after a minute without trouble the reset ladder starts at its bottom again


class Bench:
    """One rig for many such exchanges; `chunk=1` hands octets to the host one by one."""

    def __init__(self, chunk: int = 1, **chip: Any) -> None:
        options = SegmentOptions(chip=ChipOptions(chunk=chunk, **chip), node=NodeOptions(think_us=120_000))
        self.rig, self.ledger = numbered_rig(METERS, options=options)
        self.chip = self.rig.sim.chip
        self.hes = self.ledger.connect()
        self.registered = self._registrations()
        self.detected_s: list[float] = []
        self.back_s: list[float] = []
        self._turn = 0

    def named(self, name: str) -> int:
        """Counter of the segment."""
        return self.rig.segment.counters.named(name)

    def fresh(self) -> Any:
        """The slot grid is where it was for the exchange before: offsets mean the same every time."""
        rig = self.rig
        rig.run_until(lambda: rig.segment.is_up and rig.segment.line.state == 0, 60, 0.001)
        self._turn += 1
        return rig

    def during(self, offset_ms: float, happens: Callable[[], object]) -> Asked:
        """Ask one meter; `offset_ms` later something happens; the request gets ten seconds more."""
        rig = self.fresh()
        asked = self.ledger.ask(self.hes, self._turn % METERS, 16 + self._turn % 64, want=60)
        assert asked is not None
        rig.run(offset_ms / 1000)
        happens()
        until_us = rig.kernel.now_us + 10_000_000
        while asked.state == OPEN and rig.kernel.now_us < until_us:
            rig.run(0.1)
        self.ledger.check()
        return asked

    def killed(self, offset_ms: float, kill: Callable[[], object]) -> Asked:
        """As `during`, and the modem is known to die: measures detection and recovery."""
        rig = self.fresh()
        ups = rig.segment.modem.ups
        asked = self.ledger.ask(self.hes, self._turn % METERS, 16 + self._turn % 64, want=60)
        assert asked is not None
        rig.run(offset_ms / 1000)
        kill()
        self.detected_s.append(rig.run_until(lambda: not rig.segment.is_up, DETECT_S, 0.01))
        took_s = rig.run_until(lambda: rig.segment.modem.ups > ups, BACK_S, 0.01)
        self.back_s.append(self.detected_s[-1] + took_s)
        assert self.back_s[-1] <= BACK_S
        return asked

    def works(self, rest_s: float = 20) -> None:
        """Nothing wrong so far, nobody registered anew, and every meter answers, `rest_s` later."""
        rig = self.rig
        rig.run(rest_s)  # a guard time may be on
        for asked in list(self.ledger.open.values()):
            self.ledger.forget(asked)
        for row in range(METERS):
            asked = self.ledger.ask_and_wait(self.hes, row, 40)
            assert asked.state == ANSWERED, (row, asked.state, rig.kernel.now_us)
        self.ledger.check()
        assert self._registrations() == self.registered
        rig.run(5)
        assert_at_rest(rig)

    def outcomes(self) -> dict[str, int]:
        """How the requests ended, for the report."""
        count = self.ledger.count
        return {"answered": count(ANSWERED), "refused": count(REFUSED), "asked": len(self.ledger.asked)}

    def figures(self) -> str:
        """Worst and mean detection and recovery."""
        texts = []
        for name, values in (("detected", self.detected_s), ("back", self.back_s)):
            texts.append("%s in %.2f s at worst, %.2f s mean" % (name, max(values), sum(values) / len(values)))
        return ", ".join(texts)

    def _registrations(self) -> list[tuple[int, int]]:
        return [(node.counters["registered"], node.mac_addr) for node in self.rig.sim.nodes.values()]
