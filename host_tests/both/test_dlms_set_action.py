# SPDX-License-Identifier: MIT
"""SET and ACTION of a logical device, and selective GET, APDU by APDU.

APDUs are laid out by hand after COSEMpdu (tags and result numbers: shared facts dlms 4, GX, DC).
"""

from dlms_device import get, name
from dlms_settings import NAME, OTHER, action_request, set_request, settings_bench, target_of

from dlms.apdu import SUCCESS
from dlms.cosem.object import ROLE_MANAGEMENT, ROLE_PUBLIC, CosemObject
from dlms.cosem.values import octets

_GARBAGE = b"\xd8\x01\x03"
_NOT_SUPPORTED = b"\xd8\x01\x02"


def test_an_attribute_is_set_by_those_who_may():
    bench = settings_bench()
    assert bench.ask(set_request(b"\x12\x01\x02"), sap=1) == b"\xc5\x01\xc1\x00"
    assert bench.settings.value == 0x102
    assert bench.ask(set_request(b"\x12\x00\x09"), sap=32) == b"\xc5\x01\xc1\x00"
    assert bench.settings.value == 9
    assert bench.ask(set_request(b"\x12\x00\x0a"), sap=127) == b"\xc5\x01\xc1\x03"
    assert bench.ask(set_request(b"\x12\x00\x0a"), sap=16) == _NOT_SUPPORTED
    assert bench.settings.value == 9
    assert bench.ask(get(9000, NAME, 2), sap=127) == b"\xc4\x01\xc1\x00\x12\x00\x09"
    assert bench.ask(get(9000, NAME, 2), sap=16) == b"\xc4\x01\xc1\x01\x04"
    assert bench.ask(get(9000, NAME, 2), sap=32) == b"\xc4\x01\xc1\x01\x03"


def test_a_set_that_cannot_be_says_why():
    bench = settings_bench()
    for request, result in (
        (set_request(b"\x11\x01"), 12),
        (set_request(b"\x12\x00\x0d"), 2),
        (set_request(b"\x11\x01", index=4), 3),
        (set_request(b"\x09\x00", index=1), 3),
        (set_request(b"\x00", index=0), 3),
        (set_request(b"\x00", index=5), 4),
        (set_request(b"\x00", index=-1), 4),
        (set_request(b"\x12\x00\x01", class_id=1), 9),
        (set_request(b"\x12\x00\x01", logical_name="0.0.96.200.9.255"), 4),
        (set_request(b"\x12\x00\x01", selection=b"\x01\x01\x11\x00"), 13),
    ):
        assert bench.ask(request, sap=1) == b"\xc5\x01\xc1" + bytes([result]), request
    assert bench.settings.value == 7
    assert bench.device.counters.named("dlms-set-refused") == 10


def test_a_malformed_set_changes_nothing():
    bench = settings_bench()
    whole = set_request(b"\x12\x00\x63")
    malformed = (
        whole[:-1],
        whole + b"\x00",
        set_request(b""),
        set_request(b"\x13\x00"),
        b"\xc1\x06" + whole[2:],
        set_request(b"\x02" * 9),
    )
    for wrong in malformed:
        assert bench.ask(wrong, sap=1) == _GARBAGE, wrong
    assert bench.settings.value == 7


def test_a_list_is_set_one_by_one():
    bench = settings_bench()
    targets = (
        target_of(2) + b"\x00" + target_of(4) + b"\x00" + target_of(2, OTHER) + b"\x00" + target_of(3, OTHER) + b"\x00"
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
        b"\xc1\x04\xc7\x21" + (target_of(2) + b"\x00") * 33 + b"\x21" + b"\x12\x00\x01" * 33,
    ):
        assert bench.ask(wrong, sap=1) == _GARBAGE
    assert bench.settings.value == 0x21


def test_a_method_is_called_and_gives_back_what_it_wrote():
    bench = settings_bench()
    assert bench.ask(action_request(1, b"\x12\x00\x15"), sap=1) == b"\xc7\x01\xc1\x00\x01\x00\x12\x00\x2a"
    assert bench.settings.calls == [bench.now]
    assert bench.ask(action_request(2), sap=1) == b"\xc7\x01\xc1\x00\x00"
    assert bench.ask(action_request(2, b"\x0f\xff"), sap=1) == b"\xc7\x01\xc1\x00\x00"
    assert bench.settings.calls[1:] == [None, -1]


def test_a_call_that_cannot_be_says_why():
    bench = settings_bench()
    for request, sap, result in (
        (action_request(1, b"\x11\x01"), 1, 12),
        (action_request(4), 1, 2),
        (action_request(5), 1, 3),
        (action_request(0), 1, 4),
        (action_request(6), 1, 4),
        (action_request(-1), 1, 4),
        (action_request(1, b"\x12\x00\x01"), 32, 3),
        (action_request(2, class_id=3), 1, 9),
        (action_request(2, logical_name="0.0.96.200.9.255"), 1, 4),
    ):
        assert bench.ask(request, sap=sap) == b"\xc7\x01\xc1" + bytes([result, 0]), request
    assert bench.ask(action_request(2), sap=16) == _NOT_SUPPORTED
    assert bench.settings.calls == []
    for wrong in (
        action_request(2)[:-1],
        action_request(2) + b"\x00",
        action_request(2, b"\x0f"),
        action_request(2, b"\x0f\x00\x00"),
    ):
        assert bench.ask(wrong, sap=1) == _GARBAGE
    assert bench.settings.calls == []


