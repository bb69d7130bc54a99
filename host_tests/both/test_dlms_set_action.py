# SPDX-License-Identifier: MIT
"""SET and ACTION of a logical device, and selective GET, APDU by APDU.

APDUs are laid out by hand after COSEMpdu (tags and result numbers: shared facts dlms 4, GX, DC).
"""

from dlms_device import Bench, get, name

from base.errors import RemoteError
from dlms.apdu import SUCCESS, TEMPORARY_FAILURE
from dlms.association import keyed_client, public_client
from dlms.axdr import ENUM, INT8, OCTET_STRING, UINT8, UINT16
from dlms.cosem.object import ROLE_MANAGEMENT, ROLE_PUBLIC, ROLE_READ_ONLY, ROLE_READ_WRITE, CosemObject
from dlms.cosem.values import Encoded, number, octets
from dlms.server import LogicalDevice

_NAME = "0.0.96.200.0.255"
_OTHER = "0.0.96.200.1.255"
_GARBAGE = b"\xd8\x01\x03"
_NOT_SUPPORTED = b"\xd8\x01\x02"


class Settings:
    """An object with a number (2), a text (3), a constant (4) and four methods; what was done to it."""

    def __init__(self, logical_name=_NAME):
        self.value = 7
        self.text = b""
        self.calls = []
        values = [
            Encoded(lambda writer: writer.number(UINT16, self.value)),
            Encoded(lambda writer: writer.octets(self.text)),
            number(UINT8, 1),
        ]
        item = CosemObject(9000, 0, name(logical_name), values, 5)
        item.readers = ROLE_MANAGEMENT | ROLE_READ_ONLY
        item.writable(2, ROLE_MANAGEMENT | ROLE_READ_WRITE, self._set_value)
        item.writable(3, ROLE_MANAGEMENT, self._set_text)
        item.callable(1, ROLE_MANAGEMENT, self._double).callable(2, ROLE_MANAGEMENT, self._note)
        item.callable(3, ROLE_MANAGEMENT, self._long).callable(4, ROLE_MANAGEMENT, self._fail)
        item.selective(2, 0b101, self._select)
        self.item = item

    def _set_value(self, now, reader):
        value = reader.number(UINT16)
        if value == 13:
            return TEMPORARY_FAILURE
        self.value = value
        return SUCCESS

    def _set_text(self, now, reader):
        self.text = reader.string(OCTET_STRING, 1500)
        return SUCCESS

    def _double(self, now, reader, writer):
        writer.number(UINT16, 2 * reader.number(UINT16))
        self.calls.append(now)
        return SUCCESS

    def _note(self, now, reader, writer):
        self.calls.append(None if reader is None else reader.number(INT8))
        return SUCCESS

    def _long(self, now, reader, writer):
        self.calls.append("long")
        writer.octets(bytes(3000))
        return SUCCESS

    def _fail(self, now, reader, writer):
        writer.octets(b"half done")
        return TEMPORARY_FAILURE

    def _select(self, selector, reader):
        if selector == 1:
            return number(ENUM, reader.number(UINT8))
        if reader.number(UINT8) == 0:
            raise RemoteError("nothing is there")
        return None


def _bench(records=None):
    bench = Bench()
    bench.settings, bench.other = Settings(), Settings(_OTHER)
    clients = (
        public_client(),
        keyed_client(1, ROLE_MANAGEMENT),
        keyed_client(32, ROLE_READ_WRITE),
        keyed_client(127, ROLE_READ_ONLY),
    )
    audit = None
    if records is not None:

        def audit(association, tag, class_id, index, result):
            records.append((association.client.sap, tag, class_id, index, result))

    objects = bench.objects + [bench.settings.item, bench.other.item]
    bench.device = LogicalDevice(objects, clients, audit=audit)
    for client in clients:
        bench.associate(conformance=0xFFFFFF, sap=client.sap)
    return bench


def _target(index, logical_name=_NAME, class_id=9000):
    return class_id.to_bytes(2, "big") + name(logical_name) + bytes([index & 0xFF])


def _set(value, index=2, invoke=0xC1, selection=b"\x00", **target):
    return b"\xc1\x01" + bytes([invoke]) + _target(index, **target) + selection + value


def _action(index, parameter=None, invoke=0xC1, **target):
    head = b"\xc3\x01" + bytes([invoke]) + _target(index, **target)
    return head + (b"\x00" if parameter is None else b"\x01" + parameter)


def test_an_attribute_is_set_by_those_who_may():
    bench = _bench()
    assert bench.ask(_set(b"\x12\x01\x02"), sap=1) == b"\xc5\x01\xc1\x00"
    assert bench.settings.value == 0x102
    assert bench.ask(_set(b"\x12\x00\x09"), sap=32) == b"\xc5\x01\xc1\x00"
    assert bench.settings.value == 9
    assert bench.ask(_set(b"\x12\x00\x0a"), sap=127) == b"\xc5\x01\xc1\x03"
    assert bench.ask(_set(b"\x12\x00\x0a"), sap=16) == _NOT_SUPPORTED
    assert bench.settings.value == 9
    assert bench.ask(get(9000, _NAME, 2), sap=127) == b"\xc4\x01\xc1\x00\x12\x00\x09"
    assert bench.ask(get(9000, _NAME, 2), sap=16) == b"\xc4\x01\xc1\x01\x04"
    assert bench.ask(get(9000, _NAME, 2), sap=32) == b"\xc4\x01\xc1\x01\x03"


