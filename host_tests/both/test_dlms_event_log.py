# SPDX-License-Identifier: MIT
"""The event logs: a ring for each kind, profiles over DLMS, selection by time and by entry, reset.

Encodings of the selections: Blue Book 4.3.6.2 (range_descriptor, entry_descriptor), by hand.
"""

from cosem_calls import call, encoded, parsed, read, reader_of
from dlms_device import Bench, block, get, get_next

from base import events
from base.errors import LocalError, RemoteError
from base.log import DEBUG, ERROR, NOTICE, Log
from dlms.cosem.object import ROLE_FIRMWARE, ROLE_KEYED, ROLE_MANAGEMENT, ROLE_PUBLIC

STANDARD, SECURITY, COMMUNICATION, FIRMWARE = 0, 1, 2, 3
_NAMES = [b"\x00\x00\x63\x62" + bytes((e, 255)) for e in range(4)]
_CLOCK_COLUMN = b"\x02\x04\x12\x00\x08\x09\x06\x00\x00\x01\x00\x00\xff\x0f\x02\x12\x00\x00"
_NULL = b"\x00"


def _record_column(element):
    return b"\x02\x04\x12\x00\x01\x09\x06\x00\x00\x80\x02\x00\xff\x0f\x02\x12\x00" + bytes((element,))


def _stamp(hour, minute, second, deviation=b"\xff\xc4"):
    return b"\x09\x0c\x07\xea\x03\x01\x07" + bytes((hour, minute, second)) + b"\x00" + deviation + b"\x00"


def _range(low, high, columns=(), by=_CLOCK_COLUMN):
    return b"\x02\x04" + by + low + high + b"\x01" + bytes((len(columns),)) + b"".join(columns)


def _entries(first, last, left, right):
    rows = b"\x06" + first.to_bytes(4, "big") + b"\x06" + last.to_bytes(4, "big")
    return b"\x02\x04" + rows + b"\x12" + left.to_bytes(2, "big") + b"\x12" + right.to_bytes(2, "big")


class _Logs:
    """The four profiles over a log of 64 records."""

    def __init__(self):
        self.bench = Bench()
        self.bench.log = self.log = Log(64, DEBUG)
        from dlms.cosem.event_log import EventLogs

        self.objects = EventLogs(self.log, self.bench.clock, lambda row: 0x10 + row).objects()

    def add(self, second, event, a=0):
        self.log.now_s = second
        self.log.add(NOTICE, event, -1, a)

    def rows(self, category):
        return read(self.objects[category], 2)

    def select(self, category, selector, octets):
        """Rows selected; None when the selection makes no sense, "type" when it is malformed."""
        mask, select = self.objects[category].selection(2)
        assert mask == 3
        try:
            value = select(selector, reader_of(octets))
        except RemoteError:
            return "type"
        return None if value is None else parsed(encoded(value))


def test_a_flood_of_one_kind_leaves_the_others_alone():
    log = Log(64)
    log.add(NOTICE, events.LOG_CLEARED, -1, 1)
    log.add(NOTICE, events.GATEWAY_UP)
    for i in range(1000):
        log.add(NOTICE, events.WAN_REFUSED, -1, i)
    assert [log.capacity(c) for c in range(4)] == [16, 16, 24, 8]
    assert [log.end(c) - log.first(c) for c in range(4)] == [1, 1, 24, 0]
    assert len(log) == 26
    assert log.at(SECURITY, 0)[2] == events.LOG_CLEARED
    assert [log.at(COMMUNICATION, s)[4] for s in range(log.first(2), log.end(2))] == list(range(976, 1000))
    assert log.record()[2:5] == (events.WAN_REFUSED, -1, 999)
    assert log.record(24)[2] == events.GATEWAY_UP
    assert log.record(25)[2] == events.LOG_CLEARED
    try:
        log.record(26)
    except LocalError:
        return
    raise AssertionError("there are 26")


