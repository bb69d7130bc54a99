# SPDX-License-Identifier: MIT
"""Restart, factory reset and the schedules of SAP 1: confirmed, bounded, never twice, never for what is past."""

from fakes import RamStore
from management_bench import SERIAL, Bench, octets

from app import factory_reset
from base import events
from dlms.apdu import HARDWARE_FAULT, OTHER_REASON, SUCCESS, TEMPORARY_FAILURE, TYPE_UNMATCHED
from dlms.cosem.date_time import days_of
from dlms.cosem.local_time import LocalTime
from dlms.cosem.schedule_time import is_on, is_valid

SCRIPTS, FACTORY = "0.0.10.0.129", "0.0.128.14.0"
DISCOVERY, RESTART = "0.0.15.0.128", "0.0.15.0.129"
ANY_DAY = b"\xff\xff\xff\xff\xff"


def times(*entries):
    """execution_time of (time, date) pairs."""
    pairs = [b"\x02\x02" + octets(time) + octets(date) for time, date in entries]
    return bytes((1, len(pairs))) + b"".join(pairs)


# --- restart ---


def test_a_restart_comes_when_its_answer_has_had_time_and_only_once():
    bench = Bench()
    assert bench.call(SCRIPTS, b"\x12\x00\x01") == SUCCESS
    assert bench.log.record()[2:5] == (events.RESTART, -1, 0)
    assert bench.call(SCRIPTS, b"\x12\x00\x01") == TEMPORARY_FAILURE
    bench.turn(1999)
    assert bench.restarts == 0
    bench.turn(1)
    assert bench.restarts == 1


def test_restarts_in_a_loop_are_refused_for_the_first_half_minute():
    bench = Bench()
    bench.log.now_s = 29
    assert bench.call(SCRIPTS, b"\x12\x00\x01") == TEMPORARY_FAILURE
    bench.log.now_s = 30
    assert bench.call(SCRIPTS, b"\x12\x00\x01") == SUCCESS


def test_other_scripts_and_types_restart_nothing():
    bench = Bench()
    assert bench.call(SCRIPTS, b"\x12\x00\x02") == OTHER_REASON
    assert bench.call(SCRIPTS, b"\x0f\x00") == -1 and bench.call(SCRIPTS, None) == TYPE_UNMATCHED
    bench.turn(5000)
    assert bench.restarts == 0


# --- factory reset ---


def test_a_factory_reset_wants_the_serial_number_and_takes_one_attempt_a_minute():
    bench = Bench()
    files = dict(bench.store.files)
    assert bench.put(FACTORY, octets(b"SIMGATEWAY02")) == OTHER_REASON
    assert bench.log.record()[2:5] == (events.FACTORY_RESET, -1, 0)
    assert bench.put(FACTORY, octets(SERIAL)) == TEMPORARY_FAILURE
    bench.turn(59999)
    assert bench.put(FACTORY, octets(SERIAL)) == TEMPORARY_FAILURE and bench.store.files == files
    bench.turn(1)
    assert bench.put(FACTORY, octets(SERIAL)) == SUCCESS
    assert [bench.log.record(back)[2] for back in (1, 0)] == [events.FACTORY_RESET, events.RESTART]
    bench.turn(2000)
    assert bench.restarts == 1 and bench.get(FACTORY) == octets(b"")


def test_an_attempt_a_week_after_the_last_is_not_taken_for_one_in_the_same_minute():
    bench = Bench()
    assert bench.put(FACTORY, octets(b"SIMGATEWAY02")) == OTHER_REASON
    for _ in range(7 * 24):
        bench.turn(3600000)
    assert bench.put(FACTORY, octets(SERIAL)) == SUCCESS


def test_the_next_start_wipes_everything_once():
    store = RamStore()
    bench = Bench(store)
    for file in ("keys.bin", "psk.json", "g3net.bin", "config.good.json"):
        store.files[file] = b"secret"
    assert factory_reset.finish(store) == 0 and len(store.files) >= 6
    assert bench.put(FACTORY, octets(SERIAL)) == SUCCESS
    assert factory_reset.finish(store) >= 6
    assert store.files == {}
    assert factory_reset.finish(store) == 0


def test_flash_that_refuses_the_mark_keeps_everything():
    bench = Bench()
    bench.store.fail_after = 0
    assert bench.put(FACTORY, octets(SERIAL)) == HARDWARE_FAULT
    bench.store.fail_after = -1
    bench.turn(5000)
    assert bench.restarts == 0 and factory_reset.finish(bench.store) == 0


def test_a_file_that_cannot_be_removed_keeps_the_mark_for_the_next_start():
    store = RamStore()
    bench = Bench(store)
    assert bench.put(FACTORY, octets(SERIAL)) == SUCCESS
    store.fail_after = 1
    factory_reset.finish(store)
    assert factory_reset.MARK in store.files
    store.fail_after = -1
    factory_reset.finish(store)
    assert store.files == {}


