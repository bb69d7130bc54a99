# SPDX-License-Identifier: MIT
"""GET service: results by kind of request, block transfer, lists, attribute 0."""

from dlms_device import LDN, Bench, aarq, block, get, get_next, name

from base.errors import LocalError
from dlms.association import Client, public_client
from dlms.cosem.basic import data
from dlms.cosem.object import CosemObject, obis
from dlms.cosem.values import Encoded, octets
from dlms.server import LogicalDevice

_SAP_LIST = (17, "0.0.41.0.0.255", 2)
_CLOCK_VALUE = b"\x09\x0c\x07\xea\x03\x01\x07\x01\x02\x03\x00\xff\xc4\x00"


def _result(answer):
    """Data-Access-Result of a refusing GET-response-normal."""
    assert answer[:2] == b"\xc4\x01" and answer[3] == 1 and len(answer) == 5, answer
    return answer[4]


def _sap_list_by_hand(source):
    rows = [source.row(i) for i in range(source.node_cnt + 1)]
    n = len(rows)
    head = bytes([1, n]) if n < 128 else bytes([1, 0x81, n]) if n < 256 else b"\x01\x82" + n.to_bytes(2, "big")
    return head + b"".join([b"\x02\x02\x12" + sap.to_bytes(2, "big") + b"\x09\x10" + ldn for sap, ldn in rows])


def test_what_is_not_there_is_refused_with_the_reason_of_the_standard():
    bench = Bench()
    bench.objects[0].readers = 0
    hidden = bench.objects[1]
    hidden.hidden = (2,)
    for request, result in (
        ((1, "0.0.42.0.1.255", 2), 4),
        ((1, "0.0.42.0.0.255", 2), 4),
        ((3, "0.0.41.0.0.255", 2), 9),
        ((1, "0.0.96.1.0.255", 2), 3),
        ((15, "0.0.40.0.0.255", 7), 3),
        ((8, "0.0.1.0.0.255", 10), 4),
        ((8, "0.0.1.0.0.255", 255), 4),
        ((8, "0.0.1.0.0.255", 128), 4),
        ((8, "0.0.1.0.0.255", 0), 13),
    ):
        bench.associate(conformance=0x001010)
        assert _result(bench.ask(get(*request))) == result, request
    assert bench.device.counters.named("dlms-get-refused") == 9


def test_an_attribute_this_device_does_not_have_is_unavailable():
    item = CosemObject(3, 0, obis(1, 0, 1, 8, 0), [octets(b"x"), None])
    bench = Bench()
    device = LogicalDevice([item], (public_client(),))
    bench.device = device
    assert _result(bench.ask(get(3, "1.0.1.8.0.255", 3))) == 11
    row = b"\x02\x04\x12\x00\x03\x11\x00\x09\x06\x01\x00\x01\x08\x00\xff\x02\x02\x01\x03"
    row += b"\x02\x03\x0f\x01\x16\x01\x00\x02\x03\x0f\x02\x16\x01\x00\x02\x03\x0f\x03\x16\x00\x00\x01\x00"
    view = bench.read(15, "0.0.40.0.0.255", 2)
    assert view[:2] == b"\x01\x02" and view[2 : 2 + len(row)] == row
    assert bench.read(3, "1.0.1.8.0.255", 0) == b"\x02\x03\x09\x06\x01\x00\x01\x08\x00\xff\x09\x01x\x00"


def test_selective_access_on_what_has_none_is_out_of_scope():
    bench = Bench()
    selection = b"\x01\x02\x02\x04\x06\x00\x00\x00\x01\x06\x00\x00\x00\x00\x12\x00\x01\x12\x00\x00"
    request = get(*_SAP_LIST)[:-1] + selection
    assert _result(bench.ask(request)) == 13
    assert bench.ask(request[:-1]) == b"\xd8\x01\x03"
    assert bench.ask(request + b"\x00") == b"\xd8\x01\x03"


