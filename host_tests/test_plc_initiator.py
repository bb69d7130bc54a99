# SPDX-License-Identifier: MIT
"""Life of a network on the twin: keep-alive, lost and back, re-registration, refusals, restart, windows."""

from __future__ import annotations

import pytest

from host_tests.plc_rig import Rig
from plc.medium import (
    DONE_REPLIED,
    NODE_ASSIGNED,
    NODE_BACK_EVENT,
    NODE_LOST,
    NODE_LOST_EVENT,
    NODE_ONLINE,
    NODE_UP_EVENT,
)
from plc.sfsk.line import FREE
from tools.sim.options import LineOptions, NodeOptions, SegmentOptions
from tools.sim.segment import meter_title

GET = b"\xc0\x01\xc1"


def registered(meters: int, settings: dict | None = None, limit_s: float = 600, **options: object) -> Rig:
    rig = Rig(SegmentOptions(meters=meters, **options), settings, capacity=max(meters, 16))  # type: ignore[arg-type]
    rig.start()
    rig.run_until(lambda: len(rig.online()) == meters, limit_s)
    rig.run_until(lambda: not rig.segment.initiator.discovery.is_burst, 300)
    return rig


def watch_addressing(rig: Rig) -> dict[int, float]:
    """Longest time, so far, between two frames to each row's own address; updated as it runs."""
    last: dict[int, float] = dict.fromkeys(rig.online(), rig.seconds)
    longest: dict[int, float] = dict.fromkeys(last, 0.0)
    tell = rig.table.addressed

    def addressed(row: int, now_s: int) -> None:
        longest[row] = max(longest[row], rig.seconds - last[row])
        last[row] = rig.seconds
        tell(row, now_s)

    rig.table.addressed = addressed  # type: ignore[method-assign]
    return longest


@pytest.mark.parametrize("meters, minutes", [(3, 4), (30, 20), (100, 120)])
def test_every_node_is_addressed_within_its_share_of_the_time_out(meters: int, minutes: int) -> None:
    keepalive = {"time_out_not_addressed_min": minutes, "fraction": 4}
    node = NodeOptions(time_out_not_addressed_min=minutes)
    rig = registered(meters, {"keepalive": keepalive}, node=node)
    longest = watch_addressing(rig)
    before = rig.count("ping_sent")
    spans = 6
    share_s = minutes * 60 / 4
    rig.run(spans * share_s)
    assert max(longest.values()) <= share_s and min(longest.values()) > 0
    pings = rig.count("ping_sent") - before
    assert pings <= meters * spans * 2 + meters  # at most one per node and half share
    assert not rig.sink.events(NODE_LOST_EVENT) and rig.count("registered") == meters


def test_keep_alive_pings_are_spread_not_bunched() -> None:
    rig = registered(60, {"keepalive": {"time_out_not_addressed_min": 240, "fraction": 4}})
    rig.run(1800)
    before = rig.count("ping_sent")
    per_minute = []
    for _ in range(30):
        rig.run(60)
        per_minute.append(rig.count("ping_sent") - before)
        before = rig.count("ping_sent")
    assert max(per_minute) <= 5 and sum(per_minute) >= 40, per_minute


def test_data_counts_as_keep_alive() -> None:
    rig = registered(2, {"keepalive": {"time_out_not_addressed_min": 8, "fraction": 4}})
    before = rig.count("ping_sent")
    for _ in range(60):
        for row in range(2):
            rig.sink.request(row, GET)
        rig.run(20)
    assert rig.count("ping_sent") == before


def test_keep_alive_gets_the_line_from_saturating_data_and_does_not_starve_it() -> None:
    minutes = 4
    node = NodeOptions(time_out_not_addressed_min=minutes)
    rig = registered(20, {"keepalive": {"time_out_not_addressed_min": minutes, "fraction": 4}}, node=node)
    longest = watch_addressing(rig)
    answered = 0
    for _ in range(600):
        while len(rig.sink.queue) < 4:
            rig.sink.request(0, GET)
        rig.run(0.5)
    answered = len(rig.sink.replies)
    assert max(longest[row] for row in range(1, 20)) <= minutes * 60 / 2  # well inside the meters' own limit
    assert answered >= 280  # 300 s, less 19 pings in every 30 s of them
    assert not rig.sink.events(NODE_LOST_EVENT) and rig.count("registered") == 20


