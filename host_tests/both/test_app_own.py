# SPDX-License-Identifier: MIT
"""Where the objects of SAP 1 have their live values from: settings, the machine's clock, its files."""

import json
import os
from hashlib import sha256

from cosem_calls import call, put, read
from dlms_device import Sfsk
from fakes import RamStore

from app import own_clock
from app.config import load
from app.own_facts import Facts
from app.own_network import OwnNetwork, octets_of
from app.own_sfsk import SfskSource
from app.own_signature import Signature
from app.schema import SCHEMA
from app.settings import Settings
from base import events
from base.counters import Counters
from base.log import NOTICE, WARNING, Log
from dlms.cosem.object import ROLE_MANAGEMENT, ROLE_READ_WRITE
from dlms.cosem.sfsk import sfsk_objects
from hal import clock as hal_clock
from hal.code import signature_of

_BEGIN = bytes.fromhex("ffff03fe07020000ff800000")


class Machine:
    """hal.clock that stands still."""

    def __init__(self, wall_s=1790000000):
        self.now_s = wall_s

    def wall_s(self):
        return self.now_s

    def set_wall_s(self, wall_s):
        self.now_s = wall_s


class Bench:
    """The Clock over real settings in a RAM store."""

    def __init__(self, store=None, wall_s=1790000000):
        self.store = store or RamStore()
        self.config = load(self.store)
        assert not self.config.errors
        self.log = Log(64)
        self.settings = Settings(self.store, self.config, self.log)
        self.machine = Machine(wall_s)
        self.clock = own_clock.own_clock(self.machine, self.log, self.config, self.settings)
        self.made = self.clock.cosem_object()


def test_the_clock_is_utc_without_summer_by_default_and_its_switch_dates_are_europes():
    bench = Bench()
    assert [read(bench.made, index) for index in (3, 4, 7, 8)] == [0, 0, 60, 0]
    assert read(bench.made, 5) == _BEGIN
    bench.machine.now_s = 1774746000 - 1
    assert read(bench.made, 2) == bytes.fromhex("07ea031d0700 3b3b00000000".replace(" ", ""))


def test_a_zone_set_over_dlms_holds_at_once_and_after_a_restart():
    bench = Bench(wall_s=1774746000)
    assert put(bench.made, 3, b"\x10\xff\xc4", ROLE_MANAGEMENT) == 0
    assert put(bench.made, 8, b"\x03\xff", ROLE_MANAGEMENT) == 0
    assert put(bench.made, 6, b"\x09\x0c" + _BEGIN, ROLE_MANAGEMENT) == 0
    assert json.loads(bench.store.files["config.json"])["clock"] == {
        "zone_min": -60,
        "summer": True,
        "summer_end": "FFFF03FE07020000FF800000",
    }
    again = Bench(bench.store, wall_s=1774746000)
    for one in (bench, again):
        assert [read(one.made, index) for index in (3, 6, 8)] == [-60, _BEGIN, 0xFF]
        assert one.config.source == "config.json" or one is bench
    assert put(again.made, 6, b"\x09\x0c" + bytes.fromhex("ffff0afe07030000ff800080"), ROLE_MANAGEMENT) == 0
    assert read(again.made, 2) == bytes.fromhex("07ea031d0703000000ff8880")
    assert read(again.made, 4) == 0x80


def test_a_setting_of_the_clock_changed_elsewhere_holds_at_once():
    bench = Bench()
    assert bench.settings.change(1, "clock.zone_min", 300) == 0
    assert read(bench.made, 3) == 300
    assert bench.settings.change(1, "clock.summer_begin", "FFFFFFFF07020000FF800000") == 250
    assert "clock.summer_begin" in bench.settings.complaint
    assert read(bench.made, 5) == _BEGIN


