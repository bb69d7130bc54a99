# SPDX-License-Identifier: MIT
"""The event logs on flash: what is written when, what a restart shows, what strangers cannot cause.

Octets of the file are laid out by hand; CRC-32 is binascii's.
"""

import struct
from binascii import crc32

from cosem_calls import call, encoded, parsed, read, reader_of
from dlms_device import Time, clock_at
from fakes import RamStore

from app.log_file import LogFile
from base import events
from base.log import ERROR, NOTICE, WARNING, Log
from dlms.cosem.event_log import EventLogs
from dlms.cosem.object import ROLE_KEYED, ROLE_MANAGEMENT

FILE = "events.log"
STANDARD, SECURITY, COMMUNICATION, FIRMWARE = 0, 1, 2, 3
KEPT = (STANDARD, SECURITY, FIRMWARE)
UTC = 1772319600  # 2026-03-01 00:00:00 in UTC+1, uptime 0 of the first start; the clock of dlms_device
HOUR = 3600
CLOCK_COLUMN = b"\x02\x04\x12\x00\x08\x09\x06\x00\x00\x01\x00\x00\xff\x0f\x02\x12\x00\x00"
# What a peer without keys, a node or a failing flash can bring about, and no keys are needed for.
STRANGERS = (
    events.TABLE_FULL, events.TASK_DIED, events.TASK_STALLED, events.JOURNAL_FAILED, events.LOG_FAILED,
    events.JOIN_UNKNOWN, events.JOIN_NOT_LISTED, events.JOIN_FORGED, events.REKEY_MISSED, events.REKEY_WANTS_PSK,
    events.OWN_AUTHENTICATION_FAILED, events.OWN_LOCKED, events.OWN_REPLAY,
    events.WAN_OPEN, events.WAN_CLOSED, events.WAN_REFUSED, events.WAN_BAD_HEADER, events.WAN_BAD_LENGTH,
    events.NODE_UP, events.NODE_LOST, events.NODE_BACK, events.NODE_GONE, events.MODEM_UP, events.MODEM_DOWN,
    events.MODEM_RESET, events.PUSH_DROPPED, events.JOIN_FAILED, events.JOIN_TABLE_FULL, events.JOIN_MISMATCH,
)  # fmt: skip


class Start:
    """One start of a gateway on this flash; `wall` = UTC second of its uptime 0, None = its clock is not set."""

    def __init__(self, store, wall=UTC, records=64):
        self.store = store
        self.log = Log(records)
        self.file = LogFile(store, self.log)
        self.file.restore()
        self.time = Time()
        self.time.start_s, self.time.known, self.time.uptime_s = wall or 0, wall is not None, 0
        self.file.utc_s = self.time.utc_s
        self.objects = EventLogs(self.log, clock_at(self.time), lambda row: 0x10 + row).objects()

    def add(self, event, a=0, level=NOTICE):
        self.log.add(level, event, -1, a)

    def at(self, second):
        """A turn of the upkeep at that uptime."""
        self.log.now_s = self.time.uptime_s = second
        self.file.on_deadline(1000 * second)
        return self.file.writes

    def rows(self, category):
        return read(self.objects[category], 2)

    def select(self, category, selector, octets):
        return parsed(encoded(self.objects[category].selection(2)[1](selector, reader_of(octets))))


def numbers(rows):
    return [row[7] for row in rows]


def hours(rows):
    """(day, hour, minute) of the local date-time, the clock status."""
    return [(row[0][3], row[0][5], row[0][6], row[0][11]) for row in rows]


def record(time_s, level, event, a, b, number):
    """24 octets as the file has them."""
    row = struct.pack("<IBBhiii", time_s, level, event, -1, a, b, number)
    return row + struct.pack("<I", crc32(row, 1))


# --- what is there again ---


def test_a_record_is_on_flash_a_turn_later_as_24_octets():
    start = Start(RamStore())
    start.log.now_s = 60
    start.log.add(WARNING, events.FACTORY_RESET, -1, 1, -2)
    assert FILE not in start.store.files
    start.at(61)
    row = b"\xac\x73\xa3\x69" + b"\x82\x3f\xff\xff" + b"\x01\x00\x00\x00" + b"\xfe\xff\xff\xff" + b"\x00\x00\x00\x00"
    assert start.store.files[FILE] == row + struct.pack("<I", crc32(row, 1))
    assert int.from_bytes(row[:4], "little") == UTC + 60


