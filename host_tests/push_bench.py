# SPDX-License-Identifier: MIT
"""One gateway's notifications in virtual time, between a log, two head-ends and a flash, for tests.

The shipped queue, flash ring, cursor, turns, delivery and keeper; only the connections are fakes.
Own events the head-ends got are read by pydlms.
"""

import struct

from app.push import PushRoute
from app.push_delivery import Delivery, Pace
from app.push_events import OwnEvents
from app.push_keeper import Keeper
from app.push_ring import PushRing
from app.push_turns import Turns
from app.replies import HEADROOM
from base.log import Log
from base.slab import Slab
from gateway.journal import Journal
from gateway.registration import Table
from hal.clock import calendar
from hal.store import FileStore
from host_tests.shim import aio

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


def outage(bench_options, before, after):
    """A bench whose WAN is away during `before`, then back for `after` on the same flash."""
    async def first(bench):
        bench.up(False)
        await before(bench)

    async def second(bench):
        await after(bench)

    one = play(first, **bench_options)
    return one, play(second, **bench_options)
