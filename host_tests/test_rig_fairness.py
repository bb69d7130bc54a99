# SPDX-License-Identifier: MIT
"""Several head-ends at once: everybody gets his own answers, turns are fair, a dumb meter costs
the others no more than the time it has the line. All figures are virtual seconds of the line.
"""

from __future__ import annotations

import pytest

from host_tests.rig_support.ledger import ANSWERED, Ledger, assert_at_rest, numbered_rig, sap_of, server
from plc.medium import ASK_STARTED, NODE_LOST
from tools.rig import Rig

SLOT_S = 0.15
THINK_S = 1.0  # sfsk.think_ms: what a meter that has not answered yet is given
MARGIN_S = 1.0  # confirm, UART and tick margins of one transaction


def keep_asking(ledger: Ledger, hes, rows, count, **what):
    """`count` requests of one head-end, one after the other; the list of them fills up."""
    done = []

    def next_one(asked=None):
        if asked is not None:
            done.append(asked)
        if len(done) < count:
            ledger.ask(hes, rows[len(done) % len(rows)], **what)

    previous = ledger.on_end
    ledger.on_end = lambda asked: next_one(asked) if asked.hes is hes else previous(asked)
    next_one()
    return done


def pester(ledger: Ledger, hes, row: int, every_s: float) -> None:
    """Ask a meter again and again, as another client each time, whether it answers or not."""
    turn = len(ledger.asked) % 40
    ledger.ask(hes, row, client_sap=100 + turn)
    ledger.rig.kernel.call_later(int(every_s * 1e6), pester, ledger, hes, row, every_s)


def transactions(rig: Rig, mac: int) -> list:
    """Everything the modem sends to one MAC address from now on: (slots, credit)."""
    seen: list = []
    inner = rig.sim.line.on_transmit

    def watch(tx):
        inner(tx)
        if tx.frame.dest == mac:
            seen.append((tx.frame.slots, tx.frame.ic))

    rig.sim.line.on_transmit = watch
    return seen


def longest_s(slots: int, credit: int) -> float:
    """Line time of a transaction nobody answers: wait for a slot twice, request, longest answer, think."""
    return (2 + slots * (credit + 1) + 7 * (credit + 1)) * SLOT_S + THINK_S + MARGIN_S


@pytest.mark.parametrize("count", (2, 4))
@pytest.mark.parametrize("is_same", (True, False))
def test_head_ends_at_the_same_or_different_meters_get_their_own_answers(count, is_same):
    rig, ledger = numbered_rig(4)
    hess = [ledger.connect() for _ in range(count)]
    runs = []
    for index, hes in enumerate(hess):
        rows = [0] if is_same else [index]
        runs.append(keep_asking(ledger, hes, rows, 30, client_sap=16 + index, want=40))
    took = rig.run_until(lambda: all(len(run) == 30 for run in runs), 600)
    ledger.check()
    assert all(asked.state == ANSWERED for run in runs for asked in run)
    assert took < count * 30 * 1.2
    rig.run(5)
    assert_at_rest(rig)


def test_four_head_ends_use_the_line_as_well_as_one():
    def seconds(count: int) -> float:
        rig, ledger = numbered_rig(8)
        runs = [keep_asking(ledger, ledger.connect(), range(8), 40) for _ in range(count)]
        return rig.run_until(lambda: all(len(run) == 40 for run in runs), 600) / count

    assert seconds(4) < seconds(1) * 1.05


def test_a_muted_meter_is_lost_and_then_refused_however_often_it_is_asked():
    rig, ledger = numbered_rig(4)
    rig.sim.nodes[rig.table.title(3)].set_muted(True)
    run = keep_asking(ledger, ledger.connect(), (0, 1, 2), 1000)
    pester(ledger, ledger.connect(), 3, 5)
    took_s = rig.run_until(lambda: rig.table.state(3) == NODE_LOST, 120)
    answered = len(run)
    rig.run(60)
    ledger.check()
    assert rig.forwarder.counters.named("refused-node-away") > 5
    assert len(run) - answered > 60 / 1.0  # the line is the others' again
    print("lost after %.1f s" % took_s)