def test_a_restart_shows_old_and_new_records_in_order_with_their_times_and_numbers_that_go_on():
    store = RamStore()
    one = Start(store)
    one.log.now_s = 2 * HOUR
    one.add(events.CONFIG_BAD, 7)
    one.log.now_s = 3 * HOUR
    one.add(events.OWN_ASSOCIATED, 1)
    one.add(events.KEYS_CHANGED, 1)
    one.add(events.WAN_OPEN)
    one.add(events.IMAGE_VERIFIED, 1000)
    one.at(3 * HOUR + 1)
    two = Start(store, UTC + 10 * HOUR)
    two.log.now_s = 60
    two.add(events.GATEWAY_UP)
    two.add(events.OWN_SET, 1000)
    two.log.now_s = two.time.uptime_s = 120
    standard, security, firmware = (two.rows(category) for category in KEPT)
    assert hours(standard) == [(1, 2, 0, 0), (1, 10, 1, 0)]
    assert [row[1:6] for row in standard] == [[0, NOTICE, events.CONFIG_BAD, 0, 7], [60, NOTICE, 0, 0, 0]]
    assert [row[3] for row in security] == [events.OWN_ASSOCIATED, events.KEYS_CHANGED, events.OWN_SET]
    assert numbers(standard) == [0, 0x10000] and numbers(security) == [1, 2, 0x10001] and numbers(firmware) == [4]
    assert two.rows(COMMUNICATION) == []  # it is about a line that starts anew
    assert [read(two.objects[category], 7) for category in KEPT] == [2, 3, 1]
    assert two.log.record(0)[2] == events.OWN_SET and two.log.newest() == 0x10001


def test_selection_by_entry_and_by_range_goes_over_the_boundary_of_a_restart():
    store = RamStore()
    one = Start(store)
    for hour in (1, 2, 3):
        one.log.now_s = hour * HOUR
        one.add(events.CONFIG_BAD, hour)
    one.at(3 * HOUR)
    two = Start(store, UTC + 10 * HOUR)
    for hour in (11, 12):
        two.log.now_s = two.time.uptime_s = (hour - 10) * HOUR
        two.add(events.CONFIG_BAD, hour)

    def of_range(low, high):
        limits = [b"\x09\x0c\x07\xea\x03\x01\x07" + bytes((hour, 0, 0)) + b"\x00\xff\xc4\x00" for hour in (low, high)]
        return [row[5] for row in two.select(STANDARD, 1, b"\x02\x04" + CLOCK_COLUMN + b"".join(limits) + b"\x01\x00")]

    def of_entries(first, last):
        limits = b"\x06" + first.to_bytes(4, "big") + b"\x06" + last.to_bytes(4, "big")
        return [row[5] for row in two.select(STANDARD, 2, b"\x02\x04" + limits + b"\x12\x00\x01\x12\x00\x00")]

    assert (of_range(2, 11), of_range(4, 10), of_range(0, 3), of_range(11, 23)) == ([2, 3, 11], [], [1, 2, 3], [11, 12])
    assert (of_entries(3, 4), of_entries(1, 0), of_entries(5, 9)) == ([3, 11], [1, 2, 3, 11, 12], [12])
    two.time.known = False  # old dates are dates all the same
    assert (of_range(0, 23), of_range(2, 23)) == ([1, 2, 3], [2, 3])


def test_without_a_clock_a_date_is_not_specified_and_invalid_and_the_uptime_of_that_start_stands_there():
    store = RamStore()
    one = Start(store, None)
    one.log.now_s = 50
    one.add(events.CONFIG_BAD)
    one.at(51)
    two = Start(store)
    two.log.now_s = 70
    two.add(events.GATEWAY_UP)
    two.at(71)
    three = Start(store, None)
    three.log.now_s = 5
    three.add(events.GATEWAY_UP)
    rows = three.rows(STANDARD)
    not_specified = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x80\x00\x01"
    assert [row[0] == not_specified for row in rows] == [True, False, True]
    assert [row[1] for row in rows] == [50, 0, 5] and numbers(rows) == [0, 0x10000, 0x20000]


