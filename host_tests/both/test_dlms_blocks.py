# SPDX-License-Identifier: MIT
"""SET and ACTION in blocks: put together, one buffer for all, and what ends a transfer early.

APDUs are laid out by hand after COSEMpdu; p-blocks carry the Data value alone, as GX sends them.
"""

from dlms_device import name
from dlms_settings import action_request, set_request, settings_bench, target_of

_GARBAGE = b"\xd8\x01\x03"
_TEXT = bytes([33 + i % 90 for i in range(1400)])
_VALUE = b"\x09\x82\x05\x78" + _TEXT


def _blocks(value, size):
    return [value[i : i + size] for i in range(0, len(value), size)]


def _block(kind, number, raw, is_last, head=b"", tag=0xC1, invoke=0xC1):
    length = bytes([len(raw)]) if len(raw) < 128 else b"\x82" + len(raw).to_bytes(2, "big")
    return bytes([tag, kind, invoke]) + head + bytes([is_last]) + number.to_bytes(4, "big") + length + raw


def _send(bench, raws, kinds, head, tag, **route):
    """All blocks but the last are acknowledged; the answer to the last."""
    ack = {0xC1: b"\xc5\x02\xc1", 0xC3: b"\xc7\x04\xc1"}[tag]
    for i, raw in enumerate(raws):
        is_last = i == len(raws) - 1
        request = _block(kinds[min(i, 1)], i + 1, raw, is_last, b"" if i else head, tag)
        answer = bench.ask(request, **route)
        if not is_last:
            assert answer == ack + (i + 1).to_bytes(4, "big"), answer
    return answer


def test_a_long_value_is_set_in_blocks_of_any_size():
    for size in (1, 100, 127, 128, 500, 1404):
        bench = settings_bench()
        raws = _blocks(_VALUE, size) if size > 1 else _blocks(_VALUE[:3], 1) + [_VALUE[3:]]
        answer = _send(bench, raws, (2, 3), target_of(3) + b"\x00", 0xC1, sap=1)
        assert answer == b"\xc5\x03\xc1\x00" + len(raws).to_bytes(4, "big")
        assert bench.settings.text == _TEXT


def test_unconfirmed_requests_in_between_do_not_end_a_transfer():
    bench = settings_bench()
    first, last = _blocks(_VALUE, 800)
    assert bench.ask(_block(2, 1, first, False, target_of(3) + b"\x00"), sap=1) == b"\xc5\x02\xc1\x00\x00\x00\x01"
    assert bench.ask(set_request(b"\x12\x00\x05", invoke=0x81), sap=1) == b""
    assert bench.ask(action_request(2, b"\x0f\x04", invoke=0x81), sap=1) == b""
    assert bench.ask(_block(3, 2, last, True), sap=1) == b"\xc5\x03\xc1\x00\x00\x00\x00\x02"
    assert (bench.settings.value, bench.settings.calls, bench.settings.text) == (5, [4], _TEXT)


def test_a_list_is_set_in_blocks():
    bench = settings_bench()
    head = b"\x03" + target_of(2) + b"\x00" + target_of(4) + b"\x00" + target_of(3, "0.0.96.200.1.255") + b"\x00"
    raws = _blocks(b"\x03" + b"\x12\x00\x44" + b"\x11\x01" + _VALUE, 300)
    answer = _send(bench, raws, (5, 3), head, 0xC1, sap=1)
    assert answer == b"\xc5\x04\xc1\x03\x00\x03\x00" + len(raws).to_bytes(4, "big")
    assert (bench.settings.value, bench.other.text) == (0x44, _TEXT)


def test_a_parameter_comes_in_blocks_and_the_method_is_called_once():
    bench = settings_bench()
    assert _send(bench, [b"\x12", b"\x00", b"\x07"], (4, 6), target_of(1), 0xC3, sap=1) == (
        b"\xc7\x01\xc1\x00\x01\x00\x12\x00\x0e"
    )
    assert len(bench.settings.calls) == 1
    head = b"\x02" + target_of(1) + target_of(2)
    answer = _send(bench, [b"\x02\x12\x00", b"\x05\x0f\x08"], (5, 6), head, 0xC3, sap=1)
    assert answer == b"\xc7\x03\xc1\x02\x00\x01\x00\x12\x00\x0a\x00\x00"
    assert bench.settings.calls[1:] == [bench.now, 8]


