# SPDX-License-Identifier: MIT
"""Bring-up, configuration, ladder, heartbeat and command matching of the modem engine."""

from plc_bench import SegmentBench
from plc_fakes import (
    POWER_OFF,
    POWER_ON,
    RESET_HIGH,
    RESET_LOW,
    STATUS_BUSY,
    STATUS_NO_SYNC,
    STATUS_NOT_SET,
    STATUS_OK,
    at,
    frame,
)

from plc.sfsk import recovery
from plc.sfsk.command import CMD_OK, CMD_REFUSED, CMD_SILENT, CMD_TIMEOUT

# facts/sfsk.md 4.6.2 by hand: C00, no initiator, 10 s, 45 s, 6000 min, no groups, 74000/10, 63300/10 as step
# registers, master 2400 baud 50 Hz = 0E, b0 of octet 31, b7 of the repeater octet, 600 s.
CONFIG = (
    b"\x00\x0c\xff\x0d\x00\x0c\x00\x00\x0a\x00\x2d\x00\x70\x17"
    + bytes(10)
    + b"\xe8\x1c\xba\x18\x00\x00\x0e\x01\x00\x80\x58\x02"
)


def test_bring_up_configures_compares_and_waits_for_synchronisation():
    bench = SegmentBench().start()
    assert bench.chip_takes(STATUS_NOT_SET) == b""
    assert bench.chip_takes(STATUS_NOT_SET) == frame(0x71, CONFIG)
    bench.chip_says(0x72, CONFIG)
    for _ in range(3):
        assert bench.chip_takes(STATUS_NO_SYNC) == frame(0x41, b"\x13\x00")
        bench.chip_says(0x42, b"\x13\x00\x15")
        assert not bench.segment.is_up
    bench.chip_takes(STATUS_OK)
    bench.chip_says(0x42, b"\x13\x00\x15")
    assert bench.segment.is_up and bench.sink.log == [("link", True)]
    assert bench.modem.recovery.version == 0x15


def test_a_modem_found_configured_is_reset_first():
    bench = SegmentBench().start()
    assert bench.chip_takes(STATUS_OK) == b""
    assert bench.chip_takes(STATUS_OK) == frame(0x21)
    assert bench.chip_takes(STATUS_NOT_SET) == b""
    assert bench.chip_takes(STATUS_NOT_SET)[2] == 0x71


def test_an_echo_that_differs_in_any_octet_is_not_accepted():
    for i in range(36):
        bench = SegmentBench().start()
        bench.chip_takes(STATUS_NOT_SET)
        bench.chip_takes(STATUS_NOT_SET)
        echo = bytearray(CONFIG)
        echo[i] ^= 0x80
        bench.chip_says(0x72, bytes(echo))
        assert bench.segment.counters.named("config_mismatch") == 1
        assert bench.chip_takes(STATUS_OK) == frame(0x21)  # start over from a reset
    bench = SegmentBench().start()
    bench.chip_takes(STATUS_NOT_SET)
    bench.chip_takes(STATUS_NOT_SET)
    bench.chip_says(0x72, CONFIG[:35])
    assert bench.segment.counters.named("config_mismatch") == 1


def test_a_refused_configuration_climbs_the_ladder_to_failed_and_goes_on_trying():
    bench = SegmentBench().start()
    steps = []
    while bench.ms < 60000 and len(steps) < 12:
        bench.wait(20000, lambda: bench.is_asking() or any(e in bench.pins.log for e in (RESET_LOW, POWER_OFF)))
        if RESET_LOW in bench.pins.log or POWER_OFF in bench.pins.log:
            steps.append(bench.pins.take()[-1])
            continue
        got = bench.chip_takes(STATUS_NOT_SET)
        if got[2:3] == b"\x71":
            bench.chip_says(0x73, b"\x22")
            steps.append("refused")
        elif got == frame(0x21):
            steps.append("soft")
    assert steps[:8] == [
        "refused", "soft", "refused", RESET_LOW, "refused", POWER_OFF, "refused", RESET_LOW
    ]  # fmt: skip
    counts = bench.segment.counters
    assert counts.named("modem_failed") >= 1 and counts.named("config_refused") >= 4


def test_a_silent_modem_goes_from_asking_to_the_reset_line_to_power():
    bench = SegmentBench().start().wait(150)
    assert RESET_LOW in bench.pins.take()
    bench.wait(50)
    assert RESET_HIGH in bench.pins.take()
    bench.wait(4000)
    log = bench.pins.take()
    assert log.index(POWER_OFF) < log.index(POWER_ON)
    bench.wait(5000)
    assert bench.modem.recovery.step == recovery.FAILED and not bench.segment.is_up


