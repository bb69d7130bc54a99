# SPDX-License-Identifier: MIT
"""The jobs of a head-end's day: collecting profiles from many meters, and asking one now and then."""

from __future__ import annotations

import random
from collections import deque

from tools.bench.day_load import AARQ, RLRQ, Talk, Wan

_ROUNDS = 3  # a meter that could not be read is tried again behind all others


class Collection:
    """Reads a profile from each meter of a list: AARQ, `blocks` GETs, RLRQ; `window` meters at once."""

    def __init__(self, wan: Wan, saps: list[int], client_sap: int, blocks: int, want: int, window: int) -> None:
        self.size = len(saps)
        self.whole = 0
        self.failed: list[int] = []
        self.ended_us = 0
        self._wan, self._client_sap = wan, client_sap
        self._blocks, self._want = blocks, want
        self._waiting: deque[tuple[int, int]] = deque((sap, 1) for sap in saps)
        self._round: dict[int, int] = {}
        for _ in range(window):
            self._next()

    def _next(self) -> None:
        if not self._waiting:
            return
        sap, self._round[sap] = self._waiting.popleft()
        gets = [self._wan.next_request(self._want) for _ in range(self._blocks)]
        Talk(self._wan, sap, self._client_sap, [AARQ, *gets, RLRQ], self._ended)

    def _ended(self, talk: Talk, is_whole: bool) -> None:
        self.ended_us = self._wan.rig.kernel.now_us
        self.whole += is_whole
        tries = self._round.pop(talk.sap)
        if not is_whole and tries < _ROUNDS:
            self._waiting.append((talk.sap, tries + 1))
        elif not is_whole:
            self.failed.append(talk.sap)
        self._next()


class Visits:
    """Single GETs to meters drawn at random, at random instants `mean_s` apart; nobody retries."""

    def __init__(self, wan: Wan, saps: list[int], client_sap: int, mean_s: float, chance: random.Random) -> None:
        self.asked = self.whole = 0
        self.waits_s: list[float] = []
        self._wan, self._saps, self._client_sap = wan, saps, client_sap
        self._mean_s, self._chance = mean_s, chance
        self._later()

    def _later(self) -> None:
        self._wan.rig.kernel.call_later(int(self._chance.expovariate(1 / self._mean_s) * 1e6), self._visit)

    def _visit(self) -> None:
        sap = self._chance.choice(self._saps)
        if (sap, self._client_sap) not in self._wan.open:
            self.asked += 1
            Talk(self._wan, sap, self._client_sap, [self._wan.next_request(40)], self._ended, tries=1)
        self._later()

    def _ended(self, talk: Talk, is_whole: bool) -> None:
        self.whole += is_whole
        self.waits_s += [wait_us / 1e6 for wait_us in talk.waits_us]
