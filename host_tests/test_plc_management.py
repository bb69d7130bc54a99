# SPDX-License-Identifier: MIT
"""Management on the twin of the chip: answers come back, data goes first, discovery finds who is new."""

from __future__ import annotations

from host_tests.plc_rig import Rig
from host_tests.test_plc_initiator import GET, registered
from plc.medium import ASK_STARTED, NODE_ONLINE


def _pings(rig: Rig) -> list[tuple[int, int]]:
    told: list[tuple[int, int]] = []
    rig.segment.management.on_pinged = lambda now, row, ms: told.append((row, ms))
    return told


def test_a_ping_of_a_node_that_is_there_tells_its_round_trip() -> None:
    rig = registered(3)
    told = _pings(rig)
    row = rig.row(1)
    assert rig.segment.management.ping(rig.now, row) == ASK_STARTED
    rig.run(10)
    ((pinged, ms),) = told
    # sfsk.md 1.5: 150 ms slots at 2400 baud; request and response one subframe each, at most 7 credits
    assert pinged == row and 2 * 150 <= ms < 16 * 150 + 2000


def test_a_ping_of_a_node_that_is_gone_says_so_and_it_is_looked_after() -> None:
    rig = registered(3)
    told = _pings(rig)
    rig.node(2).leave()
    assert rig.segment.management.ping(rig.now, rig.row(2)) == ASK_STARTED
    rig.run(20)
    assert told == [(rig.row(2), -1)]


def test_a_ping_waits_as_long_as_data_wants_the_line() -> None:
    rig = registered(4)
    told = _pings(rig)
    assert rig.segment.management.ping(rig.now, rig.row(3)) == ASK_STARTED
    for _ in range(60):
        while len(rig.sink.queue) < 4:
            rig.sink.request(rig.row(1), GET)
        rig.run(0.5)
    assert told == []
    rig.sink.queue.clear()
    rig.run(20)
    assert [row for row, _ in told] == [rig.row(3)]


def test_a_discovery_asked_for_finds_a_meter_long_before_the_period_is_over() -> None:
    rig = registered(3, {"discover": {"period_s": 86400}})
    rig.run(60)
    left = rig.row(2)
    rig.table.remove(left)
    rig.node(2).reset()
    rounds = rig.count("discover_rounds")
    assert rig.segment.management.discover(rig.now) == ASK_STARTED
    rig.run(30)
    assert rig.count("discover_rounds") > rounds
    rig.run_until(lambda: rig.table.state(left) == NODE_ONLINE, 300)


def test_a_released_node_that_goes_on_talking_is_dropped_and_breaks_nothing() -> None:
    rig = registered(3)
    row = rig.row(1)
    rig.run_until(lambda: rig.segment.management.release(rig.now, row), 60)
    assert rig.table.remove(row)
    for other in (rig.row(2), rig.row(3)):
        rig.sink.request(other, GET)
    rig.run(600)
    assert len(rig.sink.replies) == 2
