# SPDX-License-Identifier: MIT
"""Notifications in virtual time: order, targets that come and go, bounded queues, flash, late marks.

The shipped queue, flash ring, cursor, turns, delivery and keeper; only the connections are fakes.
"""

import struct

import pytest

from app import push as counted
from app import push_events, push_seal
from app.push import PushRoute
from app.push_delivery import Delivery, Pace
from app.push_events import OwnEvents
from app.push_keeper import Keeper
from app.push_ring import PushRing
from app.push_turns import Turns
from app.replies import HEADROOM
from base import events
from base.log import ERROR, NOTICE, Log
from base.slab import Slab
from gateway.journal import Journal
from gateway.registration import Table
from hal.clock import calendar
from hal.store import FileStore
from host_tests.both import security_fakes
from host_tests.shim import FileSystem, aio, device

SAP, CLIENT = 0x0010, 0x66
OWN_CLIENT = 102
WALL = 1_790_000_000
SERIAL = b"GATEWAY00001"


class Target:
    """A head-end's listener at one address."""

    def __init__(self):
        self.is_up = True
        self.is_stuck = False  # takes nothing
        self.is_silent = False  # answers no connection attempt
        self.fails_after = None  # WPDUs
        self.opens_in_s = 0
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
    """One gateway's notifications with two targets. `fs`: its flash, None = no ring."""

    def __init__(self, capacity=4, buffers=6, fs=None, log_records=64):
        self.targets = [Target(), Target()]
        self.slab = Slab(buffers, 256, HEADROOM, 16)
        self.buffers = buffers
        self.log = Log(log_records)
        self.wall_at_start = WALL
        store = FileStore("/flash/state") if fs else None
        self.table = Table(8, 8, Journal(store or NoStore()), 0, 0)
        for n in range(8):
            self.table.add(b"METER%03d" % n)
        self.route = PushRoute(self.slab, capacity, self.log)
        self.own = OwnEvents(self.log, self.table, SERIAL, self.slab.size, calendar)
        self.turns = Turns(self.route, self.own, self.log, self.wall_s)
        if fs:
            self.turns.ring = PushRing(store, 4096, self.slab.size + 8)
        self.pace = Pace()
        self.delivery = Delivery(self.route, self.turns, [("a", 0, OWN_CLIENT), ("b", 1, 1)], self.pace, lambda n: 0)
        self.delivery.connect = self.connect
        self.route.wake = self.delivery.wake
        self.keeper = Keeper(self.route, self.turns, self.delivery, self.log)
        self.tasks = []

    def wall_s(self):
        return self.wall_at_start + self.log.now_s if self.wall_at_start else 0

    async def connect(self, host, port):
        target = self.targets[port]
        target.connections += 1
        await aio.sleep(target.opens_in_s)
        while target.is_silent:
            await aio.sleep(1)
        if not target.is_up:
            raise OSError(111)
        return None, Connection(target)

    async def run(self, seconds):
        if not self.tasks:
            self.tasks = [aio.create_task(one(None)) for one in (self.delivery.run, self.keeper.run)]
        self.log.now_s = self.log.now_s or 1
        while seconds >= 1:
            await aio.sleep(1)
            self.log.now_s += 1
            seconds -= 1
        await aio.sleep(seconds)

    def stop(self):
        for task in self.tasks:
            task.cancel()

    def up(self, is_up):
        for target in self.targets:
            target.is_up = is_up

    def offer(self, *numbers):
        for n in numbers:
            self.route.offer(0, SAP, CLIENT, memoryview(bytes([0x0F, n])))

    def got(self, at=0):
        """What target `at` got of meters, by number; checks the wrapper."""
        numbers = []
        for octets in self.targets[at].got:
            if octets[2:4] == b"\0\1":
                continue
            assert octets[:9] == bytes.fromhex("0001 0010 0066 0002 0F")
            numbers.append(octets[9])
        return numbers

    def own_got(self, at=0):
        """Own events target `at` got: (wall second, code, text)."""
        found = []
        for octets in self.targets[at].got:
            if octets[2:4] == b"\0\1":
                assert struct.unpack(">HHHH", octets[:8]) == (1, 1, (OWN_CLIENT, 1)[at], len(octets) - 8)
                found += parse(octets[8:])
        return found

    def texts(self, at=0):
        return [event[2] for event in self.own_got(at)]

    def is_at_rest(self):
        return self.turns.turn() == 0 and self.slab.free_cnt == self.buffers

    def count(self, name):
        return self.route.counters.named(name)


class NoStore:
    """Flash that takes everything and has nothing."""

    def load(self, name, mv, off):
        return 0

    def append(self, name, mv, is_last=True):
        pass


