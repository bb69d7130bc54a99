# SPDX-License-Identifier: MIT
"""Faults of the modem chip and its wire at every step: no crash, nothing crossed, back in time."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from host_tests.plc_rig import Rig
from plc.medium import DONE_LINK_DOWN, DONE_NO_REPLY, DONE_NOT_SENT, DONE_REPLIED
from tools.sim.chip_faults import HUNG_LINE, HUNG_POWER
from tools.sim.options import SegmentOptions

GET = b"\xc0\x01\xc1"
STEP_S = 0.043


def running(meters: int = 3) -> Rig:
    """Registered and quiet."""
    rig = Rig(SegmentOptions(meters=meters)).start()
    rig.run_until(lambda: len(rig.online()) == meters, 100)
    rig.run_until(lambda: not rig.segment.initiator.discovery.is_burst, 200)
    rig.run(30)
    return rig


def assert_serves(rig: Rig, limit_s: float = 20) -> float:
    """A new request to each meter is answered with its own answer; seconds until the first."""
    start = rig.seconds
    before = len(rig.sink.replies)
    first_s = 0.0
    while len(rig.sink.replies) < before + 2:
        assert rig.seconds - start < limit_s
        row = len(rig.sink.replies) - before
        if not rig.sink.queue and rig.sink.open is None:  # what the modem refused is asked again
            rig.sink.request(row, GET + bytes((row, 0xEE)))
        rig.run(0.05)
        if row and not first_s:
            first_s = rig.seconds - start
    for _, request, reply in rig.sink.replies:
        assert reply == b"\xc4" + request[1:]
    assert not rig.sink.queue and rig.sink.open is None
    return first_s


DEATHS: dict[str, Callable[[Rig], None]] = {
    "silent until the reset line": lambda rig: rig.sim.chip.hang(HUNG_LINE),
    "silent until power is cut": lambda rig: rig.sim.chip.hang(HUNG_POWER),
    "resets on its own": lambda rig: rig.sim.chip.reset_now(),
}


@pytest.mark.parametrize("kind", DEATHS)
@pytest.mark.parametrize("is_busy", [False, True])
def test_death_shows_within_three_seconds_and_service_is_back_within_fifteen(kind: str, is_busy: bool) -> None:
    rig = running()
    for offset in range(6):
        rig.run(5 + 0.37 * offset)
        if is_busy:
            rig.sink.request(2, GET + b"\x02")
            rig.run(0.05 * offset)
        DEATHS[kind](rig)
        detected_s = rig.run_until(lambda: not rig.segment.is_up, 3)
        served_s = assert_serves(rig)
        print(f"{kind}: detected {detected_s:.2f} s, served {served_s:.2f} s")
        assert detected_s <= 3 and detected_s + served_s <= 15
    assert rig.count("registered") == 3  # from saved state: nobody registered again


def test_a_modem_that_stays_dead_fails_pending_work_and_is_tried_for_ever() -> None:
    rig = running()
    rig.sink.request(0, GET)
    rig.sim.chip.set_silent(True)
    rig.run(120)
    assert rig.sink.links[-1] is False and rig.sink.open is None
    assert rig.count("modem_failed") >= 2
    rig.sim.chip.set_silent(False)
    rig.sink.queue.clear()
    assert assert_serves(rig, 70) <= 65  # FAILED rests at most a minute


@pytest.mark.parametrize("step", range(24))
def test_a_reset_at_any_moment_of_an_exchange(step: int) -> None:
    rig = running()
    rig.sink.request(0, GET + b"\x00\x01")
    rig.run(step * STEP_S)
    rig.sim.chip.reset_now()
    rig.run_until(lambda: bool(rig.sink.done), 10)
    outcome = rig.sink.done[0][2]
    assert outcome in (DONE_REPLIED, DONE_NOT_SENT, DONE_LINK_DOWN)
    if outcome == DONE_NOT_SENT:
        assert 0 not in rig.sink.sent
    assert assert_serves(rig) < 15


@pytest.mark.parametrize("octets", range(1, 30, 2))
def test_a_reset_in_mid_frame(octets: int) -> None:
    rig = running()
    rig.sim.chip.faults.reset_in_frame = octets
    rig.sink.request(0, GET + b"\x00\x01")
    rig.run(20)
    assert len(rig.sink.done) == 1
    rig.sim.chip.faults.reset_in_frame = 0
    assert_serves(rig)


@pytest.mark.parametrize("step", range(30))
def test_a_reset_at_any_moment_of_the_way_up(step: int) -> None:
    rig = Rig(SegmentOptions(meters=2)).start()
    rig.run(step * 0.03)
    rig.sim.chip.reset_now()
    rig.run_until(lambda: len(rig.online()) == 2, 60)


ONE_SHOT = {
    "corrupt_sum": "frame_bad_sum",
    "omit_sum": "frame_gap",
    "drop_acks": "ack_silent",
    "nak_next": "command_nak",
    "drop_status": "poll_silent",
    "drop_confirms": "confirm_lost",
    "answer_previous": None,
}


@pytest.mark.parametrize("fault", ONE_SHOT)
@pytest.mark.parametrize("times", [1, 2])
def test_a_fault_on_the_wire_is_counted_and_costs_at_most_that_exchange(fault: str, times: int) -> None:
    rig = running()
    for wait_s in (0.0, 0.31, 0.62, 0.93):
        rig.run(wait_s)
        setattr(rig.sim.chip.faults, fault, times)
        rig.sink.done.clear()
        rig.sink.request(0, GET + b"\x00\x01")
        rig.run_until(lambda: bool(rig.sink.done), 20)
        rig.run(12)
        setattr(rig.sim.chip.faults, fault, 0)
        assert_serves(rig)
    name = ONE_SHOT[fault]
    assert name is None or rig.count(name) > 0


def test_one_wrong_sum_one_nak_one_lost_status_cost_nothing() -> None:
    for fault in ("corrupt_sum", "nak_next", "drop_status", "drop_acks"):
        rig = running()
        setattr(rig.sim.chip.faults, fault, 1)
        rig.sink.request(0, GET + b"\x00\x01")
        rig.run_until(lambda rig=rig: bool(rig.sink.done), 20)
        assert rig.sink.done[0][2] == DONE_REPLIED, fault
        assert rig.count("modem_deaths") == 0


def test_a_frame_whose_ack_was_lost_is_not_sent_twice() -> None:
    rig = running()
    before = rig.sim.line.stats.frames
    rig.sim.chip.faults.drop_acks = 1
    rig.sink.request(0, GET + b"\x00\x01")
    rig.run_until(lambda: bool(rig.sink.done), 20)
    assert rig.count("ack_silent") == 1
    assert rig.sim.line.stats.frames - before == 2  # the request and the reply


STATUSES = {0x00: "tx_busy", 0x14: "tx_busy", 0x1E: "tx_busy", 0x03: "tx_syntax", 0x0A: "tx_not_allowed", 0x77: None}


@pytest.mark.parametrize("status", STATUSES)
def test_every_transmission_status(status: int) -> None:
    rig = running()
    rig.sim.chip.faults.tx_status = [status]
    start = rig.seconds
    rig.sink.request(0, GET + b"\x00\x01")
    rig.run_until(lambda: bool(rig.sink.done), 20)
    name = STATUSES[status] or "tx_unknown_status"
    assert rig.count(name) == 1
    if name == "tx_busy":
        assert rig.sink.done[0][2] == DONE_REPLIED and rig.seconds - start >= 0.15  # a slot later at least
    else:
        assert rig.sink.done[0][2] == DONE_NOT_SENT and not rig.sink.sent
    rig.sim.chip.faults.tx_status = []
    assert_serves(rig)


def test_busy_for_ever_is_given_up() -> None:
    rig = running()
    rig.sim.chip.faults.tx_status = [0x14] * 100
    rig.sink.request(0, GET + b"\x00\x01")
    rig.run_until(lambda: bool(rig.sink.done), 20)
    assert rig.sink.done[0][2] == DONE_NOT_SENT and rig.count("tx_busy_given_up") == 1


def test_a_stuck_buffer_busy_bit_ends_in_a_reset() -> None:
    rig = running()
    rig.sim.chip.faults.stuck_busy = True
    rig.sink.request(0, GET + b"\x00\x01")
    detected_s = rig.run_until(lambda: not rig.segment.is_up, 5)
    assert rig.sink.done[0][2] == DONE_NOT_SENT
    assert detected_s < 4 and assert_serves(rig) < 11


def test_a_configuration_echo_with_one_bit_flipped_is_written_again() -> None:
    rig = Rig(SegmentOptions(meters=1))
    rig.sim.chip.faults.wrong_echo = 1
    rig.start()
    rig.run_until(lambda: rig.segment.is_up, 5)
    assert rig.count("config_mismatch") == 1 and rig.count("reset_soft") == 1


@pytest.mark.parametrize("code", [0x11, 0x12, 0x21, 0x22, 0x23, 0x24, 0x25])
def test_every_error_code_of_configuration_and_database(code: int) -> None:
    rig = Rig(SegmentOptions(meters=1))
    rig.sim.chip.faults.config_errors = [code]
    rig.start()
    rig.run_until(lambda: rig.segment.is_up, 5)
    assert rig.count("config_refused") == 1
    rig.sim.chip.faults.db_errors = [code] * 3
    rig.run(10)
    assert rig.segment.is_up and rig.count("command_error") >= 3


def test_a_lost_transmit_confirm_leaves_the_reply_window_open_and_crosses_nothing() -> None:
    rig = running()
    rig.run_until(lambda: rig.segment.modem.desk.awaiting is None, 5)
    rig.sim.chip.faults.drop_confirms = 1
    rig.sink.request(0, GET + b"\x00\x01")
    rig.sink.request(1, GET + b"\x01\x02")
    rig.run_until(lambda: len(rig.sink.done) == 2, 20)
    assert rig.sink.done[1][2] == DONE_REPLIED
    assert rig.sink.done[0][2] in (DONE_NO_REPLY, DONE_REPLIED)
    assert rig.count("confirm_lost") == 1 and rig.count("modem_deaths") == 0


@pytest.mark.parametrize("seed", range(8))
def test_garbage_on_the_wire_during_traffic(seed: int) -> None:
    rig = running()
    dice = random.Random(seed)
    for i in range(60):
        rig.sink.request(i % 3, GET + bytes((i % 3, i)))
    for _ in range(200):
        rig.run(dice.random() * 0.3)
        rig.sim.chip.inject(dice.randbytes(dice.randint(1, 12)))
    rig.run_until(lambda: len(rig.sink.done) == 60, 300)
    for _, request, reply in rig.sink.replies:
        assert reply == b"\xc4" + request[1:]
    assert len(rig.sink.replies) >= 30, len(rig.sink.replies)
    rig.run(10)
    assert_serves(rig)


def test_widened_timeouts_on_both_sides() -> None:
    options = SegmentOptions(meters=2)
    options.chip.widen = 5.0
    rig = Rig(options, {"uart_widen": 5}).start()
    rig.run_until(lambda: len(rig.online()) == 2, 60)
    rig.sim.chip.hang(HUNG_LINE)
    assert rig.run_until(lambda: not rig.segment.is_up, 4) < 4
