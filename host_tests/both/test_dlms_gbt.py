# SPDX-License-Identifier: MIT
"""General block transfer: requests that stream, answers block by block, blocks that are lost.

Layout: COSEMpdu General-Block-Transfer: E0 | last, streaming, window | number | acknowledged | octet-string.
"""

from dlms_device import get
from dlms_keyed import Hes, KeyedBench
from dlms_settings import action_request, set_request, settings_bench

_BROKEN = b"\xd8\x01\x03"
_TEXT = bytes([33 + i % 90 for i in range(1200)])
_SET_TEXT = set_request(b"\x09\x82\x04\xb0" + _TEXT, 3)
_DONE = b"\xc5\x01\xc1\x00"
_LAST, _STREAMING = 0x80, 0x40


def _gbt(number, octets=b"", control=0x01, acknowledged=0):
    length = bytes([len(octets)]) if len(octets) < 128 else b"\x82" + len(octets).to_bytes(2, "big")
    return b"\xe0" + bytes([control]) + number.to_bytes(2, "big") + acknowledged.to_bytes(2, "big") + length + octets


def _parts(octets, size):
    return [octets[i : i + size] for i in range(0, len(octets), size)]


def _parse(answer):
    """(is last, number, acknowledged, octets); asserts that the length is right and nothing streams."""
    assert answer[0] == 0xE0 and not answer[1] & _STREAMING and answer[1] & 0x3F == 8, answer
    length, off = answer[6], 7
    if length & 0x80:
        off += length & 0x7F
        length = int.from_bytes(answer[7:off], "big")
    assert len(answer) == off + length
    return bool(answer[1] & _LAST), int.from_bytes(answer[2:4], "big"), int.from_bytes(answer[4:6], "big"), answer[off:]


def test_a_request_comes_block_by_block_each_acknowledged():
    bench = settings_bench()
    parts = _parts(_SET_TEXT, 100)
    for i in range(len(parts) - 1):
        assert _parse(bench.ask(_gbt(i + 1, parts[i]), sap=1)) == (False, i + 1, i + 1, b"")
    count = len(parts)
    assert _parse(bench.ask(_gbt(count, parts[-1], 0x81), sap=1)) == (True, count, count, _DONE)
    assert bench.settings.text == _TEXT