def test_every_cell_of_the_recovery_table_is_survived():
    results = (CMD_OK, CMD_REFUSED, CMD_TIMEOUT, CMD_SILENT, None)
    for step in range(len(recovery._STEPS)):
        for result in results:
            bench = SegmentBench().start()
            bench.modem.set_down(at(0))
            machine = bench.modem.recovery
            machine.step = step
            machine._is_timed = False
            if result is None:
                recovery._STEPS[step][2](machine, at(1))
            else:
                machine.on_command(at(1), machine._command, result, memoryview(bytes(40)), 0, 36)
            assert 0 <= machine.step <= recovery.FAILED
            has_future = bench.segment.next_deadline() is not None or step in (recovery.OFF, recovery.UP)
            stays = step in (recovery.ASK, recovery.CONFIG, recovery.OFF) and result is None
            assert (
                has_future
                or stays
                or step in (recovery.LINE_BOOT, recovery.POWER_BOOT, recovery.LINE)
                or (result is not None and step in (recovery.POWER, recovery.FAILED))
            ), (step, result)


def test_a_spontaneous_reset_is_seen_in_the_next_status_and_repaired():
    bench = SegmentBench().settle()
    assert bench.chip_takes(STATUS_NOT_SET) == b""  # the heartbeat's status; its read is not sent any more
    assert bench.segment.counters.named("modem_spontaneous_reset") == 1
    assert bench.sink.take() == [("link", False)]
    assert bench.chip_takes(STATUS_NOT_SET) == b""
    assert bench.chip_takes(STATUS_NOT_SET)[2] == 0x71


def test_lost_synchronisation_takes_the_link_down_until_it_is_back():
    bench = SegmentBench().settle()
    bench.feed(frame(0x10, b"\x04\x02\x00\x0c\x00\x00"))
    bench.chip_takes(STATUS_NO_SYNC, limit_ms=5)
    assert bench.sink.take() == [("link", False)]
    bench.chip_takes(STATUS_NO_SYNC)
    bench.chip_says(0x42, b"\x13\x00\x15")
    bench.chip_takes(STATUS_OK)
    bench.chip_says(0x42, b"\x13\x00\x15")
    assert bench.sink.take() == [("link", True)]
    assert bench.segment.counters.named("reset_soft") == 0


def test_the_heartbeat_reads_and_death_shows_within_three_seconds():
    bench = SegmentBench().settle()
    for _ in range(12):
        start = bench.ms
        got = bench.chip_takes()
        assert got[2] == 0x41 and bench.ms - start <= 1100
        bench.chip_says(0x42, got[3:5] + bytes(range(24)) if got[3] == 0x0D else got[3:5] + b"\x05")
    assert bench.segment.cosem.value(53, 6, 0, 0) == 0x0F0E0D0C  # transmitted: octets 12..15, least first
    assert bench.segment.cosem.value(50, 12, 0, 0) == 5
    start = bench.ms
    bench.wait(3000, lambda: not bench.segment.is_up)
    assert not bench.segment.is_up and bench.ms - start < 3000


def test_two_reads_without_an_answer_mean_a_hung_chip():
    bench = SegmentBench().settle()
    for _ in range(2):
        assert bench.chip_takes()[2] == 0x41
    bench.wait(700)
    assert not bench.segment.is_up and bench.segment.counters.named("confirm_lost") == 2


def test_a_confirm_of_another_ident_does_not_end_a_read():
    bench = SegmentBench().settle()
    bench.chip_takes()
    bench.chip_says(0x42, b"\x77\x00\x05")
    assert bench.segment.counters.named("confirm_mismatch") == 1
    assert bench.modem.desk.awaiting is not None


def test_confirms_out_of_the_blue_are_counted():
    bench = SegmentBench().settle()
    for code in (0x42, 0x43, 0x52, 0x72, 0x73):
        bench.chip_says(code, b"\xff\xff\xff")
    assert bench.segment.counters.named("confirm_stray") == 5
    bench.chip_says(0x99)
    assert bench.segment.counters.named("frame_unknown") == 1


def test_st7570_reads_with_its_own_codes_and_takes_a_syntax_error_as_refusal():
    bench = SegmentBench(chip="st7570").start()
    bench.chip_takes(STATUS_NOT_SET)
    bench.chip_takes(STATUS_NOT_SET)
    bench.chip_says(0x72, CONFIG)
    assert bench.chip_takes() == frame(0x90, b"\x13\x00")
    bench.chip_says(0x91, b"\x13\x00\x20")
    assert bench.segment.is_up and bench.modem.recovery.version == 0x20
    assert bench.chip_takes()[2] == 0x51
    bench.chip_says(0x20, b"\x01")
    assert bench.segment.counters.named("syntax_error") == 1 and bench.modem.desk.awaiting is None


def test_busy_for_longer_than_any_frame_takes_is_a_fault():
    bench = SegmentBench([b"METER001"]).settle()
    assert bench.submit()
    start = bench.ms
    while bench.segment.is_up and bench.ms - start < 60000:
        bench.wait(100, bench.is_asking)
        if bench.is_asking():
            bench.pins.take()
            bench.feed(STATUS_BUSY)
    assert not bench.segment.is_up
    assert 3000 < bench.ms - start < 4000  # 242 octets at 2400 baud: 1.05 s, and 2 s
    assert ("done", 0, 3) in bench.sink.log  # DONE_NOT_SENT: the chip never had it
