# SPDX-License-Identifier: MIT
"""Hours of every trouble around a G3 gateway: each reply belongs to one outstanding request of its session, once;
afterwards every meter is readable. GW_SOAK_SEED, GW_SOAK_H.
"""

from __future__ import annotations

import os
import random
from typing import Any

import pytest

from host_tests.rig_support import meters
from host_tests.rig_support.g3 import DIALECTS, g3_config, numbered_g3
from host_tests.rig_support.ledger import ANSWERED, REFUSED, Ledger, assert_all_readable, assert_at_rest, chances
from tools.rig import Rig

SEED = os.environ.get("GW_SOAK_SEED", "1")
HOURS = float(os.environ.get("GW_SOAK_H", "2"))
# No rekey among the troubles: who misses two of them hears nothing until its own orphan timer, a day, is over.
TAGS = (meters.GLO_GET, meters.GENERAL_GLO)  # of copies of plain answers: ARCHITECTURE.md, limits


class Trouble:
    """Everything that can go wrong around a G3 gateway, at random."""

    def __init__(self, rig: Rig, ledger: Ledger, chance: random.Random, dialect: str) -> None:
        self.rig, self.ledger, self.chance, self.dialect = rig, ledger, chance, dialect
        self.hess = [ledger.connect() for _ in range(3)]
        self.count: dict[str, int] = {}
        self._kinds = ("line", "better", "reset", "hang", "silent", "swap", "rule", "buffers", "mute", "kick", "leave",
                       "ping", "conflict", "vanish", "power_cut")  # fmt: skip

    def one(self) -> str:
        name = self.chance.choice(self._kinds)
        self.count[name] = self.count.get(name, 0) + 1
        getattr(self, "_" + name)()
        self.rig.reschedule()
        return name

    def _line(self) -> None:
        line = self.rig.sim.line.options
        line.loss = self.chance.choice((0, 0.05, 0.1, 0.2, 0.4))
        line.dup = self.chance.choice((0, 0, 0.1, 0.5))
        line.delay_ms = self.chance.choice((0, 0, 1000, 5000))

    def _better(self) -> None:
        line = self.rig.sim.line.options
        line.loss, line.dup, line.delay_ms = 0.0, 0.0, 0

    def _reset(self) -> None:
        self.rig.sim.chip.reset_now()

    def _hang(self) -> None:
        self.rig.sim.chip.hang()

    def _silent(self) -> None:
        self.rig.sim.chip.set_silent(True)
        self.rig.kernel.call_later(self.chance.randrange(500_000, 40_000_000), self.rig.sim.chip.set_silent, False)

    def _swap(self) -> None:
        self.rig.sim.chip.swap()

    def _rule(self) -> None:
        name = self.chance.choice(("corrupt_crc", "drop_frames", "cut_frames", "garbage_before", "drop_confirms"))
        setattr(self.rig.sim.chip.faults, name, self.chance.choice((1, 2, 3)))

    def _buffers(self) -> None:
        faults = self.rig.sim.chip.faults
        faults.hide_buffers = True
        self.rig.kernel.call_later(self.chance.randrange(1_000_000, 60_000_000), setattr, faults, "hide_buffers", False)

    def _mute(self) -> None:
        node = self._node()
        node.set_muted(not node.is_muted)

    def _kick(self) -> None:
        self.rig.segment.kick(self.rig.now(), self.chance.randrange(self.rig.table.end()))

    def _leave(self) -> None:
        self._node().sign_off()

    def _ping(self) -> None:
        row = self.chance.randrange(self.rig.table.end())
        self.chance.choice((self.rig.segment.probes.ping, self.rig.segment.probes.path))(self.rig.now(), row)

    def _conflict(self) -> None:
        self.rig.sim.chip.pan_conflict()

    def _vanish(self) -> None:
        index = self.chance.randrange(len(self.hess))
        self.ledger.close(self.hess[index])
        self.hess[index] = self.ledger.connect()

    def _power_cut(self) -> None:
        for hes in self.hess:
            self.ledger.close(hes)
        fs, sim = self.rig.power_cut(), self.rig.sim
        sim.kernel.run_for(30_000_000)  # longer than any answer is late here
        self.rig = Rig(fs=fs, sim=sim, config=g3_config(self.dialect))
        self.ledger.attach(self.rig)
        self.hess = [self.ledger.connect() for _ in self.hess]

    def _node(self) -> Any:
        return self.chance.choice(list(self.rig.sim.nodes.values()))

    def calm(self) -> None:
        """No faults from now on."""
        self._better()
        chip = self.rig.sim.chip
        chip.set_silent(False)
        hung = chip.faults.hung
        vars(chip.faults).update(vars(type(chip.faults)()), hung=hung)
        for node in self.rig.sim.nodes.values():
            node.set_muted(False)
            if not node.is_member:  # who signed off stays out until told otherwise
                node.join()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_hours_of_every_trouble(dialect):
    chance = chances("g3 %s %s" % (dialect, SEED))
    rig, ledger = numbered_g3(20, dialect)
    for node in rig.sim.nodes.values():
        node.options.orphan_s = 900.0  # who missed two rekeys hears nothing any more
    trouble = Trouble(rig, ledger, chance, dialect)
    until_us, next_us, last = rig.kernel.now_us + HOURS * 3600e6, 0.0, ""
    while trouble.rig.kernel.now_us < until_us:
        if trouble.rig.kernel.now_us >= next_us:
            last = trouble.one()
            next_us = trouble.rig.kernel.now_us + chance.expovariate(1 / 60) * 1e6
        for hes in trouble.hess:
            if chance.random() < 0.5:
                what = chance.choice(TAGS), chance.choice((13, 60, 300, 800)), chance.choice((0, 40, 220))
                ledger.ask(hes, chance.randrange(20), chance.choice((1, 16, 17)), *what)
        trouble.rig.run(chance.expovariate(1 / 1.0))
        ledger.give_up(400)
        assert not ledger.wrong, (last, ledger.wrong[:3])
    trouble.calm()
    rig = trouble.rig
    rig.run_until(lambda: all(node.is_member for node in rig.sim.nodes.values()) and rig.online() == 20, 7200)
    rig.run(600)
    for hes in trouble.hess:
        ledger.close(hes)
    assert_all_readable(ledger, 20)
    ledger.check()
    rig.run(30)
    assert_at_rest(rig)
    assert ledger.count(ANSWERED) > 100 * HOURS and min(trouble.count.values()) > 0
    print("answered %d, refused %d of %d" % (ledger.count(ANSWERED), ledger.count(REFUSED), len(ledger.asked)))
    print(trouble.count)