@pytest.mark.parametrize("is_muted", (True, False))
def test_a_meter_that_never_answers_costs_the_others_only_its_own_airtime(is_muted):
    alone, ledger = numbered_rig(4)
    run = keep_asking(ledger, ledger.connect(), (0, 1, 2), 60)
    base_s = alone.run_until(lambda: len(run) == 60, 300)
    slowest_s = max(asked.took_s for asked in run)

    rig, ledger = numbered_rig(4)
    if is_muted:
        rig.sim.nodes[rig.table.title(3)].set_muted(True)
    server(rig, 3).is_dumb = True
    wasted = transactions(rig, 4)
    pester(ledger, ledger.connect(), 3, 5)
    run = keep_asking(ledger, ledger.connect(), (0, 1, 2), 60)
    took_s = rig.run_until(lambda: len(run) == 60, 900)
    ledger.check()
    assert len(wasted) >= 3 and all(asked.state == ANSWERED for asked in run)
    bounds = [longest_s(*one) for one in wasted]
    assert took_s <= base_s + sum(bounds)
    # one request may find the dumb meter's on the line, and a ping that asks after it queued in front
    assert max(asked.took_s for asked in run) <= slowest_s + 2 * max(bounds)
    print("60 exchanges: %.1f s alone, %.1f s beside, bound %.1f s" % (base_s, took_s, base_s + sum(bounds)))


def test_while_a_dumb_meter_rests_in_guard_time_the_others_have_the_line():
    rig, ledger = numbered_rig(2)
    server(rig, 1).is_dumb = True
    ledger.ask(ledger.connect(), 1)
    rig.run_until(lambda: rig.forwarder.counters.named("dropped-no-answer") == 1, 10, 0.01)
    run = keep_asking(ledger, ledger.connect(), (0,), 3)
    assert rig.run_until(lambda: len(run) == 3, 10, 0.01) < 3.0  # guard_ms
    ledger.check()


def test_sessions_take_turns_whatever_one_of_them_has_queued():
    rig, ledger = numbered_rig(8)
    greedy = ledger.connect()
    modest = [ledger.connect() for _ in range(3)]
    order: list[int] = []
    inner = rig.sim.line.on_transmit

    def watch(tx):
        inner(tx)
        sent = [asked for asked in ledger.asked if asked.sent_cnt]
        if len(sent) > len(order):
            order.extend(asked.hes.number for asked in sent if asked.apdu == tx.frame.m_sdu[3:])

    rig.sim.line.on_transmit = watch
    for row in range(5):
        for client_sap in range(16, 20):
            ledger.ask(greedy, row, client_sap=client_sap)
    runs = [keep_asking(ledger, hes, (5 + index,), 5) for index, hes in enumerate(modest)]
    rig.run_until(lambda: all(len(run) == 5 for run in runs), 60)
    ledger.check()
    rounds = order[:20]
    assert {number: rounds.count(number) for number in rounds} == dict.fromkeys(rounds, 5)
    assert all(rounds[i] != rounds[i + 1] for i in range(19))


def test_a_request_that_repeats_a_pending_one_is_on_the_air_once():
    rig, ledger = numbered_rig(1)
    hes = ledger.connect()
    asked = ledger.ask(hes, 0)
    for _ in range(3):
        rig.run(0.1)
        hes.request(16, sap_of(0), asked.apdu)
    rig.run(10)
    ledger.check()
    assert asked.state == ANSWERED and server(rig, 0).asked == [asked.number]
    assert rig.forwarder.counters.named("dropped-duplicate-request") == 3
    assert_at_rest(rig)


def test_a_fifth_request_to_one_meter_is_refused_at_once():
    rig, ledger = numbered_rig(1)
    hes = ledger.connect()
    asked = [ledger.ask(hes, 0, client_sap=16 + index) for index in range(7)]
    rig.run(0.01)
    assert [one.state for one in asked].count(2) == 2  # one on the air, four waiting, two refused
    rig.run(20)
    ledger.check()
    assert ledger.count(ANSWERED) == 5 and rig.forwarder.counters.named("refused-queue-full") == 2
    assert_at_rest(rig)


def test_marks_by_time_of_day_say_which_meter_answers():
    rig, ledger = numbered_rig(2, config={"gateway": {"node_quality": True}})
    hes = rig.connect()
    server(rig, 1).is_dumb = True
    for _ in range(3):
        for row in range(2):
            ledger.ask(hes, row)
        rig.run(20)
    span = rig.table.wall_s % 86400 // 10800
    marks = [[rig.table.quality.mark(row, of) for of in range(8)] for row in range(2)]
    assert marks[0][span] == 14 and marks[1][span] == 0
    assert all(mark == 15 for row in marks for of, mark in enumerate(row) if of != span)


def test_own_traffic_waits_too_while_the_line_is_held():
    rig, _ = numbered_rig(4)
    rig.run(300)
    sent: list = []
    rig.sim.line.on_transmit = lambda tx: sent.append(tx) if getattr(tx.sender, "is_modem", False) else None
    rig.forwarder.hold()
    assert rig.segment.management.ping(rig.now(), 2) == ASK_STARTED
    rig.reschedule()
    rig.run(4)
    assert not sent
    rig.forwarder.let_go(rig.now())
    rig.reschedule()
    rig.run(1)
    assert sent
