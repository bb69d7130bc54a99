# SPDX-License-Identifier: MIT
"""The gateway loses its supply and comes back with what its flash holds: nobody's SAP has moved,
known meters are served without a Register or Discover first, old answers meet nobody.
"""

from __future__ import annotations

import pytest

from host_tests.rig_support.ledger import ANSWERED, Ledger, assert_all_readable, assert_at_rest, numbered_rig, sap_of
from host_tests.rig_support.meters import GENERAL_GLO, Numbered
from host_tests.shim import PowerCut
from plc.medium import NODE_FREE, NODE_ONLINE
from tools.rig import Rig, fresh_flash
from tools.sim.mac_frame import ADDR_NEW
from tools.sim.options import ChipOptions, NodeOptions, SegmentOptions
from tools.sim.segment import Segment, meter_title

DISCOVER, REGISTER = 0x1D, 0x1C


def rows_of(table) -> dict[bytes, int]:
    """Title -> row of everything that holds one."""
    return {table.title(row): row for row in range(table.end()) if table.state(row) != NODE_FREE}


def assert_meters_are_where_the_table_says(rig: Rig) -> None:
    """Who has been registered on the line has the row of its address."""
    for title, node in rig.sim.nodes.items():
        if node.mac_addr != ADDR_NEW:
            assert rig.table.find(title) == node.mac_addr - 1


def ciase_heard(rig: Rig) -> list[tuple[float, int, bytes]]:
    """Discover and Register PDUs from now on: (second, tag, PDU)."""
    heard: list[tuple[float, int, bytes]] = []
    inner = rig.sim.line.on_transmit

    def watch(tx):
        inner(tx)
        if tx.sender is rig.sim.chip.mac and tx.frame.m_sdu[1] == 0 and tx.frame.m_sdu[3] in (DISCOVER, REGISTER):
            heard.append((rig.kernel.now_us / 1e6, tx.frame.m_sdu[3], tx.frame.m_sdu[3:]))

    rig.sim.line.on_transmit = watch
    return heard


@pytest.mark.parametrize("is_modem_cut", (True, False))
def test_power_cuts_while_meters_register_move_nobody(is_modem_cut):
    options = SegmentOptions(meters=24, chip=ChipOptions(chunk=0))
    rig = Rig(options, Numbered, fs=fresh_flash())
    seen: dict[bytes, int] = {}
    for cut in range(12):
        rig.run(2.0 + cut * 0.37)
        known = rows_of(rig.table)
        fs = rig.power_cut()
        if is_modem_cut:
            rig.sim.chip.set_power(False)
            rig.sim.chip.set_power(True)
        rig = Rig(fs=fs, sim=rig.sim)
        assert rows_of(rig.table) == known  # what was in the table was on flash
        assert seen.items() <= known.items()
        assert_meters_are_where_the_table_says(rig)
        seen = known
    rig.run_until(lambda: sum(node.mac_addr != ADDR_NEW for node in rig.sim.nodes.values()) == 24, 900)
    rig.run(120)
    assert_meters_are_where_the_table_says(rig)
    assert sorted(rows_of(rig.table).values()) == list(range(24))
    assert_all_readable(Ledger(rig), 24)


def test_a_cut_in_every_write_to_flash_during_registration_moves_nobody():
    done = False
    for step in range(200):
        fs = fresh_flash()
        rig = Rig(SegmentOptions(meters=5, chip=ChipOptions(chunk=0)), Numbered, fs=fs)
        fs.cut_at(step, torn=step % 21)
        try:
            rig.run_until_registered(5)
            done = True
        except PowerCut:
            rig = Rig(fs=rig.power_cut(), sim=rig.sim)
            assert_meters_are_where_the_table_says(rig)
            rig.run_until_registered(5)
        assert_meters_are_where_the_table_says(rig)
        assert sorted(rows_of(rig.table).values()) == list(range(5))
        if done:
            break
    assert done and step >= 10
    print("cuts in %d steps" % step)


