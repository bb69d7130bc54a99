# SPDX-License-Identifier: MIT
"""Supervisor and pumps in virtual time: who dies comes back, who stalls starves the watchdog."""

import pytest

from app.pumps import ModemReader, Timer
from app.supervisor import Supervisor
from base import events
from base.log import Log
from hal import clock
from host_tests.shim import aio


class Watchdog:
    """Counts."""

    feeds = 0

    def feed(self):
        self.feeds += 1


class Bench:
    """A supervisor; `is_alive` is the modem's verdict."""

    def __init__(self):
        self.log = Log(64)
        self.watchdog = Watchdog()
        self.is_alive = True
        self.supervisor = Supervisor(clock, self.watchdog, self.log, lambda now: self.is_alive)

    def run(self, seconds):
        async def story():
            aio.create_task(self.supervisor.run())
            await aio.sleep(seconds)

        aio.run(story())

    def records(self, event):
        found = [self.log.record(back) for back in reversed(range(len(self.log)))]
        return [(a, b) for _, _, number, _, a, b in found if number == event]


async def well(duty):
    while True:
        duty.beat(clock.ticks_ms())
        await aio.sleep_ms(100)


def test_when_all_is_well_the_watchdog_is_fed_twice_a_second():
    bench = Bench()
    bench.supervisor.add("a", well, 1000)
    bench.run(10)
    assert 19 <= bench.watchdog.feeds <= 21 and len(bench.log) == 0 and bench.supervisor.starved == 0


@pytest.mark.parametrize(
    "error, cause", [(OSError(104), 104), (OSError("words"), -1), (OSError(), -1), (ValueError(), -2)]
)
def test_a_duty_that_dies_comes_back_with_growing_pauses(error, cause, capsys):
    starts = []

    async def dies(duty):
        starts.append(clock.ticks_ms())
        raise error

    bench = Bench()
    bench.supervisor.add("well", well, 1000)
    bench.supervisor.add("dies", dies)
    bench.run(70)
    pauses = [round((b - a) % (1 << 30), -2) for a, b in zip(starts, starts[1:], strict=False)]
    assert pauses == [1000, 2000, 4000, 8000, 16000, 30000]
    assert bench.records(events.TASK_DIED) == [(1, cause)] * 7
    assert bench.watchdog.feeds > 130  # it was not a critical one
    assert bench.supervisor.duties[1].deaths == 7
    assert bool(capsys.readouterr().err + capsys.readouterr().out) or cause != -2


def test_a_duty_that_ran_long_begins_again_with_the_short_pause():
    starts = []

    async def dies_later(duty):
        starts.append(clock.ticks_ms())
        await aio.sleep(31)

    bench = Bench()
    bench.supervisor.add("dies", dies_later)
    bench.run(100)
    assert [round((b - a) % (1 << 30), -2) for a, b in zip(starts, starts[1:], strict=False)] == [32000] * 3


def test_a_critical_duty_that_stalls_starves_the_watchdog_and_is_named_once():
    async def stalls(duty):
        await aio.sleep(100)

    bench = Bench()
    bench.supervisor.add("well", well, 1000)
    bench.supervisor.add("stalls", stalls, 3000)
    bench.run(20)
    assert 6 <= bench.watchdog.feeds <= 8
    assert bench.records(events.WATCHDOG) == [(1, 0)]
    assert bench.supervisor.starved > 30


def test_a_critical_duty_that_keeps_dying_starves_the_watchdog():
    async def dies(duty):
        duty.beat(clock.ticks_ms())
        raise OSError(5)

    bench = Bench()
    bench.supervisor.add("dies", dies, 3000)
    bench.run(30)
    assert (0, 0) in bench.records(events.WATCHDOG)
    assert bench.watchdog.feeds < 45


def test_a_needed_duty_that_keeps_dying_starves_the_watchdog_after_two_minutes():
    async def dies(duty):
        raise OSError(98)

    bench = Bench()
    bench.supervisor.add("wan", dies, is_needed=True)
    bench.supervisor.add("push", dies)
    bench.run(110)
    assert bench.supervisor.starved == 0
    bench = Bench()
    bench.supervisor.add("push", dies)
    bench.supervisor.add("wan", dies, is_needed=True)
    bench.run(200)
    assert bench.records(events.WATCHDOG) == [(1, 0)]


