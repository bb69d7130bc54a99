# SPDX-License-Identifier: MIT
"""Everything that can go wrong around the gateway, chosen at random from a seed.

One call = one trouble; `calm` ends them all. What lasts (a bad line, a muted meter) stays until
another trouble or `calm` changes it.
"""

from __future__ import annotations

import random

from host_tests.rig_support.ledger import Ledger
from host_tests.rig_support.streams import mutated
from tools.rig import Hes, Rig
from tools.sim import chips, local_frame
from tools.sim.chip_faults import HUNG_LINE, HUNG_POWER
from tools.sim.mac_frame import ADDR_NEW

_COUNTED = (
    "corrupt_sum", "omit_sum", "answer_previous", "drop_acks", "nak_next", "drop_status", "wrong_echo", "drop_confirms",
)  # fmt: skip
_CODES = (chips.TX_MAC_BUSY, chips.TX_SYNTAX, chips.TX_NOT_ALLOWED, chips.TX_BUFFER_BUSY, chips.TX_LINE_BUSY, 0x77)
OFF_S = 8  # supply gone until the firmware runs: longer than any answer is late here


class Trouble:
    """Acts on a rig and its ledger; `rig` changes with a power cut."""

    def __init__(self, rig: Rig, ledger: Ledger, hes_cnt: int, chance: random.Random, delay_ms: int = 4000) -> None:
        self.rig, self.ledger, self.chance, self.delay_ms = rig, ledger, chance, delay_ms
        self.hess: list[Hes] = [ledger.connect() for _ in range(hes_cnt)]
        self.away: list = []
        self.count: dict[str, int] = {}
        self._kinds = (
            ("line", 6), ("reset", 3), ("hang", 2), ("silent", 2), ("sync", 2), ("noise", 4), ("chip_rule", 6),
            ("tx_codes", 2), ("stuck", 1), ("reset_in_frame", 2), ("mute", 3), ("fall_back", 2), ("leave", 2),
            ("vanish", 4), ("power_cut", 1), ("better", 3),
        )  # fmt: skip

    def one(self) -> str:
        """Make one; its name."""
        names, weights = zip(*self._kinds, strict=True)
        name = self.chance.choices(names, weights)[0]
        self.count[name] = self.count.get(name, 0) + 1
        getattr(self, "_" + name)()
        return name

    def calm(self) -> None:
        """No faults from now on; everybody is back."""
        self._better()
        for node in self.rig.sim.nodes.values():
            node.set_muted(False)
        for node in self.away:
            node.join()
        self.away.clear()
        chip = self.rig.sim.chip
        chip.set_silent(False)
        clean = type(chip.faults)()
        vars(chip.faults).update(vars(clean), hung=chip.faults.hung)

    # --- the line ---

    def _line(self) -> None:
        line = self.rig.sim.line.options
        line.loss = self.chance.choice((0, 0.05, 0.1, 0.2, 0.4))
        line.dup = self.chance.choice((0, 0, 0.1, 0.5))
        line.delay_ms = self.chance.choice((0, 0, self.delay_ms // 4, self.delay_ms))

    def _better(self) -> None:
        line = self.rig.sim.line.options
        line.loss, line.dup, line.delay_ms = 0.0, 0.0, 0

    # --- the modem ---

    def _reset(self) -> None:
        self.rig.sim.chip.reset_now()

    def _hang(self) -> None:
        self.rig.sim.chip.hang(self.chance.choice((HUNG_LINE, HUNG_POWER)))

    def _silent(self) -> None:
        chip = self.rig.sim.chip
        chip.set_silent(True)
        self.rig.kernel.call_later(self.chance.randrange(500_000, 20_000_000), chip.set_silent, False)

    def _sync(self) -> None:
        mac = self.rig.sim.chip.mac
        self.chance.choice((lambda: mac.lose_sync(self.chance.randrange(2, 7)), mac.lose_pll))()

    def _noise(self) -> None:
        command = self.chance.choice((0x42, 0x43, 0x72, 0x10, 0x99))  # a forged good 52 would be believed
        frame = local_frame.build(command, self.chance.randbytes(self.chance.randrange(12)))
        self.rig.sim.chip.inject(mutated(self.chance, frame)[: self.chance.randrange(1, 30)])

    def _chip_rule(self) -> None:
        setattr(self.rig.sim.chip.faults, self.chance.choice(_COUNTED), self.chance.choice((1, 1, 2, 3)))

    def _tx_codes(self) -> None:
        codes = [self.chance.choice(_CODES) for _ in range(self.chance.randrange(1, 12))]
        self.rig.sim.chip.faults.tx_status[:] = codes

    def _stuck(self) -> None:
        self.rig.sim.chip.faults.stuck_busy = True

    def _reset_in_frame(self) -> None:
        self.rig.sim.chip.faults.reset_in_frame = self.chance.randrange(1, 80)

    # --- meters ---

    def _mute(self) -> None:
        node = self.chance.choice(list(self.rig.sim.nodes.values()))
        node.set_muted(not node.is_muted)

    def _fall_back(self) -> None:
        node = self.chance.choice(list(self.rig.sim.nodes.values()))
        if node not in self.away and node.mac_addr != ADDR_NEW:
            node.reset()

    def _leave(self) -> None:
        if self.away and self.chance.random() < 0.6:
            self.away.pop(0).join()
            return
        node = self.chance.choice(list(self.rig.sim.nodes.values()))
        if node not in self.away:
            node.leave()
            self.away.append(node)

    # --- head-ends and the gateway ---

    def _vanish(self) -> None:
        index = self.chance.randrange(len(self.hess))
        self.ledger.close(self.hess[index])
        self.hess[index] = self.ledger.connect()

    def _power_cut(self) -> None:
        for hes in self.hess:
            self.ledger.close(hes)
        fs = self.rig.power_cut()
        sim = self.rig.sim
        sim.kernel.run_for(OFF_S * 1_000_000)
        self.rig = Rig(fs=fs, sim=sim)
        self.ledger.attach(self.rig)
        self.hess = [self.ledger.connect() for _ in self.hess]