def test_a_request_streams_and_is_acknowledged_window_by_window():
    bench = settings_bench()
    parts = _parts(_SET_TEXT, 100)
    for i in range(len(parts)):
        is_last = i == len(parts) - 1
        control = 0x83 if is_last else 0x03 if i % 3 == 2 else 0x43
        answer = bench.ask(_gbt(i + 1, parts[i], control), sap=1)
        if control == 0x43:
            assert answer == b""
        elif not is_last:
            assert _parse(answer) == (False, (i + 1) // 3, i + 1, b"")
    assert _parse(answer)[2:] == (len(parts), _DONE)
    assert bench.settings.text == _TEXT


def test_blocks_that_were_lost_are_asked_for_again():
    bench = settings_bench()
    one, two, three = _parts(_SET_TEXT, 450)
    assert bench.ask(_gbt(1, one, 0x43), sap=1) == b""
    assert _parse(bench.ask(_gbt(3, three, 0x83), sap=1))[2] == 1
    assert bench.settings.text == b""
    assert bench.ask(_gbt(1, one, 0x43), sap=1) == b""
    assert bench.ask(_gbt(2, two, 0x43), sap=1) == b""
    assert _parse(bench.ask(_gbt(3, three, 0x83), sap=1))[2:] == (3, _DONE)
    assert bench.settings.text == _TEXT


def _long_answer_bench(conformance, max_pdu=128):
    bench = settings_bench()
    bench.settings.text = _TEXT
    bench.associate(max_pdu=max_pdu, conformance=conformance, sap=1)
    return bench


def test_an_answer_too_long_for_the_client_goes_out_as_it_is_acknowledged():
    bench = _long_answer_bench(0x20001D)
    plain = get(9000, "0.0.96.200.0.255", 3)
    for request, acknowledged in ((plain, 0), (_gbt(1, plain, 0x81), 1)):
        answer, whole = bench.ask(request, sap=1), b""
        for number in range(1, 50):
            assert len(answer) <= 128
            is_last, own, echoed, octets = _parse(answer)
            assert (own, echoed) == (number, 2 if acknowledged and number > 1 else acknowledged)
            whole += octets
            if number == 3:  # this one is lost on its way: the client acknowledges the one before
                assert bench.ask(_gbt(2, b"", 0x81, number - 1), sap=1) == answer
            if is_last:
                break
            answer = bench.ask(_gbt(2, b"", 0x81, number), sap=1)
        assert whole == b"\xc4\x01\xc1\x00\x09\x82\x04\xb0" + _TEXT and number == 11
        assert bench.ask(_gbt(2, b"", 0x81, number), sap=1) == b""
        assert bench.ask(_gbt(2, b"", 0x81, number), sap=1) == _BROKEN


def test_a_short_answer_comes_as_its_request_did():
    bench = _long_answer_bench(0x20001D)
    assert bench.ask(get(9000, "0.0.96.200.0.255", 2), sap=1) == b"\xc4\x01\xc1\x00\x12\x00\x07"
    assert _parse(bench.ask(_gbt(1, get(9000, "0.0.96.200.0.255", 2), 0x81), sap=1)) == (
        (True, 1, 1, b"\xc4\x01\xc1\x00\x12\x00\x07")
    )
    assert bench.ask(_gbt(1, set_request(b"\x12\x00\x08", invoke=0x81), 0x81), sap=1) == b""
    assert bench.settings.value == 8


def test_an_answer_longer_than_the_buffer_is_refused():
    bench = settings_bench()
    bench.settings.text = bytes(3000)
    bench.associate(max_pdu=128, conformance=0x20001D, sap=1)
    assert bench.ask(get(9000, "0.0.96.200.0.255", 3), sap=1, out_max=4000) == _BROKEN
    assert bench.ask(get(9000, "0.0.96.200.0.255", 3), sap=1, out_max=640) == b"\xc4\x01\xc1\x01\xfa"
    assert bench.ask(get(9000, "0.0.96.200.0.255", 2), sap=1) == b"\xc4\x01\xc1\x00\x12\x00\x07"


def test_what_makes_no_sense_ends_the_transfer():
    bench = settings_bench()
    for wrong in (_gbt(2, b"x"), _gbt(0, b"x"), _gbt(1, bytes(2049)), _gbt(5), _gbt(0xFFFF, b"", 0x81, 0xFFFF)):
        assert bench.ask(wrong, sap=1) == _BROKEN, wrong
    good = _gbt(1, _SET_TEXT[:100])
    for wrong in (good[:-1], good + b"x", good[:6], b"\xe0\x80" + good[2:], b"\xe0"):
        assert bench.ask(wrong, sap=1) == _BROKEN, wrong
    assert _parse(bench.ask(good, sap=1))[2] == 1
    assert bench.ask(_gbt(2, bytes(1990)), sap=1) == _BROKEN
    assert bench.ask(_gbt(2, bytes(19)), sap=1) == _BROKEN
    assert bench.settings.text == b"" and bench.device.counters.named("dlms-general-blocks-broken") == 7


def test_the_buffer_is_one_for_all():
    bench = settings_bench()
    assert _parse(bench.ask(_gbt(1, _SET_TEXT[:100]), sap=1))[2] == 1
    assert bench.ask(_gbt(1, _SET_TEXT[:100]), sap=32) == _BROKEN
    bench.now += 30000
    assert _parse(bench.ask(_gbt(1, _SET_TEXT[:100]), sap=32))[2] == 1
    assert bench.ask(_gbt(2, _SET_TEXT[100:], 0x81), sap=1) == _BROKEN


def test_methods_are_called_through_it_and_blocks_within_blocks_are_not_put_together():
    bench = settings_bench()
    assert _parse(bench.ask(_gbt(1, action_request(1, b"\x12\x00\x15"), 0x81), sap=1))[3] == (
        b"\xc7\x01\xc1\x00\x01\x00\x12\x00\x2a"
    )
    first = b"\xc1\x02\xc1" + _SET_TEXT[3:13] + b"\x00\x00\x00\x00\x01\x01\x09"
    assert _parse(bench.ask(_gbt(1, first, 0x81), sap=1))[3] == b"\xc5\x03\xc1\x02\x00\x00\x00\x01"


def test_ciphered_apdus_are_cut_and_put_together():
    for form in ("glo", "general"):
        bench = KeyedBench()
        bench.settings.text = _TEXT
        hes = Hes(bench, form=form).associate(max_pdu=200, conformance=0x60001D)
        parts = _parts(hes.seal(_SET_TEXT), 150)
        for i in range(len(parts)):
            control = 0x81 if i == len(parts) - 1 else 0x01
            answer = hes.ask_plain(_gbt(i + 1, parts[i], control))
            assert _parse(answer)[2] == i + 1
        assert hes.open(_parse(answer)[3]) == _DONE
        answer, whole = hes.ask_plain(hes.seal(get(9000, "0.0.96.200.0.255", 3))), b""
        while True:
            is_last, number, _, octets = _parse(answer)
            assert len(answer) <= 200
            whole += octets
            if is_last:
                break
            answer = hes.ask_plain(_gbt(2, b"", 0x81, number))
        assert hes.open(whole) == b"\xc4\x01\xc1\x00\x09\x82\x04\xb0" + _TEXT
        assert hes.ask_plain(_gbt(1, get(9000, "0.0.96.200.0.255", 2), 0x81))[7:] == b"\xd8\x01\x01"


def _burst(bench, request, most_blocks=8):
    """[(number, octets)] of the answer and the blocks that stream behind it; asserts that only the last ends it."""
    bench.device.stream(most_blocks)
    answers = [bench.ask(request, sap=1)]
    while bench.device.more_cnt():
        n = bench.device.more(memoryview(bench.out), 8, 128)
        answers.append(bytes(bench.out[8 : 8 + n]))
    found = []
    for i in range(len(answers)):
        is_streaming = bool(answers[i][1] & _STREAMING)
        assert is_streaming == (i < len(answers) - 1) and len(answers[i]) <= 128
        last, number, _, octets = _parse(bytes([0xE0, answers[i][1] & ~_STREAMING]) + answers[i][2:])
        found.append((number, octets, last))
    return found


def test_an_answer_streams_as_many_blocks_as_the_clients_window_and_the_carrier_allow():
    for window, most, sizes in ((3, 8, [3, 3, 3, 2]), (63, 8, [8, 3]), (8, 2, [2, 2, 2, 2, 2, 1]), (63, 63, [11])):
        bench = _long_answer_bench(0x20001D)
        request = _gbt(1, get(9000, "0.0.96.200.0.255", 3), 0x80 | window)
        got, whole, numbers = [], b"", []
        while not got or not got[-1][2]:
            got = _burst(bench, request, most)
            assert len(got) == sizes.pop(0)
            numbers += [block[0] for block in got]
            whole += b"".join([block[1] for block in got])
            request = _gbt(2, b"", 0x80 | window, got[-1][0])
        assert numbers == list(range(1, 12)) and not sizes
        assert whole == b"\xc4\x01\xc1\x00\x09\x82\x04\xb0" + _TEXT
        assert bench.ask(request, sap=1) == b"" and bench.device.more_cnt() == 0


def test_a_request_in_one_piece_is_answered_by_one_block_until_the_client_has_said_its_window():
    bench = _long_answer_bench(0x20001D)
    assert len(_burst(bench, get(9000, "0.0.96.200.0.255", 3))) == 1
    assert [block[0] for block in _burst(bench, _gbt(2, b"", 0x84, 1))] == [2, 3, 4, 5]


def test_blocks_of_a_window_that_were_lost_come_again_from_the_first_of_them():
    bench = _long_answer_bench(0x20001D)
    blocks = {}
    request, lost = _gbt(1, get(9000, "0.0.96.200.0.255", 3), 0x84), [3, 4, 5, 9]
    while 11 not in blocks:
        for number, octets, _ in _burst(bench, request):
            if number in lost:
                lost.remove(number)
                break  # and all behind it come too late
            blocks[number] = octets
        request = _gbt(2, b"", 0x84, len(blocks))
    assert not lost
    assert b"".join([blocks[i + 1] for i in range(11)]) == b"\xc4\x01\xc1\x00\x09\x82\x04\xb0" + _TEXT
    for wrong in (12, 6):
        assert bench.ask(_gbt(2, b"", 0x84, wrong), sap=1) == _BROKEN
        assert bench.device.more_cnt() == 0


def test_another_request_in_between_ends_the_streaming():
    bench = _long_answer_bench(0x20001D)
    bench.device.stream(8)
    bench.ask(_gbt(1, get(9000, "0.0.96.200.0.255", 3), 0x84), sap=1)
    assert bench.device.more_cnt() == 3
    assert bench.ask(get(9000, "0.0.96.200.0.255", 2), sap=32)[:1] == b"\xc4"
    assert bench.device.more_cnt() == 0
    assert [block[0] for block in _burst(bench, _gbt(2, b"", 0x84, 0))] == [1, 2, 3, 4]


def test_acknowledgements_of_the_client_are_numbered_and_acknowledged_like_blocks():
    """Gurux takes a block for a copy when it acknowledges another than the client's last."""
    for request, first in ((get(9000, "0.0.96.200.0.255", 3), 0), (_gbt(1, get(9000, "0.0.96.200.0.255", 3), 0x81), 1)):
        bench = _long_answer_bench(0x20001D)
        answer = bench.ask(request, sap=1)
        for number in range(1, 6):
            assert _parse(answer)[1:3] == (number, first + number - 1)
            answer = bench.ask(_gbt(first + number, b"", 0x81, number), sap=1)
        assert _parse(bench.ask(_gbt(first + 5, b"", 0x81, 5), sap=1))[2] == first + 5  # the same again
        assert _parse(bench.ask(_gbt(first + 9, b"", 0x81, 5), sap=1))[2] == first + 5  # one behind a gap


def test_a_client_that_asks_for_one_lost_block_alone_acknowledges_those_it_has_behind_it():
    bench = _long_answer_bench(0x20001D)
    blocks = _burst(bench, _gbt(1, get(9000, "0.0.96.200.0.255", 3), 0x84))  # of four the second is lost
    assert _burst(bench, _gbt(2, b"", 0x81, 1)) == [blocks[1]]
    assert [block[0] for block in _burst(bench, _gbt(3, b"", 0x84, 4))] == [5, 6, 7, 8]
