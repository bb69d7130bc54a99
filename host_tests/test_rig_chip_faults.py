# SPDX-License-Identifier: MIT
"""A chip that keeps to none of its rules, and noise on the UART: counted by name, nobody gets a
wrong answer, nothing goes on the air twice, and the gateway works afterwards.
"""

from __future__ import annotations

import pytest

from host_tests.rig_support.ledger import ANSWERED, REFUSED, chances
from host_tests.rig_support.modem import METERS, STABLE_S, Bench
from tools.sim import chips, local_frame

# fault -> counter of the segment that tells of it
COUNTED = {
    "corrupt_sum": "frame_bad_sum",
    "omit_sum": "frame_gap",
    "answer_previous": "confirm_mismatch",
    "drop_acks": "ack_silent",
    "nak_next": "command_nak",
    "drop_status": "poll_silent",
    "drop_confirms": "confirm_lost",
}


@pytest.mark.parametrize("name", COUNTED)
def test_a_chip_that_breaks_a_rule_at_any_point_of_an_exchange(name):
    bench = Bench(chunk=0)
    before = bench.named(COUNTED[name])
    for count in (1, 2, 3, 5):
        for offset_ms in range(0, 1200, 150):
            bench.during(offset_ms, lambda count=count: setattr(bench.chip.faults, name, count))
            bench.works(STABLE_S)
    assert bench.named(COUNTED[name]) > before
    print(bench.outcomes())


@pytest.mark.parametrize("name", ("corrupt_sum", "drop_acks", "nak_next", "drop_status"))
def test_an_exchange_outlives_one_fault_of_the_host_interface(name):
    bench = Bench()
    asked = [bench.during(0, lambda: setattr(bench.chip.faults, name, 1)) for _ in range(5)]
    assert {one.state for one in asked} == {ANSWERED}


@pytest.mark.parametrize("code", (chips.TX_MAC_BUSY, chips.TX_BUFFER_BUSY, chips.TX_LINE_BUSY))
def test_a_chip_that_is_busy_is_asked_again_and_given_up_at_last(code):
    bench = Bench(chunk=0)
    bench.chip.faults.tx_status.extend([code] * 5)
    assert bench.during(0, lambda: None).state == ANSWERED
    assert bench.named("tx_busy") == 5
    bench.chip.faults.tx_status.extend([code] * 400)
    assert bench.during(0, lambda: None).state == REFUSED
    assert bench.named("tx_busy_given_up") == 3 and bench.rig.forwarder.counters.named("refused-modem") == 1
    bench.chip.faults.tx_status.clear()
    bench.works()


@pytest.mark.parametrize("code, name", ((0x03, "tx_syntax"), (0x0A, "tx_not_allowed"), (0x77, "tx_unknown_status")))
def test_a_chip_that_refuses_a_frame_is_believed_and_the_head_end_told(code, name):
    bench = Bench(chunk=0)
    bench.chip.faults.tx_status.extend([code] * 2)
    assert bench.during(0, lambda: None).state == ANSWERED
    bench.chip.faults.tx_status.extend([code] * 3)
    assert bench.during(0, lambda: None).state == REFUSED
    assert bench.named(name) == 5
    bench.works()


def test_a_chip_busy_for_ever_is_reset():
    bench = Bench(chunk=0)
    bench.chip.faults.stuck_busy = True
    asked = bench.ledger.ask(bench.hes, 0)
    took_s = bench.rig.run_until(lambda: bench.named("modem_deaths") == 1, 60)
    bench.rig.run_until(lambda: bench.rig.segment.is_up, 15)
    bench.rig.run(15)
    assert asked.state in (ANSWERED, REFUSED)
    bench.works()
    print("stuck BufferBUSY: reset after %.1f s" % took_s)


@pytest.mark.parametrize("fault", ("wrong_echo", "config_errors"))
def test_a_configuration_not_taken_as_written_is_written_again(fault):
    bench = Bench(chunk=0)
    if fault == "wrong_echo":
        bench.chip.faults.wrong_echo = 2
    else:
        bench.chip.faults.config_errors.extend([chips.ERR_MODE] * 2)
    bench.killed(200, bench.chip.reset_now)
    assert bench.named("config_mismatch" if fault == "wrong_echo" else "config_refused") == 2
    bench.works()


def noise(chance) -> bytes:
    """Something that might look like the chip, or not at all."""
    kind = chance.randrange(6)
    if kind == 0:
        return chance.randbytes(chance.randrange(1, 60))
    if kind == 1:
        return bytes((chance.choice((chips.ACK, chips.NAK, chips.STX, chips.STATUS)),)) * chance.randrange(1, 4)
    if kind == 2:
        return bytes((chips.STATUS,)) + chance.randbytes(chance.randrange(4))
    command = chance.choice((0x50, 0x52, 0x42, 0x43, 0x72, 0x10))
    frame = local_frame.build(command, chance.randbytes(chance.randrange(30)))
    if kind == 3 and command not in (0x50, 0x52):  # forged but good ones would have to be believed
        return frame
    if kind <= 4:
        return frame[: chance.randrange(1, len(frame))]
    at = chance.randrange(len(frame))
    return frame[:at] + bytes((frame[at] ^ 1 << chance.randrange(8),)) + frame[at + 1 :]


@pytest.mark.parametrize("seed", (1, 2, 3))
def test_noise_on_the_uart_at_any_point_of_an_exchange(seed):
    chance = chances(seed)
    bench = Bench(chunk=0)
    for offset_ms in range(seed, 1300, 12):
        bench.during(offset_ms, lambda: bench.chip.inject(noise(chance)))
        if offset_ms % 5 == 0:
            bench.works(2)
    bench.works(STABLE_S)
    assert bench.named("garbage_octet") > 100 and bench.ledger.count(ANSWERED) > METERS
    print(bench.outcomes())


def test_noise_while_the_modem_comes_up():
    chance = chances("up")
    bench = Bench(chunk=0)
    for step in range(60):
        bench.fresh()
        bench.chip.reset_now()
        for _ in range(step % 4 + 1):
            bench.rig.run(chance.uniform(0, 0.5))
            bench.chip.inject(noise(chance))
        bench.rig.run_until(lambda: bench.rig.segment.is_up, 90)
        bench.works(STABLE_S if step % 10 == 9 else 1)


@pytest.mark.parametrize("code", (chips.TX_MAC_BUSY, chips.TX_BUFFER_BUSY, chips.TX_NOT_ALLOWED))
def test_a_refusal_that_comes_as_late_as_a_confirm_may_be_of_the_frame_before(code):
    """The frame is on the air when the chip repeats its last answer: it must not be sent again, or refused."""
    bench = Bench(chunk=0)
    for _ in range(8):
        rig = bench.fresh()
        bench.chip.faults.tx_status.append(code)
        asked = bench.ledger.ask(bench.hes, 0)
        rig.run_until(lambda rig=rig: not rig.sim.chip.faults.tx_status, 3, 0.001)
        rig.run(0.01)
        bench.chip.faults.answer_previous = 1
        rig.run(12)
        bench.ledger.check()
        assert asked.state == ANSWERED and asked.sent_cnt == 1
        assert bench.chip.faults.answer_previous == 0
    bench.works()