# --- schedules ---


def test_dates_with_wildcards_are_on_or_not():
    entry = b"\x03\x00\x00\xff"
    for date, on, off in (
        (ANY_DAY, (2026, 2, 28, 6), None),
        (b"\x07\xea\xff\xff\xff", (2026, 5, 5, 2), (2027, 5, 5, 3)),
        (b"\xff\xff\x02\xff\xff", (2026, 2, 1, 7), (2026, 3, 1, 7)),
        (b"\xff\xff\xff\x1f\xff", (2026, 1, 31, 6), (2026, 1, 30, 5)),
        (b"\xff\xff\xff\xfe\xff", (2024, 2, 29, 4), (2024, 2, 28, 3)),
        (b"\xff\xff\xff\xfe\xff", (2100, 2, 28, 7), (2000, 2, 28, 1)),
        (b"\xff\xff\xff\xfd\xff", (2026, 4, 29, 3), (2026, 4, 30, 4)),
        (b"\xff\xff\xff\xff\x07", (2026, 3, 1, 7), (2026, 3, 2, 1)),
    ):
        assert is_valid(entry + date)
        assert is_on(entry + date, *on) and not (off and is_on(entry + date, *off)), date


def test_entries_without_a_time_of_day_or_with_fields_out_of_range_are_refused():
    good = b"\x17\x3b\x3b\x63" + b"\x07\xea\x0c\x1f\x07"
    assert is_valid(good) and not is_valid(good[:8]) and not is_valid(good + b"\x00")
    times_of_day = ((0, 24), (0, 255), (1, 60), (2, 255), (3, 100))
    for at, wrong in times_of_day + ((6, 0), (6, 13), (6, 0xFE), (7, 0), (7, 32), (8, 0), (8, 8)):
        entry = bytearray(good)
        entry[at] = wrong
        assert not is_valid(bytes(entry)), (at, wrong)


def test_times_are_written_read_kept_and_taken_away():
    bench = Bench()
    assert bench.get(RESTART, 3) == b"\x16\x05" and bench.get(RESTART, 4) == b"\x01\x00"
    assert bench.get(RESTART) == b"\x02\x02\x09\x06\x00\x00\x0a\x00\x81\xff\x12\x00\x01"
    assert bench.get(DISCOVERY) == b"\x02\x02\x09\x06\x00\x00\x0a\x00\x80\xff\x12\x00\x01"
    two = times((b"\x03\x1e\x00\xff", ANY_DAY), (b"\x04\x00\x00\x00", b"\xff\xff\xff\x01\xff"))
    assert bench.put(RESTART, two, 4) == SUCCESS and bench.get(RESTART, 4) == two
    assert Bench(bench.store).get(RESTART, 4) == two
    assert bench.put(RESTART, b"\x01\x00", 4) == SUCCESS and bench.get(RESTART, 4) == b"\x01\x00"


def test_times_that_are_none_are_refused_and_change_nothing():
    bench = Bench()
    one = (b"\x03\x00\x00\xff", ANY_DAY)
    assert bench.put(RESTART, times((b"\xff\x00\x00\xff", ANY_DAY)), 4) == OTHER_REASON
    short = times((b"\x03\x00\x00", ANY_DAY)), times((b"\x03\x00\x00\xff", b"\xff" * 4))
    for wrong in short + (times(*[one] * 5), b"\x02\x00"):
        assert bench.put(RESTART, wrong, 4) == -1
    assert bench.put(RESTART, times(*[one] * 4), 4) == SUCCESS


def at(hour, minute, second, day=1):
    return (2026, 3, day, 7, hour, minute, second)


def scheduled(*entries):
    bench = Bench()
    assert bench.put(DISCOVERY, times(*entries), 4) == SUCCESS
    bench.segment.asked.clear()
    return bench


def run(bench, *moments):
    """Discoveries after turns at these moments."""
    for moment in moments:
        bench.moment = moment
        bench.turn(1000)
    return len(bench.segment.asked)


def test_a_moment_is_executed_once_also_when_its_turn_comes_late():
    for second in (0, 1, 9):
        bench = scheduled((b"\x03\x00\x00\xff", ANY_DAY))
        assert run(bench, at(2, 59, 58), at(2, 59, 59)) == 0
        assert run(bench, at(3, 0, second)) == 1
        assert run(bench, at(3, 0, second), at(3, 0, second + 1), at(3, 1, 0)) == 1


def test_midnight_is_not_missed():
    bench = scheduled((b"\x00\x00\x00\x00", ANY_DAY))
    assert run(bench, at(23, 59, 58, 1), at(0, 0, 1, 2)) == 1
    bench = scheduled((b"\x17\x3b\x3b\x00", ANY_DAY))
    assert run(bench, at(23, 59, 58, 1), at(23, 59, 59, 1), at(0, 0, 0, 2)) == 1


