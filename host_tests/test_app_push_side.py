# SPDX-License-Identifier: MIT
"""Notifications put together from settings: relay policies, kinds, pace, and changes while running."""

import json

import pytest

from app.config import load
from app.own_device import Parts
from app.push import PushRoute
from app.push_side import PushSide
from app.replies import HEADROOM
from app.settings import Settings
from base.log import Log
from base.slab import Slab
from dlms.apdu import SUCCESS
from gateway.journal import Journal
from gateway.registration import Table
from hal.store import FileStore
from host_tests.shim import FileSystem, device
from plc.medium import NODE_ONLINE

SERIAL = b"GATEWAY00001"
WALL = 1_790_000_000
PLAIN = bytes.fromhex("0F40000001000202060000000709 0141".replace(" ", ""))
CIPHERED = bytes.fromhex("DB084D4D4D0000000001053000000001AA")


class Clock:
    wall = WALL

    def wall_s(self):
        return self.wall

    def calendar(self, wall):
        import time

        return tuple(time.gmtime(wall))


class Bench:
    def __init__(self, **push):
        push.setdefault("targets", ["10.0.0.1:4060/102"])
        self.store = FileStore("/flash/state")
        with_text = json.dumps({"push": push}).encode()
        self.store.begin("config.json")
        self.store.write(with_text)
        self.store.commit()
        self.config = load(self.store)
        assert not self.config.errors, self.config.errors
        self.log = Log(64)
        self.settings = Settings(self.store, self.config, self.log)
        parts = Parts()
        parts.config, parts.settings, parts.clock, parts.log = self.config, self.settings, Clock(), self.log
        parts.serial, parts.version = SERIAL, b"1.2"
        parts.table = self.table = Table(8, 8, Journal(self.store), 0, 0)
        for n in range(3):
            self.table.add(b"METER%03d" % n)
        self.table.set_state(1, NODE_ONLINE, 1)
        self.parts = parts
        self.slab = Slab(12, 256, HEADROOM, 16)
        self.route = PushRoute(self.slab, 4, self.log)
        self.side = PushSide(self.route, parts, self.store, lambda n: b"\xff" * n)

    def relayed(self, apdu):
        """What becomes of a notification of the meter at SAP 0x11; "" when it was dropped."""
        self.route.offer(0, 0x11, 0x66, memoryview(apdu))
        item = self.route.oldest()
        if item is None:
            return b""
        wpdu = bytes(self.route.wpdu(item))
        self.route.sent(item)
        assert wpdu[:6] == bytes.fromhex("000100110066") and int.from_bytes(wpdu[6:8], "big") == len(wpdu) - 8
        return wpdu[8:]

    def change(self, **changes):
        for name, value in changes.items():
            assert self.settings.change(0, "push." + name, value) == SUCCESS


@pytest.fixture(autouse=True)
def flash():
    """An empty flash."""
    fs = device.fs
    device.fs = FileSystem()
    yield device.fs
    device.fs = fs


def test_the_relay_policy_is_taken_live():
    bench = Bench()
    assert bench.relayed(PLAIN) == PLAIN and bench.relayed(CIPHERED) == CIPHERED
    bench.change(relay="drop")
    assert bench.relayed(PLAIN) == b""
    bench.change(relay="add_origin_header")
    origin = bytes.fromhex("0203090C") + SERIAL + bytes.fromhex("12001102020910") + b"METER001".hex().upper().encode()
    assert bench.relayed(PLAIN) == PLAIN[:6] + origin + PLAIN[6:]
    got = bench.relayed(CIPHERED)
    assert got.startswith(bytes.fromhex("0F000000020C07EA091501")) and got.endswith(origin + b"\x09\x11" + CIPHERED)
    bench.change(relay="pass")
    assert bench.relayed(PLAIN) == PLAIN


def test_an_origin_header_that_does_not_fit_is_left_out_at_the_limit():
    bench = Bench(relay="add_origin_header")
    extra = len(bench.relayed(CIPHERED)) - len(CIPHERED) + 1  # one more for a length above 127
    for length, is_wrapped in ((256 - extra, True), (257 - extra, False)):
        apdu = CIPHERED + bytes(length - len(CIPHERED))
        got = bench.relayed(apdu)
        assert len(got) == (256 if is_wrapped else length) and got.endswith(apdu)
    assert bench.route.counters.named("push-origin-too-long") == 1


def test_a_clock_that_was_never_set_leaves_the_time_of_the_origin_out():
    bench = Bench(relay="add_origin_header")
    Clock.wall = 5
    try:
        assert bench.relayed(CIPHERED).startswith(bytes.fromhex("0F0000000100"))
        assert bench.side.turns.boot_s() == 0
    finally:
        Clock.wall = WALL


def test_settings_reach_their_places_at_the_start_and_live():
    bench = Bench(random_s=3, retries=2, alarms=False, form="event", batch=9, flash_kib=0)
    side = bench.side
    assert (side.pace.random_s, side.pace.retries, side.own.kinds, side.own.as_event, side.turns.batch) == (
        3, 2, 1 | 8 | 4, True, 9)  # fmt: skip
    assert side.turns.ring is None
    bench.change(retry_min_s=5, retry_exponent=150, retry_max_s=90, heartbeat_s=7, flash_after_s=8, flash_writes=9)
    bench.change(topology=False, security=False, alarms=True, form="data", late_s=4)
    assert (side.pace.min_s, side.pace.exponent, side.pace.max_s) == (5, 150, 90)
    assert (side.keeper.heartbeat_s, side.keeper.after_s, side.keeper.writes_a_day) == (7, 8, 9)
    assert (side.own.kinds, side.own.as_event, side.turns.late_s) == (2, False, 4)


def test_a_cipher_without_keys_silences_our_own_and_no_one_else():
    bench = Bench(cipher=True)
    assert bench.side.turns.is_mute and bench.side.own.kinds == 0
    assert bench.relayed(PLAIN) == PLAIN
    bench.change(cipher=False)
    assert not bench.side.turns.is_mute and bench.side.own.kinds


def test_a_ring_of_that_size_and_a_heartbeat_that_is_json(flash):
    bench = Bench(flash_kib=64)
    ring = bench.side.turns.ring
    while not ring.is_ready:
        ring.step()
    view = memoryview(bytearray(700))
    for _ in range(300):
        assert ring.put(view, 100, 256, (1, 1, 0), True)
    used = sum(flash.stat("/flash/state/push.%d" % n)[6] for n in range(8))
    assert 56 * 1024 < used <= 64 * 1024 and ring.lost > 0
    health = json.loads(bench.side.own.health())
    assert (health["nodes"], health["online"], health["waiting"], health["version"]) == (3, 1, len(ring), "1.2")


def test_the_random_wait_is_below_its_limit():
    bench = Bench()
    assert all(0 <= bench.side.delivery._random(n) < n for n in (1, 2, 1000, 3_600_000))