def test_a_set_that_cannot_be_says_why():
    bench = _bench()
    for request, result in (
        (_set(b"\x11\x01"), 12),
        (_set(b"\x12\x00\x0d"), 2),
        (_set(b"\x11\x01", index=4), 3),
        (_set(b"\x09\x00", index=1), 3),
        (_set(b"\x00", index=0), 3),
        (_set(b"\x00", index=5), 4),
        (_set(b"\x00", index=-1), 4),
        (_set(b"\x12\x00\x01", class_id=1), 9),
        (_set(b"\x12\x00\x01", logical_name="0.0.96.200.9.255"), 4),
        (_set(b"\x12\x00\x01", selection=b"\x01\x01\x11\x00"), 13),
    ):
        assert bench.ask(request, sap=1) == b"\xc5\x01\xc1" + bytes([result]), request
    assert bench.settings.value == 7
    assert bench.device.counters.named("dlms-set-refused") == 10


def test_a_malformed_set_changes_nothing():
    bench = _bench()
    whole = _set(b"\x12\x00\x63")
    malformed = (whole[:-1], whole + b"\x00", _set(b""), _set(b"\x13\x00"), b"\xc1\x06" + whole[2:], _set(b"\x02" * 9))
    for wrong in malformed:
        assert bench.ask(wrong, sap=1) == _GARBAGE, wrong
    assert bench.settings.value == 7


def test_a_list_is_set_one_by_one():
    bench = _bench()
    targets = (
        _target(2) + b"\x00" + _target(4) + b"\x00" + _target(2, _OTHER) + b"\x00" + _target(3, _OTHER) + b"\x00"
    )
    values = b"\x12\x00\x21" + b"\x11\x05" + b"\x12\x00\x22" + b"\x09\x02hi"
    request = b"\xc1\x04\xc7\x04" + targets + b"\x04" + values
    assert bench.ask(request, sap=1) == b"\xc5\x05\xc7\x04\x00\x03\x00\x00"
    assert (bench.settings.value, bench.other.value, bench.other.text) == (0x21, 0x22, b"hi")
    for wrong in (
        b"\xc1\x04\xc7\x04" + targets + b"\x03" + values,
        b"\xc1\x04\xc7\x04" + targets + b"\x04" + values + b"\x00",
        b"\xc1\x04\xc7\x04" + targets + b"\x04" + values[:-1],
        b"\xc1\x04\xc7\x00\x00",
        b"\xc1\x04\xc7\x21" + (_target(2) + b"\x00") * 33 + b"\x21" + b"\x12\x00\x01" * 33,
    ):
        assert bench.ask(wrong, sap=1) == _GARBAGE
    assert bench.settings.value == 0x21


def test_a_method_is_called_and_gives_back_what_it_wrote():
    bench = _bench()
    assert bench.ask(_action(1, b"\x12\x00\x15"), sap=1) == b"\xc7\x01\xc1\x00\x01\x00\x12\x00\x2a"
    assert bench.settings.calls == [bench.now]
    assert bench.ask(_action(2), sap=1) == b"\xc7\x01\xc1\x00\x00"
    assert bench.ask(_action(2, b"\x0f\xff"), sap=1) == b"\xc7\x01\xc1\x00\x00"
    assert bench.settings.calls[1:] == [None, -1]


def test_a_call_that_cannot_be_says_why():
    bench = _bench()
    for request, sap, result in (
        (_action(1, b"\x11\x01"), 1, 12),
        (_action(4), 1, 2),
        (_action(5), 1, 3),
        (_action(0), 1, 4),
        (_action(6), 1, 4),
        (_action(-1), 1, 4),
        (_action(1, b"\x12\x00\x01"), 32, 3),
        (_action(2, class_id=3), 1, 9),
        (_action(2, logical_name="0.0.96.200.9.255"), 1, 4),
    ):
        assert bench.ask(request, sap=sap) == b"\xc7\x01\xc1" + bytes([result, 0]), request
    assert bench.ask(_action(2), sap=16) == _NOT_SUPPORTED
    assert bench.settings.calls == []
    for wrong in (_action(2)[:-1], _action(2) + b"\x00", _action(2, b"\x0f"), _action(2, b"\x0f\x00\x00")):
        assert bench.ask(wrong, sap=1) == _GARBAGE
    assert bench.settings.calls == []


def test_a_method_whose_return_data_does_not_fit_was_called_all_the_same():
    bench = _bench()
    assert bench.ask(_action(3), sap=1) == b"\xc7\x01\xc1\x00\x01\x01\xfa"
    assert bench.settings.calls == ["long"]
    assert bench.device.counters.named("dlms-return-data-lost") == 1


