# SPDX-License-Identifier: MIT
"""The push route in virtual time: order, targets that come and go, bounded queue, no leak."""

from app.push import PushRoute
from app.replies import HEADROOM
from base.log import Log
from base.slab import Slab
from host_tests.shim import aio

SAP, CLIENT = 0x0010, 0x66


class Target:
    """A head-end's listener at one address."""

    def __init__(self):
        self.is_up = True
        self.is_stuck = False  # takes nothing
        self.is_silent = False  # answers no connection attempt
        self.fails_after = None  # WPDUs
        self.got = []
        self.connections = 0
        self.closed = 0


class Connection:
    """One connection to a Target."""

    def __init__(self, target):
        self.target = target

    def write(self, octets):
        self._octets = bytes(octets)

    async def drain(self):
        while self.target.is_stuck:
            await aio.sleep(1)
        if self.target.fails_after == len(self.target.got):
            raise OSError(104)
        self.target.got.append(self._octets)

    def close(self):
        pass

    async def wait_closed(self):
        self.target.closed += 1


class Bench:
    """A push route with two targets."""

    def __init__(self, capacity=4, buffers=6):
        self.targets = [Target(), Target()]
        self.slab = Slab(buffers, 256, HEADROOM, 16)
        self.log = Log(16)
        self.route = PushRoute(self.slab, [("a", 0), ("b", 1)], capacity, self.log)
        self.route.connect = self.connect
        self.task = None

    async def connect(self, host, port):
        target = self.targets[port]
        target.connections += 1
        while target.is_silent:
            await aio.sleep(1)
        if not target.is_up:
            raise OSError(111)
        return None, Connection(target)

    async def run(self, seconds):
        if self.task is None:
            self.task = aio.create_task(self.route.run(None))
        await aio.sleep(seconds)

    def offer(self, *numbers):
        for n in numbers:
            self.route.offer(0, SAP, CLIENT, memoryview(bytes([0x0F, n])))

    def got(self, at=0):
        """What target `at` got, by number; checks the wrapper."""
        numbers = []
        for octets in self.targets[at].got:
            assert octets[:9] == bytes.fromhex("0001 0010 0066 0002 0F")
            numbers.append(octets[9])
        return numbers

    def is_at_rest(self):
        return len(self.route) == 0 and self.slab.free_cnt == 6

    def count(self, name):
        return self.route.counters.named(name)


def play(story):
    """Run an async story on a fresh bench."""
    bench = Bench()
    aio.run(story(bench))
    return bench


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
            await bench.run(0.1)  # a head-end has hung up by now; what is written there is lost without an error

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
        for target in bench.targets:
            target.is_up = False
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
        bench.targets[0].is_up = bench.targets[1].is_up = False
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