def test_when_the_clock_is_set_the_records_of_this_start_get_their_dates_on_flash_too():
    store = RamStore()
    one = Start(store, None)
    one.log.now_s = HOUR
    one.add(events.GATEWAY_UP)
    one.at(HOUR)
    one.time.known, one.time.start_s = True, UTC
    one.log.now_s = 2 * HOUR
    one.add(events.CLOCK_JUMPED)
    one.at(2 * HOUR)
    two = Start(store, None)
    assert hours(two.rows(STANDARD)) == [(1, 1, 0, 0)] and hours(two.rows(SECURITY)) == [(1, 2, 0, 0)]


def test_a_reset_log_stays_empty_and_the_reset_stands_in_the_log_after_a_restart():
    store = RamStore()
    one = Start(store)
    for number in range(3):
        one.add(events.KEYS_CHANGED, number)
    one.add(events.GATEWAY_UP)
    one.at(1)
    assert call(one.objects[SECURITY], 1, b"\x0f\x00", ROLE_KEYED & ~ROLE_MANAGEMENT) == "denied"
    assert call(one.objects[SECURITY], 1, b"\x0f\x00", ROLE_MANAGEMENT) == 0
    one.at(2)
    assert len(store.files[FILE]) == 2 * 24  # not on flash any more, not only not shown
    two = Start(store)
    assert [row[3:7] for row in two.rows(SECURITY)] == [[events.LOG_CLEARED, 0, SECURITY, 3]]
    assert len(two.rows(STANDARD)) == 1


def test_a_reset_is_kept_even_where_the_level_drops_its_record():
    store = RamStore()
    one = Start(store)
    one.log.level = ERROR
    one.add(events.CONFIG_BAD, level=ERROR)
    one.at(1)
    assert call(one.objects[STANDARD], 1, b"\x0f\x00", ROLE_MANAGEMENT) == 0
    one.at(2)
    assert Start(store).rows(STANDARD) == [] and store.files[FILE] == b""


def test_a_log_with_less_or_more_room_than_before_keeps_the_newest():
    store = RamStore()
    one = Start(store, records=128)
    for number in range(32):
        one.add(events.CONFIG_BAD, number)
    one.at(1)
    assert [row[5] for row in Start(store, records=64).rows(STANDARD)] == list(range(16, 32))
    assert [row[5] for row in Start(store, records=512).rows(STANDARD)] == list(range(32))


def test_an_early_restart_loses_nothing_that_was_saved_for_it():
    start = Start(RamStore())
    start.add(events.OWN_LOCKED)  # which makes no write by itself
    start.file.save()
    assert len(Start(start.store).rows(SECURITY)) == 1


# --- who makes it write ---


def test_what_a_stranger_causes_makes_no_write_and_goes_with_the_next_of_the_gateways_own():
    start = Start(RamStore())
    start.add(events.OWN_LOCKED)
    assert [start.at(second) for second in (1, 3600, 30 * HOUR)] == [0, 0, 0]
    start.add(events.KEYS_CHANGED)
    assert start.at(30 * HOUR + 1) == 1 and len(start.store.files[FILE]) == 2 * 24
    start.add(events.OWN_LOCKED)
    assert start.at(40 * HOUR) == 1


def test_who_has_come_in_with_keys_is_on_flash_within_an_hour():
    start = Start(RamStore())
    start.add(events.OWN_LOCKED)
    start.add(events.OWN_ASSOCIATED)
    assert [start.at(second) for second in (1, 1800, 3599)] == [0, 0, 0]
    assert start.at(3600) == 1 and len(start.store.files[FILE]) == 2 * 24
    start.add(events.OWN_ACTION, 1003, WARNING)  # refused
    assert start.at(7199) == 1 and start.at(7200) == 2  # an hour after whatever was written last
    assert [start.at(7200 + hour * HOUR) for hour in range(1, 9)] == [2] * 8  # nothing waits


