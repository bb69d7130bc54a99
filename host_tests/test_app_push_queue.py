# SPDX-License-Identifier: MIT
"""Notifications in virtual time: order, targets that come and go, the bounded queue, the pace of attempts."""

from app import push as counted
from app.push_delivery import Pace
from base import events
from base.log import NOTICE
from host_tests.push_bench import CLIENT, SAP, SERIAL, Bench, outage, play


def test_notifications_go_out_in_order_over_one_connection():
    async def story(bench):
        await bench.run(1)
        bench.offer(1, 2)
        await bench.run(1)

    bench = play(story)
    assert bench.got() == [1, 2] and bench.targets[0].connections == 1 == bench.targets[0].closed
    assert bench.is_at_rest() and bench.count("pushes-sent") == 2


def test_a_connection_is_not_kept_and_the_next_notification_opens_one():
    async def story(bench):
        for n in range(3):
            bench.offer(n)
            await bench.run(0.3)  # a head-end has hung up by now; what is written there is lost without an error

    bench = play(story)
    assert bench.got() == [0, 1, 2] and bench.targets[0].connections == 3 == bench.targets[0].closed


def test_the_second_target_takes_what_the_first_does_not():
    async def story(bench):
        bench.targets[0].is_up = False
        bench.offer(1, 2)
        await bench.run(1)

    bench = play(story)
    assert (bench.got(0), bench.got(1)) == ([], [1, 2]) and bench.is_at_rest()


def test_nothing_is_lost_while_all_targets_are_down_and_the_order_stays():
    async def story(bench):
        bench.up(False)
        bench.offer(1, 2)
        await bench.run(100)
        bench.offer(3)
        assert bench.count("push-connect-failed") in (6, 7)  # 1 2 4 8 16 32 60 s apart
        bench.targets[0].is_up = True
        await bench.run(100)

    bench = play(story)
    assert bench.got() == [1, 2, 3] and bench.is_at_rest()


def test_a_connection_that_breaks_between_two_loses_neither():
    async def story(bench):
        bench.targets[0].fails_after = 1
        bench.targets[1].is_up = False
        bench.offer(1, 2, 3)
        await bench.run(0.5)
        assert bench.got() == [1] and len(bench.route) == 2
        bench.targets[0].fails_after = None
        await bench.run(5)

    bench = play(story)
    assert bench.got() == [1, 2, 3] and bench.is_at_rest() and bench.targets[0].closed == 2


def test_the_oldest_makes_room_and_is_counted():
    async def story(bench):
        bench.up(False)
        bench.offer(1, 2, 3, 4, 5, 6)
        assert len(bench.route) == 4 and bench.slab.free_cnt == 2
        bench.targets[0].is_up = True
        await bench.run(5)

    bench = play(story)
    assert bench.got() == [3, 4, 5, 6] and bench.is_at_rest()
    assert bench.count("push-dropped-oldest") == 2 and len(bench.log) == 2


def test_one_being_written_may_be_dropped_for_room_and_is_freed_once():
    async def story(bench):
        bench.targets[0].is_stuck = True
        bench.offer(1, 2, 3, 4)
        await bench.run(1)
        bench.offer(5)
        bench.targets[0].is_stuck = False
        await bench.run(5)

    bench = play(story)
    assert bench.got() == [1, 2, 3, 4, 5] and bench.is_at_rest()
    assert bench.count("pushes-sent") == 4 and bench.count("push-dropped-oldest") == 1


def test_a_target_that_takes_nothing_or_never_answers_is_given_up():
    async def stuck(bench):
        bench.targets[0].is_stuck = True
        bench.offer(1)
        await bench.run(60)

    async def silent(bench):
        bench.targets[0].is_silent = True
        bench.offer(1)
        await bench.run(60)

    for story in (stuck, silent):
        bench = play(story)
        assert bench.got(1) == [1] and bench.is_at_rest()