def test_a_node_that_leaves_is_lost_after_three_pings_and_back_when_it_answers_again() -> None:
    rig = registered(3, {"lost_retry_s": 60, "keepalive": {"time_out_not_addressed_min": 8}})
    gone = rig.row(2)
    rig.node(2).leave()
    failed = rig.count("ping_failed")
    rig.run_until(lambda: rig.table.state(gone) == NODE_LOST, 300)
    assert rig.sink.events(NODE_LOST_EVENT) == [gone]
    assert rig.count("ping_failed") - failed == 3
    rig.node(2).join()
    rig.run_until(lambda: rig.table.state(gone) == NODE_ONLINE, 700)
    assert rig.sink.events(NODE_BACK_EVENT) == [gone]


def test_a_missing_answer_makes_the_node_suspect() -> None:
    rig = registered(3)
    gone = rig.row(2)
    rig.node(2).leave()
    rig.sink.request(gone, GET)
    took_s = rig.run_until(lambda: rig.table.state(gone) == NODE_LOST, 60)
    assert took_s < 45 and rig.sink.events(NODE_LOST_EVENT) == [gone]


def test_retries_of_lost_nodes_use_a_small_share_of_the_line() -> None:
    rig = registered(40, {"lost_retry_s": 30, "keepalive": {"time_out_not_addressed_min": 8}})
    for number in range(1, 31):
        rig.node(number).leave()
    rig.run_until(lambda: len(rig.sink.events(NODE_LOST_EVENT)) == 30, 1200)
    rig.run(300)
    rounds = rig.count("discover_rounds")
    busy_s = 0.0
    for _ in range(6000):
        rig.run(0.1)
        if rig.segment.initiator.watch.row >= 0 and rig.segment.initiator.watch.row in rig.sink.events(NODE_LOST_EVENT):
            busy_s += 0.1
    assert rig.count("discover_rounds") >= rounds
    assert busy_s <= 600 * 0.13, busy_s
    assert busy_s >= 600 * 0.03  # but they are tried


def test_a_known_title_that_reports_as_new_gets_its_own_row_back() -> None:
    rig = registered(3, {"discover": {"period_s": 60}})
    row, mac = rig.row(2), rig.node(2).mac_addr
    rig.node(2).reset()
    assert rig.node(2).is_new
    rig.run_until(lambda: NODE_BACK_EVENT in [event for _, _, event in rig.sink.nodes], 300)
    assert rig.sink.events(NODE_BACK_EVENT) == [row]
    assert (rig.row(2), rig.node(2).mac_addr) == (row, mac)
    rig.sink.request(row, GET)
    rig.run_until(lambda: bool(rig.sink.done), 10)
    assert rig.sink.done[0][2] == DONE_REPLIED


def test_meters_that_forgot_us_are_found_again_after_a_blackout() -> None:
    rig = registered(40, {"discover": {"period_s": 60}})
    for number in range(1, 41):
        rig.node(number).reset()
    rig.run_until(lambda: len(set(rig.sink.events(NODE_BACK_EVENT))) == 40, 600)
    assert sorted(rig.online()) == list(range(40))
    assert all(node.mac_addr == rig.table.addr(rig.table.find(node.title)) for node in rig.sim.nodes.values())


def test_a_new_meter_is_found_within_the_slow_period() -> None:
    rig = registered(2)
    title = meter_title(77)
    rig.sim.add(title, type(rig.node(1).server)())
    took_s = rig.run_until(lambda: len(rig.online()) == 3, 700)
    assert took_s <= 320 and rig.table.find(title) == 2


def test_a_full_table_registers_nobody_else_and_settles() -> None:
    rig = Rig(SegmentOptions(meters=12), capacity=8).start()
    rig.run_until(lambda: len(rig.online()) == 8, 200)
    rig.run(600)
    assert rig.count("register_refused") > 0
    assert len(list(rig.sim.registered())) == 8
    rounds, slots = rig.count("discover_rounds"), rig.segment.initiator.discovery.slots_used
    rig.run(3000)
    assert rig.count("discover_rounds") - rounds <= 90
    assert rig.segment.initiator.discovery.slots_used - slots < 3000 / 0.15 * 0.3
    rig.sink.request(0, GET)
    rig.run_until(lambda: bool(rig.sink.done), 10)
    assert rig.sink.done[0][2] == DONE_REPLIED


def test_restored_nodes_are_used_at_once_without_registering_anyone() -> None:
    first = registered(30)
    table = first.table
    rig = Rig(SegmentOptions(meters=30), {"discover": {"period_s": 300}}, table=table)
    for title, node in rig.sim.nodes.items():  # the meters stayed as they were
        node.register(b"GATEWAY0", 0xC00, table.addr(table.find(title)))
    rig.start()
    rig.sink.request(7, GET + b"\x07")
    took_s = rig.run_until(lambda: bool(rig.sink.replies), 10)
    assert took_s < 5 and rig.sink.replies[0][2] == b"\xc4" + rig.sink.replies[0][1][1:]
    rig.run(4000)
    assert rig.count("registered") == 0 and not rig.sink.nodes
    assert all(table.addressed_s(row) for row in range(30))  # verified meanwhile, an hour at most