def test_return_data_too_long_for_the_client_comes_in_blocks():
    bench = settings_bench()

    def echo(now, reader, writer):
        bench.settings.calls.append(now)
        writer.octets(_TEXT)
        return 0

    bench.settings.item.callable(5, 0x02, echo)
    bench.associate(max_pdu=128, conformance=0xFFFFFF, sap=1)
    answer, raw = bench.ask(action_request(5), sap=1), b""
    for number in range(1, 100):
        assert len(answer) <= 128 and answer[:3] == b"\xc7\x02\xc1"
        assert answer[4:8] == number.to_bytes(4, "big") and answer[8] == len(answer) - 9
        raw += answer[9:]
        if answer[3]:
            break
        answer = bench.ask(b"\xc3\x02\xc1" + number.to_bytes(4, "big"), sap=1)
    assert raw == _VALUE and number == 12 and len(bench.settings.calls) == 1
    assert bench.ask(b"\xc3\x02\xc1\x00\x00\x00\x0c", sap=1) == b"\xc7\x01\xc1\x10\x00"
    bench.ask(action_request(5), sap=1)
    assert bench.ask(b"\xc3\x02\xc1\x00\x00\x00\x02", sap=1) == b"\xc7\x01\xc1\x0f\x00"
    assert bench.ask(b"\xc3\x02\xc1\x00\x00\x00\x01", sap=1) == b"\xc7\x01\xc1\x10\x00"


def test_blocks_out_of_turn_end_the_transfer_and_change_nothing():
    bench = settings_bench()
    first = _block(2, 1, b"\x12\x00", False, target_of(2) + b"\x00")
    assert bench.ask(_block(3, 1, b"\x05", True), sap=1) == b"\xc5\x03\xc1\x12\x00\x00\x00\x01"
    for number in (0, 1, 3, 0xFFFFFFFF):
        assert bench.ask(first, sap=1) == b"\xc5\x02\xc1\x00\x00\x00\x01"
        wrong = number.to_bytes(4, "big")
        assert bench.ask(_block(3, number, b"\x05", True), sap=1) == b"\xc5\x03\xc1\x13" + wrong
        assert bench.ask(_block(3, 2, b"\x05", True), sap=1) == b"\xc5\x03\xc1\x12\x00\x00\x00\x02"
    assert bench.ask(_block(2, 2, b"\x12", False, target_of(2) + b"\x00"), sap=1)[3] == 19
    assert bench.settings.value == 7
    call = _block(4, 1, b"\x12\x00", False, target_of(1), 0xC3)
    assert bench.ask(_block(6, 1, b"\x05", True, tag=0xC3), sap=1) == b"\xc7\x01\xc1\x10\x00"
    assert bench.ask(call, sap=1) == b"\xc7\x04\xc1\x00\x00\x00\x01"
    assert bench.ask(_block(6, 3, b"\x05", True, tag=0xC3), sap=1) == b"\xc7\x01\xc1\x0f\x00"
    assert bench.settings.calls == []
    assert bench.device.counters.named("dlms-long-set-broken") == 10
    assert bench.device.counters.named("dlms-long-action-broken") == 2


def test_what_the_blocks_make_up_must_be_whole():
    bench = settings_bench()
    for raws in ([b"\x12", b"\x00"], [b"\x12\x00", b"\x01\x00"], [b"", b""]):
        assert _send(bench, raws, (2, 3), target_of(2) + b"\x00", 0xC1, sap=1) == _GARBAGE
        assert _send(bench, raws, (4, 6), target_of(1), 0xC3, sap=1) == _GARBAGE
    good = _block(2, 1, b"\x12\x00\x09", True, target_of(2) + b"\x00")
    for wrong in (good[:-1], good + b"\x00", good[:13] + b"\x01\x00\x00\x00\x01\x84\xff\xff\xff\xff"):
        assert bench.ask(wrong, sap=1) == _GARBAGE
    assert bench.settings.value == 7 and bench.settings.calls == []
    assert bench.ask(good, sap=1) == b"\xc5\x03\xc1\x00\x00\x00\x00\x01"


def test_more_than_the_buffer_holds_is_refused_when_it_is_full():
    bench = settings_bench()
    for tag, head, kinds, broken in (
        (0xC1, target_of(3) + b"\x00", (2, 3), b"\xc5\x03\xc1\x11"),
        (0xC3, target_of(1), (4, 6), b"\xc7\x01\xc1\x0f\x00"),
    ):
        for number in range(1, 22):
            request = _block(kinds[number > 1], number, bytes(100), False, head if number == 1 else b"", tag)
            answer = bench.ask(request, sap=1)
            assert (answer[: len(broken)] == broken) == (number == 21), number
    assert bench.settings.text == b""


