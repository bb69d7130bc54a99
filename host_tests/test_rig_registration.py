# SPDX-License-Identifier: MIT
"""Meters come, go, and come back: everybody is registered, also on a bad line; nobody's SAP moves;
nobody falls back to NEW for want of being addressed, however busy the head-ends keep the line.
"""

from __future__ import annotations

import pytest

from host_tests.rig_support.ledger import ANSWERED, REFUSED, Ledger, assert_all_readable, assert_at_rest, numbered_rig
from host_tests.rig_support.meters import Numbered
from plc.medium import NODE_BACK_EVENT, NODE_LOST, NODE_LOST_EVENT, NODE_ONLINE, NODE_UP_EVENT
from tools.rig import Rig
from tools.sim.mac_frame import ADDR_NEW
from tools.sim.options import ChipOptions, LineOptions, NodeOptions, SegmentOptions
from tools.sim.segment import meter_title

FAST = ChipOptions(chunk=0)
SLOTS_PER_S = 2400 / 360


def assert_addresses(rig: Rig) -> None:
    """Every meter is online, at the address of its row, and no two share one."""
    macs = set()
    for title, node in rig.sim.nodes.items():
        row = rig.table.find(title)
        assert rig.table.state(row) == NODE_ONLINE and node.mac_addr == row + 1
        macs.add(node.mac_addr)
    assert len(macs) == len(rig.sim.nodes)


@pytest.mark.parametrize("count, loss, slots", ((100, 0.0, 10), (100, 0.1, 20), (1200, 0.0, 10), (1200, 0.1, 20)))
def test_registration_completes(count, loss, slots):
    """`slots` = bound in slots of the line per meter: e to be heard, some for Register and ping."""
    rig = Rig(SegmentOptions(meters=count, chip=FAST, line=LineOptions(loss=loss)), Numbered)
    took_s = rig.run_until_registered(count, 3 * 3600)
    assert rig.sim.line.stats.collisions > count / 10
    assert took_s * SLOTS_PER_S < count * slots
    assert_addresses(rig)
    ups = [node for _, node, event in rig.events if event == NODE_UP_EVENT]
    assert sorted(ups) == list(range(count))
    print("%d meters, loss %.1f: %.0f s, %.1f slots each" % (count, loss, took_s, took_s * SLOTS_PER_S / count))


@pytest.mark.parametrize("depth", (0, 3))
def test_hundreds_that_come_back_at_once_are_registered_again(depth):
    """So many spoil each other's reports that a small round looks as if there was nobody."""
    options = SegmentOptions(meters=300, chip=FAST, node=NodeOptions(depth=depth), line=LineOptions(loss=0.05))
    rig = Rig(options, Numbered)
    rig.run_until_registered(300, 4 * 3600)
    rig.run(900)
    for node in rig.sim.nodes.values():
        node.leave()
    rig.run(1800)
    for node in rig.sim.nodes.values():
        node.join()
    took_s = rig.run_until(lambda: all(node.mac_addr != ADDR_NEW for node in rig.sim.nodes.values()), 4 * 3600)
    rig.run(600)
    assert_addresses(rig)
    print("300 meters of depth %d back after %.0f s" % (depth, took_s))


def test_registration_completes_while_four_head_ends_use_the_line():
    rig = Rig(SegmentOptions(meters=60, chip=FAST), Numbered)
    rig.run_until_registered(1)
    ledger = Ledger(rig)
    hess = [ledger.connect() for _ in range(4)]
    began_us = rig.kernel.now_us
    while rig.online() < 60:
        for hes in hess:
            ledger.ask(hes, len(ledger.asked) % rig.online())
        rig.run(0.2)
        assert rig.kernel.now_us - began_us < 3600e6
    ledger.check()
    took_s = (rig.kernel.now_us - began_us) / 1e6
    assert_addresses(rig)
    assert ledger.count(ANSWERED) > took_s * 0.3
    print("60 meters in %.0f s beside %d answers" % (took_s, ledger.count(ANSWERED)))


def test_a_meter_that_falls_back_to_new_gets_its_own_address_again():
    rig, ledger = numbered_rig(8, options=SegmentOptions(chip=FAST))
    before = {title: rig.table.find(title) for title in rig.sim.nodes}
    for number in (3, 5, 8):
        rig.sim.nodes[meter_title(number)].reset()
    rig.events.clear()
    took_s = rig.run_until(lambda: all(node.mac_addr != ADDR_NEW for node in rig.sim.nodes.values()), 700)
    rig.run(30)
    assert {title: rig.table.find(title) for title in rig.sim.nodes} == before
    assert_addresses(rig)
    assert sorted(node for _, node, event in rig.events if event == NODE_BACK_EVENT) == sorted(
        before[meter_title(number)] for number in (3, 5, 8)
    )
    assert_all_readable(ledger, 8)
    print("back after %.0f s (discovery period 300 s)" % took_s)