def test_a_registration_that_did_not_arrive_is_repeated() -> None:
    rig = Rig(SegmentOptions(meters=1)).start()
    node = rig.node(1)
    register, calls = node.register, []

    def deaf_once(*args: object) -> None:
        calls.append(args)
        if len(calls) > 1:
            register(*args)

    node.register = deaf_once
    rig.run_until(lambda: len(rig.online()) == 1, 120)
    assert len(calls) == 2 and rig.sink.events(NODE_UP_EVENT) == [0] and rig.count("ping_failed") >= 1


def test_a_ping_answer_with_another_title_verifies_nobody() -> None:
    rig = Rig(SegmentOptions(meters=1))
    node = rig.node(1)
    node.register = lambda initiator, source, mac: None
    impostor = rig.sim.add(meter_title(9), type(node.server)())
    rig.start()
    impostor_register = impostor.register
    impostor.register = lambda initiator, source, mac: None
    rig.run_until(lambda: rig.table.count() >= 1 and rig.row(1) >= 0, 60)
    impostor_register(b"GATEWAY0", 0xC00, rig.table.addr(rig.row(1)))
    rig.run(60)
    assert rig.table.state(rig.row(1)) == NODE_ASSIGNED


def test_far_meters_are_found_with_more_credit() -> None:
    rig = Rig(SegmentOptions(meters=6))
    for number in (4, 5, 6):
        rig.node(number).depth = number
    rig.start()
    rig.run_until(lambda: len(rig.online()) == 6, 300)
    assert rig.table.credit(rig.row(6)) == 6


def test_outside_the_operating_window_nothing_is_sent_and_nothing_taken() -> None:
    rig = Rig(SegmentOptions(meters=2), {"operating_window": {"start": "08:00", "end": "07:00"}})
    rig.start()
    rig.segment.set_clock(rig.now, 7 * 3600 - 300)
    rig.run_until(lambda: len(rig.online()) == 2, 100)
    rig.run(400)
    assert not rig.segment.is_open
    frames = rig.sim.line.stats.frames
    assert rig.segment.line.state == FREE
    assert not rig.segment.submit(rig.now, 0, (16, 1), memoryview(bytearray(32)), 16, 4, True)
    rig.run(3400)
    assert rig.sim.line.stats.frames == frames
    rig.run(900)
    assert rig.segment.is_open and rig.sim.line.stats.frames > frames


def test_repeater_call_orders_the_chip_and_leaves_the_line_alone() -> None:
    rig = registered(3, {"repeater_call": {"enabled": True, "period_s": 600, "max_new_slots": 2}})
    calls = rig.count("repeater_calls")
    rig.run_until(lambda: rig.count("repeater_calls") == calls + 1, 650)
    rig.port.log.clear()
    isa = bytes.fromhex("07 61 00 00 00 00 68 00")
    rig.run_until(lambda: isa in rig.port.log, 5)
    held_s = rig.run_until(lambda: rig.segment.line.state == FREE, 60)  # discovery may follow at once
    assert held_s > 3 * 0.15
    rig.run(700)
    assert rig.count("repeater_calls") == calls + 2


def test_discovery_does_not_hold_the_line_long_while_head_ends_work() -> None:
    rig = registered(2, {"discover": {"period_s": 20}})
    longest = taken = 0.0
    for _ in range(3000):
        if not rig.sink.queue:
            rig.sink.request(0, GET)
        rig.run(0.1)
        taken = taken + 0.1 if rig.segment.line.owner is rig.segment.initiator.discovery else 0.0
        longest = max(longest, taken)
    assert 0 < longest <= 10 * 0.15 + 8 * 0.15 * 2 + 1.0, longest


@pytest.mark.parametrize("seed", [4, 5])
def test_fifty_meters_on_a_bad_line_all_get_registered(seed: int) -> None:
    line = LineOptions(loss=0.2, dup=0.1, delay_ms=200, seed=seed)
    rig = Rig(SegmentOptions(meters=50, line=line)).start()
    took_s = rig.run_until(lambda: len(rig.online()) == 50, 1500)
    titles = {rig.table.title(row) for row in range(50)}
    assert titles == set(rig.sim.nodes) and took_s < 600