def test_what_the_gateway_was_off_for_or_a_set_clock_jumps_over_is_missed():
    bench = scheduled((b"\x03\x00\x00\xff", ANY_DAY))
    assert run(bench, at(3, 0, 1), at(3, 0, 2)) == 0  # started a second too late
    assert run(bench, at(1, 0, 0), at(5, 0, 0)) == 0
    assert run(bench, at(1, 0, 0), None, at(3, 0, 5)) == 0


def test_a_clock_that_is_corrected_neither_skips_nor_doubles_a_moment():
    bench = scheduled((b"\x03\x00\x00\xff", ANY_DAY))
    assert run(bench, at(2, 58, 0), at(3, 2, 0)) == 1  # over it
    assert run(bench, at(2, 59, 59), at(3, 0, 0), at(3, 1, 59)) == 1  # and back
    assert run(bench, at(3, 2, 1), at(2, 59, 59, 2), at(3, 0, 0, 2)) == 2  # the next day
    bench = scheduled((b"\x03\x00\x00\xff", ANY_DAY))
    assert run(bench, at(2, 0, 0), at(1, 0, 0), at(2, 59, 59), at(3, 0, 0)) == 1
    bench = scheduled((b"\x17\x1e\x00\xff", ANY_DAY))
    assert run(bench, at(23, 0, 0, 1), at(1, 0, 0, 2)) == 1  # over midnight, too


def test_a_schedule_in_the_hour_of_daylight_saving_is_executed_once():
    for before, after in ((at(1, 59, 59), at(3, 0, 0)), (at(2, 59, 59), at(2, 0, 0))):
        bench = scheduled((b"\x02\x1e\x00\xff", ANY_DAY))
        moments = [at(1, 59, 58), before, after, at(2, 30, 0), at(2, 59, 59), at(3, 30, 0)]
        if before == at(2, 59, 59):
            moments[1:1] = [at(2, 30, 0)]
        assert run(bench, *moments) == 1


def test_a_start_in_the_hour_that_comes_twice_does_not_execute_again_what_the_start_was_for():
    for shown, expected in (((3, 0, 0), 0), ((2, 0, 5), 1)):  # the second of the two, the first
        bench = scheduled((b"\x02\x1e\x00\xff", ANY_DAY))
        bench.management.timed[1].shown_s = lambda shown=shown: 86400 * days_of(2026, 3, 1) + _second(*shown)
        assert run(bench, at(2, 0, 5), at(2, 29, 59), at(2, 30, 0), at(2, 59, 59), at(3, 0, 0)) == expected
        assert run(bench, at(2, 29, 59, 2), at(2, 30, 0, 2)) == expected + 1


def test_a_start_in_the_hour_that_comes_twice_does_not_miss_what_is_due_when_it_is_over():
    bench = scheduled((b"\x03\x00\x00\xff", ANY_DAY))
    rules = LocalTime()
    rules.zone_min, rules.summer_min, rules.is_enabled = -60, 60, True
    rules.begin = bytes.fromhex("ffff03fe07020000ff800000")
    rules.end = bytes.fromhex("ffff0afe07030000ff800080")
    shown_s = rules.shown_s(86400 * days_of(2026, 10, 25) + 3600 + 5)  # 01:00:05 UTC is 02:00:05 again
    assert shown_s < 86400 * days_of(2026, 10, 25) + 3 * 3600
    bench.management.timed[1].shown_s = lambda: shown_s - 86400 * (days_of(2026, 10, 25) - days_of(2026, 3, 1))
    assert run(bench, at(2, 0, 5), at(2, 59, 59), at(3, 0, 0)) == 1


def _second(hour, minute, second):
    return 3600 * hour + 60 * minute + second


def test_a_jump_of_the_clock_executes_what_lies_between_only_up_to_three_hours():
    for second, times_run in ((0, 1), (1, 0)):
        bench = scheduled((b"\x03\x00\x00\xff", ANY_DAY))
        assert run(bench, at(2, 0, 0), at(5, 0, second), at(5, 0, 2)) == times_run
    bench = scheduled((b"\x03\x00\x00\xff", ANY_DAY))
    assert run(bench, at(3, 0, 1, 9), at(3, 0, 0, 2), at(3, 0, 1, 2)) == 1  # another time: it begins anew


def test_without_a_clock_nothing_is_executed():
    bench = scheduled((b"\x03\x00\x00\xff", ANY_DAY))
    assert run(bench, None, None, None) == 0


def test_a_scheduled_restart_is_a_restart():
    bench = Bench()
    assert bench.put(RESTART, times((b"\x03\x00\x00\xff", ANY_DAY)), 4) == SUCCESS
    run(bench, at(2, 59, 59), at(3, 0, 0))
    assert bench.log.record()[2:5] == (events.RESTART, -1, 1)
    bench.turn(2000)
    assert bench.restarts == 1