def parse(apdu):
    """Events of one notification, read by pydlms: [(wall, code, text)]."""
    import datetime

    from pydlms.apdu.xdlms import decode_apdu

    serial, sap, body = decode_apdu(apdu).body.to_python()
    assert (bytes(serial), sap) == (SERIAL, 1)
    found = []
    for when, code, device_code, text in body if isinstance(body[0], list) else [body]:
        assert device_code == 0
        when, wall = bytes(when), 0
        if when[0] != 0xFF:
            year, month, day, _, hour, minute, second = struct.unpack(">HBBBBBB", when[:8])
            wall = int(datetime.datetime(year, month, day, hour, minute, second, tzinfo=datetime.UTC).timestamp())
        found.append((wall, code, bytes(text).decode()))
    return found


def play(story, **options):
    """Run an async story on a fresh bench."""
    bench = Bench(**options)

    async def whole():
        await story(bench)
        bench.stop()

    aio.run(whole())
    return bench


@pytest.fixture
def flash():
    """An empty flash, which the stores of this test are on."""
    fs = device.fs
    device.fs = FileSystem()
    yield device.fs
    device.fs = fs


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


# --- pace ---

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


# --- own events ---

def test_a_node_that_comes_and_goes_is_pushed_with_time_code_and_the_text_head_ends_know():
    async def story(bench):
        await bench.run(5)
        for event in (events.NODE_UP, events.NODE_LOST, events.NODE_BACK, events.NODE_GONE):
            bench.log.add(NOTICE, event, 3)
        await bench.run(2)

    title = b"METER003".hex().upper()
    up = '{"MeterIdentifier":"%s","SAP_DLMS_GW":"0x13"}' % title
    when = WALL + 6
    assert play(story).own_got() == [(when, 0xC2, up), (when, 0xCB, title), (when, 0xCC, title), (when, 0xC3, title)]


def test_an_alarm_has_the_words_of_the_log_and_a_code_of_ours():
    async def story(bench):
        bench.log.add(ERROR, events.MODEM_FAILED, a=7)
        bench.log.add(NOTICE, events.JOIN_FORGED, a=-1, b=16)
        await bench.run(1)

    found = play(story).own_got()
    assert [one[1:] for one in found] == [
        (0x7F00 + events.MODEM_FAILED, "modem-failed cause=7"),
        (0x7F00 + events.JOIN_FORGED, "join-forged eui64=FFFFFFFF00000010"),
    ]


def test_what_is_nobodys_business_is_not_pushed():
    async def story(bench):
        for event in (events.WAN_OPEN, events.DISCOVERY_ROUND, events.PUSH_DROPPED, events.WAN_REFUSED):
            bench.log.add(NOTICE, event)
        bench.own.kinds = push_events.ALARM
        bench.log.add(NOTICE, events.NODE_UP, 1)
        await bench.run(3)

    bench = play(story)
    assert bench.targets[0].connections == 0 and bench.is_at_rest()


def test_a_clock_that_was_never_set_gives_no_time():
    async def story(bench):
        bench.wall_at_start = 0
        bench.log.add(NOTICE, events.NODE_LOST, 3)
        await bench.run(1)

    assert play(story).own_got()[0][0] == 0


def test_meters_and_own_events_take_turns():
    async def story(bench):
        bench.offer(1, 2, 3)
        for node in range(6):
            bench.log.add(NOTICE, events.NODE_LOST, node)
        await bench.run(1)

    sources = [octets[3] for octets in play(story).targets[0].got]
    assert sources == [1, 0x10, 1, 0x10, 1, 0x10, 1, 1, 1]


def test_events_in_batches_are_an_array_that_fits_the_apdu():
    async def story(bench):
        bench.turns.batch = 16
        for node in range(8):
            bench.log.add(NOTICE, events.NODE_UP, node)
        await bench.run(1)

    bench = play(story)
    assert [text[-6:-2] for text in bench.texts()] == ["0x%02X" % n for n in range(16, 24)]
    assert 2 <= len(bench.targets[0].got) <= 4 and max(map(len, bench.targets[0].got)) <= 264


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


def test_a_heartbeat_every_so_often_and_when_asked():
    async def story(bench):
        bench.own.health = lambda: '{"uptime_s":%d}' % bench.log.now_s
        bench.keeper.heartbeat_s = 60
        await bench.run(130)
        bench.keeper.push_now()
        await bench.run(1)

    bench = play(story)
    assert [one[1] for one in bench.own_got()] == [0xD1] * 3
    assert [text in ('{"uptime_s":%d}' % at for at in (60, 61, 120, 121, 131)) for text in bench.texts()] == [True] * 3


def test_heartbeats_that_cannot_be_delivered_do_not_pile_up():
    async def story(bench):
        bench.own.health = lambda: "{}"
        bench.keeper.heartbeat_s = 10
        bench.up(False)
        await bench.run(500)
        bench.up(True)
        await bench.run(61)

    bench = play(story)
    assert 1 <= len(bench.own_got()) <= 7


