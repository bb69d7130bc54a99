# SPDX-License-Identifier: MIT
"""Head-ends that vanish at any instant, and a window that closes: no buffer, pair or answer is left
behind, and the next head-end gets only what it asked for.
"""

from __future__ import annotations

from host_tests.rig_support.ledger import ANSWERED, REFUSED, assert_all_readable, assert_at_rest, numbered_rig, server
from host_tests.rig_support.meters import Numbered
from tools.rig import WALL_START_S, Rig
from tools.sim.options import ChipOptions, NodeOptions, SegmentOptions

FAST = ChipOptions(chunk=0)


def test_a_head_end_that_vanishes_at_any_instant_of_an_exchange():
    """Every 10 ms from asking to the end of the guard time; its answer must not reach the next one."""
    options = SegmentOptions(chip=FAST, node=NodeOptions(think_us=300_000))
    rig, ledger = numbered_rig(2, options=options)
    counters = rig.forwarder.counters
    for step in range(130):
        hes = ledger.connect()
        for client_sap in (1, 16, 17):
            ledger.ask(hes, 0, client_sap)
        rig.run(step * 0.01)
        ledger.close(hes)
        next_hes = ledger.connect()
        asked = [ledger.ask(next_hes, 0, client_sap) for client_sap in (1, 16)]
        rig.run(12)
        assert {one.state for one in asked} == {ANSWERED}
        ledger.close(next_hes)
        ledger.check()
        assert_at_rest(rig)
    assert counters.named("dropped-orphan") > 60
    ended = counters.named("replies-delivered") + counters.named("dropped-orphan")
    assert counters.named("requests-forwarded") == ended


def test_a_head_end_that_vanishes_while_a_dumb_meter_is_asked():
    rig, ledger = numbered_rig(2, options=SegmentOptions(chip=FAST))
    for step in range(70):
        server(rig, 0).is_dumb = True
        hes = ledger.connect()
        ledger.ask(hes, 0)
        rig.run(step * 0.1)
        ledger.close(hes)
        server(rig, 0).is_dumb = False
        next_hes = ledger.connect()
        asked = ledger.ask(next_hes, 0)
        rig.run(25)
        assert asked.state == ANSWERED
        ledger.close(next_hes)
        ledger.check()
        assert_at_rest(rig)


def test_an_association_of_a_vanished_head_end_is_free_for_the_next():
    rig, ledger = numbered_rig(1, options=SegmentOptions(chip=FAST))
    aarq = bytes.fromhex("601DA109060760857405080101BE10040E01000000065F1F0400621E5DFFFF")
    first, second = rig.connect(), rig.connect()
    first.request(1, 0x10, aarq)
    rig.run(0.3)
    second.request(1, 0x10, aarq)
    rig.run(0.01)
    assert [apdu for _, _, apdu in second.replies] == [bytes.fromhex("D80101")]
    assert rig.forwarder.counters.named("refused-pair-busy") == 1
    first.close()
    second.request(1, 0x10, aarq + b"\x00")
    rig.run(30)
    assert first.replies == [] and len(second.replies) == 1  # Numbered answers no AARQ: silence, not refusal
    assert rig.forwarder.counters.named("refused-pair-busy") == 1
    assert rig.forwarder.counters.named("requests-forwarded") == 2
    assert_at_rest(rig)


def clock_text(seconds: int) -> str:
    """HH:MM of that many virtual seconds after the start."""
    minute = (WALL_START_S + seconds) % 86400 // 60
    return "%02d:%02d" % (minute // 60, minute % 60)


def test_outside_the_operating_window_requests_are_refused_at_once_and_served_after_it_opens():
    end_s, start_s = 600, 1800
    window = {"operating_window": {"start": clock_text(start_s), "end": clock_text(end_s)}}
    rig, ledger = numbered_rig(3, options=SegmentOptions(chip=FAST), config={"sfsk": window})
    hes = ledger.connect()
    states: list[tuple[float, int]] = []
    while rig.kernel.now_us < 2400e6:
        asked = ledger.ask_and_wait(hes, 0, 30)
        states.append((asked.at_us / 1e6, asked.state))
        assert asked.state == ANSWERED or asked.took_s < 0.1
        rig.run(5)
    ledger.check()
    refused = [at_s for at_s, state in states if state == REFUSED]
    assert {state for _, state in states} == {ANSWERED, REFUSED}
    assert end_s - 60 <= refused[0] <= end_s + 65 and start_s - 65 <= refused[-1] <= start_s + 60
    assert all(state == REFUSED for at_s, state in states if refused[0] <= at_s <= refused[-1])
    assert rig.forwarder.counters.named("refused-outside-window") == len(refused)
    assert_all_readable(ledger, 3)
    assert_at_rest(rig)


def test_nothing_at_all_is_sent_outside_the_operating_window():
    window = {"operating_window": {"start": clock_text(3600), "end": clock_text(7200)}}
    options = SegmentOptions(meters=3, chip=FAST)
    rig = Rig(options, Numbered, config={"sfsk": window})
    rig.run(3400)
    # NOTE: the clock is told a second after the start; what is on the line by then may end
    assert rig.sim.line.stats.frames <= 1 and rig.online() == 0
    rig.run_until_registered(3, 600)
