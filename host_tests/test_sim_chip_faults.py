# SPDX-License-Identifier: MIT
"""The chip twin's fault hooks, reset line and power."""

import pytest

from host_tests.sim_driver import Host, master_config, ready
from tools.sim.chip_faults import HUNG_LINE, HUNG_POWER

READ_VERSION = bytes.fromhex("1300")
NOT_SET = bytes.fromhex("3F020015")


def read(host: Host):
    assert host.command(0x41, READ_VERSION) == 0x06
    return host.wait((0x42, 0x43))


def test_a_silent_chip_says_nothing_until_told_otherwise():
    host = ready()
    host.chip.set_silent(True)
    host.chip.set_reset(True)
    host.chip.set_reset(False)
    host.kernel.run_for(100_000)
    assert host.poll() is None
    host.chip.set_silent(False)
    assert host.poll() == NOT_SET


@pytest.mark.parametrize(("depth", "line_cures"), [(HUNG_LINE, True), (HUNG_POWER, False)])
def test_a_hung_chip_is_cured_by_the_reset_line_or_only_by_power(depth, line_cures):
    host = ready()
    host.chip.hang(depth)
    assert host.poll() is None
    host.chip.set_reset(True)
    host.chip.set_reset(False)
    host.kernel.run_for(100_000)
    assert (host.poll() == NOT_SET) is line_cures
    host.chip.set_power(False)
    host.chip.set_power(True)
    host.kernel.run_for(100_000)
    assert host.poll() == NOT_SET


def test_the_chip_is_deaf_while_the_reset_line_is_held_and_boots_after_it():
    host = ready()
    host.chip.set_reset(True)
    assert host.poll() is None
    host.chip.set_reset(False)
    host.kernel.run_for(host.chip.options.boot_us - 1)
    host.chip.set_t_req(True)
    host.kernel.run_for(5_000)
    assert host.status == NOT_SET


def test_a_reset_on_its_own_cannot_revive_a_chip_without_power():
    host = ready()
    host.chip.set_power(False)
    host.chip.reset_now()
    assert host.poll() is None


def test_a_reset_in_mid_frame_cuts_it_after_that_many_octets():
    host = ready()
    host.chip.faults.reset_in_frame = 3
    host.octets.clear()
    assert host.command(0x41, READ_VERSION) == 0x06
    host.kernel.run_for(100_000)
    assert bytes(octet for _, octet in host.octets)[-3:] == bytes.fromhex("020642")
    assert host.poll() == NOT_SET


def test_a_reset_aborts_the_frame_on_the_line():
    host = ready()
    assert host.command(0x51, bytes.fromhex("FCC00FFF0090000119")) == 0x06
    line = host.segment.line
    host.kernel.run_until(line.slot_at_us(line.slot_now + 1) + 50_000)
    host.chip.reset_now()
    host.kernel.run_for(2_000_000)
    assert host.frames == []
    assert line.stats.aborted == 1
    assert not line.is_busy


def test_injected_garbage_reaches_the_host_as_it_is():
    host = ready()
    host.octets.clear()
    host.chip.inject(bytes.fromhex("FF00AA"))
    assert [octet for _, octet in host.octets] == [0xFF, 0x00, 0xAA]


def test_a_corrupt_sum_is_repeated_correctly_after_a_nak():
    host = ready()
    host.chip.faults.corrupt_sum = 1
    host.answer = b"\x15"
    assert host.command(0x41, READ_VERSION) == 0x06
    host.kernel.run_for(3_000)
    host.answer = b"\x06"
    assert host.wait((0x42,))[2] == bytes.fromhex("130015")
    assert len(host.broken) == 1


def test_a_frame_without_its_sum_ends_early():
    host = ready()
    host.chip.faults.omit_sum = 1
    host.octets.clear()
    assert host.command(0x41, READ_VERSION) == 0x06
    host.kernel.run_for(100_000)
    assert bytes(octet for _, octet in host.octets)[-6:] == bytes.fromhex("020642130015")


def test_the_chip_can_answer_for_the_request_before():
    host = ready()
    read(host)
    host.chip.faults.answer_previous = 1
    assert host.command(0x41, bytes.fromhex("0B00")) == 0x06
    assert host.wait((0x42,))[2] == bytes.fromhex("130015")


@pytest.mark.parametrize(("fault", "reply"), [("drop_acks", None), ("nak_next", 0x15), ("drop_status", None)])
def test_the_handshake_can_fail_once(fault, reply):
    host = ready()
    setattr(host.chip.faults, fault, 1)
    assert host.command(0x41, READ_VERSION) == reply
    host.kernel.run_for(300_000)
    is_obeyed = fault == "drop_acks"
    assert bool(host.frames) is is_obeyed
    host.frames.clear()
    assert read(host)[2] == bytes.fromhex("130015")


def test_a_confirm_can_be_dropped():
    host = ready()
    host.chip.faults.drop_confirms = 1
    assert host.command(0x41, READ_VERSION) == 0x06
    host.kernel.run_for(500_000)
    assert host.frames == []


def test_stuck_buffer_busy_is_cured_by_a_reset():
    host = ready()
    host.chip.faults.stuck_busy = True
    assert host.poll()[1] & 1
    assert host.send(0xFFF, bytes.fromhex("90000119")) == b"\x14"
    host.command(0x21)
    host.kernel.run_for(50_000)
    host.set_up()
    assert host.send(0xFFF, bytes.fromhex("90000119")) == b"\xff"


def test_a_wrong_echo_differs_in_one_bit():
    host = ready()
    host.chip.faults.wrong_echo = 1
    host.command(0x71, master_config())
    echo = host.wait((0x72,))[2]
    assert sum((a ^ b).bit_count() for a, b in zip(echo, master_config(), strict=True)) == 1


@pytest.mark.parametrize("code", [0x11, 0x12, 0x21, 0x22, 0x23, 0x24, 0x25])
def test_every_error_code_comes_on_demand(code):
    host = ready()
    host.chip.faults.db_errors.append(code)
    host.chip.faults.config_errors.append(code)
    assert read(host)[1:] == (0x43, bytes((code,)))
    host.command(0x71, master_config())
    assert host.wait((0x73,))[2] == bytes((code,))


@pytest.mark.parametrize("code", [0x00, 0x03, 0x0A, 0x14, 0x1E])
def test_every_transmission_status_comes_on_demand(code):
    host = ready()
    host.chip.faults.tx_status.append(code)
    assert host.send(0xFFF, bytes.fromhex("90000119")) == bytes((code,))
    assert host.send(0xFFF, bytes.fromhex("90000119")) == b"\xff"


def test_losing_the_pll_ends_transmission_until_it_locks_again():
    host = ready()
    host.chip.mac.lose_pll()
    status = host.poll()
    assert status[1] & 4
    assert not status[2] & 1
    assert host.send(0xFFF, bytes.fromhex("90000119")) == b"\x0a"
    host.kernel.run_for(600_000)
    assert host.send(0xFFF, bytes.fromhex("90000119")) == b"\xff"
