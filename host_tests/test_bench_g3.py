# SPDX-License-Identifier: MIT
"""What `make bench` prints of joins and rekeys on G3, at a smaller size and held to its bounds."""

from __future__ import annotations

import pytest

from host_tests.rig_support.g3 import DIALECTS
from tools.bench import g3_join


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_pan_is_joined_within_a_few_times_its_airtime(dialect):
    seconds, bound = g3_join.join_s(dialect, 40)
    assert bound < seconds < 6 * bound


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_rekey_costs_little_more_than_its_airtime_and_the_timers_of_the_silent(dialect):
    seconds, bound, active = g3_join.rekey_s(dialect, 40, 2)
    assert active == 38 and 0.9 * bound < seconds < 2 * bound
