# SPDX-License-Identifier: MIT
"""The Clock: calendar arithmetic, daylight saving, and what may be set and adjusted.

Seconds and switch dates: computed with Python's calendar and zoneinfo (Europe/Berlin, Australia/Sydney,
tz database), not with the code under test. Types: Blue Book tables in shared facts dlms 7.
"""

from cosem_calls import call, put, read
from dlms_device import Time, clock_at

from dlms.cosem import date_time
from dlms.cosem.local_time import LocalTime, is_switch, switch_of
from dlms.cosem.object import ROLE_MANAGEMENT, ROLE_PUBLIC, ROLE_READ_ONLY, ROLE_READ_WRITE

# (UTC seconds, calendar): time.gmtime of each.
_MOMENTS = (
    (0, (1970, 1, 1, 4, 0, 0, 0)),
    (68255999, (1972, 2, 29, 2, 23, 59, 59)),
    (68256000, (1972, 3, 1, 3, 0, 0, 0)),
    (946684799, (1999, 12, 31, 5, 23, 59, 59)),
    (951782400, (2000, 2, 29, 2, 0, 0, 0)),
    (1772319600, (2026, 2, 28, 6, 23, 0, 0)),
    (1798761599, (2026, 12, 31, 4, 23, 59, 59)),
    (1830297599, (2027, 12, 31, 5, 23, 59, 59)),
    (1861919999, (2028, 12, 31, 7, 23, 59, 59)),
    (4102444799, (2099, 12, 31, 4, 23, 59, 59)),
)
_BERLIN = (
    bytes.fromhex("ffff03fe07020000ff800000"),  # last Sunday of March, 02:00
    bytes.fromhex("ffff0afe07030000ff800080"),  # last Sunday of October, 03:00 summer time
)
_SYDNEY = (
    bytes.fromhex("ffff0a0107020000ff800000"),  # first Sunday of October, 02:00
    bytes.fromhex("ffff040107030000ff800080"),  # first Sunday of April, 03:00 summer time
)
# UTC seconds of the switches (zoneinfo).
_BERLIN_SWITCHES = ((1774746000, 1792890000), (1806195600, 1824944400))  # 2026, 2027
_SYDNEY_SWITCHES = ((1775318400, 1791043200), (1806768000, 1822492800))  # 2026, 2027: back, forth


def _rules(zone_min, dates):
    rules = LocalTime()
    rules.zone_min, rules.begin, rules.end, rules.summer_min, rules.is_enabled = zone_min, dates[0], dates[1], 60, True
    return rules


def test_days_and_calendars_are_those_of_the_gregorian_calendar():
    for second, moment in _MOMENTS:
        assert date_time.calendar_of(second) == moment
        octets = bytes((moment[0] >> 8, moment[0] & 0xFF)) + bytes(moment[1:]) + b"\x00\x80\x00\x00"
        assert date_time.local_of(octets) == second
    for day in range(0, 47482):  # every day to the end of 2099
        moment = date_time.calendar_of(day * 86400)
        assert date_time.days_of(moment[0], moment[1], moment[2]) == day
    assert moment[:3] == (2099, 12, 31)


def test_date_times_that_cannot_be_are_none():
    for text in (
        "07ea0d0101000000ff800000", "07ea021d01000000ff800000", "07ea000101000000ff800000", "07ea030001000000ff800000",
        "07ea030107180000ff800000", "07ea0301073c3c00ff800000", "07ea030107003c00ff800000", "07ea03010700003cff800000",
        "07ea030106000000ff800000", "ffff030107000000ff800000", "07eaff0107000000ff800000", "07ea03ff07000000ff800000",
        "07ea030107ff0000ff800000", "07ea030107 00ff00ff800000", "07b1030107000000ff800000", "0834030107000000ff800000",
    ):  # fmt: skip
        assert date_time.local_of(bytes.fromhex(text.replace(" ", ""))) is None, text
    assert date_time.local_of(bytes.fromhex("07ea0301ff0000ffff800000")) == 1772323200