def test_one_client_at_a_time_has_the_buffer_and_one_that_lets_it_lie_loses_it():
    bench = settings_bench()
    first = _block(2, 1, b"\x12\x00", False, target_of(2) + b"\x00")
    assert bench.ask(first, sap=1) == b"\xc5\x02\xc1\x00\x00\x00\x01"
    assert bench.ask(first, sap=32) == b"\xc5\x03\xc1\x02\x00\x00\x00\x01"
    bench.now += 29999
    assert bench.ask(first, sap=32)[3] == 2
    bench.now += 1
    assert bench.ask(first, sap=32) == b"\xc5\x02\xc1\x00\x00\x00\x01"
    assert bench.ask(_block(3, 2, b"\x05", True), sap=1)[3] == 18
    assert bench.ask(_block(3, 2, b"\x05", True), sap=32)[3] == 0
    for end in (lambda: bench.ask(b"\x62\x00", sap=1), lambda: bench.device.close_connection(0)):
        bench.associate(conformance=0xFFFFFF, sap=1)
        assert bench.ask(first, sap=1) == b"\xc5\x02\xc1\x00\x00\x00\x01"
        end()
        bench.associate(conformance=0xFFFFFF, sap=1)
        assert bench.ask(_block(3, 2, b"\x05", True), sap=1)[3] == 18


def test_a_client_that_never_ends_its_transfer_keeps_nobody_out_for_more_than_two_minutes():
    bench = settings_bench()
    first = _block(2, 1, b"\x12\x00", False, target_of(2) + b"\x00")
    bench.ask(first, sap=32)
    results = []
    for number in range(2, 16):
        bench.now += 20000
        if number == 4:
            bench.ask(first, sap=32)  # begun anew: the other has waited all the same
        bench.ask(_block(3, number if number < 4 else number - 2, b"", False), sap=32)
        bench.ask(action_request(1, b"\x12\x00\x15"), sap=1)  # takes the buffer from nobody
        results.append(bench.ask(first, sap=1)[1])
    assert results.index(2) == 6 and results[:6] == [3] * 6
    assert bench.ask(_block(3, 2, b"\x05", True), sap=1)[3] == 0 and bench.settings.value == 5


def test_who_gave_up_waiting_long_ago_makes_nobody_lose_the_buffer():
    bench = settings_bench()
    first = _block(2, 1, b"\x12\x00", False, target_of(2) + b"\x00")
    bench.ask(first, sap=32)
    assert bench.ask(first, sap=1)[1] == 3
    bench.now += 3600000
    bench.ask(first, sap=32)
    assert bench.ask(first, sap=1)[1] == 3
    assert bench.ask(_block(3, 2, b"\x05", True), sap=32)[3] == 0


def test_while_the_buffer_is_taken_methods_are_still_called():
    bench = settings_bench()
    bench.ask(_block(2, 1, b"\x12\x00", False, target_of(2) + b"\x00"), sap=32)
    assert bench.ask(action_request(1, b"\x12\x00\x15"), sap=1) == b"\xc7\x01\xc1\x00\x01\x00\x12\x00\x2a"
    assert bench.ask(action_request(3), sap=1) == b"\xc7\x01\xc1\x00\x01\x01\xfa"
    assert bench.ask(_block(3, 2, b"\x05", True), sap=32)[3] == 0
    assert bench.settings.value == 5


def test_blocks_not_agreed_on_are_not_supported():
    bench = settings_bench()
    bench.associate(conformance=0x000019, sap=1)
    for tag, kinds in ((0xC1, (2, 3, 4, 5)), (0xC3, (2, 3, 4, 5, 6))):
        for kind in kinds:
            assert bench.ask(bytes([tag, kind, 0xC1]) + target_of(2) + bytes(20), sap=1) == b"\xd8\x01\x02"
    for tag, kind in ((0xC1, 0), (0xC1, 6), (0xC3, 0), (0xC3, 7)):
        assert bench.ask(bytes([tag, kind, 0xC1]) + target_of(2) + bytes(20), sap=1) == _GARBAGE
    assert bench.ask(set_request(b"\x12\x00\x08"), sap=1) == b"\xc5\x01\xc1\x00"
    assert name("0.0.96.200.0.255") in bench.read(15, "0.0.40.0.0.255", 2, sap=127)
