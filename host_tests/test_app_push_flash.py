# SPDX-License-Identifier: MIT
"""Notifications that wait: late marks, what goes to flash and when, restarts, flash that fails."""

from base import events
from base.log import NOTICE
from host_tests.push_bench import WALL, outage, play


def late_of(text):
    """(n, age) of a late mark."""
    assert text.startswith("push-late n="), text
    n, age = text[12:].split(" age_s=")
    return int(n), int(age)


def test_what_waited_is_announced_as_late_before_it():
    async def story(bench):
        bench.turns.late_s = 60
        bench.up(False)
        bench.offer(1, 2)
        await bench.run(70)
        bench.offer(3)
        await bench.run(1)
        bench.up(True)
        await bench.run(60)
        bench.offer(4)
        await bench.run(1)

    bench = play(story)
    assert bench.got() == [1, 2, 3, 4]
    assert [octets[3] for octets in bench.targets[0].got] == [1, 0x10, 0x10, 0x10, 0x10]
    (wall, code, text), = bench.own_got()
    n, age = late_of(text)
    assert code == 0x7FF0 and wall == WALL and 2 <= n <= 3 and 71 <= age <= 132


def test_what_cannot_be_delivered_survives_a_restart_and_comes_in_order_and_marked(flash):
    async def before(bench):
        bench.offer(1, 2)
        await bench.run(100)
        bench.offer(3)
        await bench.run(100)
        assert len(bench.route) == 0

    async def after(bench):
        bench.turns.late_s = 60
        bench.offer(4)
        await bench.run(3)
        bench.offer(5)
        await bench.run(1)

    one, two = outage({"fs": flash}, before, after)
    assert one.got() == [] and one.count("pushes-kept-on-flash") == 3 and one.slab.free_cnt == 6
    assert two.got() == [1, 2, 3, 4, 5] and two.is_at_rest()
    assert late_of(two.texts()[0])[0] == 3
    three = play(after, fs=flash)
    assert three.got() == [4, 5], "delivered and acknowledged, yet there again"


def test_nothing_is_written_while_the_head_end_takes_what_it_is_sent(flash):
    async def story(bench):
        await bench.run(1)
        steps = len(flash.steps)
        for n in range(50):
            bench.offer(n)
            bench.log.add(NOTICE, events.NODE_LOST, n % 8)
            await bench.run(1)
        assert len(flash.steps) == steps

    bench = play(story, fs=flash)
    assert bench.got() == list(range(50)) and bench.count("push-flash-writes") == 0


def test_a_small_queue_over_a_slow_line_writes_nothing_either(flash):
    async def story(bench):
        bench.targets[0].opens_in_s = 3
        await bench.run(1)
        for n in range(5):
            bench.offer(n)
            await bench.run(6)

    bench = play(story, fs=flash, capacity=1)
    assert bench.got() == list(range(5)) and bench.count("push-flash-writes") == 0


def test_a_queue_that_is_nearly_full_goes_to_flash_at_once(flash):
    async def story(bench):
        bench.up(False)
        await bench.run(1)
        for n in range(20):
            bench.offer(n)
            await bench.run(0.25)
        bench.up(True)
        await bench.run(60)

    bench = play(story, fs=flash)
    assert bench.got() == list(range(20)) and bench.count("push-dropped-oldest") == 0 and bench.is_at_rest()


def test_a_flash_that_refuses_is_asked_again_once_a_minute_and_nothing_is_lost(flash):
    async def story(bench):
        bench.up(False)
        bench.pace.retries = 0
        bench.keeper.after_s = 5
        ring, asked = bench.turns.ring, []

        def refuse(*record):
            asked.append(bench.log.now_s)
            ring.failures += 1
            return False

        put, ring.put = ring.put, refuse
        bench.offer(1, 2)
        await bench.run(180)
        assert 2 <= len(asked) <= 4
        ring.put = put
        await bench.run(61)
        assert len(ring) == 2 and len(bench.route) == 0

    play(story, fs=flash)


def test_own_events_on_flash_are_given_up_when_they_may_not_be_sent_and_meters_behind_them_are_not(flash):
    async def before(bench):
        bench.log.add(NOTICE, events.NODE_LOST, 1)
        await bench.run(1100)
        bench.offer(1)
        await bench.run(200)

    async def after(bench):
        bench.turns.is_mute = True
        await bench.run(3)

    _, two = outage({"fs": flash}, before, after)
    assert two.got() == [1] and len(two.targets[0].got) == 1 and two.count("own-events-lost") == 1
    assert two.is_at_rest()


def test_a_planned_restart_loses_nothing(flash):
    async def before(bench):
        await bench.run(1)
        bench.offer(1, 2, 3)
        for node in range(40):
            bench.log.add(NOTICE, events.NODE_LOST, node % 8)
            bench.log.add(NOTICE, events.OWN_LOCKED)
        bench.keeper.save()
        assert len(bench.route) == 0

    async def after(bench):
        await bench.run(3)

    one, two = outage({"fs": flash, "log_records": 128}, before, after)
    assert two.got() == [1, 2, 3] and len(two.texts()) == 40 and one.slab.free_cnt == 6


def test_flash_that_fails_is_counted_and_nothing_leaves_ram_for_it(flash):
    async def story(bench):
        await bench.run(1)
        store = bench.turns.ring._store
        append, store.append = store.append, lambda *args: (_ for _ in ()).throw(OSError(28))
        bench.up(False)
        bench.offer(1, 2)
        await bench.run(200)
        assert len(bench.route) == 2 and bench.count("push-flash-failed") > 0
        store.append = append
        bench.up(True)
        await bench.run(60)

    bench = play(story, fs=flash)
    assert bench.got() == [1, 2]


def test_one_that_is_with_the_socket_stays_where_it_is_although_it_is_time_for_flash(flash):
    async def story(bench):
        bench.keeper.after_s = 200
        bench.up(False)
        bench.offer(1, 2)
        await bench.run(150)
        assert bench.delivery.has_failed() and len(bench.route) == 2
        bench.targets[0].is_up = bench.targets[0].is_stuck = True
        for _ in range(70):
            await bench.run(1)
            if bench.delivery.is_sending and bench.log.now_s > 205:
                break
        assert bench.delivery.is_sending and len(bench.route) == 2
        bench.targets[0].is_stuck = False
        await bench.run(10)

    bench = play(story, fs=flash)
    assert bench.got() == [1, 2] and bench.count("push-flash-writes") == 0


def test_events_on_flash_resume_where_a_connection_broke(flash):
    async def before(bench):
        for node in range(6):
            bench.log.add(NOTICE, events.NODE_LOST, node)
        await bench.run(1100)

    async def after(bench):
        bench.targets[0].fails_after = 3
        bench.targets[1].is_up = False
        await bench.run(0.5)
        bench.targets[0].fails_after = None
        await bench.run(5)

    _, two = outage({"fs": flash}, before, after)
    assert [text[-1] for text in two.texts()] == [str(n) for n in range(6)]
