# SPDX-License-Identifier: MIT
"""Class 64 and the invocation counters over DLMS: what is shown, what may be changed, what leaves a record."""

from cosem_calls import call, encoded, put, read
from security_fakes import AK, EK, MASTER, SERVER_TITLE, MemoryRecord, key_record, make_aes

from base import events
from base.log import Log
from dlms.cosem.object import (
    ROLE_FIRMWARE,
    ROLE_KEYED,
    ROLE_MANAGEMENT,
    ROLE_PUBLIC,
    ROLE_READ_ONLY,
    ROLE_READ_WRITE,
)
from dlms.cosem.security_setup import SecuritySetups
from dlms.security import keywrap
from dlms.security.device_security import DeviceSecurity
from dlms.security.lockout import Lockout

NEW = bytes(range(0x80, 0x90))
SAPS = (1, 32, 64, 127)


class Bench:
    """The eight objects over a provisioned security with policy `policy`."""

    def __init__(self, policy=0x24, **other):
        rows = {sap: (0, policy, EK + bytes(16), AK + bytes(16)) for sap in SAPS}
        self.record = MemoryRecord(key_record(rows, **other))
        lockout = Lockout(8, 1000, 60000, 2000)
        self.security = DeviceSecurity(self.record, MemoryRecord(), make_aes, bytes, SERVER_TITLE, lockout)
        assert not self.security.keys.error
        self.log = Log(64)
        self.objects = SecuritySetups(self.security, self.log).objects()

    def transfer(self, row, *keys, master=MASTER):
        pairs = b"".join(
            [b"\x02\x02\x16" + bytes((n,)) + b"\x09\x18" + keywrap.wrap(make_aes, master, k) for n, k in keys]
        )
        return call(self.objects[row], 2, b"\x01" + bytes((len(keys),)) + pairs, ROLE_MANAGEMENT)

    def noted(self):
        return self.log.record()[2], self.log.record()[4], self.log.record()[5]


def test_each_client_has_its_setup_and_its_counter():
    bench = Bench()
    names = [made.logical_name for made in bench.objects]
    assert names == [bytes((0, 0, 43, d, e, 255)) for d in (0, 1) for e in (1, 2, 3, 4)]
    for row in range(4):
        made = bench.objects[row]
        assert (made.class_id, made.version, made.attribute_cnt, made.method_cnt) == (64, 1, 6, 8)
        assert [read(made, index) for index in range(2, 7)] == [0x24, 0, b"", SERVER_TITLE, []]
        assert encoded(made.value(2))[:1] == encoded(made.value(3))[:1] == b"\x16"
        assert not made.is_seen_by(ROLE_PUBLIC) and made.is_seen_by(ROLE_READ_ONLY)


def test_counters_can_be_read_by_everybody_and_follow_what_was_received():
    bench = Bench()
    assert bench.security.invocation_counters.accept(2, 1234567)
    assert [encoded(made.value(2)) for made in bench.objects[4:]] == [
        b"\x06\x00\x00\x00\x00", b"\x06\x00\x00\x00\x00", b"\x06\x00\x12\xd6\x87", b"\x06\x00\x00\x00\x00"
    ]  # fmt: skip
    for made in bench.objects[4:]:
        assert made.class_id == 1 and made.access(2, ROLE_PUBLIC) == 1
        assert put(made, 2, b"\x06\x00\x00\x00\x00", ROLE_MANAGEMENT) == "denied"


def test_only_management_may_change_anything_and_nothing_may_be_written():
    bench = Bench()
    for role in (ROLE_PUBLIC, ROLE_READ_WRITE, ROLE_FIRMWARE, ROLE_READ_ONLY, ROLE_KEYED & ~ROLE_MANAGEMENT):
        for method in range(1, 9):
            assert call(bench.objects[0], method, b"\x16\x6c", role) == "denied"
    for method in range(3, 9):
        assert call(bench.objects[0], method, b"\x16\x6c", ROLE_MANAGEMENT) == "denied"
    for index in range(1, 7):
        assert put(bench.objects[0], index, b"\x16\x00", ROLE_MANAGEMENT) == "denied"