def test_a_meter_that_is_gone_and_comes_back_is_lost_and_back():
    rig, ledger = numbered_rig(4, options=SegmentOptions(chip=FAST))
    row = 2
    node = rig.sim.nodes[rig.table.title(row)]
    hes = ledger.connect()
    node.leave()
    rig.events.clear()
    asked = ledger.ask(hes, row)
    lost_s = rig.run_until(lambda: rig.table.state(row) == NODE_LOST, 120)
    ledger.forget(asked)
    asked = ledger.ask_and_wait(hes, row, 5)
    assert asked.state == REFUSED and asked.took_s < 0.1
    node.join()
    back_s = rig.run_until(lambda: rig.table.state(row) == NODE_ONLINE, 1000)
    assert [(n, event) for _, n, event in rig.events] == [(row, NODE_LOST_EVENT), (row, NODE_BACK_EVENT)]
    assert_addresses(rig)
    assert_all_readable(ledger, 4)
    assert_at_rest(rig)
    print("lost %.1f s after the request, back %.0f s after it returned" % (lost_s, back_s))


def test_a_muted_meter_is_back_when_it_can_speak_again():
    rig, ledger = numbered_rig(4, options=SegmentOptions(chip=FAST))
    node = rig.sim.nodes[rig.table.title(1)]
    node.set_muted(True)
    ledger.forget(ledger.ask_and_wait(ledger.connect(), 1, 5))
    rig.run_until(lambda: rig.table.state(1) == NODE_LOST, 120)
    node.set_muted(False)
    back_s = rig.run_until(lambda: rig.table.state(1) == NODE_ONLINE, 1300)  # lost_retry_s = 900
    assert_all_readable(ledger, 4)
    print("back %.0f s after it could speak again" % back_s)


def test_one_meter_more_than_the_table_holds_is_left_new_and_logged():
    rig = Rig(SegmentOptions(meters=9, chip=FAST), Numbered, config={"gateway": {"nodes": 8}})
    rig.run_until_registered(8)
    rig.run(3600)
    left = [node for node in rig.sim.nodes.values() if node.mac_addr == ADDR_NEW]
    assert len(left) == 1 and rig.online() == 8
    assert rig.segment.counters.named("register_refused") > 0
    assert_all_readable(Ledger(rig), 8)
    # the row of a removed meter is quarantined: the ninth still gets none
    gone = rig.sim.nodes[rig.table.title(3)]
    gone.leave()
    assert rig.table.remove(3)
    rig.run(1200)
    assert left[0].mac_addr == ADDR_NEW and rig.online() == 7
    gone.join()
    rig.run_until(lambda: rig.table.find(gone.title) == 3 and rig.online() == 8, 1200)


@pytest.mark.parametrize("loss", (0.0, 0.1))
def test_nobody_falls_back_to_new_while_data_saturates_the_line(loss):
    """40 meters, time-out 8 minutes; four head-ends keep asking two of them for hours of the line."""
    options = SegmentOptions(
        meters=40, chip=FAST, line=LineOptions(loss=loss), node=NodeOptions(time_out_not_addressed_min=8)
    )
    keep = {"keepalive": {"time_out_not_addressed_min": 8, "fraction": 4}}
    rig = Rig(options, Numbered, config={"sfsk": keep})
    rig.run_until_registered(40)
    ledger = Ledger(rig)
    hess = [ledger.connect() for _ in range(4)]
    idle = rig.sim.line.idle_slots()
    began_us = rig.kernel.now_us
    ledger.on_end = lambda asked: ledger.ask(asked.hes, asked.row, asked.client_sap)
    while rig.kernel.now_us - began_us < 2 * 3600e6:
        for hes in hess:
            ledger.ask(hes, hes.number % 2, client_sap=16 + hes.number)
        rig.run(5)
        ledger.give_up()
    fallen = {node.title.hex(): node.counters["not_addressed"] for node in rig.sim.nodes.values()}
    assert max(fallen.values()) == 0, {title: count for title, count in fallen.items() if count}
    assert ledger.count(ANSWERED) > 3000
    busy = 1 - (rig.sim.line.idle_slots() - idle) / (2 * 3600 * SLOTS_PER_S)
    print("%d answers in 2 h, line busy %.0f %%" % (ledger.count(ANSWERED), 100 * busy))


def test_meters_that_may_not_register_take_no_row_no_record_and_hardly_any_air_and_the_allowed_get_in():
    def settled(strangers: int) -> Rig:
        rig = Rig(SegmentOptions(meters=6 + strangers, chip=FAST), Numbered)
        for number in range(1, 7):
            assert rig.segment.initiator.registrar.access.allow(meter_title(number))
        rig.run_until_registered(6, 900)
        rig.run(3600)
        return rig

    def slots_an_hour(rig: Rig) -> int:
        before = rig.segment.initiator.discovery.slots_used
        rig.run(2 * 3600)
        return (rig.segment.initiator.discovery.slots_used - before) // 2

    rig, alone = settled(40), settled(0)
    assert slots_an_hour(rig) < 1.3 * slots_an_hour(alone)  # three to six times as many before
    assert rig.table.count() == rig.online() == 6 and len(rig.log) == len(alone.log)
    assert rig.segment.counters.named("register_not_allowed") > 40
    assert rig.segment.initiator.reports.generation <= 2 * 6  # none of them waits among those to be registered
    assert rig.segment.initiator.registrar.access.allow(meter_title(20))
    rig.run_until_registered(7, 900)
    assert rig.table.find(meter_title(20)) == 6