def test_setting_the_time_sets_the_machines_clock_and_leaves_a_record():
    bench = Bench(wall_s=5)
    assert read(bench.made, 4) == 1
    octets = b"\x09\x0c" + bytes.fromhex("07ea030107000000ff800000")
    assert put(bench.made, 2, octets, ROLE_MANAGEMENT) == 0
    assert bench.machine.now_s == 1772323200
    assert bench.log.record()[1:5] == (WARNING, events.CLOCK_JUMPED, -1, 1772323195)
    assert call(bench.made, 6, b"\x10\xff\xff", ROLE_MANAGEMENT) == 0
    assert bench.log.record()[1:5] == (NOTICE, events.CLOCK_SET, -1, -1)
    for year in (b"\x07\xe6", b"\x08\x33"):  # 2022, before this firmware; 2099, behind its calendar
        assert put(bench.made, 2, b"\x09\x0c" + year + octets[4:6] + b"\xff" + octets[7:], ROLE_MANAGEMENT) == 250
    assert bench.machine.now_s == 1772323199


def test_a_shift_over_a_minute_is_a_warning_of_the_security_log():
    for shift, event in ((60, events.CLOCK_SET), (61, events.CLOCK_JUMPED), (-61, events.CLOCK_JUMPED)):
        bench = Bench()
        assert call(bench.made, 6, b"\x10" + (shift & 0xFFFF).to_bytes(2, "big"), ROLE_READ_WRITE) == 0
        assert bench.log.record()[2:5] == (event, -1, shift)
        assert events.category(event) == (event == events.CLOCK_JUMPED)


def test_a_clock_set_again_and_again_does_not_wash_the_log():
    bench = Bench()
    for now_s in range(3600):
        bench.log.now_s = now_s
        result = call(bench.made, 6, b"\x10\x00\x05", ROLE_READ_WRITE)
        assert result == (0 if now_s < 10 or now_s % 60 == 0 else 2), now_s
    assert bench.log.total == 10 + 59 and bench.machine.now_s == 1790000000 + 5 * 69


def test_records_of_the_past_are_told_by_the_clock_as_it_goes_now():
    bench = Bench()
    bench.log.now_s = 500
    source = own_clock.WallClock(bench.machine, bench.log, bench.settings)
    assert source.utc_s(480) == source.utc_s(None) - 20 == 1789999980
    bench.machine.now_s = 1600000000
    assert source.utc_s(480) is None


def test_the_wall_clock_of_this_machine_goes_on_from_what_it_was_set_to():
    before = hal_clock.wall_s()
    hal_clock.set_wall_s(before + 1000000)
    assert 0 <= hal_clock.wall_s() - before - 1000000 <= 2
    hal_clock.set_wall_s(before)
    assert 0 <= hal_clock.wall_s() - before <= 2


class Parts:
    """As app.own_device.Parts, as far as facts go."""

    serial, version, interpreter, reset_cause = b"GW1", b"1.2", b"mp", 3
    channel_permille = None

    def __init__(self, bench):
        self.config, self.settings, self.log = bench.config, bench.settings, bench.log
        self.signature = Signature(iter((b"", b"s" * 32)))
        self.slab = self.exchanges = self.table = self
        self.free_cnt, self.min_free, self.open_cnt, self.max_open = 40, 3, 7, 9
        self.counters = (
            Counters(("refused-a", "dropped-b", "refused-c")),
            None,
            Counters(("reset_soft", "x", "reset_line")),
        )

    def own_ldn(self):
        return b"LDN"

    def count(self):
        return 1200


def _facts(parts):
    return {made.logical_name: made for made in Facts(parts).objects()}


