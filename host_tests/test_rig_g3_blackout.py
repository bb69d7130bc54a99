# SPDX-License-Identifier: MIT
"""All nodes of a G3 PAN away and back at once under full load: orderly, bounded, fair, and who is back is served."""

from __future__ import annotations

import pytest

from host_tests.rig_support.g3 import DIALECTS
from host_tests.rig_support.ledger import assert_at_rest
from tools.bench import blackout

_NODES = 60


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_pan_that_comes_back_at_once_joins_in_order_and_who_is_back_is_served(dialect):
    found = blackout.come_back(_NODES, dialect)
    assert found.seconds < 2400  # some 600 s of it are the nodes' own waits after joins that collided
    assert found.join_requests <= 2 * _NODES
    assert found.probes > 20 and found.probes_answered >= 0.9 * found.probes
    assert found.probe_median_s < 5
    assert sum(found.rates_after) > 0.8 * found.rate_before
    assert min(found.rates_after) > 0.5 * max(found.rates_after)
    assert found.rig.forwarder.exchanges.max_open <= 32
    for head_end in found.head_ends:
        head_end.is_on = False
    found.rig.run(200)
    assert_at_rest(found.rig)
