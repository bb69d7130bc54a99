# SPDX-License-Identifier: MIT
"""How many meters are still NEW, believed from how many reports each round brought.

Own arithmetic. A round of S slots at probability p aims at n = S / p stations; with n
stations it brings about S x e^-x reports, x = n / (S / p): few reports mean few stations or
far too many. So a belief over a logarithmic grid of n is kept and updated after every round
(likelihood of a Poisson number), and the next round is sized for the most reports per slot.
Best case: S = n, one report in e slots. Integers only once the tables are made: floats
would cost tens of kilobytes of heap per round.
"""

import math

from micropython import const

_STEPS = const(23)  # grid n = 2 ** (k / 2), k = 0..22: 1..2048 stations
_ZERO = const(23)  # index of "nobody"
_ONE = const(262144)  # sum of all weights, 2 ** 18
_UNIT = const(1024)  # scale of the tables
_LOG_UNIT = const(64)  # scale of logarithms
_NOISE = const(30)  # reports expected from nobody, / _UNIT
_LN_NOISE = const(-226)  # 64 ln 0.03
_EXP_STEP = const(8)  # one entry of the table of e^-d per 8/64
_EXP_ENTRIES = const(96)
_SETTLED = const(222822)  # 0.85
_DOUBT = const(50)  # one fiftieth of the prior mixed in each round: arrivals, lost frames


class Population:
    """Belief over the number of NEW meters: 24 weights, some 200 small integers of tables."""

    def __init__(self) -> None:
        half_ln2 = math.log(2) / 2
        self._stations = [int(math.exp(k * half_ln2) + 0.5) for k in range(_STEPS)] + [0]
        ratios = [math.exp((d - _STEPS) * half_ln2) for d in range(2 * _STEPS + 1)]
        self._yields = [int(_UNIT * x * math.exp(-min(x, 60.0))) for x in ratios]
        self._logs = [int(_LOG_UNIT * (math.log(x) - min(x, 60.0))) for x in ratios]
        self._falls = [int(_UNIT * math.exp(-i * _EXP_STEP / _LOG_UNIT)) for i in range(_EXP_ENTRIES)]
        self._weights = [0] * (_STEPS + 1)
        self._prior = [0] * (_STEPS + 1)
        self._spare = [0] * (_STEPS + 1)
        self._was_empty = False
        self.expect_many()

    def expect_many(self) -> None:
        """Cold start: nothing is known, every order of magnitude is as likely."""
        self._set_prior(30, 100)

    def expect_few(self) -> None:
        """A settled network, or one more credit level: probably nobody, hardly many."""
        self._set_prior(60, 75)

    def expect_some(self) -> None:
        """There is at least one (a registration did not arrive)."""
        self._set_prior(10, 75)

    @property
    def is_settled(self) -> bool:
        """Nobody is left, as far as can be known: the last round was empty, and was likely not to be."""
        return self._was_empty and self._weights[_ZERO] > _SETTLED

    def target(self, least: int) -> int:
        """Number of stations the next round should be sized for, at least `least`."""
        best, best_yield = least, -1
        for j in range(_STEPS):
            if j + 1 < _STEPS and self._stations[j + 1] <= least:
                continue
            expected = 0
            for k in range(_STEPS):
                expected += self._weights[k] * self._yields[k - j + _STEPS] // _UNIT
            if expected > best_yield:
                best, best_yield = max(self._stations[j], least), expected
        return best

    def update(self, slots: int, aimed_at: int, reports: int, garbled: int) -> None:
        """A round of `slots` slots sized for `aimed_at` stations brought `reports` systems.

        `garbled`: frames with a bad sum meanwhile; the chip may not be told to report them.
        """
        self._was_empty = not reports and not garbled
        aimed = self._nearest(max(aimed_at, 1))
        ln_slots = int(_LOG_UNIT * math.log(slots))
        likelihoods = self._spare
        best = -(1 << 29)
        for k in range(_STEPS + 1):
            likelihoods[k] = self._likelihood(k, aimed, slots, ln_slots, reports)
            best = max(best, likelihoods[k])
        for k in range(_STEPS + 1):
            fall = min((best - likelihoods[k]) // _EXP_STEP, _EXP_ENTRIES - 1)
            self._weights[k] = self._weights[k] * self._falls[fall] // _UNIT
        if garbled:
            self._weights[_ZERO] //= 10
            self._weights[0] //= 2
        self._normalise()

    def remove(self, stations: int) -> None:
        """So many of them have been heard and will be registered; then doubt a little."""
        moved = self._spare
        for k in range(_STEPS + 1):
            moved[k] = 0
        for k in range(_STEPS + 1):
            moved[self._nearest(self._stations[k] - stations)] += self._weights[k]
        for k in range(_STEPS + 1):
            self._weights[k] = moved[k] - moved[k] // _DOUBT + self._prior[k] // _DOUBT
        self._normalise()

    # --- inside ---

    def _likelihood(self, k: int, aimed: int, slots: int, ln_slots: int, reports: int) -> int:
        """64 ln of the chance of `reports` from what grid point k stands for, up to a constant."""
        distance = k - aimed + _STEPS
        is_possible = k != _ZERO and (k + 1 >= _STEPS or self._stations[k + 1] > reports)
        mean = slots * self._yields[distance] if is_possible else 0
        if mean < _NOISE:
            return reports * _LN_NOISE - _NOISE * _LOG_UNIT // _UNIT
        return reports * (ln_slots + self._logs[distance]) - mean * _LOG_UNIT // _UNIT

    def _nearest(self, stations: int) -> int:
        """Grid point nearest, by ratio, to a number of stations."""
        if stations <= 0:
            return _ZERO
        k = 0
        while k + 1 < _STEPS and self._stations[k] * self._stations[k + 1] <= stations * stations:
            k += 1
        return k

    def _set_prior(self, nobody_percent: int, fade_percent: int) -> None:
        share = _ONE
        for k in range(_STEPS):
            self._weights[k] = share
            share = share * fade_percent // 100
        total = sum(self._weights[:_STEPS])
        others = _ONE // 100 * (100 - nobody_percent)
        for k in range(_STEPS):
            self._weights[k] = self._weights[k] * _UNIT // (total // _UNIT) * (others // _UNIT) // _UNIT
        self._weights[_ZERO] = _ONE // 100 * nobody_percent
        for k in range(_STEPS + 1):
            self._prior[k] = self._weights[k]

    def _normalise(self) -> None:
        total = max(sum(self._weights) // _UNIT, 1)
        for k in range(_STEPS + 1):
            self._weights[k] = self._weights[k] * (_ONE // _UNIT) // total
