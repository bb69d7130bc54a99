# SPDX-License-Identifier: MIT
"""The line never waits for the WAN: one head-end that keeps a few meters under way at 600 ms has all of it."""

from __future__ import annotations

import pytest

from tools.bench import worlds
from tools.bench.head_end import spread, total

_METERS, _RTT_US, _SPAN_S = 24, 600_000, 200
_REQUEST_LEN, _ANSWER_LEN, _WANT = 13, 115, 100


@pytest.mark.parametrize(("medium", "window", "least"), (("sfsk", 2, 0.97), ("sfsk", 8, 0.97), ("g3", 8, 0.88)))
def test_one_head_end_that_asks_several_meters_at_once_reaches_the_airtime_bound(medium, window, least):
    rig = worlds.WORLDS[medium](_METERS)
    head_ends = spread(rig, worlds.saps(rig, _METERS), 1, _RTT_US, window=window, want=_WANT)
    rig.run(60)
    before = total(head_ends)
    rig.run(_SPAN_S)
    rate = (total(head_ends) - before) / _SPAN_S
    bound = 1 / worlds.exchange_s(rig, _REQUEST_LEN, _ANSWER_LEN)
    print("%s, %d at once: %.2f of the bound" % (medium, window, rate / bound))
    assert rate > least * bound
    assert [head_end.wrong for head_end in head_ends] == [0]
