# SPDX-License-Identifier: MIT
"""The initiator's parts alone: population belief, reports, walk, credits, window, settings, jobs."""

import random

from plc_bench import SegmentBench
from plc_fakes import Nodes, at, frame, settings

from base.errors import LocalError
from plc.access import Access
from plc.medium import (
    NODE_BACK_EVENT,
    NODE_LOST,
    NODE_LOST_EVENT,
    NODE_ONLINE,
    NODE_UP_EVENT,
)
from plc.sfsk.credits import Credits
from plc.sfsk.discovery import _levels
from plc.sfsk.operating_window import OperatingWindow
from plc.sfsk.population import Population
from plc.sfsk.reports import ADDED, CAPACITY, FULL, KNOWN, Reports
from plc.sfsk.settings import Settings
from plc.sfsk.walk import Walk


def play(stations, seed, slots_max=100):
    """Slots until all have been heard and the belief says so; (slots, heard)."""
    random.seed(seed)
    population = Population()
    left, slots_used, rounds, first = stations, 0, 0, True
    while not population.is_settled and rounds < 500:
        aim = 10 if first else population.target(10)
        first = False
        percent = max(1, min(100, 100 * slots_max // aim))
        slots = max((aim * percent + 50) // 100, 1)
        answers = {}
        for _ in range(left):
            if random.getrandbits(20) % 100 < percent:
                slot = random.getrandbits(20) % slots
                answers[slot] = answers.get(slot, 0) + 1
        heard = sum(1 for count in answers.values() if count == 1)
        population.update(slots, aim, heard, 0)
        population.remove(heard)
        left -= heard
        slots_used += slots
        rounds += 1
    return slots_used, stations - left


def test_any_population_is_heard_without_hints_near_the_slot_bound():
    for stations, allowance in ((0, 150), (1, 200), (8, 250), (50, 350), (300, 500), (1200, 900), (1792, 1200)):
        for seed in (1, 2, 3):
            slots, heard = play(stations, seed)
            assert heard >= stations - 1 - stations // 50, (stations, seed, heard)
            assert slots <= 2.72 * stations * 1.15 + allowance, (stations, seed, slots)


def test_garbled_frames_say_that_somebody_is_there():
    silent, garbled = Population(), Population()
    silent.update(10, 10, 0, 0)
    garbled.update(10, 10, 0, 5)
    assert garbled._weights[23] < silent._weights[23]


def test_belief_recovers_from_the_wrong_end():
    population = Population()
    for _ in range(20):
        population.update(10, 10, 0, 0)
        population.remove(0)
    assert population.target(10) > 500 or population.is_settled
    for _ in range(6):
        population.update(100, 100, 37, 0)
        population.remove(37)
    assert not population.is_settled


def test_reports_are_unique_bounded_and_first_in_first_out():
    reports = Reports(8)
    for i in range(CAPACITY):
        assert reports.add(b"TITLE%03d" % i, 0, i & 7) == ADDED
    assert reports.add(b"TITLE005", 0, 0) == KNOWN
    assert reports.add(b"TITLE999", 0, 0) == FULL
    assert (reports.title(0), reports.repetitions(5)) == (b"TITLE000", 5)
    generation = reports.generation
    reports.drop(12)
    assert reports.count == CAPACITY - 12 and reports.title(0) == b"TITLE012" and reports.generation != generation
    assert reports.add(b"xTITLE999", 1, 0) == ADDED and reports.title(CAPACITY - 12) == b"TITLE999"
    reports.drop(reports.count)
    assert reports.count == 0


def test_a_walk_visits_each_row_once_per_period_evenly():
    for rows, period_s in ((1, 60), (7, 60), (1792, 900), (1792, 60), (3, 100000)):
        walk = Walk(period_s * 1000)
        walk.restart(at(0))
        visits = [0] * rows
        now = 0
        while now < period_s * 2000:
            while walk.step(at(now), rows):
                visits[walk.row] += 1
            now += max(period_s * 10, 500)
        assert 1 <= min(visits) and max(visits) <= 3, (rows, period_s, min(visits), max(visits))


def test_credits_rise_with_silence_and_fall_to_what_is_needed():
    nodes = Nodes()
    nodes.add(b"METER001")
    credits = Credits(nodes, settings())
    assert credits.of(0) == 3  # restored and not heard yet
    credits.observe(0, 1)
    assert credits.of(0) == 1
    expected = [2, 4, 7, 7]
    for want in expected:
        credits.missed(0)
        assert credits.of(0) == want
    credits.observe(0, 2)
    assert credits.of(0) == 3  # needed 2, and one more after the silence
    for _ in range(8 * 40):
        credits.observe(0, 2)
    assert credits.of(0) == 2
    for _ in range(8 * 4):
        credits.observe(0, 0)
    assert credits.of(0) == 0
    credits.observe(0, 5)
    assert credits.of(0) == 5


def test_credits_keep_within_their_limits():
    nodes = Nodes()
    nodes.add(b"METER001")
    credits = Credits(nodes, settings(max_credit=4, credit_margin=2))
    for repetitions in (0, 7, 3):
        credits.observe(0, repetitions)
        assert credits.of(0) <= 4
    for _ in range(300):
        credits.missed(0)
    assert credits.of(0) == 4 and credits.misses(0) == 7
    assert Credits(nodes, settings(initial_credit=2)).of(-1) == 4  # broadcast: the farthest node's


def test_credit_levels_reach_twice_as_far_each():
    assert _levels(0, 7) == [0, 1, 3, 7]
    assert _levels(2, 7) == [2, 5, 7]
    assert _levels(0, 0) == [0] and _levels(5, 3) == [3]


def window(start, end, second, span_ms=0):
    made = OperatingWindow(settings(operating_window__start=start, operating_window__end=end))
    made.set_clock(at(0), second)
    return made.is_open(at(span_ms))


def test_operating_window():
    assert window("08:00", "17:00", 8 * 3600) and not window("08:00", "17:00", 17 * 3600)
    assert not window("08:00", "17:00", 8 * 3600 - 1) and window("08:00", "17:00", 8 * 3600 - 1, 1000)
    assert window("22:00", "06:00", 23 * 3600) and window("22:00", "06:00", 0)
    assert not window("22:00", "06:00", 12 * 3600)
    assert window("00:00", "24:00", 86399) and window("00:00", "24:00", 0)
    unknown = OperatingWindow(settings(operating_window__start="08:00", operating_window__end="09:00"))
    assert unknown.is_open(at(0))


def test_settings_refuse_what_cannot_work():
    for wrong in (
        {"max_frame_length": 25},
        {"max_frame_length": 243},
        {"title_len": 7},
        {"max_credit": 8},
        {"initial_credit": 5, "max_credit": 4},
        {"no_such_thing": 1},
        {"discover": {"slotz": 1}},
        {"chip": "ncn"},
    ):
        try:
            SegmentBench(**{}) if False else Settings(wrong)
            if "chip" in wrong:
                SegmentBench(chip="ncn")
        except LocalError:
            continue
        raise AssertionError(wrong)
    assert Settings({"initiator_title": "4757590000000001"}).initiator_title() == b"GWY\x00\x00\x00\x00\x01"
    assert Settings({"discover": {"slots": 20}})["discover.slots"] == 20


# --- jobs on scripted pins ---


def report(title, sa=0xFFE, credit=0, current=0):
    head = bytes([credit << 5 | current << 2, sa >> 4, sa << 4 & 0xF0 | 0xC, 0x00, 0])
    return head + b"\x90\xfd\x00\x1e\x01" + title + b"\x01\x01"


def ping_answer(title, sa):
    head = bytes([0, sa >> 4, sa << 4 & 0xF0 | 0xC, 0x00, 0])
    return head + b"\x90\x01\x00\x1a" + title


def confirmed(bench):
    """The next transmission, confirmed a slot later."""
    got = bench.next_transmission()
    bench.wait(150)
    bench.chip_says(0x52, b"\xff")
    return got


def test_discover_register_ping_up():
    bench = SegmentBench(initiator_title="4757590000000001").bring_up()
    # credits 0, C00 to FFF, pad 0, LLC 90 00 01, Discover 100 %, 10 slots, credit 0, flag 0
    assert confirmed(bench) == frame(0x51, b"\x00\xc0\x0f\xff\x00\x90\x00\x01\x1d\x64\x00\x0a\x00\x00")
    bench.chip_says(0x50, report(b"METER00A"))
    bench.chip_says(0x50, report(b"METER00B"))
    bench.chip_says(0x50, report(b"METER00A"))
    assert bench.segment.cosem.count(56, 2) == 2 and bench.segment.cosem.value(56, 2, 0, 0) == b"METER00B"
    assert confirmed(bench)[3:-2] == (
        b"\x00\xc0\x0f\xff\x00\x90\x00\x01\x1cGWY\x00\x00\x00\x00\x01\x02METER00A\x00\x01METER00B\x00\x02"
    )
    assert bench.segment.cosem.count(56, 2) == 0
    for _ in range(2):
        ping = confirmed(bench)
        row = ping[6] - 1
        title = b"METER00A" if row == 0 else b"METER00B"
        assert ping[3:-2] == b"\x00\xc0\x00" + bytes([row + 1]) + b"\x00\x90\x00\x01\x19" + title
        bench.chip_says(0x50, ping_answer(title, row + 1))
        assert bench.nodes.state(row) == NODE_ONLINE
    assert sorted(bench.sink.log)[-2:] == [("node", 0, NODE_UP_EVENT), ("node", 1, NODE_UP_EVENT)]
    assert bench.segment.counters.named("reports_duplicate") == 1


def test_malformed_and_foreign_reports_register_nobody():
    bench = SegmentBench().bring_up()
    confirmed(bench)
    bench.chip_says(0x50, report(b"METER6"))
    bench.chip_says(0x50, report(b"METER00A")[:-3])
    bench.chip_says(0x50, report(b"METER00A", sa=0x005))
    bench.chip_says(0x50, report(b"METER00A")[:8] + b"\x77")
    assert bench.segment.initiator.reports.count == 0
    assert bench.segment.counters.named("ciase_bad") == 2
    assert bench.segment.counters.named("reports_registered") == 1
    assert bench.segment.counters.named("ciase_unexpected") == 1


def test_three_failed_pings_lose_a_node_and_an_answer_brings_it_back():
    bench = SegmentBench([b"METER00A"], heartbeat_ms=3600000).settle()
    bench.segment.initiator.watch.verify(at(bench.ms), 0)
    bench.segment._turns.offer_again()
    bench.wait(1)
    for _ in range(3):
        assert confirmed(bench)[11] == 0x19
        bench.wait(20000, lambda: bench.segment.line.state == 0)
    assert bench.sink.take() == [("node", 0, NODE_LOST_EVENT)]
    assert bench.nodes.state(0) == NODE_LOST
    bench.pins.take()
    bench.chip_says(0x50, ping_answer(b"METER00A", 1))  # too late: only a sign of life
    assert bench.nodes.state(0) == NODE_LOST
    assert confirmed(bench)[11] == 0x19
    bench.chip_says(0x50, ping_answer(b"METER00A", 1))
    assert bench.sink.take() == [("node", 0, NODE_BACK_EVENT)]


def test_a_blocked_meter_that_reports_is_not_registered_and_gets_no_row():
    title, other = b"MMM\x00\x00\x00\x00\x01", b"MMM\x00\x00\x00\x00\x02"
    bench = SegmentBench().settle()
    initiator = bench.segment.initiator
    assert initiator.registrar.access.block(title) is False  # no room by default
    initiator.registrar.access = Access(4)
    assert initiator.registrar.access.block(title)
    for one in (title, other):
        assert initiator.reports.add(one, 0, 0) == ADDED
    assert initiator.registrar.begin(at(bench.ms))
    assert bench.nodes.find(title) < 0 and bench.nodes.find(other) >= 0
    assert bench.segment.counters.named("register_not_allowed") == 1
    assert initiator.reports.count == 0
