# SPDX-License-Identifier: MIT
"""What the objects of SAP 1 show, octet by octet, and that the object list is true.

Encodings: types of the Blue Book tables in shared facts dlms 3/7 and sfsk 5, by hand.
"""

from dlms_device import Bench, get

from dlms.axdr import Reader


def _parse(octets):
    """A small decoder of its own: (value, rest). Strings as bytes, everything else as int or list."""
    tag, rest = octets[0], octets[1:]
    if tag in (1, 2):
        n, rest = _count(rest)
        items = []
        for _ in range(n):
            item, rest = _parse(rest)
            items.append(item)
        return items, rest
    if tag in (9, 10):
        n, rest = _count(rest)
        return rest[:n], rest[n:]
    if tag == 4:
        n, rest = _count(rest)
        return rest[: n // 8], rest[n // 8 :]
    n = {0: 0, 3: 1, 5: 4, 6: 4, 15: 1, 16: 2, 17: 1, 18: 2, 22: 1}[tag]
    value = int.from_bytes(rest[:n], "big")
    if tag in (5, 15, 16) and value >> (8 * n - 1):
        value -= 1 << (8 * n)
    return value, rest[n:]


def _count(octets):
    if octets[0] < 128:
        return octets[0], octets[1:]
    n = octets[0] & 0x7F
    return int.from_bytes(octets[1 : 1 + n], "big"), octets[1 + n :]


def _value(bench, class_id, text, attribute):
    value, rest = _parse(bench.read(class_id, text, attribute))
    assert rest == b""
    return value


def _dotted(logical_name):
    return ".".join([str(octet) for octet in logical_name])


def test_every_attribute_of_the_object_list_is_there_as_the_list_says():
    bench = Bench()
    view = _value(bench, 15, "0.0.40.0.0.255", 2)
    assert [row[0] for row in view] == [1, 1, 1, 8, 17, 1, 50, 51, 52, 53, 55, 56, 7, 7, 7, 7, 1, 15]
    seen_cnt = 0
    for class_id, _, logical_name, (attributes, methods) in view:
        assert [a[0] for a in attributes] == list(range(1, len(attributes) + 1))
        assert [m[1] for m in methods] == [0] * len(methods)
        for index, mode, selectors in attributes:
            answer = bench.ask(get(class_id, _dotted(logical_name), index))
            assert selectors == ([1, 2] if (class_id, index) == (7, 2) else 0)
            assert (answer[1:4] != b"\x01\xc1\x01") == (mode == 1), (class_id, index)
            if mode:
                value = bench.read(class_id, _dotted(logical_name), index)
                reader = Reader()
                reader.open(memoryview(value), 0, len(value))
                reader.skip_value()
                assert not reader.left
            seen_cnt += 1
        past = bench.ask(get(class_id, _dotted(logical_name), len(attributes) + 1))
        assert past == b"\xc4\x01\xc1\x01\x04"
        assert _value(bench, class_id, _dotted(logical_name), 1) == logical_name
    assert seen_cnt == 6 * 2 + 9 + 15 + 2 + 5 + 8 + 3 + 2 + 4 * 8 + 11


def test_names_and_numbers_of_the_device_are_octet_strings():
    bench = Bench()
    assert bench.read(1, "0.0.42.0.0.255", 2) == b"\x09\x10GWY0000000000001"
    assert bench.read(1, "0.0.96.1.0.255", 2) == b"\x09\x09GW-000001"
    assert bench.read(1, "1.0.0.2.0.255", 2) == b"\x09\x0dgateway 0.1.0"


def test_the_sap_list_begins_with_sap_1_and_skips_the_broadcast_sap():
    bench = Bench(node_cnt=113)
    rows = _value(bench, 17, "0.0.41.0.0.255", 2)
    assert rows[0] == [1, b"GWY0000000000001"]
    assert [row[0] for row in rows[1:]] == list(range(0x10, 0x7F)) + [0x80, 0x81]


def test_the_clock_shows_local_time_deviation_and_that_it_is_not_set():
    bench = Bench()
    assert bench.read(8, "0.0.1.0.0.255", 2) == b"\x09\x0c\x07\xea\x03\x01\x07\x01\x02\x03\x00\xff\xc4\x00"
    assert bench.read(8, "0.0.1.0.0.255", 3) == b"\x10\xff\xc4"
    assert bench.read(8, "0.0.1.0.0.255", 4) == b"\x11\x00"
    assert bench.read(8, "0.0.1.0.0.255", 8) == b"\x03\x00"
    assert bench.read(8, "0.0.1.0.0.255", 9) == b"\x16\x01"
    bench.time.known = False
    assert bench.read(8, "0.0.1.0.0.255", 2) == b"\x09\x0c" + b"\xff" * 9 + b"\x80\x00\x01"
    assert bench.read(8, "0.0.1.0.0.255", 4) == b"\x11\x01"


def test_the_association_object_shows_the_association_that_asks():
    bench = Bench(max_pdu=900)
    bench.associate(max_pdu=700, conformance=0x001010)
    assert _value(bench, 15, "0.0.40.0.0.255", 3) == [16, 1]
    assert _value(bench, 15, "0.0.40.0.0.255", 4) == [2, 16, 756, 5, 8, 1, 1]
    assert _value(bench, 15, "0.0.40.0.0.255", 5) == [b"\x00\x10\x10", 900, 700, 6, 0, b""]
    assert _value(bench, 15, "0.0.40.0.0.255", 6) == [2, 16, 756, 5, 8, 2, 0]
    assert _value(bench, 15, "0.0.40.0.0.255", 8) == 2


def test_counters_are_read_with_their_names():
    bench = Bench()
    bench.some_counters.inc(1, 70000)
    expected = b"\x01\x02\x02\x02\x0a\x0bwan-refused\x06\x00\x00\x00\x00\x02\x02\x0a\x08wan-late\x06\x00\x01\x11\x70"
    assert bench.read(1, "0.0.128.1.0.255", 2) == expected


def test_sfsk_classes_show_live_values_with_the_types_of_the_standard():
    bench = Bench()
    assert bench.read(50, "0.0.26.0.0.255", 2) == b"\x16\x14"
    assert bench.read(50, "0.0.26.0.0.255", 7) == b"\x02\x02\x06\x00\x00\xf7\x44\x06\x00\x01\x21\x10"
    assert bench.read(50, "0.0.26.0.0.255", 8) == b"\x12\x00\x50"
    assert bench.read(50, "0.0.26.0.0.255", 9) == b"\x01\x02\x12\x00\x5a\x12\x00\x5d"
    assert bench.read(50, "0.0.26.0.0.255", 11) == b"\x03\xff"
    assert bench.read(51, "0.0.26.1.0.255", 2) == b"\x02\x03\x09\x08GWY\x00\x00\x00\x00\x01\x12\x00\x15\x11\x16"
    assert bench.read(52, "0.0.26.2.0.255", 5) == b"\x12\x00\x32"
    assert bench.read(53, "0.0.26.3.0.255", 2)[:10] == b"\x01\x02\x02\x02\x12\x00\x14\x06\x00\x00"
    assert _value(bench, 53, "0.0.26.3.0.255", 3) == [30, 31, 32, 33, 34]
    assert bench.read(53, "0.0.26.3.0.255", 8) == b"\x06\x00\x00\x00\x50"
    assert bench.read(55, "0.0.26.5.0.255", 2) == b"\x12\x00\x14"
    assert bench.read(55, "0.0.26.5.0.255", 3) == b"\x01\x02\x02\x02\x11\x1e\x11\x1f\x02\x02\x11\x21\x11\x22"
    assert _value(bench, 56, "0.0.26.6.0.255", 2) == bench.sfsk.titles


def test_a_reporting_list_longer_than_a_pdu_is_read_in_blocks_unless_it_changes():
    bench = Bench()
    bench.sfsk.titles = [b"MMM" + i.to_bytes(5, "big") for i in range(300)]
    assert _value(bench, 56, "0.0.26.6.0.255", 2) == bench.sfsk.titles
    bench.ask(get(56, "0.0.26.6.0.255", 2))
    bench.sfsk.changes += 1
    assert bench.ask(b"\xc0\x02\xc1\x00\x00\x00\x01")[-2:] == b"\x01\x0f"
