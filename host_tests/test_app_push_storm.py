# SPDX-License-Identifier: MIT
"""Notifications in storms and long outages: what the log overruns, what is told, how often flash is written."""

import pytest

from base import events
from base.log import NOTICE
from host_tests.push_bench import WALL, outage, play


def test_a_storm_that_overruns_the_log_is_counted_and_the_newest_go_out():
    async def story(bench):
        bench.up(False)
        for n in range(100):
            bench.log.add(NOTICE, events.NODE_LOST, n % 8)
        await bench.run(1)
        bench.up(True)
        await bench.run(3)

    bench = play(story)
    assert len(bench.own_got()) == 24 and bench.count("own-events-lost") == 76  # 24 of 64 records are for nodes
    assert bench.count("own-events-pushed") == 24 and bench.is_at_rest()


def test_an_outage_longer_than_the_log_keeps_topology_and_alarms(flash):
    async def before(bench):
        await bench.run(1)
        for n in range(300):
            bench.log.add(NOTICE, events.NODE_LOST, n % 8, a=n)
            await bench.run(1)
        await bench.run(1000)

    async def after(bench):
        await bench.run(60)

    one, two = outage({"fs": flash, "log_records": 64}, before, after)
    walls = [wall for wall, code, _ in two.own_got() if code == 0xCB]
    assert walls == list(range(WALL + 2, WALL + 302)) and one.count("own-events-lost") == 0
    assert one.count("push-flash-writes") < 30


def test_security_events_between_those_for_flash_are_counted_as_not_pushed(flash):
    async def before(bench):
        await bench.run(1)
        bench.log.add(NOTICE, events.NODE_LOST, 1)
        bench.log.add(NOTICE, events.OWN_LOCKED)
        bench.log.add(NOTICE, events.NODE_LOST, 2)
        await bench.run(1100)

    async def after(bench):
        await bench.run(3)

    one, two = outage({"fs": flash}, before, after)
    assert one.count("own-events-lost") == 1 and len(two.texts()) == 2


@pytest.mark.parametrize("is_up", [True, False])
def test_1200_nodes_that_return_after_a_blackout_are_all_told_in_order_and_meters_are_heard_meanwhile(flash, is_up):
    """Ten a second: faster than either line can bring them back."""
    came = {}

    async def before(bench):
        await bench.run(1)
        bench.turns.batch = 4
        for n in range(1200):
            bench.log.add(NOTICE, events.NODE_BACK, n % 8)
            if not n % 60:
                bench.offer(n // 60)
                came[n // 60] = bench.log.now_s
            if not n % 10:
                await bench.run(1)
        if is_up:
            await bench.run(5)
            return
        await bench.run(1200)
        assert bench.count("push-dropped-oldest") == 0 == bench.own.lost
        bench.up(True)
        await bench.run(90)

    async def story(bench):
        bench.up(is_up)
        await before(bench)

    bench = play(story, fs=flash, log_records=512, capacity=8, buffers=12)
    walls = [wall for wall, code, _ in bench.own_got() if code == 0xCC]
    assert len(walls) == 1200 and walls == sorted(walls) and bench.count("own-events-lost") == 0
    assert bench.got() == list(range(20)) and bench.is_at_rest()
    if is_up:
        assert bench.count("push-flash-writes") == 0 and bench.targets[0].connections <= 601  # each 200 ms at most
    else:
        assert bench.count("push-flash-writes") < 100


def test_a_stranger_cannot_make_the_gateway_write_flash(flash):
    async def story(bench):
        bench.up(False)
        await bench.run(1)
        steps = len(flash.steps)
        for n in range(2000):
            bench.log.add(NOTICE, (events.JOIN_UNKNOWN, events.JOIN_FORGED, events.SETTING_CHANGED)[n % 3], a=n)
            if not n % 10:
                await bench.run(10)
        assert len(flash.steps) == steps

    assert play(story, fs=flash).count("push-flash-writes") == 0


def test_so_many_writes_a_day_and_no_more(flash):
    async def story(bench):
        bench.keeper.writes_a_day = 5
        bench.up(False)
        for n in range(12):
            bench.offer(n)
            await bench.run(70)
        assert bench.count("push-flash-writes") == 5 and bench.count("push-flash-spared") == 1
        bench.log.now_s += 86400
        await bench.run(10)
        assert 5 < bench.count("push-flash-writes") <= 10

    bench = play(story, fs=flash)
    assert bench.count("push-dropped-oldest") > 0