def test_a_log_is_never_without_room():
    for capacity in (1, 4, 8, 15, 16, 17, 32):
        log = Log(capacity)
        for event in (events.GATEWAY_UP, events.LOG_CLEARED, events.WAN_OPEN):
            log.add(NOTICE, event)
            assert log.record()[2] == event


def test_every_event_is_kept_in_the_order_of_time_whatever_its_kind():
    log = Log(512, DEBUG)
    for event in range(len(events.FORMATS)):
        log.add(NOTICE, event)
    assert [log.record(back)[2] for back in range(len(events.FORMATS))] == list(reversed(range(len(events.FORMATS))))
    assert len(log) == len(events.FORMATS)


def test_each_profile_shows_its_own_records_oldest_first():
    logs = _Logs()
    assert [made.logical_name for made in logs.objects[:4]] == _NAMES
    assert [(made.class_id, made.version, made.attribute_cnt, made.method_cnt) for made in logs.objects[:4]] == [
        (7, 1, 8, 2)
    ] * 4
    assert [logs.rows(c) for c in range(4)] == [[]] * 4
    logs.log.now_s = 61
    logs.log.add(NOTICE, events.NODE_UP, 5, -3, 4)
    logs.log.now_s = 3600
    logs.log.add(ERROR, events.MODEM_FAILED)
    logs.log.add(ERROR, events.CONFIG_BAD, -1, 2)
    rows = logs.rows(COMMUNICATION)
    assert rows[0] == [b"\x07\xea\x03\x01\x07\x00\x01\x01\x00\xff\xc4\x00", 61, NOTICE, 2, 0x15, -3, 4, 0]
    assert rows[1][1:] == [3600, ERROR, 13, 0, 0, 0, 1]
    assert logs.rows(STANDARD)[0][1:] == [3600, ERROR, 8, 0, 2, 0, 2]
    assert read(logs.objects[4], 2) == [3600, ERROR, 8, 0, 2, 0, 2]
    assert [read(logs.objects[2], index) for index in (4, 5, 6, 7, 8)] == [0, 1, [0, bytes(6), 0, 0], 2, 24]
    columns = read(logs.objects[2], 3)
    assert columns[0] == [8, b"\x00\x00\x01\x00\x00\xff", 2, 0]
    assert columns[1:] == [[1, b"\x00\x00\x80\x02\x00\xff", 2, i] for i in range(1, 8)]
    assert len(columns) == len(rows[0])


def test_a_full_log_shows_the_newest_records():
    logs = _Logs()
    for i in range(30):
        logs.add(i, events.GATEWAY_UP, i)
    assert [row[5] for row in logs.rows(STANDARD)] == list(range(14, 30))
    assert read(logs.objects[STANDARD], 7) == read(logs.objects[STANDARD], 8) == 16


def test_records_added_while_the_log_is_read_do_not_disturb_it_unless_they_overwrite():
    for added, ends_with in ((1, None), (4, None), (5, b"\x01\x0f"), (9, b"\x01\x0f")):
        bench = Bench()  # 8 records of the standard log
        bench.associate(max_pdu=128)
        for i in range(6):
            bench.log.add(NOTICE, 0, -1, i)
        first = bench.ask(get(7, "0.0.99.98.0.255", 2))
        assert first[3] == 0 and first[10:12] == b"\x01\x06"
        for _ in range(added):
            bench.log.add(NOTICE, 1)
            bench.log.add(NOTICE, events.WAN_OPEN)
        answer = bench.ask(b"\xc0\x02\xc1\x00\x00\x00\x01")
        if ends_with:
            assert answer[-2:] == ends_with
        else:
            assert parsed(answer[10:54])[1:6] == [0, NOTICE, 0, 0, 2]


def test_a_log_read_in_blocks_is_told_by_one_clock_even_when_it_is_set_in_between():
    for max_pdu in range(64, 90):
        bench = Bench()
        bench.associate(max_pdu=max_pdu)
        for second in range(8):
            bench.log.now_s = 100 * second
            bench.log.add(NOTICE, events.NODE_UP, 1)
        expected = bench.read(7, "0.0.99.98.2.255", 2)
        answer, raw, is_last = bench.ask(get(7, "0.0.99.98.2.255", 2)), b"", False
        for number in range(1, 99):
            is_last, part = block(answer, number)
            raw += part
            if is_last:
                break
            bench.time.start_s += 40000007
            answer = bench.ask(get_next(number))
        assert is_last and raw == expected, max_pdu