def test_a_policy_only_gets_stricter():
    bench = Bench()
    made = bench.objects[1]
    assert call(made, 1, b"\x16\x2c", ROLE_MANAGEMENT) == 0
    assert bench.noted() == (events.POLICY_CHANGED, 32, 0x2C)
    assert [read(one, 2) for one in bench.objects[:4]] == [0x24, 0x2C, 0x24, 0x24]
    for policy in (0x24, 0x00, 0x3C, 0xEC, 0x20):
        assert call(made, 1, b"\x16" + bytes((policy,)), ROLE_MANAGEMENT) == 250
        assert bench.noted() == (events.SECURITY_REFUSED, 32, 250)
    assert call(made, 1, b"\x16\x6c", ROLE_MANAGEMENT) == 0
    assert read(made, 2) == 0x6C
    for octets in (b"\x11\x6c", b"\x16", b""):
        assert call(made, 1, octets, ROLE_MANAGEMENT) == "type"
    assert call(made, 1, None, ROLE_MANAGEMENT) == 12


def test_keys_come_wrapped_by_the_master_key_and_are_used_after_the_answer():
    bench = Bench()
    assert bench.transfer(1, (0, NEW), (2, EK)) == 0
    assert bench.noted() == (events.KEYS_CHANGED, 32, 2)
    assert bytes(bench.security.keys.find(32).encryption_key) == EK
    bench.security.activate_keys()
    assert bytes(bench.security.keys.find(32).encryption_key) == NEW
    assert bytes(bench.security.keys.find(32).authentication_key) == EK
    assert bytes(bench.security.keys.find(1).encryption_key) == EK


def test_a_policy_cannot_change_while_new_keys_wait_for_the_end_of_the_request():
    bench = Bench()
    assert bench.transfer(1, (0, NEW)) == 0
    assert call(bench.objects[1], 1, b"\x16\x6c", ROLE_MANAGEMENT) == 2
    bench.security.activate_keys()
    assert call(bench.objects[1], 1, b"\x16\x6c", ROLE_MANAGEMENT) == 0


def test_keys_that_are_not_wrapped_right_change_nothing():
    bench = Bench()
    saved = bench.record.load()
    assert bench.transfer(0, (0, NEW), master=NEW) == 250
    assert bench.noted() == (events.SECURITY_REFUSED, 1, 250)
    assert bench.transfer(0, (7, NEW)) == 12
    good = b"\x01\x01\x02\x02\x16\x00\x09\x18" + keywrap.wrap(make_aes, MASTER, NEW)
    assert call(bench.objects[0], 2, b"\x01\x00", ROLE_MANAGEMENT) == 250
    for octets in [good[:n] for n in range(len(good))] + [
        b"\x02" + good[1:], b"\x01\x05" + good[2:] * 5, b"\x01\x84\xff\xff\xff\xff" + good[2:],
        good[:7] + b"\x17" + good[8:], b"\x01\x01\x02\x02\x16\x00\x09\x29" + bytes(41),
    ]:  # fmt: skip
        if octets != b"\x01\x00":
            assert call(bench.objects[0], 2, octets, ROLE_MANAGEMENT) == "type", octets
    for n in (24, 25, 31, 39, 40):
        assert (
            call(bench.objects[0], 2, b"\x01\x01\x02\x02\x16\x00\x09" + bytes((n,)) + bytes(n), ROLE_MANAGEMENT) == 250
        )
    assert bench.record.load() == saved


def test_a_flash_that_refuses_is_a_hardware_fault():
    bench = Bench()
    bench.record.save = lambda octets: False
    assert bench.transfer(0, (0, NEW)) == 1
    assert call(bench.objects[0], 1, b"\x16\x6c", ROLE_MANAGEMENT) == 1
    assert read(bench.objects[0], 2) == 0x24


def test_no_attribute_shows_a_key():
    bench = Bench()
    for made in bench.objects:
        for index in range(1, made.attribute_cnt + 1):
            octets = encoded(made.value(index))
            assert EK not in octets and AK not in octets and MASTER not in octets