def test_a_method_whose_return_data_does_not_fit_was_called_all_the_same():
    bench = settings_bench()
    assert bench.ask(action_request(3), sap=1) == b"\xc7\x01\xc1\x00\x01\x01\xfa"
    assert bench.settings.calls == ["long"]
    assert bench.device.counters.named("dlms-return-data-lost") == 1


def test_a_list_of_methods_is_called_one_by_one():
    bench = settings_bench()
    targets = target_of(1) + target_of(3, OTHER) + target_of(2) + target_of(5)
    request = b"\xc3\x03\xc2\x04" + targets + b"\x04" + b"\x12\x00\x01" + b"\x00" + b"\x0f\x07" + b"\x00"
    assert bench.ask(request, sap=1) == b"\xc7\x03\xc2\x04" + b"\x00\x01\x00\x12\x00\x02" + b"\x00\x01\x01\xfa" + (
        b"\x00\x00" + b"\x03\x00"
    )
    assert (bench.settings.calls, bench.other.calls) == ([bench.now, 7], ["long"])
    assert bench.ask(request, sap=1, out_max=64)[:4] == b"\xc7\x03\xc2\x04"
    many = b"\xc3\x03\xc2\x10" + target_of(2) * 16 + b"\x10" + b"\x0f\x01" * 16
    called = len(bench.settings.calls)
    assert bench.ask(many, sap=1, out_max=64) == _GARBAGE
    assert len(bench.settings.calls) == called


def test_what_is_not_confirmed_is_done_and_not_answered():
    bench = settings_bench()
    assert bench.ask(set_request(b"\x12\x00\x33", invoke=0x81), sap=1) == b""
    assert bench.ask(action_request(2, invoke=0x01), sap=1) == b""
    assert bench.settings.value == 0x33 and bench.settings.calls == [None]
    assert bench.device.counters.named("dlms-unanswered") == 2


def test_an_access_selector_picks_and_a_wrong_one_is_out_of_scope():
    bench = settings_bench()

    def select(selector, parameter):
        return bench.ask(get(9000, NAME, 2)[:-1] + b"\x01" + bytes([selector]) + parameter, sap=1)

    assert select(1, b"\x11\x05") == b"\xc4\x01\xc1\x00\x16\x05"
    for selector, parameter in ((2, b"\x11\x01"), (0, b"\x11\x01"), (255, b"\x11\x01"), (1, b"\x12\x00\x01")):
        assert select(selector, parameter) == b"\xc4\x01\xc1\x01\x0d"
    assert select(3, b"\x11\x00") == select(3, b"\x11\x01") == b"\xc4\x01\xc1\x01\x0d"
    assert bench.ask(get(9000, NAME, 3)[:-1] + b"\x01\x01\x11\x01", sap=1) == b"\xc4\x01\xc1\x01\x0d"


def test_every_attempt_of_a_client_is_recorded_with_its_end():
    records = []
    bench = settings_bench(records)
    bench.ask(set_request(b"\x12\x00\x05"), sap=32)
    bench.ask(set_request(b"\x12\x00\x05"), sap=127)
    bench.ask(action_request(2), sap=1)
    bench.ask(action_request(5), sap=1)
    bench.ask(set_request(b"\x12\x00")[:-1], sap=1)
    assert records == [
        (32, 0xC1, 9000, 2, 0),
        (127, 0xC1, 9000, 2, 3),
        (1, 0xC3, 9000, 2, 0),
        (1, 0xC3, 9000, 5, 3),
    ]


def test_the_object_list_shows_what_each_client_may_do():
    bench = settings_bench()
    head = b"\x02\x04\x12\x23\x28\x11\x00\x09\x06" + name(NAME) + b"\x02\x02"

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
        (1, ((1, b"\0"), (3, selectors), (3, b"\0"), (1, b"\0")), (1, 1, 1, 1, 0)),
        (32, ((0, b"\0"), (2, b"\0"), (0, b"\0"), (0, b"\0")), (0,) * 5),
        (127, ((1, b"\0"), (1, selectors), (1, b"\0"), (1, b"\0")), (0,) * 5),
    ):
        assert bench.read(15, "0.0.40.0.0.255", 2, sap=sap).find(rights(attributes, methods)) > 0, sap
    assert bench.read(15, "0.0.40.0.0.255", 2, sap=16).find(name(NAME)) < 0


def test_public_is_a_role_like_another():
    item = CosemObject(1, 0, name(OTHER), [octets(b"x")])
    item.readers = 0
    assert not item.is_seen_by(ROLE_PUBLIC)
    item.writable(2, ROLE_PUBLIC, lambda now, reader: SUCCESS)
    assert item.is_seen_by(ROLE_PUBLIC) and not item.is_seen_by(ROLE_MANAGEMENT)


def test_a_flash_that_fails_is_a_hardware_fault():
    bench = settings_bench()

    def broken(*_):
        raise OSError(5)

    bench.settings.item.writable(2, ROLE_MANAGEMENT, broken).callable(5, ROLE_MANAGEMENT, broken)
    assert bench.ask(set_request(b"\x12\x00\x01"), sap=1) == b"\xc5\x01\xc1\x01"
    assert bench.ask(action_request(5), sap=1) == b"\xc7\x01\xc1\x01\x00"
