# SPDX-License-Identifier: MIT
"""How many meters are still NEW, believed from how many reports each round brought.

Own arithmetic. A round of S slots at probability p aims at n = S / p stations; with n
stations it brings about S x e^-x reports, x = n / (S / p): few reports mean few stations or
far too many. So a belief over a logarithmic grid of n is kept and updated after every round
(likelihood of a Poisson number), and the next round is sized for the most reports per slot.
Best case: S = n, one report in e slots.
"""

import math
from array import array

from micropython import const

_STEPS = const(23)  # n = 2 ** (k / 2), k = 0..22: 1..2048 stations
_ZERO = const(23)  # index of "nobody"
_NOISE = const(0.03)  # reports expected from nobody
_DOUBT = const(0.02)  # share of the prior mixed in each round: arrivals, lost frames
_FADE = const(0.75)  # a settled network: many new meters are ever less likely
_LN_SQRT2 = const(0.34657)


class Population:
    """Belief over the number of NEW meters. About 100 floats, ~50 logarithms and exponentials per round."""

    def __init__(self) -> None:
        self._weights = array("f", [0.0] * (_STEPS + 1))
        self._prior = array("f", [0.0] * (_STEPS + 1))
        self._yields = array("f", [_yield(d - _STEPS) for d in range(2 * _STEPS + 1)])
        self.expect_many()

    def expect_many(self) -> None:
        """Cold start: nothing is known, every order of magnitude is as likely."""
        self._set_prior(0.3, 1.0)

    def expect_few(self) -> None:
        """A settled network, or one more credit level: probably nobody, hardly many."""
        self._set_prior(0.6, _FADE)

    def expect_some(self) -> None:
        """There is at least one (a registration did not arrive)."""
        self._set_prior(0.1, _FADE)

    @property
    def is_settled(self) -> bool:
        """Nobody is left, as far as can be known."""
        return self._weights[_ZERO] > 0.85

    def target(self, least: int) -> int:
        """Number of stations the next round should be sized for, at least `least`."""
        best, best_yield = least, -1.0
        for j in range(_STEPS):
            stations = _stations(j)
            if stations < least and j + 1 < _STEPS and _stations(j + 1) <= least:
                continue
            found = 0.0
            for k in range(_STEPS):
                found += self._weights[k] * self._yields[k - j + _STEPS]
            if found > best_yield:
                best, best_yield = max(stations, least), found
        return best

    def update(self, slots: int, aimed_at: int, reports: int, garbled: int) -> None:
        """A round of `slots` slots sized for `aimed_at` stations brought `reports` systems.

        `garbled`: frames with a bad sum meanwhile; the chip may not be told to report them.
        """
        aimed = min(_nearest(max(aimed_at, 1)), _STEPS - 1)
        best = None
        logs = [0.0] * (_STEPS + 1)
        for k in range(_STEPS + 1):
            mean = _NOISE if k == _ZERO else max(slots * self._yields[k - aimed + _STEPS], _NOISE)
            logs[k] = reports * math.log(mean) - mean
            if best is None or logs[k] > best:
                best = logs[k]
        for k in range(_STEPS + 1):
            self._weights[k] *= math.exp(max(logs[k] - best, -60.0))  # type: ignore[operator]
        if garbled:
            self._weights[_ZERO] *= 0.1
            self._weights[0] *= 0.5
        self._normalise()

    def remove(self, stations: int) -> None:
        """So many of them have been heard and will be registered; then doubt a little."""
        moved = array("f", [0.0] * (_STEPS + 1))
        for k in range(_STEPS):
            moved[_nearest(_stations(k) - stations)] += self._weights[k]
        moved[_ZERO] += self._weights[_ZERO]
        for k in range(_STEPS + 1):
            self._weights[k] = (1 - _DOUBT) * moved[k] + _DOUBT * self._prior[k]
        self._normalise()

    def _set_prior(self, nobody: float, fade: float) -> None:
        share = 1.0
        for k in range(_STEPS):
            self._prior[k] = share
            share *= fade
        total = sum(self._prior[:_STEPS])
        for k in range(_STEPS):
            self._prior[k] *= (1 - nobody) / total
        self._prior[_ZERO] = nobody
        for k in range(_STEPS + 1):
            self._weights[k] = self._prior[k]

    def _normalise(self) -> None:
        total = sum(self._weights)
        for k in range(_STEPS + 1):
            self._weights[k] = self._weights[k] / total if total else self._prior[k]


def _stations(k: int) -> int:
    """Stations of grid point k."""
    return int(math.exp(k * _LN_SQRT2) + 0.5)


def _nearest(stations: int) -> int:
    """Grid point nearest to a number of stations."""
    if stations <= 0:
        return _ZERO
    return min(int(math.log(stations) / _LN_SQRT2 + 0.5), _STEPS - 1)


def _yield(distance: int) -> float:
    """Reports per slot when there are 2 ** (distance / 2) times the stations aimed at."""
    x = math.exp(distance * _LN_SQRT2)
    return x * math.exp(-x) if x < 60 else 0.0
