# SPDX-License-Identifier: MIT
"""Meters that fail and return: each about every five days, for minutes or an hour; and one blackout.

Two of three go deaf and stay registered, one of three loses its supply and comes back NEW.
"""

from __future__ import annotations

import random
from typing import Any

from tools.rig import Rig

_EVERY_S = 5 * 86400.0
_AWAY_S = (300.0, 3600.0)
_DEAF_SHARE = 0.67
_BACK_WITHIN_S = 60.0


class Trouble:
    """Starts at once; `failures` counts them."""

    def __init__(self, rig: Rig, chance: random.Random) -> None:
        self.failures = 0
        self._rig, self._chance = rig, chance
        self._well = list(rig.sim.nodes.values())
        self._rate_s = _EVERY_S / len(self._well)
        self._later()

    def blackout(self, share: float, span_s: float) -> None:
        """Part of the meters lose their supply together and are back within a minute of each other."""
        for node in self._chance.sample(self._well, int(len(self._well) * share)):
            self._well.remove(node)
            self._fail(node, span_s + self._chance.random() * _BACK_WITHIN_S, is_deaf=False)

    def _later(self) -> None:
        self._rig.kernel.call_later(int(self._chance.expovariate(1 / self._rate_s) * 1e6), self._one)

    def _one(self) -> None:
        node = self._well.pop(self._chance.randrange(len(self._well)))
        self._fail(node, self._chance.uniform(*_AWAY_S), self._chance.random() < _DEAF_SHARE)
        self._later()

    def _fail(self, node: Any, away_s: float, is_deaf: bool) -> None:
        self.failures += 1
        if is_deaf:
            node.set_muted(True)
        else:
            node.leave()
        self._rig.kernel.call_later(int(away_s * 1e6), self._return, node, is_deaf)

    def _return(self, node: Any, is_deaf: bool) -> None:
        if is_deaf:
            node.set_muted(False)
        else:
            node.join()
        self._well.append(node)