def test_a_cut_at_any_point_of_an_exchange_leaves_no_answer_for_the_next_session():
    options = SegmentOptions(chip=ChipOptions(chunk=0))
    rig, ledger = numbered_rig(3, options=options, fs=fresh_flash())
    up_s = []
    for step in range(60):
        hes = ledger.connect()
        ledger.ask(hes, step % 3)
        rig.run(step * 0.02)
        ledger.close(hes)
        rig = Rig(fs=rig.power_cut(), sim=rig.sim)
        ledger.attach(rig)
        next_hes = ledger.connect()
        asked = ledger.ask(next_hes, step % 3)
        up_s.append(rig.run_until(lambda rig=rig: rig.segment.is_up, 15, 0.01))
        rig.run(20)
        assert asked.state == ANSWERED
        ledger.check()
        assert_all_readable(ledger, 3)
        assert_at_rest(rig)
    print("modem up %.2f s after the start at worst" % max(up_s))


def test_an_answer_on_its_way_during_a_restart_of_four_seconds_meets_nobody():
    """The guard time does not outlive a restart: one of less than 4 s leaves a gap that only a head-end
    could fall into which asks the same meter, ciphered, without an AARQ first."""
    for think_ms in range(1500, 5600, 200):
        options = SegmentOptions(chip=ChipOptions(chunk=0), node=NodeOptions(think_us=think_ms * 1000))
        rig, ledger = numbered_rig(1, options=options, fs=fresh_flash())
        hes = ledger.connect()
        ledger.ask(hes, 0, tag=GENERAL_GLO)
        rig.run(0.6)
        rig.sim.nodes[rig.table.title(0)].options.think_us = 50_000
        ledger.close(hes)
        fs = rig.power_cut()
        rig.kernel.run_for(4_000_000)
        rig = Rig(fs=fs, sim=rig.sim)
        ledger.attach(rig)
        asked = ledger.ask(ledger.connect(), 0, tag=GENERAL_GLO)
        rig.run(30)
        ledger.check()
        assert asked.state == ANSWERED


def persisted(count: int):
    """A line of `count` meters registered by a gateway that is off, and that gateway's flash."""
    sim = Segment(SegmentOptions(meters=count, chip=ChipOptions(chunk=0)), Numbered)
    fs = fresh_flash()
    first = Rig(SegmentOptions(), fs=fs)
    initiator = first.segment.settings.initiator_title()
    for number in range(1, count + 1):
        title = meter_title(number)
        row = first.table.add(title)
        first.table.set_state(row, NODE_ONLINE, 1)
        sim.nodes[title].register(initiator, 0xC00, row + 1)
    return sim, first.power_cut()


def test_1200_known_meters_are_served_without_a_register_or_discover():
    sim, fs = persisted(1200)
    rig = Rig(fs=fs, sim=sim)
    assert rig.online() == 1200
    ledger = Ledger(rig)
    heard = ciase_heard(rig)
    hes = ledger.connect()
    first = ledger.ask(hes, 777)
    assert rig.run_until(lambda: first.state == ANSWERED, 15, 0.01) < 5
    assert heard == [] and first.sent_cnt == 1
    sent_s = rig.kernel.now_us / 1e6
    for row in range(0, 1200, 7):
        assert ledger.ask_and_wait(hes, row, 30).state == ANSWERED, row
    rig.run(1800)
    ledger.check()
    assert [pdu for _, tag, pdu in heard if tag == REGISTER] == []
    assert all(sap_of(node.mac_addr - 1) == 0x10 + n + (n >= 0x6F) for n, node in enumerate(sim.nodes.values()))
    assert sum(node.counters["registered"] for node in sim.nodes.values()) == 1200
    print("first APDU answered %.2f s after the start, first Discover at %.1f s" % (sent_s, heard[0][0]))