def test_every_event_that_makes_a_write_at_once_is_one_no_stranger_can_cause():
    """Whoever adds an event decides: here, when it takes the gateway itself or keys; else base.events._OF_STRANGERS."""
    assert [event for event in range(len(events.FORMATS)) if events.urgency(event, False) > 2] == sorted(
        (
            events.GATEWAY_UP, events.NODES_RESTORED, events.CONFIG_BAD, events.JOURNAL_TORN, events.JOURNAL_DAMAGED,
            events.WATCHDOG, events.LOG_DAMAGED, events.ACCESS_DAMAGED, events.FACTORY_RESET_DONE,
            events.OWN_UNPROVISIONED, events.TLS_OFF, events.FRAME_COUNTER_JUMP, events.REKEY_BEGUN, events.REKEY_ENDED,
            events.SETTING_CHANGED, events.SETTING_REFUSED, events.ACCESS_CHANGED, events.PSK_PROVIDED,
            events.TLS_CHANGED, events.OWN_SET, events.OWN_ACTION, events.ACTION, events.RESTART, events.FACTORY_RESET,
            events.LOG_CLEARED, events.CLOCK_SET, events.CLOCK_JUMPED, events.KEYS_CHANGED, events.POLICY_CHANGED,
            events.SECURITY_REFUSED, events.IMAGE_INITIATED, events.IMAGE_VERIFIED, events.IMAGE_FAILED,
            events.IMAGE_NOT_INSTALLED,
        )
    )  # fmt: skip


def test_no_event_of_strangers_makes_a_write():
    assert [event for event in STRANGERS if events.urgency(event, False) > 1] == []
    assert [events.urgency(event, True) for event in (events.OWN_SET, events.OWN_ACTION)] == [2, 2]


def test_a_hundred_thousand_events_of_strangers_make_no_write_in_three_hours():
    start = Start(RamStore())
    start.add(events.GATEWAY_UP)
    assert start.at(1) == 1
    octets, writes = len(start.store.files[FILE]), start.file.writes
    made = 0
    for second in range(2, 3 * HOUR + 2):
        for _ in range(10):
            start.add(STRANGERS[made % len(STRANGERS)], made, WARNING)
            made += 1
        start.at(second)
    assert made > 100000
    assert start.file.writes == writes and len(start.store.files[FILE]) == octets
    start.file.save()  # the next of the gateway's own
    assert len(start.store.files[FILE]) - octets <= 64 * 24  # no more than RAM holds
    assert len(Start(start.store).rows(SECURITY)) == 16


def test_whoever_has_keys_makes_32_writes_at_once_and_then_one_in_ten_minutes():
    start = Start(RamStore())
    for second in range(6 * HOUR):
        if not second % 10:
            start.add(events.OWN_ACTION, 1000)
        start.at(second)
    assert start.file.writes <= 32 + 6 * 6 + 1


