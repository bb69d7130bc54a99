# SPDX-License-Identifier: MIT
"""A bad line: loss, duplicates, late answers. Whatever it does, an answer meets its own request or
nobody, nothing goes out twice, counters say why answers are missing, and the gateway works after.
"""

from __future__ import annotations

import pytest

from host_tests.rig_support import meters
from host_tests.rig_support.ledger import (
    ANSWERED,
    OPEN,
    assert_all_readable,
    assert_at_rest,
    chances,
    numbered_rig,
    server,
)
from host_tests.rig_support.meters import Numbered
from tools.sim.options import ChipOptions, LineOptions, NodeOptions, SegmentOptions

METERS = 6
TAGS = (meters.GET, meters.GLO_GET, meters.GENERAL_GLO)


def noisy(seed: int, **line):
    """A rig that registered on a clean line, and whose line is now as given."""
    options = SegmentOptions(chip=ChipOptions(chunk=0), line=LineOptions(seed=seed))
    rig, ledger = numbered_rig(METERS, options=options)
    for name, value in line.items():
        setattr(rig.sim.line.options, name, value)
    return rig, ledger


def calm(rig):
    """The line is clean again, what was under way is over."""
    line = rig.sim.line.options
    line.loss, line.dup, line.delay_ms = 0.0, 0.0, 0
    rig.run(400)


def talk(rig, ledger, seed, seconds, wait_s):
    """Two head-ends ask at random for so long; who gets no answer within `wait_s` asks elsewhere."""
    chance = chances(seed)
    hess = [ledger.connect() for _ in range(2)]
    until = rig.kernel.now_us + seconds * 1_000_000
    while rig.kernel.now_us < until:
        for hes in hess:
            row, client_sap = chance.randrange(METERS), chance.choice((1, 16))
            ledger.ask(hes, row, client_sap, chance.choice(TAGS), chance.choice((13, 60, 220)), chance.choice((0, 200)))
        rig.run(chance.uniform(0.05, wait_s))
    rig.run(90)
    for hes in hess:
        ledger.close(hes)


@pytest.mark.parametrize("seed", (1, 2, 3))
def test_a_fifth_of_the_frames_lost_both_ways(seed):
    rig, ledger = noisy(seed, loss=0.2)
    talk(rig, ledger, seed, 900, 2)
    ledger.check()
    counters = rig.forwarder.counters
    lost = counters.named("dropped-no-answer")
    assert ledger.count(ANSWERED) > 100 and lost > 0
    assert ledger.count(ANSWERED) == counters.named("replies-delivered")
    sent = sum(asked.sent_cnt for asked in ledger.asked)
    assert sent == counters.named("requests-forwarded") == ledger.count(ANSWERED) + lost
    assert rig.segment.counters.named("no_reply") == lost
    calm(rig)
    assert_all_readable(ledger, METERS)
    ledger.check()
    assert_at_rest(rig)
    print("%d of %d sent were answered" % (ledger.count(ANSWERED), sent))


@pytest.mark.parametrize("dup", (0.3, 1.0))
def test_frames_that_come_twice_are_delivered_once(dup):
    rig, ledger = noisy(4, dup=dup)
    talk(rig, ledger, 4, 1800, 8)
    ledger.check()
    assert rig.sim.line.stats.dup > 100
    assert rig.forwarder.counters.named("dropped-stale") + rig.segment.counters.named("uplink_unasked") > 20
    calm(rig)
    assert_all_readable(ledger, METERS)
    assert_at_rest(rig)


@pytest.mark.parametrize("delay_ms", (1000, 2000, 3000, 4000, 5000))
def test_a_late_answer_never_reaches_the_next_request(delay_ms):
    rig, ledger = noisy(delay_ms, delay_ms=delay_ms)
    talk(rig, ledger, delay_ms, 1200, 3)
    ledger.check()
    if delay_ms > 2000:
        assert rig.forwarder.counters.named("dropped-late") + rig.forwarder.counters.named("dropped-stale") > 0
    calm(rig)
    assert_all_readable(ledger, METERS)
    assert_at_rest(rig)
    print({name: rig.forwarder.counters.named(name) for name in rig.forwarder.counters.names})


def test_late_answers_on_a_line_that_loses_and_repeats_as_well():
    for seed in range(5):
        rig, ledger = noisy(seed, delay_ms=4000, loss=0.1, dup=0.2)
        talk(rig, ledger, seed, 600, 2)
        ledger.check()
        calm(rig)
        assert_all_readable(ledger, METERS)
        assert_at_rest(rig)