def test_the_older_form_is_an_event_notification_with_a_code_of_32_bits():
    async def story(bench):
        bench.own.as_event, bench.turns.batch = True, 16
        bench.log.add(NOTICE, events.NODE_LOST, 3)
        bench.log.add(NOTICE, events.NODE_BACK, 3)
        await bench.run(1)

    got = play(story).targets[0].got
    head = bytes.fromhex("C2 00 4E2C 000080000CFF 03  02 03 09 0C") + SERIAL + bytes.fromhex("12 0001 02 04 09 0C")
    assert len(got) == 2 and got[0][8:].startswith(head)
    tail = bytes.fromhex("12 0000 06 00CB0000 09 10") + b"METER003".hex().upper().encode()
    assert got[0][8 + len(head) + 12 :] == tail


# --- late, and flash ---

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


def outage(bench_options, before, after):
    """A bench whose WAN is away during `before`, then back for `after` on the same flash."""
    async def first(bench):
        bench.up(False)
        await before(bench)

    async def second(bench):
        await after(bench)

    one = play(first, **bench_options)
    return one, play(second, **bench_options)


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


def test_the_names_of_the_counters_are_all_used():
    indices = {value for name, value in vars(counted).items() if name.isupper() and isinstance(value, int)}
    assert set(range(len(counted.NAMES))) <= indices


# --- ciphered ---

def opened(apdu, security):
    """The plain APDU in a general-glo, by the OpenSSL behind `cryptography`; and its counter."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    title, rest = apdu[2:10], apdu[10:]
    assert apdu[:2] == b"\xdb\x08"
    rest = rest[1:] if rest[0] < 0x80 else rest[2 + (rest[0] & 1 ^ 1) :]
    control, counter, text, tag = rest[0], rest[1:5], rest[5:-12], rest[-12:]
    keys = security.keys.clients[0]
    gcm = modes.GCM(title + counter, tag, min_tag_length=12)
    decryptor = Cipher(algorithms.AES(bytes(keys.encryption_key)), gcm).decryptor()
    decryptor.authenticate_additional_data(bytes([control]) + bytes(keys.authentication_key))
    assert control == 0x30 | keys.suite
    return decryptor.update(text) + decryptor.finalize(), int.from_bytes(counter, "big")


def security(keys):
    """A device's security on that record of keys."""
    from dlms.security.device_security import DeviceSecurity
    from dlms.security.lockout import Lockout

    lockout = Lockout(8, 1000, 60000, 2000)
    records = (security_fakes.MemoryRecord(keys), security_fakes.MemoryRecord())
    return DeviceSecurity(*records, security_fakes.make_aes, bytes, security_fakes.SERVER_TITLE, lockout)


def with_keys():
    return security(security_fakes.key_record(security_fakes.same_keys()))


def sealed_story(seal, bench):
    bench.turns.seal, bench.turns.is_mute = seal.seal, not seal.can_seal()
    bench.own.front, bench.own.back = push_seal.FRONT_LEN, push_seal.BACK_LEN


def test_own_notifications_are_ciphered_with_rising_counters_and_meters_are_not_touched():
    keyed = with_keys()
    seal = push_seal.Seal(keyed)

    async def story(bench):
        sealed_story(seal, bench)
        bench.turns.batch = 3
        bench.offer(1, 2)
        for node in range(7):
            bench.log.add(NOTICE, events.NODE_UP, node)
        await bench.run(1)

    bench = play(story)
    found = [opened(octets[8:], keyed) for octets in bench.targets[0].got if octets[3] == 1]
    told = [event for apdu, _ in found for event in parse(apdu)]
    assert len(told) == 7 and [counter for _, counter in found] == sorted({counter for _, counter in found})
    assert bench.got() == [1, 2] and max(map(len, bench.targets[0].got)) <= 264


def test_without_keys_or_counters_nothing_of_our_own_goes_out_and_meters_go_on():
    no_keys = push_seal.Seal(security(bytes(352)))
    assert not no_keys.can_seal()
    no_counter = push_seal.Seal(with_keys())
    no_counter._security.invocation_counters.next_send = lambda: -1

    for seal in (no_keys, no_counter):
        async def story(bench, seal=seal):
            sealed_story(seal, bench)
            bench.keeper.heartbeat_s, bench.turns.late_s = 1, 1
            bench.log.add(NOTICE, events.NODE_UP, 1)
            for n in range(3):
                bench.offer(n)
                await bench.run(3)

        bench = play(story)
        assert bench.got() == [0, 1, 2] and len(bench.targets[0].got) == 3


def test_a_counter_that_could_not_be_reserved_once_does_not_silence_us_for_good():
    keyed = with_keys()
    counters = keyed.invocation_counters
    reserve = counters.next_send

    async def story(bench):
        sealed_story(push_seal.Seal(keyed), bench)
        counters.next_send = lambda: -1
        bench.log.add(NOTICE, events.NODE_UP, 1)
        await bench.run(3)
        assert not bench.targets[0].got
        counters.next_send = reserve
        bench.log.add(NOTICE, events.NODE_LOST, 1)
        await bench.run(70)
        assert len(bench.targets[0].got) == 2

    play(story)
