# SPDX-License-Identifier: MIT
"""The soak at a small size, on MicroPython; `make soak` is the long one. Virtual time only."""

from __future__ import annotations

import pytest

from tools.bench import soak
from tools.bench.soak import Evening, Span
from tools.build import micropython

WELL = Evening(1000, 900, 0, 9, 400_000, 0, 3, 0, 0, 0, 0, 0, largest=20_000)


def test_three_days_leave_nothing_behind_and_the_watchdog_bites_when_nothing_is_forwarded():
    short = Span(3, 0.1, nodes=100, rest_s=120, config='{"sfsk": {"alive_s": 60}}')
    found = soak.soak(short, micropython.ensure("unix"), "1600k")
    # compiled from source, the heap also holds the code: what is in one piece there says nothing of the board
    assert soak.faults_of(found, least_block=0) == []
    assert found[-1].answered > 150 and found[-1].faults > 1
    assert [evening.bites > 0 for evening in found] == [False, True, True]
    assert found[2].bites > found[1].bites and found[2].dead > found[1].dead


@pytest.mark.parametrize(
    "change",
    (
        {"wrong": 1}, {"late": 1}, {"sessions": 1}, {"buffers": 1}, {"open": 1}, {"used": 401_025}, {"largest": 1023},
        {"bites": 1}, {"wanted": 1}, {"answered": 799},
    ),
)  # fmt: skip
def test_each_thing_that_is_left_behind_is_told(change):
    assert soak.faults_of([WELL, WELL]) == []
    assert len(soak.faults_of([WELL, WELL._replace(**change)])) == 1


def test_a_run_that_ends_early_is_an_error():
    with pytest.raises(RuntimeError, match="MemoryError"):
        soak.soak(Span(1, 0.1, nodes=10), micropython.ensure("unix"), "300k")