def one_late_answer(late_ms, tag):
    """One late answer while the next requests of that meter wait."""
    options = SegmentOptions(chip=ChipOptions(chunk=0), node=NodeOptions(think_us=late_ms * 1000))
    rig, ledger = numbered_rig(1, options=options)
    hes = ledger.connect()
    first = ledger.ask(hes, 0, 1, tag)
    rig.run(0.2)
    rig.sim.nodes[rig.table.title(0)].options.think_us = 50_000
    others = [ledger.ask(hes, 0, client_sap, tag) for client_sap in (16, 17)]
    rig.run(80)
    ledger.check()
    assert server(rig, 0).asked[0] == first.number
    assert {asked.state for asked in others} <= {OPEN, ANSWERED}
    assert_all_readable(ledger, 1)
    assert_at_rest(rig)
    return first.state


@pytest.mark.parametrize("tag", TAGS)
def test_an_answer_late_by_any_amount_up_to_the_end_of_the_guard_time_meets_nobody(tag):
    """Every instant from inside the reply window (2.8 s here) to the end of the guard time (3 s more)."""
    states = [one_late_answer(late_ms, tag) for late_ms in range(2000, 5600, 100)]
    edge = states.index(OPEN)
    assert 0 < edge < 12 and states == [ANSWERED] * edge + [OPEN] * (len(states) - edge)


def test_the_model_sees_a_late_answer_that_meets_the_next_request():
    """Without guard time the late answer must be seen to reach somebody else: the tests above can fail."""
    options = SegmentOptions(chip=ChipOptions(chunk=0), node=NodeOptions(think_us=3_500_000))
    rig, ledger = numbered_rig(1, options=options, config={"gateway": {"guard_ms": 0}})
    hes = ledger.connect()
    first = ledger.ask(hes, 0, 16, meters.GENERAL_GLO)
    rig.run_until(lambda: rig.forwarder.counters.named("dropped-no-answer") == 1, 10, 0.01)
    ledger.forget(first)
    ledger.ask(hes, 0, 16, meters.GENERAL_GLO)
    rig.run(10)
    assert ledger.wrong


def test_a_meter_found_slow_is_waited_for():
    options = SegmentOptions(chip=ChipOptions(chunk=0), node=NodeOptions(think_us=4_000_000))
    rig, ledger = numbered_rig(1, options=options)
    hes = ledger.connect()
    asked = [ledger.ask_and_wait(hes, 0, 30, client_sap=16 + index) for index in range(4)]
    assert [one.state for one in asked] == [OPEN, ANSWERED, ANSWERED, ANSWERED]
    assert rig.forwarder.counters.named("dropped-late") == 1
    ledger.check()


class Stammering(Numbered):
    """Says every answer again, `again_s` later, to whatever is then asked."""

    again_s = 0.0
    kernel = None

    def request(self, client_sap: int, server_sap: int, apdu: bytes, reply) -> None:
        """Now and then."""
        super().request(client_sap, server_sap, apdu, reply)
        if self.again_s:
            answer = meters.answer_apdu(apdu, self.title)
            self.kernel.call_later(int(self.again_s * 1e6), self.on_push, client_sap, server_sap, answer)


@pytest.mark.parametrize("tag", (meters.GLO_GET, meters.GENERAL_GLO))
def test_a_ciphered_answer_heard_again_while_all_exchanges_are_in_use_reaches_nobody(tag):
    """The head-ends keep every exchange slot busy: what was answered is remembered all the same."""
    for again_s in (1.0, 2.0, 3.0, 4.0):
        options = SegmentOptions(chip=ChipOptions(chunk=0))
        rig, ledger = numbered_rig(2, options=options, make_server=Stammering, config={"gateway": {"exchanges": 3}})
        for node in rig.sim.nodes.values():
            node.server.again_s, node.server.kernel = again_s, rig.kernel
        hess = [ledger.connect() for _ in range(3)]
        for _ in range(1200):
            for hes in hess:
                ledger.ask(hes, hes.number % 2, 16, tag)
            rig.run(0.3)
            ledger.give_up(75)
        ledger.check()
        assert ledger.count(ANSWERED) > 10 and rig.forwarder.counters.named("dropped-stale") > 3