def test_a_log_reset_while_it_is_read_ends_the_read():
    bench = Bench()
    bench.associate(max_pdu=128)
    for i in range(6):
        bench.log.add(NOTICE, 0, -1, i)
    assert bench.ask(get(7, "0.0.99.98.0.255", 2))[3] == 0
    bench.log.clear(0)
    assert bench.ask(b"\xc0\x02\xc1\x00\x00\x00\x01")[-2:] == b"\x01\x0f"


def test_a_range_of_time_selects_by_the_local_clock_both_ends_included():
    logs = _Logs()
    for second in (3600, 3660, 3720, 7200):
        logs.add(second, events.WAN_OPEN, second)
    logs.bench.time.uptime_s = logs.log.now_s = 7200

    def wanted(low, high):
        rows = logs.select(COMMUNICATION, 1, _range(low, high))
        return [row[1] for row in rows]

    assert wanted(_stamp(1, 1, 0), _stamp(1, 2, 0)) == [3660, 3720]
    assert wanted(_stamp(1, 1, 1), _stamp(1, 2, 0)) == [3720]
    assert wanted(_stamp(1, 0, 0), _stamp(1, 1, 59)) == [3600, 3660]
    assert wanted(_stamp(0, 1, 0, b"\x00\x00"), _stamp(0, 2, 0, b"\x00\x00")) == [3660, 3720]  # told in UTC
    assert wanted(_stamp(1, 1, 0, b"\x80\x00"), _stamp(1, 2, 0, b"\x80\x00")) == [3660, 3720]
    assert wanted(_NULL, _stamp(1, 1, 0)) == [3600, 3660]
    assert wanted(_stamp(1, 2, 0), b"\x09\x0c" + b"\xff" * 12) == [3720, 7200]
    assert wanted(b"\x19" + _stamp(1, 2, 0)[2:], _NULL) == [3720, 7200]
    assert wanted(_stamp(2, 0, 1), _NULL) == []
    assert wanted(_stamp(1, 2, 0), _stamp(1, 1, 0)) == []
    logs.bench.time.known = False
    assert wanted(_NULL, _NULL) == []


def test_a_range_can_name_the_columns_it_wants():
    logs = _Logs()
    logs.add(60, events.WAN_OPEN, 7)
    stamp = b"\x07\xea\x03\x01\x07\x00\x01\x00\x00\xff\xc4\x00"
    columns = (_record_column(5), _CLOCK_COLUMN, _record_column(1))
    logs.bench.time.uptime_s = 60
    assert logs.select(COMMUNICATION, 1, _range(_NULL, _NULL, columns)) == [[stamp, 60, 7]]
    assert logs.select(COMMUNICATION, 1, _range(_NULL, _NULL, (_record_column(9),))) is None
    assert logs.select(COMMUNICATION, 1, _range(_NULL, _NULL, (), _record_column(1))) is None


def test_entries_select_rows_and_columns_by_number():
    logs = _Logs()
    for i in range(5):
        logs.add(i, events.WAN_OPEN, 10 + i)

    def wanted(first, last, left=6, right=6):
        rows = logs.select(COMMUNICATION, 2, _entries(first, last, left, right))
        return rows if rows is None else [row[-1] for row in rows]

    assert wanted(1, 0) == wanted(1, 5) == wanted(1, 99) == [10, 11, 12, 13, 14]
    assert (wanted(2, 3), wanted(5, 5), wanted(6, 0), wanted(9, 12)) == ([11, 12], [14], [], [])
    assert [wanted(*bad) for bad in ((0, 1), (3, 2), (1, 1, 0, 1), (1, 1, 3, 2), (1, 1, 9, 9), (1, 1, 1, 9))] == [
        None
    ] * 6
    assert logs.select(COMMUNICATION, 2, _entries(1, 1, 2, 3)) == [[0, NOTICE]]
    assert len(logs.select(COMMUNICATION, 2, _entries(1, 1, 1, 0))[0]) == 8


