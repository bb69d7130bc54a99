# SPDX-License-Identifier: MIT
"""The simulated day of tools.bench.day at a small size: the same from the same seed, nobody gets a
wrong answer, who failed is back, and the gateway's meters are read although frames are lost.
"""

from __future__ import annotations

import pytest

from tools.bench import day, day_picture
from tools.bench.day import Day


def short_day(medium: str, seed: int = 1) -> tuple[Day, dict]:
    """40 meters, two hours, the blackout after one."""
    one = Day(medium, 40, seed)
    one.rig.kernel.call_later(3_600_000_000, one.trouble.blackout, 0.25, 600)
    one.run(2.5)
    return one, one.figures()


@pytest.mark.parametrize("medium", day.MEDIA)
def test_a_day_on_a_bad_line(medium):
    one, found = short_day(medium)
    assert found["wrong"] == 0
    assert found["nightly"] == found["nightly_of"] == 40
    assert found["on_demand"] > 0.75 * found["on_demand_of"] > 0
    assert found["failures"] >= 10 and found["online"] >= 38
    shares = [found[kind] / (60 * len(one.ledger.minutes)) for kind in ("used", "wasted", "upkeep")]
    assert 0 < shares[0] and sum(shares) < 1
    assert len(one.ledger.minutes) == 150


def test_the_same_seed_gives_the_same_day_and_another_seed_another():
    digests = [short_day("sfsk", seed)[1]["digest"] for seed in (5, 5, 6)]
    assert digests[0] == digests[1] != digests[2]


def test_the_picture_never_shows_more_than_the_line_has():
    minutes = [[10.0, 0.0, 5.0]] * 5 + [[60.0, 20.0, 0.0]] * 5
    assert day_picture.columns(minutes) == [[10 / 60, 0.0, 5 / 60], [0.75, 0.25, 0.0]]
    assert day_picture.draw({"sfsk": minutes}).count("<path") == 3