def test_summer_begins_and_ends_at_the_second_north_and_south():
    rules = _rules(-60, _BERLIN)
    for begin, end in _BERLIN_SWITCHES:
        assert [rules.is_summer(s) for s in (begin - 1, begin, end - 1, end)] == [False, True, True, False]
        assert [rules.deviation_min(s) for s in (begin - 1, begin)] == [-60, -120]
    rules = _rules(-600, _SYDNEY)
    for end, begin in _SYDNEY_SWITCHES:
        assert [rules.is_summer(s) for s in (end - 1, end, begin - 1, begin)] == [True, False, False, True]
    rules.is_enabled = False
    assert rules.deviation_min(_SYDNEY_SWITCHES[0][0] - 1) == -600


def test_local_time_comes_back_to_the_same_utc_except_in_the_hour_that_comes_twice():
    rules = _rules(-60, _BERLIN)
    begin, end = _BERLIN_SWITCHES[0]
    for second in [begin + s for s in range(-7200, 7200, 600)] + [end + s for s in range(-7200, 10800, 600)]:
        local = date_time.calendar_of(second - 60 * rules.deviation_min(second))
        octets = bytes((local[0] >> 8, local[0] & 0xFF)) + bytes(local[1:]) + b"\x00\x80\x00\x00"
        expected = second - 3600 if end <= second < end + 3600 else second  # the first of the two is meant
        assert rules.to_utc(octets) == expected, second


def test_in_the_hour_that_comes_twice_a_clock_has_shown_its_last_second_before():
    end = _BERLIN_SWITCHES[0][1]
    for rules, ahead in ((_rules(-60, _BERLIN), 3600), (LocalTime(), 0)):
        for second in (-7200, -1, 0, 1, 3599, 3600, 86400):
            local_s = end + second - 60 * rules.deviation_min(end + second)
            expected = local_s + ahead - second - 1 if 0 <= second < ahead else local_s  # its last second, 02:59:59
            assert rules.shown_s(end + second) == expected, second


def test_a_date_time_with_a_deviation_is_taken_by_that():
    assert LocalTime().to_utc(bytes.fromhex("07ea0301070000000000 0000".replace(" ", ""))) == 1772323200
    assert LocalTime().to_utc(bytes.fromhex("07ea030107000000 00ffc400".replace(" ", ""))) == 1772323200 - 3600
    assert LocalTime().to_utc(bytes.fromhex("07ea03010700000000003c00")) == 1772323200 + 3600