def test_without_a_buffer_a_notification_is_counted():
    bench = Bench(8)
    bench.offer(*range(8))
    assert len(bench.route) == 6 and bench.count("push-dropped-no-buffer") == 2


def test_a_relay_that_is_switched_off_drops_and_counts():
    bench = Bench()
    bench.route.is_relaying = False
    bench.offer(1)
    assert len(bench.route) == 0 and bench.count("push-dropped-relay-off") == 1 and bench.slab.free_cnt == 6


def test_an_origin_that_does_not_fit_is_left_out_and_counted():
    bench = Bench()
    bench.route.add_origin = lambda sap, apdu, dst, off: 0
    bench.offer(7)
    assert bytes(bench.route.wpdu(bench.route.oldest()))[8:] == b"\x0f\x07"
    assert bench.count("push-origin-too-long") == 1


def test_a_notification_longer_than_a_buffer_is_counted_and_takes_none_with_it():
    bench = Bench()
    for length in (257, 300, 1200):
        bench.route.offer(0, SAP, CLIENT, memoryview(b"\x0f" + bytes(length - 1)))
    assert bench.slab.free_cnt == 6 and bench.count("push-dropped-too-long") == 3 and len(bench.route) == 0
    bench.route.offer(0, SAP, CLIENT, memoryview(b"\x0f" + bytes(255)))
    assert len(bench.route) == 1


def test_pauses_grow_by_the_exponent_up_to_their_maximum():
    pace = Pace()
    assert [pace.pause_ms(n) // 1000 for n in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]
    pace.exponent, pace.min_s = 100, 7
    assert [pace.pause_ms(n) for n in (1, 2, 200)] == [7000] * 3
    pace.exponent, pace.min_s, pace.max_s = 1000, 3600, 86400
    assert [pace.pause_ms(n) for n in (1, 2, 255)] == [3600_000, 36000_000, 86400_000]


def test_the_first_attempt_waits_at_random_and_pauses_are_stretched_at_random():
    asked = []

    async def story(bench):
        bench.delivery._random = lambda n: asked.append(n) or n - 1
        bench.pace.random_s = 10
        bench.targets[0].is_up = bench.targets[1].is_up = False
        bench.offer(1)
        await bench.run(9)
        assert bench.targets[0].connections == 0
        await bench.run(2)
        assert bench.targets[0].connections == 1
        bench.up(True)
        await bench.run(3)

    bench = play(story)
    assert bench.got() == [1] and asked == [10000, 251]


def test_the_names_of_the_counters_are_all_used():
    indices = {value for name, value in vars(counted).items() if name.isupper() and isinstance(value, int)}
    assert set(range(len(counted.NAMES))) <= indices


def test_an_own_event_too_long_to_be_sent_is_counted_as_that_and_holds_nobody_up():
    async def story(bench):
        bench.own._serial = bytes(230)
        bench.log.add(NOTICE, events.GATEWAY_UP)
        bench.turns.is_heartbeat_due = True
        bench.offer(1)
        await bench.run(2)
        bench.own._serial = SERIAL
        bench.log.add(NOTICE, events.MODEM_UP)
        bench.offer(2)
        await bench.run(2)

    bench = play(story)
    assert bench.got() == [1, 2] and bench.is_at_rest()
    assert [text.split()[0] for text in bench.texts()] == ["modem-up"]
    assert (bench.count("push-dropped-too-long"), bench.count("own-events-pushed")) == (2, 1)


def test_own_events_on_flash_too_long_to_be_sent_are_counted_too(flash):
    async def before(bench):
        bench.log.add(NOTICE, events.GATEWAY_UP)
        bench.log.add(NOTICE, events.MODEM_UP)
        await bench.run(2000)

    async def after(bench):
        bench.own._serial = bytes(230)
        bench.offer(4)
        await bench.run(3)

    one, two = outage({"fs": flash}, before, after)
    assert one.own_got() == [] and two.got() == [4] and two.is_at_rest() and two.own_got() == []
    assert (two.count("push-dropped-too-long"), two.count("own-events-pushed")) == (2, 0)
