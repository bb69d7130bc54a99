# SPDX-License-Identifier: MIT
"""Several head-ends, meters that fall silent, a large network that comes back: on G3."""

from __future__ import annotations

import pytest

from host_tests.rig_support.g3 import DIALECTS, g3_config, numbered_g3
from host_tests.rig_support.ledger import (
    ANSWERED,
    Ledger,
    assert_at_rest,
    server,
)
from host_tests.test_rig_fairness import keep_asking, pester
from plc.medium import NODE_LOST
from tools.bench import worlds
from tools.rig import Rig


@pytest.mark.parametrize("count", (2, 4))
@pytest.mark.parametrize("is_same", (True, False))
@pytest.mark.parametrize("dialect", DIALECTS)
def test_head_ends_at_the_same_or_different_meters_get_their_own_answers(dialect, is_same, count):
    rig, ledger = numbered_g3(4, dialect)
    runs = []
    for index in range(count):
        rows = [0] if is_same else [index]
        runs.append(keep_asking(ledger, ledger.connect(), rows, 30, client_sap=16 + index, want=40))
    rig.run_until(lambda: all(len(run) == 30 for run in runs), 600)
    ledger.check()
    assert all(asked.state == ANSWERED for run in runs for asked in run)
    rig.run(5)
    assert_at_rest(rig)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_muted_meter_is_lost_refused_and_back_when_it_speaks(dialect):
    rig, ledger = numbered_g3(4, dialect)
    leaf = max(range(4), key=lambda row: rig.sim.nodes[rig.table.title(row)].hops)
    others = [row for row in range(4) if row != leaf]
    rig.sim.nodes[rig.table.title(leaf)].set_muted(True)
    run = keep_asking(ledger, ledger.connect(), others, 10000)
    pester(ledger, ledger.connect(), leaf, 15)
    rig.run_until(lambda: rig.table.state(leaf) == NODE_LOST, 1200)
    answered = len(run)
    rig.run(60)
    ledger.check()
    assert rig.forwarder.counters.named("refused-node-away") > 2 and len(run) - answered > 30
    rig.sim.nodes[rig.table.title(leaf)].set_muted(False)
    rig.run_until(lambda: rig.table.state(leaf) != NODE_LOST, 2000)


def test_a_head_end_that_vanishes_at_any_instant_of_an_exchange():
    rig, ledger = numbered_g3(2)
    for step in range(40):
        hes = ledger.connect()
        for client_sap in (1, 16, 17):
            ledger.ask(hes, 0, client_sap)
        rig.run(step * 0.03)
        ledger.close(hes)
        next_hes = ledger.connect()
        asked = [ledger.ask(next_hes, 0, client_sap) for client_sap in (1, 16)]
        rig.run(20)
        assert {one.state for one in asked if one is not None} == {ANSWERED}
        ledger.close(next_hes)
        ledger.check()
        assert_at_rest(rig)


def test_a_head_end_that_vanishes_while_a_dumb_meter_is_asked():
    rig, ledger = numbered_g3(2)
    for step in range(8):
        server(rig, 0).is_dumb = True
        hes = ledger.connect()
        ledger.ask(hes, 0)
        rig.run(step * 3)
        ledger.close(hes)
        server(rig, 0).is_dumb = False
        asked = ledger.ask(ledger.connect(), 0)
        rig.run(90)
        assert asked is not None and asked.state == ANSWERED
        ledger.check()
    assert_at_rest(rig)


def test_1200_known_meters_are_served_after_a_restart_without_a_join():
    rig = worlds.g3_fresh(1200)
    rig.run_until(lambda: rig.online() >= 1200, 12 * 3600, 5.0)
    rig.run(120)
    addresses = {title: node.short_addr for title, node in rig.sim.nodes.items()}
    again = Rig(sim=rig.sim, fs=rig.power_cut(), config=g3_config())
    began_us = again.kernel.now_us
    assert again.online() == 1200
    ledger = Ledger(again)
    hes = ledger.connect()
    first = ledger.ask(hes, 777)
    assert first is not None
    again.run_until(lambda: first.state == ANSWERED, 120, 0.01)
    took_s = (again.kernel.now_us - began_us) / 1e6
    assert took_s < 30  # of it 15 s of scan for other networks
    for row in range(0, 1200, 23):
        assert ledger.ask_and_wait(hes, row, 120).state == ANSWERED, row
    again.run(600)
    ledger.check()
    assert again.segment.counters.named("join_requests") == 0
    assert {title: node.short_addr for title, node in again.sim.nodes.items()} == addresses
    print("first APDU answered %.2f s after the start" % took_s)


def answered_in(rig: Rig, ledger: Ledger, seconds: int, dumb: list[int]) -> int:
    """Answers of the even rows to one head-end, while three others ask the dumb ones whenever they may."""
    for row in dumb:
        server(rig, row).is_dumb = True
    reader, *others = [ledger.connect() for _ in range(4)]
    for _ in range(4 * seconds):
        for row in dumb:
            for hes in others:
                ledger.ask(hes, row)
        for row in range(0, 16, 2):
            ledger.ask(reader, row)
        rig.run(0.25)
        ledger.give_up()
    ledger.check()
    return ledger.count(ANSWERED)


def test_meters_that_never_answer_do_not_hold_all_places_in_the_air():
    """Each holds one for half a minute. With six, one of them for control, the others had 18 % of their answers."""
    undisturbed = answered_in(*numbered_g3(16), 400, [])
    disturbed = answered_in(*numbered_g3(16), 400, list(range(1, 16, 2)))
    print("%d answers of %d" % (disturbed, undisturbed))
    assert disturbed > 0.6 * undisturbed