def test_switch_dates_with_every_kind_of_wildcard():
    days = {
        "ffff03feff": (2026, 3, 31), "ffff03fdff": (2026, 3, 30), "ffff03fe07": (2026, 3, 29),
        "ffff03fd07": (2026, 3, 22), "ffff030107": (2026, 3, 1), "ffff030807": (2026, 3, 8), "ffff030207": (2026, 3, 8),
        "ffff0305ff": (2026, 3, 5), "07ea02fe06": (2026, 2, 28), "07e802feff": (2024, 2, 29),
    }  # fmt: skip
    for text, day in days.items():
        octets = bytes.fromhex(text + "02000000800000")
        found = switch_of(octets, 2026)
        assert date_time.calendar_of(found)[:5] == day + (date_time.weekday_of(found // 86400), 2), text
    for text in ("ffffff0107", "ffff03ff07", "ffff030008", "ffff00fe07", "ffff032007", "ffff0dfe07", "ffff02feee"):
        assert not is_switch(bytes.fromhex(text + "02000000800000")), text
    assert not is_switch(bytes.fromhex("ffff03fe07ff0000ff800000"))
    assert is_switch(date_time.NOT_SPECIFIED)


def test_years_given_outright_bound_daylight_saving():
    rules = _rules(
        0, (bytes.fromhex("07ea03010700000000800000"), bytes.fromhex("07eb0301010100000080 0080".replace(" ", "")))
    )
    begin, end = 1772323200, 1803859200
    assert [rules.is_summer(s) for s in (begin - 1, begin, end - 1, end)] == [False, True, True, False]


def _clock():
    time = Time()
    clock = clock_at(time)
    return time, clock, clock.cosem_object()


def test_every_attribute_has_the_type_of_the_standard():
    time, clock, made = _clock()
    apply = clock.rules
    apply.begin, apply.end, apply.summer_min, apply.is_enabled = _BERLIN[0], _BERLIN[1], 60, True
    assert (made.class_id, made.version, made.attribute_cnt, made.method_cnt) == (8, 0, 9, 6)
    assert [read(made, index) for index in range(2, 10)] == [
        bytes.fromhex("07ea0301070102030 0ffc400".replace(" ", "")), -60, 0, _BERLIN[0], _BERLIN[1], 60, 0xFF, 1
    ]  # fmt: skip
    time.start_s += 86400 * 60
    assert read(made, 4) == 0x80
    assert read(made, 2) == bytes.fromhex("07ea041e0402020300ff8880")
    time.known = False
    assert read(made, 4) == 1
    assert read(made, 2) == bytes.fromhex("ffffffffffffffffff800001")


def test_the_time_is_set_by_management_and_read_write_only():
    time, _, made = _clock()
    octets = b"\x09\x0c" + bytes.fromhex("07eb010105000000 00800000".replace(" ", ""))
    for role in (ROLE_PUBLIC, ROLE_READ_ONLY):
        assert put(made, 2, octets, role) == "denied"
    assert time.utc_s(None) == 1772319600 + 3723
    for role in (ROLE_MANAGEMENT, ROLE_READ_WRITE):
        time.start_s = 1772319600
        assert put(made, 2, octets, role) == 0
        assert time.utc_s(None) == 1798761600 - 3600  # midnight in UTC+1
    time.known = False
    assert put(made, 2, octets, ROLE_MANAGEMENT) == 0 and time.known


def test_a_time_that_is_not_whole_or_not_of_the_type_changes_nothing():
    time, _, made = _clock()
    wrong = (
        (b"\x09\x0c" + bytes.fromhex("ffff010105000000 00800000".replace(" ", "")), 250),
        (b"\x09\x0c" + b"\xff" * 12, 250),
        (b"\x09\x0b" + bytes(11), 250),
        (b"\x09\x00", 250),
        (b"\x09\x0c" + bytes(11), "type"),
        (b"\x0a\x0c" + bytes(12), "type"),
        (b"\x06\x00\x00\x00\x00", "type"),
        (b"", "type"),
    )
    for octets, result in wrong:
        assert put(made, 2, octets, ROLE_MANAGEMENT) == result, octets
    time.can_set = False
    assert put(made, 2, b"\x09\x0c" + bytes.fromhex("07eb01010500000000800000"), ROLE_MANAGEMENT) == 250
    assert time.utc_s(None) == 1772319600 + 3723


def test_zone_and_daylight_saving_are_kept_before_they_hold():
    time, clock, made = _clock()
    settings = (
        (3, b"\x10\x00\x3c"),
        (5, b"\x09\x0c" + _BERLIN[0]),
        (6, b"\x09\x0c" + _BERLIN[1]),
        (7, b"\x0f\x1e"),
        (8, b"\x03\x01"),
    )
    for index, octets in settings:
        assert put(made, index, octets, ROLE_READ_WRITE) == "denied"
        assert put(made, index, octets, ROLE_MANAGEMENT) == 0
    assert time.kept == [(3, 60), (5, _BERLIN[0]), (6, _BERLIN[1]), (7, 30), (8, 1)]
    assert [read(made, index) for index in (3, 5, 6, 7, 8)] == [60, _BERLIN[0], _BERLIN[1], 30, 0xFF]
    time.result = 1
    assert put(made, 3, b"\x10\x00\x00", ROLE_MANAGEMENT) == 1
    assert read(made, 3) == 60


def test_limits_of_zone_and_daylight_saving():
    time, _, made = _clock()
    for index, octets, result in (
        (3, b"\x10\x02\xd0", 0), (3, b"\x10\x02\xd1", 250), (3, b"\x10\xfd\x30", 0), (3, b"\x10\xfd\x2f", 250),
        (7, b"\x0f\x78", 0), (7, b"\x0f\x79", 250), (7, b"\x0f\x88", 0), (7, b"\x0f\x87", 250),
        (5, b"\x09\x0c" + b"\xff" * 12, 0), (5, b"\x09\x0c" + bytes(12), 250), (6, b"\x09\x0d" + b"\xff" * 13, 250),
    ):  # fmt: skip
        assert put(made, index, octets, ROLE_MANAGEMENT) == result, (index, octets)
    for index in (4, 9):
        assert put(made, index, b"\x11\x00", ROLE_MANAGEMENT) == "denied"


def test_methods_move_the_time_to_the_nearest_mark():
    time, _, made = _clock()
    for method, shift, expected in ((1, 449, 0), (1, 450, 900), (2, 451, 900), (3, 29, 0), (3, 30, 60)):
        time.start_s, time.uptime_s = 1772319600, shift
        assert call(made, method, b"\x0f\x00", ROLE_READ_WRITE) == 0
        assert time.utc_s(None) == 1772319600 + expected, (method, shift)
    for octets, shift, result in (
        (b"\x10\x03\x84", 900, 0), (b"\x10\xfc\x7c", -900, 0), (b"\x10\x03\x85", 0, 250), (b"\x10\xfc\x7b", 0, 250),
        (b"\x0f\x01", 0, "type"), (None, 0, 12),
    ):  # fmt: skip
        time.start_s = 1772319600
        before = time.utc_s(None)
        assert call(made, 6, octets, ROLE_MANAGEMENT) == result
        assert time.utc_s(None) == before + shift
    assert call(made, 3, b"\x0f\x00", ROLE_READ_ONLY) == "denied"
    time.known = False
    assert call(made, 3, b"\x0f\x00", ROLE_MANAGEMENT) == 2


def test_a_preset_time_is_taken_once_and_only_inside_its_interval():
    def moment(second):
        local = date_time.calendar_of(second)
        return b"\x09\x0c" + bytes((local[0] >> 8, local[0] & 0xFF)) + bytes(local[1:]) + b"\x00\x00\x00\x00"

    time, _, made = _clock()
    now = time.utc_s(None)
    assert call(made, 4, b"\x0f\x00", ROLE_MANAGEMENT) == 250
    for low, high, result in ((-10, 10, 0), (0, 0, 0), (1, 10, 250), (-10, -1, 250)):
        time.start_s = 1772319600
        preset = b"\x02\x03" + moment(now + 5000) + moment(now + low) + moment(now + high)
        assert call(made, 5, preset, ROLE_MANAGEMENT) == 0
        assert call(made, 4, b"\x0f\x00", ROLE_MANAGEMENT) == result, (low, high)
        assert time.utc_s(None) == now + (0 if result else 5000)
        assert call(made, 4, b"\x0f\x00", ROLE_MANAGEMENT) == 250
    assert call(made, 5, b"\x02\x03" + moment(now) + moment(now + 1) + moment(now), ROLE_MANAGEMENT) == 250
    assert call(made, 5, b"\x02\x03" + moment(now) + moment(now) + b"\x09\x0c" + b"\xff" * 12, ROLE_MANAGEMENT) == 250
    assert call(made, 5, b"\x02\x02" + moment(now) + moment(now), ROLE_MANAGEMENT) == "type"