def test_facts_are_where_they_belong_and_live():
    bench = Bench()
    parts = Parts(bench)
    found = _facts(parts)

    def fact(*name):
        return read(found[bytes(name) + b"\xff"], 2)

    assert [fact(0, 0, 42, 0, 0), fact(0, 0, 96, 1, 0), fact(1, 0, 0, 2, 0), fact(1, 1, 0, 2, 0)] == [
        b"LDN",
        b"GW1",
        b"1.2",
        b"mp",
    ]
    bench.log.now_s = 77
    assert [fact(0, 0, 128, 4, e) for e in (0, 1, 2, 3)] == [b"", b"defaults", 77, 3]
    assert fact(0, 0, 128, 4, 5)[0] > 0
    assert fact(1, 0, 0, 2, 8) == b""
    parts.signature.on_deadline(1)
    assert fact(1, 0, 0, 2, 8) == b"s" * 32
    parts.counters[0].inc(0, 5)
    parts.counters[0].inc(1, 50)
    parts.counters[0].inc(2, 500)
    parts.counters[2].inc(0, 2)
    parts.counters[2].inc(2, 1)
    registers = [read(found[bytes((0, 0, 128, 6, e, 255))], 2) for e in range(9)]
    assert registers[2:] == [40, 3, 7, 9, 505, 3, 1200] and registers[1] > 0
    assert read(found[b"\x00\x00\x80\x06\x02\xff"], 3) == [0, 255]
    assert b"\x00\x00\x80\x06\x09\xff" not in found
    parts.channel_permille = lambda: 423
    made = _facts(parts)[b"\x00\x00\x80\x06\x09\xff"]
    assert (read(made, 2), read(made, 3)) == (423, [-1, 56])


def test_the_configuration_hash_is_of_the_settings_in_effect():
    bench = Bench()
    parts = Parts(bench)

    def wanted():
        return sha256(
            "".join(["%s=%s\n" % (row[0], json.dumps(bench.config[row[0]])) for row in SCHEMA]).encode()
        ).digest()

    made = _facts(parts)[b"\x00\x00\x80\x04\x06\xff"]
    first = read(made, 2)
    assert first == wanted()
    bench.settings.change(1, "wan.idle_s", 77)  # waits for the restart
    assert read(made, 2) == first
    bench.settings.change(1, "clock.zone_min", 60)
    assert read(made, 2) == wanted() != first


def test_the_signature_is_the_hash_of_all_code_files_in_the_order_of_their_names():
    root = "build-both-code"
    files = (
        ("main.py", b"m" * 700),
        ("lib/a/x.py", b""),
        ("lib/a/y.mpy", b"y" * 512),
        ("lib/b.py", b"b"),
        ("lib/b.txt", b"no"),
    )
    for folder in ("", "/lib", "/lib/a"):
        os.mkdir(root + folder)
    for name, octets in files:
        with open(root + "/" + name, "wb") as file:
            file.write(octets)
    whole = sha256()
    for name, octets in files[:-1]:
        whole.update(name.encode() + b"\x00" + octets)
    signature = Signature(signature_of(root))
    digest = whole.digest()
    for now in (1, 2):
        signature.on_deadline(now)
        assert signature.octets == digest
    for name, _ in files:
        os.remove(root + "/" + name)
    for folder in ("/lib/a", "/lib", ""):
        os.rmdir(root + folder)


def test_code_that_is_no_files_has_no_signature_and_steps_are_small():
    assert list(signature_of("no-such-root")) == [b""]
    steps = []
    signature = Signature(iter(steps.append(i) or b"" for i in range(100)))
    signature.on_deadline(1)
    assert len(steps) == 16 and signature.octets == b""