def test_a_list_of_methods_is_called_one_by_one():
    bench = _bench()
    targets = _target(1) + _target(3, _OTHER) + _target(2) + _target(5)
    request = b"\xc3\x03\xc2\x04" + targets + b"\x04" + b"\x12\x00\x01" + b"\x00" + b"\x0f\x07" + b"\x00"
    assert bench.ask(request, sap=1) == b"\xc7\x03\xc2\x04" + b"\x00\x01\x00\x12\x00\x02" + b"\x00\x01\x01\xfa" + (
        b"\x00\x00" + b"\x03\x00"
    )
    assert (bench.settings.calls, bench.other.calls) == ([bench.now, 7], ["long"])
    assert bench.ask(request, sap=1, out_max=64)[:4] == b"\xc7\x03\xc2\x04"
    many = b"\xc3\x03\xc2\x10" + _target(2) * 16 + b"\x10" + b"\x0f\x01" * 16
    called = len(bench.settings.calls)
    assert bench.ask(many, sap=1, out_max=64) == _GARBAGE
    assert len(bench.settings.calls) == called


def test_what_is_not_confirmed_is_done_and_not_answered():
    bench = _bench()
    assert bench.ask(_set(b"\x12\x00\x33", invoke=0x81), sap=1) == b""
    assert bench.ask(_action(2, invoke=0x01), sap=1) == b""
    assert bench.settings.value == 0x33 and bench.settings.calls == [None]
    assert bench.device.counters.named("dlms-unanswered") == 2


def test_an_access_selector_picks_and_a_wrong_one_is_out_of_scope():
    bench = _bench()

    def select(selector, parameter):
        return bench.ask(get(9000, _NAME, 2)[:-1] + b"\x01" + bytes([selector]) + parameter, sap=1)

    assert select(1, b"\x11\x05") == b"\xc4\x01\xc1\x00\x16\x05"
    for selector, parameter in ((2, b"\x11\x01"), (0, b"\x11\x01"), (255, b"\x11\x01"), (1, b"\x12\x00\x01")):
        assert select(selector, parameter) == b"\xc4\x01\xc1\x01\x0d"
    assert select(3, b"\x11\x00") == select(3, b"\x11\x01") == b"\xc4\x01\xc1\x01\x0d"
    assert bench.ask(get(9000, _NAME, 3)[:-1] + b"\x01\x01\x11\x01", sap=1) == b"\xc4\x01\xc1\x01\x0d"


def test_every_attempt_of_a_client_is_recorded_with_its_end():
    records = []
    bench = _bench(records)
    bench.ask(_set(b"\x12\x00\x05"), sap=32)
    bench.ask(_set(b"\x12\x00\x05"), sap=127)
    bench.ask(_action(2), sap=1)
    bench.ask(_action(5), sap=1)
    bench.ask(_set(b"\x12\x00")[:-1], sap=1)
    assert records == [
        (32, 0xC1, 9000, 2, 0),
        (127, 0xC1, 9000, 2, 3),
        (1, 0xC3, 9000, 2, 0),
        (1, 0xC3, 9000, 5, 3),
    ]


def test_the_object_list_shows_what_each_client_may_do():
    bench = _bench()
    head = b"\x02\x04\x12\x23\x28\x11\x00\x09\x06" + name(_NAME) + b"\x02\x02"

    def rights(attributes, methods):
        octets_ = head + b"\x01\x04"
        for index, (mode, selectors) in enumerate(attributes):
            octets_ += b"\x02\x03\x0f" + bytes([index + 1, 0x16, mode]) + selectors
        octets_ += b"\x01\x05"
        for index, mode in enumerate(methods):
            octets_ += b"\x02\x02\x0f" + bytes([index + 1, 0x16, mode])
        return octets_

    selectors = b"\x01\x02\x0f\x01\x0f\x03"
    for sap, attributes, methods in (
        (1, ((0x6D, b"\0"), (0x6F, selectors), (0x6F, b"\0"), (0x6D, b"\0")), (0x6D, 0x6D, 0x6D, 0x6D, 0)),
        (32, ((0, b"\0"), (0x6E, b"\0"), (0, b"\0"), (0, b"\0")), (0,) * 5),
        (127, ((0x6D, b"\0"), (0x6D, selectors), (0x6D, b"\0"), (0x6D, b"\0")), (0,) * 5),
    ):
        assert bench.read(15, "0.0.40.0.0.255", 2, sap=sap).find(rights(attributes, methods)) > 0, sap
    assert bench.read(15, "0.0.40.0.0.255", 2, sap=16).find(name(_NAME)) < 0


def test_public_is_a_role_like_another():
    item = CosemObject(1, 0, name(_OTHER), [octets(b"x")])
    item.readers = 0
    assert not item.is_seen_by(ROLE_PUBLIC)
    item.writable(2, ROLE_PUBLIC, lambda now, reader: SUCCESS)
    assert item.is_seen_by(ROLE_PUBLIC) and not item.is_seen_by(ROLE_MANAGEMENT)
