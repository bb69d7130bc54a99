# SPDX-License-Identifier: MIT
"""The modem dies, at every point of an exchange: detected within 3 s, back within 15 s, from saved
state. An exchange here lasts about 1.2 s: T_REQ, status, frame, ACK, slot, confirm, think, answer.
"""

from __future__ import annotations

import pytest

from host_tests.rig_support.ledger import REFUSED, numbered_rig
from host_tests.rig_support.meters import GENERAL_GLO
from host_tests.rig_support.modem import STABLE_S, Bench
from tools.sim.chip_faults import HUNG_EVER, HUNG_LINE, HUNG_POWER
from tools.sim.options import ChipOptions, NodeOptions, SegmentOptions

EXCHANGE_MS = 1400


def sweep(bench, step_ms, kill, rest_s=20.0):
    """Kill the modem at every step of an exchange; it works again before the next one."""
    offset_ms = 0.0
    while offset_ms < EXCHANGE_MS:
        bench.killed(offset_ms, kill)
        bench.works(rest_s)
        offset_ms += step_ms
    print(bench.figures(), bench.outcomes())


def test_a_modem_that_resets_at_any_point_of_an_exchange():
    bench = Bench(chunk=0)
    sweep(bench, 7.0, bench.chip.reset_now)
    assert bench.named("modem_spontaneous_reset") > 150 and bench.named("modem_failed") == 0


def test_a_modem_that_resets_at_any_octet_of_the_host_interface():
    """The 60 ms in which status, frame and ACK pass, in steps of one character."""
    bench = Bench()
    for step in range(80):
        bench.killed(step * 0.78, bench.chip.reset_now)
        bench.works()
    print(bench.figures(), bench.outcomes())


def test_a_modem_that_resets_after_any_octet_of_a_frame_to_the_host():
    bench = Bench()

    def arm(octets):
        bench.chip.faults.reset_in_frame = octets

    for octets in range(1, 8):  # the transmit confirm
        bench.during(0, lambda octets=octets: arm(octets))
        bench.works()
    for octets in range(1, 90, 3):  # the indication: the confirm is through by then
        bench.during(450, lambda octets=octets: arm(octets))
        bench.works()
    assert bench.named("modem_spontaneous_reset") == 37


@pytest.mark.parametrize("cure, reset", ((HUNG_LINE, "reset_line"), (HUNG_POWER, "reset_power")))
def test_a_modem_that_hangs_at_any_point_of_an_exchange(cure, reset):
    bench = Bench(chunk=0)
    sweep(bench, 35.0, lambda: bench.chip.hang(cure), rest_s=STABLE_S)
    assert bench.named(reset) == len(bench.back_s) and bench.named("modem_failed") == 0


def test_a_modem_silent_for_seconds_is_in_service_again_within_15_s():
    bench = Bench(chunk=0)

    def shut_up():
        bench.chip.set_silent(True)
        bench.rig.kernel.call_later(3_000_000, bench.chip.set_silent, False)

    sweep(bench, 35.0, shut_up, rest_s=STABLE_S)
    assert bench.named("modem_deaths") == len(bench.back_s)


@pytest.mark.parametrize("minutes", (1, 10, 60))
@pytest.mark.parametrize("offset_s", range(0, 20, 4))
def test_a_modem_silent_for_minutes_is_in_service_within_15_s_of_its_cure(minutes, offset_s):
    """After three failed rungs the ladder rests, 8 s at most, and begins again with the reset line."""
    bench = Bench()
    bench.chip.set_silent(True)
    bench.rig.run(minutes * 60 + offset_s)
    assert not bench.rig.segment.is_up and bench.named("modem_failed") > 0
    hes = bench.ledger.connect()
    refused = bench.ledger.ask(hes, 0)
    bench.rig.run(70)
    assert refused.state == REFUSED and bench.rig.forwarder.counters.named("refused-queue-expired") == 1
    bench.chip.set_silent(False)
    took_s = bench.rig.run_until(lambda: bench.rig.segment.is_up, 15)
    bench.works()
    print("%d min silent: back %.1f s after" % (minutes, took_s))


@pytest.mark.parametrize("cause", (2, 4, 6))
def test_a_modem_that_loses_synchronisation_at_any_point_of_an_exchange(cause):
    bench = Bench(chunk=0)
    sweep(bench, 70.0, lambda: bench.chip.mac.lose_sync(cause))
    assert bench.named("sync_lost") == len(bench.back_s) and bench.named("reset_soft") == 0


def test_mains_gone_for_a_while_is_waited_for_without_end():
    bench = Bench()
    bench.chip.options.pll_us = 600_000_000
    bench.chip.mac.lose_pll()
    bench.rig.run(500)
    assert not bench.rig.segment.is_up
    bench.chip.options.pll_us = 300_000
    bench.rig.run_until(lambda: bench.rig.segment.is_up, 180)
    bench.works()


@pytest.mark.parametrize("reset_ms", (500, 800, 1500, 2500))
def test_a_reset_while_a_slow_meter_thinks_does_not_shorten_the_guard_time(reset_ms):
    """Its answer comes when the modem is up again and the next request waits: it must meet nobody."""
    for think_ms in range(1500, 5500, 200):
        options = SegmentOptions(chip=ChipOptions(chunk=0), node=NodeOptions(think_us=think_ms * 1000))
        rig, ledger = numbered_rig(1, options=options)
        first = ledger.connect()
        ledger.ask(first, 0, 16, GENERAL_GLO)
        rig.run(reset_ms / 1000)
        rig.sim.nodes[rig.table.title(0)].options.think_us = 50_000
        rig.sim.chip.reset_now()
        ledger.close(first)
        ledger.ask(ledger.connect(), 0, 16, GENERAL_GLO)
        rig.run(30)
        ledger.check()


@pytest.mark.parametrize("cure, reset", ((HUNG_LINE, "reset_line"), (HUNG_POWER, "reset_power")))
def test_a_chip_that_answers_and_never_sends_is_reset_until_it_does(cure, reset):
    """It comes up after each reset: only harder ones, up to its power, help."""
    bench = Bench(chunk=0)
    bench.chip.faults.no_air = cure
    bench.during(0, lambda: None)
    bench.rig.run(60)
    assert bench.chip.faults.no_air == 0 and bench.named(reset) == 1 and bench.named("modem_failed") == 0
    assert bench.rig.segment.is_alive(bench.rig.now())
    bench.works(STABLE_S)


def test_a_chip_that_never_sends_again_is_not_alive_and_one_that_does_is():
    """The watchdog starves: alive but not forwarding ends in a reset of the board."""
    bench = Bench(chunk=0)
    rig = bench.rig

    def ask_and_see(is_alive):
        bench.ledger.ask(bench.hes, 0, 16 + rig.kernel.now_us // 5_000_000 % 64)
        return rig.segment.is_alive(rig.now()) == is_alive

    resets = bench.chip.resets_cnt
    bench.chip.faults.no_air = HUNG_EVER
    took_s = rig.run_until(lambda: ask_and_see(False), 1800, 5)
    assert took_s > 120 and bench.chip.resets_cnt - resets < took_s / 5
    print("not alive after %d s and %d resets" % (took_s, bench.chip.resets_cnt - resets))
    bench.chip.faults.no_air = 0
    rig.run_until(lambda: ask_and_see(True), 120, 5)