def test_the_network_is_shown_as_the_machine_has_it_and_changed_by_settings():
    bench = Bench()
    facts = ("192.168.10.20", "255.255.255.0", "192.168.10.1", "bad.host", b"\x02\x00\x00\x00\x00\x01", 1)
    made = OwnNetwork(bench.settings, lambda: facts).objects()
    assert [(one.class_id, one.version, one.logical_name[2:4]) for one in made] == [
        (41, 0, b"\x19\x00"), (42, 0, b"\x19\x01"), (43, 0, b"\x19\x02"), (48, 0, b"\x19\x07")
    ]  # fmt: skip
    tcp, ipv4, mac, ipv6 = made
    assert [read(tcp, index) for index in (2, 3, 5, 6)] == [4059, ipv4.logical_name, 4, 900] and not tcp.has(4)
    assert [read(ipv4, index) for index in range(2, 11)] == [
        mac.logical_name, 0xC0A80A14, [], [], 0xFFFFFF00, 0xC0A80A01, 0xFF, 0, 0
    ]  # fmt: skip
    assert read(mac, 2) == facts[4]
    assert [read(ipv6, index) for index in range(2, 11)] == [mac.logical_name, 0, [], [], [], b"", b"", 0, []]
    assert put(tcp, 2, b"\x12\x10\x00", ROLE_MANAGEMENT) == 0
    assert put(tcp, 5, b"\x11\x00", ROLE_MANAGEMENT) == 250  # 1 to 16
    assert put(tcp, 6, b"\x12\x00\x3c", ROLE_MANAGEMENT) == 0
    assert [read(tcp, index) for index in (2, 5, 6)] == [4096, 4, 60]
    assert bench.settings.waiting() == ["wan.idle_s", "wan.port"]
    assert (
        put(tcp, 2, b"\x12\x10\x00", ROLE_READ_WRITE) == put(ipv4, 3, b"\x06" + bytes(4), ROLE_MANAGEMENT) == "denied"
    )
    assert bench.settings.change(1, "wan.idle_s", 86400) == 0
    assert read(tcp, 6) == 65535
    assert [octets_of(text) for text in ("1.2.3.4", "1.2.3", "1.2.3.256", "", "a.b.c.d")] == [b"\x01\x02\x03\x04"] + [
        bytes(4)
    ] * 4


def test_sfsk_attributes_that_are_settings_are_changed_for_the_next_start():
    bench = Bench()
    made = {one.class_id: one for one in sfsk_objects(SfskSource(Sfsk(), bench.settings))}
    for class_id, index, octets, path, stored in (
        (50, 6, b"\x11\x50", "sfsk.search_initiator_threshold", 80),
        (50, 8, b"\x12\x0c\x01", "sfsk.initiator_mac", 0xC01),
        (50, 4, b"\x11\x24", "sfsk.gain_octet", 0x0C),
        (50, 5, b"\x11\x15", "sfsk.tx_attenuation", 0x0E),
        (50, 15, b"\x16\x02", "sfsk.baud", 1200),
        (52, 2, b"\x12\x00\x64", "sfsk.search_initiator_s", 100),
        (52, 3, b"\x12\x00\x14", "sfsk.synchro_confirm_s", 20),
        (52, 4, b"\x12\x00\x32", "sfsk.keepalive.time_out_not_addressed_min", 50),
        (52, 5, b"\x12\x00\x3c", "sfsk.frame_not_ok_s", 60),
        (55, 2, b"\x12\x00\x64", "sfsk.max_frame_length", 100),
    ):
        assert put(made[class_id], index, octets, ROLE_READ_WRITE) == "denied"
        assert put(made[class_id], index, octets, ROLE_MANAGEMENT) == 0, (class_id, index)
        assert bench.settings.value(path) == stored
    assert put(made[50], 7, b"\x02\x02\x06\x00\x01\x11\x70\x06\x00\x01\x38\x80", ROLE_MANAGEMENT) == 0
    assert (bench.settings.value("sfsk.mark_hz"), bench.settings.value("sfsk.space_hz")) == (70000, 80000)
    waiting = bench.settings.waiting()
    for class_id, index, octets in (
        (50, 4, b"\x11\x05"), (50, 4, b"\x11\x30"), (50, 5, b"\x11\x18"), (50, 15, b"\x16\x04"),
        (50, 8, b"\x12\x0b\xff"), (55, 2, b"\x12\x00\xf3"), (55, 2, b"\x12\x00\x19"),
        (50, 7, b"\x02\x02\x06\x00\x00\x00\x00\x06\x00\x01\x38\x80"),
    ):  # fmt: skip
        assert put(made[class_id], index, octets, ROLE_MANAGEMENT) == 250, (class_id, index)
    assert bench.settings.waiting() == waiting
    for class_id, index in ((50, 2), (50, 10), (51, 2), (53, 5), (56, 2)):
        assert put(made[class_id], index, b"\x16\x00", ROLE_MANAGEMENT) == "denied"
