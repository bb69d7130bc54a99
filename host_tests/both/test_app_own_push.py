# SPDX-License-Identifier: MIT
"""Push setup objects: what they show is in settings push.*, what is written gets there.

Octets by hand from the Blue Book's class 40 version 2.
"""

from fakes import ALMOST_WRAPPED, RamStore, raises

from app.config import load
from app.own_push import OwnPush
from app.settings import Settings
from base.errors import RemoteError
from base.log import Log
from dlms.apdu import OTHER_REASON, SUCCESS
from dlms.axdr import Reader, Writer
from dlms.cosem.object import ROLE_FIRMWARE, ROLE_MANAGEMENT, ROLE_PUBLIC, ROLE_READ_ONLY

NOW = ALMOST_WRAPPED
NEVER = "FFFFFFFFFFFFFFFFFF8000FF"


class Side:
    """What OwnPush asks of app.push_side."""

    def __init__(self):
        self.pushed = 0
        self.keeper = self.own = self

    def push_now(self):
        self.pushed += 1

    def last_crc(self):
        return self.pushed

    def write_last(self, writer):
        writer.null()


class Bench:
    def __init__(self, text=b'{"push": {"targets": ["10.0.0.1:4060/102", "10.0.0.2:1"]}}', side=None):
        self.store = RamStore()
        self.store.files["config.json"] = text
        self.config = load(self.store)
        assert not self.config.errors
        self.settings = Settings(self.store, self.config, Log(32))
        self.objects = OwnPush(self.settings, side).objects()

    def get(self, attribute, index=2):
        """Attribute of the object `index`, encoded, as hex."""
        value = self.objects[index].value(attribute)
        dst = bytearray(400)
        writer = Writer()
        writer.open(dst, 0, 400)
        mark = value.begin()
        for chunk in range(value.chunk_cnt(mark)):
            value.encode_chunk(chunk, writer, mark)
        assert not writer.lost_cnt
        return "".join(["%02X" % octet for octet in dst[: writer.off]])

    def set(self, attribute, encoded, index=2):
        octets = bytes.fromhex(encoded.replace(" ", ""))
        reader = Reader()
        reader.open(memoryview(octets), 0, len(octets))
        result = self.objects[index].setter(attribute)(NOW, reader)
        assert not reader.left
        return result


def test_three_instances_for_heartbeats_alarms_and_topology():
    found = Bench().objects
    assert [one.logical_name for one in found] == [bytes((0, b, 25, 9, 0, 255)) for b in (1, 4, 7)]
    assert [(one.class_id, one.version, one.attribute_cnt, one.method_cnt) for one in found] == [(40, 2, 13, 2)] * 3


def test_every_attribute_has_its_type():
    bench = Bench()
    for index in range(3):
        assert bench.get(1, index)[:4] == "0906"
        assert bench.get(3, index) == "0203" + "1600" + "090D" + b"10.0.0.1:4060".hex().upper() + "1600"
        assert bench.get(4, index) == "0100"
        assert bench.get(5, index) == "120000"
        assert bench.get(6, index) == "1105"
        assert bench.get(7, index) == "0203" + "120001" + "1200C8" + "12003C"
        assert bench.get(8, index) == "0900"
        assert bench.get(9, index) == "0F66"
        assert bench.get(10, index) == "0100"
        assert bench.get(11, index) == "1600"
        assert bench.get(12, index) == "0202" + "090C" + NEVER + "0600000000"
        assert bench.get(13, index) == "090C" + NEVER


def test_the_object_list_says_what_a_body_is_made_of():
    restriction = "0202160000" + "0100"
    expected = "0103"
    for name, element in (("0000600100FF", 0), ("0000800201FF", 1), ("0000800201FF", 2)):
        expected += "0206" + "120001" + "0906" + name + "0F02" + "12%04X" % element + restriction
    assert Bench().get(2) == expected


def test_without_targets_there_is_an_empty_destination():
    bench = Bench(b"{}")
    assert (bench.get(3), bench.get(9)) == ("0203160009001600", "0F01")
    assert bench.set(3, "02 03 16 00 09 0A 31302E302E302E393A39 16 00") == SUCCESS
    assert bench.settings.value("push.targets") == ["10.0.0.9:9"]