def test_attribute_0_is_a_structure_of_all_attributes_with_null_for_what_is_hidden():
    bench = Bench()
    bench.associate()
    clock = bench.read(8, "0.0.1.0.0.255", 0)
    assert clock[:2] == b"\x02\x09"
    assert clock == b"\x02\x09" + b"".join([bench.read(8, "0.0.1.0.0.255", i) for i in range(1, 10)])
    bench.associate(max_pdu=128)
    parts = [bench.read(15, "0.0.40.0.0.255", i) if i != 7 else b"\x00" for i in range(1, 12)]
    assert bench.read(15, "0.0.40.0.0.255", 0) == b"\x02\x0b" + b"".join(parts)


def test_a_list_of_1200_meters_is_the_same_at_every_pdu_size():
    bench = Bench(node_cnt=1200)
    expected = _sap_list_by_hand(bench.saps)
    assert len(expected) == 4 + 1201 * 23
    for max_pdu in (64, 65, 137, 138, 139, 140, 512, 1024, 0):
        bench.associate(max_pdu=max_pdu)
        bench.saps.encoded_cnt = 0
        assert bench.read(*_SAP_LIST) == expected
        # Once, twice for the last of a block, and the first PDU tried whole before.
        assert bench.saps.encoded_cnt <= 2 * 1201 + 100


def test_no_block_is_longer_than_what_was_agreed_or_there_is_room_for():
    bench = Bench(node_cnt=100)
    for max_pdu, out_max, limit in ((512, 2048, 512), (1024, 300, 300), (0, 64, 64), (0xFFFF, 4000, 4000)):
        bench.associate(max_pdu=max_pdu)
        answer = bench.ask(get(*_SAP_LIST), out_max=out_max)
        assert limit - 23 < len(answer) <= limit or len(answer) == 4 + 2 + 101 * 23
    bench.device.close_connection(0)
    assert 512 - 23 < len(bench.ask(get(*_SAP_LIST))) <= 512  # pre-established: the setting


def test_a_response_of_exactly_the_pdu_size_is_sent_whole_one_octet_more_in_blocks():
    for size in range(100, 400, 7):
        value = octets(bytes(100))
        items = [data(obis(0, 0, 96, 1, i), value) for i in range(4)]
        bench = Bench()
        bench.device = LogicalDevice(items, (public_client(),))
        bench.associate(max_pdu=size)
        request = b"\xc0\x03\xc1\x04" + b"".join([get(1, "0.0.96.1.%d.255" % i, 2)[3:] for i in range(4)])
        whole = 4 + 4 * 103
        answer = bench.ask(request)
        assert answer[1] == (3 if whole <= size else 2)
    bench.associate(max_pdu=106)
    assert bench.ask(get(1, "0.0.96.1.0.255", 2)) == b"\xc4\x01\xc1\x00\x09\x64" + bytes(100)
    bench.associate(max_pdu=105)
    answer = bench.ask(get(1, "0.0.96.1.0.255", 2))
    is_last, part = block(answer, 1)
    assert not is_last and len(answer) == 105
    is_last, rest = block(bench.ask(get_next(1)), 2)
    assert is_last and part + rest == b"\x09\x64" + bytes(100)


def test_a_value_longer_than_a_block_is_cut_and_joined_again_at_every_pdu_size():
    value = bytes([i & 0xFF for i in range(600)])
    bench = Bench()
    bench.device = LogicalDevice([data(obis(0, 0, 96, 1, 0), octets(value))], (public_client(),))
    for max_pdu in range(64, 300):
        bench.associate(max_pdu=max_pdu)
        assert bench.read(1, "0.0.96.1.0.255", 2) == b"\x09\x82\x02\x58" + value