def test_every_cut_and_every_wrong_octet_of_a_selection_is_refused_or_makes_sense():
    logs = _Logs()
    logs.add(60, events.WAN_OPEN)
    for selector, octets in (
        (1, _range(_stamp(0, 0, 0), _stamp(1, 0, 0), (_CLOCK_COLUMN,))),
        (2, _entries(1, 2, 1, 2)),
    ):
        for cut in range(len(octets)):
            assert logs.select(COMMUNICATION, selector, octets[:cut]) == "type", cut
        for place in range(len(octets)):
            for value in (0x00, 0x01, 0x7F, 0x80, 0x84, 0xFF):
                answer = logs.select(COMMUNICATION, selector, octets[:place] + bytes((value,)) + octets[place + 1 :])
                assert answer in (None, "type") or isinstance(answer, list)


def test_reset_is_for_management_and_is_itself_a_record_of_security():
    logs = _Logs()
    for i in range(3):
        logs.add(i, events.WAN_OPEN)
    logs.add(3, events.GATEWAY_UP)
    made = logs.objects[COMMUNICATION]
    for role in (ROLE_PUBLIC, ROLE_FIRMWARE, ROLE_KEYED & ~ROLE_MANAGEMENT):
        assert call(made, 1, b"\x0f\x00", role) == "denied"
    assert call(made, 2, b"\x0f\x00", ROLE_MANAGEMENT) == "denied"
    assert call(made, 1, None, ROLE_MANAGEMENT) == 12
    assert call(made, 1, b"\x11\x00", ROLE_MANAGEMENT) == "type"
    assert len(logs.rows(COMMUNICATION)) == 3
    assert call(made, 1, b"\x0f\x00", ROLE_MANAGEMENT) == 0
    assert logs.rows(COMMUNICATION) == [] and len(logs.rows(STANDARD)) == 1
    assert [row[3:6] for row in logs.rows(SECURITY)] == [[events.LOG_CLEARED, 0, COMMUNICATION]]
    logs.add(9, events.WAN_OPEN)
    assert len(logs.rows(COMMUNICATION)) == read(made, 7) == 1
    assert call(logs.objects[SECURITY], 1, b"\x0f\x00", ROLE_MANAGEMENT) == 0
    assert [row[3:] for row in logs.rows(SECURITY)] == [[events.LOG_CLEARED, 0, SECURITY, 1, 6]]


def test_records_of_all_kinds_are_found_by_the_order_they_came_in():
    log = Log(64)
    log.add(NOTICE, events.LOG_CLEARED)
    log.add(NOTICE, events.GATEWAY_UP)
    for _ in range(30):  # 24 are kept
        log.add(NOTICE, events.WAN_OPEN)
    assert log.total == 32
    assert [log.seek(order) for order in (0, 1, 2, 7, 8, 31, 32, 99)] == [0, 1, 8, 8, 8, 31, 32, 32]
    assert (log.by_order(0)[2], log.by_order(1)[2], log.by_order(8)[2]) == (events.LOG_CLEARED, 0, events.WAN_OPEN)
    for order in (2, 7, 32):
        try:
            log.by_order(order)
        except LocalError:
            continue
        raise AssertionError(order)
    log.clear(SECURITY)
    assert log.seek(0) == 1


def test_records_press_when_they_fill_more_than_half_of_their_kind():
    log = Log(64)
    for i in range(13):
        assert not log.is_pressing(0)
        log.add(NOTICE, events.WAN_OPEN)
        assert log.is_pressing(0) == (i == 12)
    assert not log.is_pressing(1) and not log.is_pressing(13)
    for _ in range(9):
        log.add(NOTICE, events.GATEWAY_UP)
    assert log.is_pressing(13) and not log.is_pressing(14)