def test_a_needed_duty_that_died_and_then_stays_is_forgiven():
    deaths = []

    async def dies_thrice(duty):
        deaths.append(duty)
        if len(deaths) < 4:
            raise OSError(98)
        await aio.sleep(1000)

    bench = Bench()
    bench.supervisor.add("wan", dies_thrice, is_needed=True)
    bench.run(600)
    assert len(deaths) == 4 and bench.supervisor.starved == 0


def test_a_dead_modem_starves_the_watchdog_until_it_lives_again():
    bench = Bench()
    bench.supervisor.add("well", well, 1000)

    async def story():
        aio.create_task(bench.supervisor.run())
        await aio.sleep(5)
        bench.is_alive = False
        before = bench.watchdog.feeds
        await aio.sleep(5)
        assert bench.watchdog.feeds == before
        bench.is_alive = True
        await aio.sleep(5)
        assert bench.watchdog.feeds > before + 8

    aio.run(story())
    assert bench.records(events.WATCHDOG) == [(1, 0)]  # number of duties = the modem


class Engine:
    """Something with a deadline."""

    def __init__(self, due=None):
        self.due = due
        self.called = []
        self.started = 0

    def start(self, now):
        self.started += 1

    def next_deadline(self):
        return self.due

    def on_deadline(self, now):
        self.called.append(now)
        self.due = None


def test_the_timer_calls_who_is_due_and_sleeps_to_the_next_but_never_long():
    now = (1 << 30) - 2
    late, soon, later = (now - 1), (now + 4) % (1 << 30), (now + 5000) % (1 << 30)
    for medium_due, forwarder_due, called, pause in (
        (None, None, (0, 0), 10),
        (late, None, (1, 0), 10),
        (now, soon, (1, 0), 4),
        (soon, now, (0, 1), 4),
        (later, later, (0, 0), 10),
        (late, late, (1, 1), 10),
    ):
        medium, forwarder = Engine(medium_due), Engine(forwarder_due)
        assert Timer(medium, forwarder, clock).turn(now) == pause
        assert (len(medium.called), len(forwarder.called)) == called


def test_the_timer_starts_the_medium_and_meets_a_deadline_within_ten_milliseconds():
    medium, forwarder = Engine(), Engine()
    timer = Timer(medium, forwarder, clock)

    class Duty:
        beats = 0

        def beat(self, now):
            self.beats += 1

    async def story():
        duty = Duty()
        aio.create_task(timer.run(duty))
        await aio.sleep(0.1)
        medium.due = (clock.ticks_ms() + 3) % (1 << 30)
        due = medium.due
        await aio.sleep(0.1)
        assert 0 <= (medium.called[0] - due) % (1 << 30) <= 10
        assert duty.beats > 15

    aio.run(story())
    assert medium.started == 1


def test_the_reader_gives_the_medium_what_the_port_has():
    class Port:
        chunks = [b"abc", b"d"]

        async def readinto(self, mv):
            if not self.chunks:
                raise OSError(104)
            chunk = self.chunks.pop(0)
            mv[: len(chunk)] = chunk
            return len(chunk)

    fed = []

    class Medium:
        def feed(self, now, mv, n):
            fed.append(bytes(mv[:n]))

    async def story():
        with pytest.raises(OSError):
            await ModemReader(Port(), Medium(), clock).run(None)

    aio.run(story())
    assert fed == [b"abc", b"d"]


def test_a_modem_that_a_duty_starts_is_not_called_dead_before_it():
    bench = Bench()
    bench.is_alive = False

    async def starter(duty):
        bench.is_alive = True
        await well(duty)

    bench.supervisor.add("starter", starter, 1000)
    bench.run(2)
    assert bench.records(events.WATCHDOG) == [] and bench.supervisor.starved == 0