def test_the_file_never_holds_more_than_1024_records_and_is_written_anew_with_384_at_most():
    start = Start(RamStore(), records=1024)
    lengths = [0]
    for round_ in range(1, 16):
        for number in range(200):
            start.add((events.CONFIG_BAD, events.KEYS_CHANGED, events.IMAGE_FAILED)[number % 3], number)
        start.at(700 * round_)
        lengths.append(len(start.store.files[FILE]) // 24)
    anew = [lengths[i] for i in range(1, 16) if lengths[i] < lengths[i - 1]]
    assert 800 < max(lengths) <= 1024 and len(anew) >= 2 and max(anew) <= 384


# --- damage ---


def test_a_damaged_record_is_skipped_and_counted_and_costs_no_other():
    for place in range(24):
        store = RamStore()
        store.files[FILE] = b"".join([record(UTC, 0x81, events.CONFIG_BAD, number, 0, number) for number in range(3)])
        damaged = bytearray(store.files[FILE])
        damaged[24 + place] ^= 0x10
        store.files[FILE] = bytes(damaged)
        start = Start(store)
        assert start.file.damaged == 1
        assert [row[3:6] for row in start.rows(STANDARD)] == [[8, 0, 0], [8, 0, 2], [events.LOG_DAMAGED, 0, 1]]
        assert start.rows(STANDARD)[2][2] == ERROR
        start.at(1)
        again = Start(store)
        assert not again.file.damaged and len(again.rows(STANDARD)) == 3


def test_half_a_record_at_the_end_is_no_damage_and_nothing_is_lost_behind_it():
    for length in range(1, 24):
        store = RamStore()
        store.files[FILE] = record(UTC, 0x81, events.CONFIG_BAD, 1, 0, 0) + bytes(length)
        start = Start(store)
        assert not start.file.damaged and len(start.rows(STANDARD)) == 1
        start.add(events.CONFIG_BAD, 2)
        start.at(1)
        assert [row[5] for row in Start(store).rows(STANDARD)] == [1, 2]


def test_a_file_of_another_layout_or_of_anything_is_counted_and_replaced():
    row = struct.pack("<IBBhiii", UTC, 0x81, 8, -1, 1, 0, 0)
    of_layout_2 = row + struct.pack("<I", crc32(row, 2))
    for octets, lost in ((of_layout_2, 1), (bytes(240), 10), (b"\xff" * 24000, 1000)):
        store = RamStore()
        store.files[FILE] = octets
        start = Start(store)
        assert start.file.damaged == lost and len(start.log) == 1
        start.at(1)
        assert len(store.files[FILE]) == 24


def test_records_that_are_not_in_order_are_damage():
    store = RamStore()
    store.files[FILE] = b"".join(
        [record(UTC, 0x81, events.CONFIG_BAD, number, 0, number) for number in (5, 5, 4, 6, -1)]
    )
    start = Start(store)
    assert start.file.damaged == 3
    assert [row[5] for row in start.rows(STANDARD)[:2]] == [5, 6]


def test_a_number_is_not_given_again_after_days_of_a_noisy_line_that_made_no_write():
    store = RamStore()
    one = Start(store)
    one.add(events.GATEWAY_UP)
    one.at(1)
    for number in range(60000):
        one.add(events.NODE_LOST, number)
    one.at(2)
    told = one.log.newest()
    two = Start(store)
    two.add(events.GATEWAY_UP)
    assert one.file.writes == 1 and numbers(two.rows(STANDARD))[-1] > told


def test_numbers_that_come_to_their_end_begin_anew_without_the_old_records():
    for last, expected in ((0x7EFFFFFF, [0x7EFFFFFF, 0x7F010000]), (0x7F000000, [0]), (0x7FFFFFFF, [0])):
        store = RamStore()
        store.files[FILE] = record(UTC, 0x81, events.CONFIG_BAD, 1, 0, last)
        one = Start(store)
        one.add(events.GATEWAY_UP)
        one.at(1)
        assert numbers(one.rows(STANDARD)) == expected
        if expected == [0]:
            assert numbers(Start(store).rows(STANDARD)) == expected


def test_flash_that_refuses_is_said_once_asked_again_after_ten_minutes_and_loses_nothing():
    start = Start(RamStore())
    start.add(events.CONFIG_BAD, 1)
    start.at(1)
    start.store.fail_after, start.store.torn = 0, 10
    start.add(events.CONFIG_BAD, 2)
    start.at(2)
    tried = start.store.writes
    assert [row[3] for row in start.rows(STANDARD)] == [8, 8, events.LOG_FAILED]
    for second in range(3, 602):
        start.at(second)
    assert start.store.writes == tried
    start.at(602)
    assert start.store.writes > tried and len(start.rows(STANDARD)) == 3
    start.store.fail_after = -1
    start.at(1202)
    assert [row[3:6] for row in Start(start.store).rows(STANDARD)] == [[8, 0, 1], [8, 0, 2], [events.LOG_FAILED, 0, 0]]


class NoMemory(RamStore):
    """The heap is full at call `at` of those that write, counted from when it was set."""

    at = -1

    def _kept(self, octets):
        if not self.at:
            raise MemoryError()
        self.at -= 1
        return super()._kept(octets)


def test_no_memory_for_a_write_is_as_flash_that_refuses_and_leaves_no_record_twice():
    for is_stale in (False, True):
        for at in range(4):
            start = Start(NoMemory())
            start.add(events.CONFIG_BAD, 1)
            start.at(1)
            for event in (events.CONFIG_BAD, events.KEYS_CHANGED, events.IMAGE_FAILED):
                start.add(event, 2)
            if is_stale:
                start.add(events.CLOCK_JUMPED)
            start.store.at = at
            start.at(2)
            assert (start.file.writes, start.log.record()[2]) in ((1, events.LOG_FAILED), (2, events.IMAGE_FAILED)), at
            start.store.at = -1
            start.at(602)
            again = Start(start.store)
            assert not again.file.damaged and again.file._records == len(start.store.files[FILE]) // 24
            assert [row[5] for row in again.rows(STANDARD)[:2]] == [1, 2] and len(again.rows(FIRMWARE)) == 1