def test_a_value_that_gets_shorter_while_it_is_cut_aborts_the_long_get():
    texts = [b"x" * 300]
    bench = Bench()
    shrinking = data(obis(0, 0, 96, 1, 0), Encoded(lambda writer: writer.octets(texts[0])))
    bench.device = LogicalDevice([shrinking], (public_client(),))
    bench.associate(max_pdu=200)
    assert block(bench.ask(get(1, "0.0.96.1.0.255", 2)), 1)[0] is False
    texts[0] = b"x" * 20
    assert bench.ask(get_next(1)) == b"\xc4\x02\xc1\x01\x00\x00\x00\x02\x01\x0f"


def test_a_value_that_needs_blocks_nobody_agreed_on_is_refused():
    bench = Bench(node_cnt=100)
    bench.associate(max_pdu=512, conformance=0x000010)
    assert _result(bench.ask(get(*_SAP_LIST))) == 250
    assert bench.ask(get_next(1)) == b"\xc4\x02\xc1\x01\x00\x00\x00\x01\x01\x10"


def test_a_wrong_block_number_ends_the_long_get():
    for wrong in (0, 2, 0xFFFFFFFF):
        bench = Bench(node_cnt=100)
        bench.ask(get(*_SAP_LIST))
        number = wrong.to_bytes(4, "big")
        assert bench.ask(get_next(wrong)) == b"\xc4\x02\xc1\x01" + number + b"\x01\x13"
        assert bench.ask(get_next(1)) == b"\xc4\x02\xc1\x01\x00\x00\x00\x01\x01\x10"


def test_a_next_after_the_last_block_or_without_a_first_is_refused():
    bench = Bench(node_cnt=30)
    no_long_get = b"\x01\x10"
    assert bench.ask(get_next(0))[-2:] == no_long_get
    assert block(bench.ask(get(*_SAP_LIST)), 1)[0] is False
    assert block(bench.ask(get_next(1)), 2)[0] is True
    assert bench.ask(get_next(2))[-2:] == no_long_get


def test_another_get_or_a_new_association_ends_the_long_get():
    for between in (get(1, "0.0.42.0.0.255", 2), get(1, "0.0.42.9.0.255", 2), aarq(), b"\x62\x00"):
        bench = Bench(node_cnt=100)
        bench.ask(get(*_SAP_LIST))
        bench.ask(between)
        assert bench.ask(get_next(1))[-2:] == b"\x01\x10"


def test_long_gets_on_two_connections_do_not_touch_each_other():
    bench = Bench(node_cnt=200)
    expected = _sap_list_by_hand(bench.saps)
    raw = [b"", b""]
    answers = [bench.ask(get(*_SAP_LIST), connection=c) for c in (0, 1)]
    for number in range(1, 100):
        ends = []
        for c in (0, 1):
            is_last, part = block(answers[c], number)
            raw[c] += part
            ends.append(is_last)
        if all(ends):
            break
        answers = [bench.ask(get_next(number), connection=c) for c in (0, 1)]
    assert raw == [expected, expected]


def test_a_table_that_changes_under_a_long_get_aborts_it():
    bench = Bench(node_cnt=100)
    bench.ask(get(*_SAP_LIST))
    assert block(bench.ask(get_next(1)), 2)[0] is False
    bench.saps.node_cnt = 99
    bench.saps.generation += 1
    assert bench.ask(get_next(2)) == b"\xc4\x02\xc1\x01\x00\x00\x00\x03\x01\x0f"
    assert bench.ask(get_next(2))[-2:] == b"\x01\x10"
    assert bench.read(*_SAP_LIST) == _sap_list_by_hand(bench.saps)
    assert bench.device.counters.named("dlms-long-get-broken") == 2


def test_a_list_of_attributes_gets_a_result_for_each():
    bench = Bench()
    wanted = (get(1, "0.0.42.0.0.255", 2), get(1, "0.0.42.0.9.255", 2), get(8, "0.0.1.0.0.255", 2))
    request = b"\xc0\x03\x81\x03" + b"".join([one[3:] for one in wanted])
    expected = b"\xc4\x03\x81\x03\x00\x09\x10" + LDN + b"\x01\x04\x00" + _CLOCK_VALUE
    assert bench.ask(request) == expected
    for cut in range(1, len(request)):
        assert bench.ask(request[:cut]) == b"\xd8\x01\x03"
    bench.associate(conformance=0x001010)
    assert bench.ask(request) == b"\xd8\x01\x02"