def test_a_destination_replaces_the_first_target_and_keeps_its_client_sap():
    bench = Bench()
    assert bench.set(3, "02 03 16 00 09 0A 31302E302E302E393A39 16 00") == SUCCESS
    assert bench.settings.value("push.targets") == ["10.0.0.9:9/102", "10.0.0.2:1"]
    assert bench.set(9, "0F 01") == SUCCESS
    assert bench.settings.value("push.targets") == ["10.0.0.9:9", "10.0.0.2:1"]
    assert bench.set(3, "02 03 16 00 09 00 16 00") == SUCCESS
    assert bench.settings.value("push.targets") == ["10.0.0.2:1"]


def test_what_cannot_be_a_destination_is_refused():
    bench = Bench()
    for wrong in (
        "02 03 16 01 09 0A 31302E302E302E393A39 16 00",  # UDP
        "02 03 16 00 09 0A 31302E302E302E393A39 16 01",  # another message type
        "02 03 16 00 09 02 FFFE 16 00",
        "02 03 16 00 09 03 61626316 00",
        "02 03 16 00 09 0C 31302E302E302E393A392F31 16 00",  # the client SAP has an attribute of its own
    ):
        assert bench.set(3, wrong) == OTHER_REASON, wrong
    for wrong in ("0F 00", "0F 80"):
        assert bench.set(9, wrong) == OTHER_REASON, wrong
    assert bench.settings.value("push.targets") == ["10.0.0.1:4060/102", "10.0.0.2:1"]


def test_the_pace_is_written():
    bench = Bench()
    assert bench.set(5, "12 000A") == SUCCESS and bench.set(6, "11 02") == SUCCESS
    assert bench.set(7, "02 03 12 0005 12 0096 12 0E10") == SUCCESS
    assert bench.set(7, "02 03 12 0000 12 0096 12 0E10") == OTHER_REASON and bench.set(5, "12 FFFF") == OTHER_REASON
    settings = bench.settings
    assert [settings.value("push." + name) for name in ("random_s", "retries")] == [10, 2]
    assert [settings.value("push.retry_" + name) for name in ("min_s", "exponent", "max_s")] == [5, 150, 3600]
    assert (bench.get(5), bench.get(6), bench.get(7)) == ("12000A", "1102", "0203120005120096120E10")


def test_keyed_clients_read_and_management_alone_writes_and_calls():
    for one in Bench().objects:
        assert not one.is_seen_by(ROLE_PUBLIC) and one.is_seen_by(ROLE_READ_ONLY)
        for index in range(2, 14):
            writable = index in (3, 5, 6, 7, 9)
            assert one.access(index, ROLE_MANAGEMENT) == (3 if writable else 1), index
            assert one.access(index, ROLE_READ_ONLY) == 1 and one.access(index, ROLE_FIRMWARE) == 1
        assert one.may_call(1, ROLE_MANAGEMENT) and not one.may_call(1, ROLE_READ_ONLY)
        assert not one.may_call(2, ROLE_MANAGEMENT)


def test_the_method_pushes_now_when_there_is_somebody_to_push_to():
    assert Bench().objects[0].method(1)(NOW, None, Writer()) == OTHER_REASON
    side = Side()
    bench = Bench(side=side)
    reader = Reader()
    reader.open(memoryview(b"\x0f\x00"), 0, 2)
    assert bench.objects[0].method(1)(NOW, reader, Writer()) == SUCCESS
    assert side.pushed == 1 and not reader.left
    reader.open(memoryview(b"\x09\x01x"), 0, 3)
    assert raises(RemoteError, bench.objects[0].method(1), NOW, reader, Writer()) and side.pushed == 1
    assert bench.objects[3].logical_name == b"\x00\x00\x80\x02\x01\xff" and bench.get(2, 3) == "00"


def test_another_event_pushed_while_the_last_one_is_read_ends_the_read():
    side = Side()
    value = Bench(side=side).objects[3].value(2)
    mark = value.begin()
    assert value.is_intact(mark, 0)
    side.push_now()
    assert not value.is_intact(mark, 0)