def test_a_long_list_of_attributes_comes_in_blocks():
    bench = Bench(node_cnt=60)
    one = get(*_SAP_LIST)[3:]
    request = b"\xc0\x03\xc1\x03" + one + get(1, "0.0.42.0.9.255", 2)[3:] + one
    is_last, raw = block(bench.ask(request), 1)
    for number in range(1, 20):
        if not is_last:
            is_last, part = block(bench.ask(get_next(number)), number + 1)
            raw += part
    saps = _sap_list_by_hand(bench.saps)
    assert raw == b"\x03\x00" + saps + b"\x01\x04\x00" + saps


def test_a_list_of_none_or_too_many_is_refused():
    bench = Bench()
    one = get(1, "0.0.42.0.0.255", 2)[3:]
    assert bench.ask(b"\xc0\x03\xc1\x00") == b"\xd8\x01\x03"
    assert bench.ask(b"\xc0\x03\xc1\x20" + one * 32)[:4] == b"\xc4\x02\xc1\x00"
    assert bench.ask(b"\xc0\x03\xc1\x21" + one * 33) == b"\xd8\x01\x03"
    assert bench.ask(b"\xc0\x03\xc1\x84\xff\xff\xff\xff" + one) == b"\xd8\x01\x03"


def test_two_objects_of_one_name_and_a_window_too_small_are_our_own_mistakes():
    bench = Bench()
    two = [data(name("0.0.96.1.0.255"), octets(b"1")), data(name("0.0.96.1.0.255"), octets(b"2"))]
    for mistake in (
        lambda: LogicalDevice(two, (public_client(),)),
        lambda: bench.ask(b"\xc0", out_max=63),
        lambda: CosemObject(1, 0, b"12345", []),
    ):
        try:
            mistake()
        except LocalError:
            continue
        raise AssertionError("accepted")


def test_roles_see_their_own_objects():
    other = Client(32, 0x04, 0x003210, True, 0)
    bench = Bench(clients=(public_client(), other))
    bench.objects[5].readers = 0x04
    public = bench.read(15, "0.0.40.0.0.255", 2)
    managed = bench.read(15, "0.0.40.0.0.255", 2, sap=32)
    assert managed[1] == public[1] + 1
    counters = name("0.0.128.1.0.255")
    assert counters in managed and counters not in public
    assert _result(bench.ask(get(1, "0.0.128.1.0.255", 2))) == 4
    assert bench.read(15, "0.0.40.0.0.255", 3) == b"\x02\x02\x0f\x10\x12\x00\x01"
    assert bench.read(15, "0.0.40.0.0.255", 3, sap=32) == b"\x02\x02\x0f\x20\x12\x00\x01"


def test_objects_beyond_what_one_list_may_hold_are_refused_one_by_one():
    bench = Bench()
    one = get(15, "0.0.40.0.0.255", 0)[3:]
    last = get(1, "0.0.42.0.0.255", 2)[3:]
    raw = _whole_list(bench, b"\xc0\x03\xc1\x09" + one * 8 + last)
    assert raw.endswith(b"\x01\xfa" + b"\x00\x09\x10" + LDN)
    assert raw[:3] == b"\x09\x00\x02" and raw.count(b"\x01\xfa") < 8


def _whole_list(bench, request):
    answer, number, raw = bench.ask(request), 1, b""
    while answer[:2] == b"\xc4\x02":
        is_last, part = block(answer, number)
        raw += part
        if is_last:
            return raw
        answer = bench.ask(get_next(number))
        number += 1
    return answer[3:]
