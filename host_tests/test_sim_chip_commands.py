# SPDX-License-Identifier: MIT
"""The chip twin's commands: configuration, data base, data services, status, every error code (sfsk.md 4.5, 4.6)."""

import pytest

from host_tests.sim_driver import Host, master_config, ready
from tools.sim.mac_frame import MacFrame
from tools.sim.options import ChipOptions, LineOptions, SegmentOptions
from tools.sim.segment import Segment

PING = bytes.fromhex("90000119")


def fresh(**chip) -> Host:
    host = Host(Segment(SegmentOptions(chip=ChipOptions(**chip))))
    host.kernel.run_for(1)
    return host


def ask(host: Host, command: int, payload: bytes) -> tuple[int, bytes]:
    assert host.command(command, payload) == 0x06
    entry = host.wait((command + 1, command + 2))
    return entry[1], entry[2]


# --- configuration and status ---

def test_write_config_is_echoed_octet_for_octet():
    host = fresh()
    assert ask(host, 0x71, master_config()) == (0x72, master_config())


def test_the_legacy_write_config_answers_with_its_own_codes():
    host = fresh()
    assert ask(host, 0x31, master_config()) == (0x32, master_config())
    assert ask(host, 0x31, master_config(mode=3)) == (0x33, b"\x21")


@pytest.mark.parametrize(
    ("config", "code"),
    [
        (master_config()[:-1], 0x22),
        (master_config(mode=0), 0x21),
        (master_config(mode=7), 0x21),
        (master_config(o30=0x4E), 0x22),
        (master_config(o31=0x00), 0x22),
        (master_config(o31=0x11), 0x22),
        (master_config(o31=0x81), 0x22),
        (master_config(o5=0x00), 0x23),
        (master_config(o6=0x01), 0x24),
    ],
)
def test_a_bad_configuration_is_refused_with_its_code(config, code):
    host = fresh()
    assert ask(host, 0x71, config) == (0x73, bytes((code,)))
    assert host.poll()[1] == 0x02


def test_mode_and_baud_cannot_change_without_a_reset():
    host = ready()
    assert ask(host, 0x71, master_config(mode=3)) == (0x73, b"\x21")
    assert ask(host, 0x71, master_config(o30=0x0C)) == (0x73, b"\x21")
    assert ask(host, 0x71, master_config(o29=0x20)) == (0x72, master_config(o29=0x20))
    host.command(0x21)
    host.kernel.run_for(50_000)
    assert ask(host, 0x71, master_config(mode=3))[0] == 0x72


def test_status_follows_configuration_pll_lock_and_synchronisation():
    host = fresh(pll_us=300_000, sync_us=200_000)
    assert host.poll() == bytes.fromhex("3F020015")
    ask(host, 0x71, master_config())
    first = host.poll()
    assert (first[1], first[2] & 1) == (0x04, 0)
    host.kernel.run_for(310_000)
    locked = host.poll()
    assert (locked[1], locked[2] & 1) == (0x04, 1)
    host.kernel.run_for(200_000)
    synced = host.poll()
    assert (synced[1], synced[2] & 1) == (0x00, 1)
    assert host.wait((0x10,))[2][0] == 0x01


def test_the_slot_counter_of_the_status_has_three_bits_and_runs_with_the_line():
    host = ready()
    seen = set()
    for _ in range(8):
        slot = host.segment.line.slot_now
        assert host.poll()[2] >> 5 in (slot & 7, slot + 1 & 7)
        seen.add(slot & 7)
        host.kernel.run_until(host.segment.line.slot_at_us(slot + 1))
    assert len(seen) == 8


# --- data base ---

@pytest.mark.parametrize("ident", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 17, 18, 19, 20, 21])
def test_every_ident_can_be_read(ident):
    host = ready()
    command, payload = ask(host, 0x41, bytes((ident, 0)))
    assert command == 0x42
    assert payload[:2] == bytes((ident, 0))
    assert len(payload) > 2


@pytest.mark.parametrize(
    ("written", "confirmed"),
    [
        ("0800 07", "0800 03"),
        ("0A00 05", "0A00 02"),
        ("0A00 00", "0A00 08"),
        ("0B00 01", "0B00 01"),
        ("0C00 10271227", "0C00 10271227"),
        ("0500 FF0F0000000000000000", "0500 FF0F0000000000000000"),
        ("0500 000E0000000000000000", "0500 000E0000000000000000"),
        ("0400 3C00", "0400 3C00"),
        ("0000 100CF00D", "0000 100CF00D"),
    ],
)
def test_a_write_is_confirmed_with_ident_and_value(written, confirmed):
    host = ready()
    assert ask(host, 0x41, bytes.fromhex(written)) == (0x42, bytes.fromhex(confirmed))


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ("1600", 0x25),
        ("FFFF 00", 0x25),
        ("01", 0x22),
        ("0100 0000", 0x22),
        ("0100 00000000", 0x23),
        ("0100 000C0100", 0x24),
        ("0000 000D000C", 0x22),
        ("0500 000C0000000000000000", 0x22),
        ("0800 02", 0x22),
        ("0800 11", 0x22),
        ("0B00 04", 0x22),
        ("0D00 02", 0x22),
        ("1300 00", 0x12),
        ("0F00", 0x12),
    ],
)
def test_a_bad_data_base_access_is_refused_with_its_code(payload, code):
    host = ready()
    assert ask(host, 0x41, bytes.fromhex(payload)) == (0x43, bytes((code,)))


def test_the_configuration_read_back_shows_later_writes():
    host = ready()
    ask(host, 0x41, bytes.fromhex("0400 3C00"))
    _, payload = ask(host, 0x41, bytes.fromhex("1200"))
    assert payload[2:] == master_config(o12=0x3C)


def test_counters_count_frames_and_are_reset_only_when_asked():
    host = ready()
    host.send(0xFFF, PING, ic=2)
    host.kernel.run_for(1_000_000)
    host.chip.mac.on_frame(MacFrame(1, 0xC00, 0, PING), 0, 0)
    host.chip.mac.on_bad_frame(MacFrame(1, 0xC00, 0, PING), 0)
    words = [1, 1, 2, 1, 0, 0]
    expected = b"".join(word.to_bytes(4, "little") for word in words)
    assert ask(host, 0x41, bytes.fromhex("0D0000"))[1][2:] == expected
    assert ask(host, 0x41, bytes.fromhex("0D0001"))[1][2:] == expected
    assert ask(host, 0x41, bytes.fromhex("0D0000"))[1][2:] == bytes(24)


def test_invalid_frames_and_delta_credit_are_cleared_by_reading():
    host = ready()
    host.chip.mac.on_bad_frame(MacFrame(1, 0xC00, 0, PING), 0)
    host.chip.mac.on_frame(MacFrame(1, 0xC00, 5, PING), 3, 0)
    assert host.poll()[3] == 1
    assert ask(host, 0x41, b"\x06\x00")[1] == b"\x06\x00\x01"
    assert ask(host, 0x41, b"\x06\x00")[1] == b"\x06\x00\x00"
    assert ask(host, 0x41, b"\x07\x00")[1] == b"\x07\x00\x03"
    assert ask(host, 0x41, b"\x07\x00")[1] == b"\x07\x00\x07"


def test_an_alarm_reports_its_number_of_transmissions():
    host = fresh()
    host.set_up(master_config(o29=0x30))
    assert ask(host, 0x41, b"\x0f\x00")[1] == b"\x0f\x00\x03"
    assert host.poll()[2] & 2


# --- data request ---

def test_the_confirm_comes_after_the_first_transmission_and_busy_lasts_for_the_repetitions():
    host = ready()
    line = host.segment.line
    start_slot = line.slot_now + 1
    assert host.send(0xFFF, bytes.fromhex("9000011D64000A0000"), ic=7) == b"\xff"
    confirmed_slot = line.slot_now
    assert confirmed_slot - start_slot in (1, 2)
    assert host.poll()[1] & 1
    host.kernel.run_until(line.slot_at_us(confirmed_slot + 7) - 25_000)
    assert host.poll()[1] & 1
    host.kernel.run_for(50_000)
    assert not host.poll()[1] & 1


def test_a_second_request_is_refused_by_where_the_first_one_stands():
    host = ready()
    payload = bytes.fromhex("FCC00FFF00") + PING
    assert host.command(0x51, payload) == 0x06
    assert host.command(0x51, payload) == 0x06
    assert host.wait((0x52,))[2] == b"\x14"
    assert host.wait((0x52,))[2] == b"\xff"
    assert host.send(0xFFF, PING) == b"\x1e"
    host.kernel.run_for(1_200_000)
    assert host.send(0xFFF, PING) == b"\xff"


def test_a_request_while_a_frame_is_heard_is_refused_with_resource_busy():
    host = ready()
    sender = host.segment.add(bytes(8), _mute_server())
    host.segment.line.send(sender, MacFrame(1, 0xC00, 7, PING))
    host.kernel.run_for(200_000)
    assert host.send(0xFFF, PING) == b"\x00"


def _mute_server():
    from tools.sim.server import DlmsServer

    return DlmsServer()


@pytest.mark.parametrize(
    "payload",
    ["00C00FFF00", "20C00FFF0090000119", "01C00FFF0090000119", "00", "00C00FFF00" + "00" * 242 + ""],
)
def test_a_malformed_request_is_a_syntax_error(payload):
    host = ready()
    octets = bytes.fromhex(payload)
    expected = b"\xff" if len(octets) == 247 else b"\x03"
    assert ask(host, 0x51, octets) == (0x52, expected)


@pytest.mark.parametrize("mode", [None, 2, 3])
def test_data_requests_are_for_a_synchronous_master_only(mode):
    host = fresh()
    if mode is not None:
        host.set_up(master_config(mode=mode, **({"o4": 0xFE, "o5": 0x0F} if mode == 2 else {})))
    assert host.send(0xFFF, PING) == b"\x0a"


def test_not_set_allows_only_reset_and_configuration():
    host = fresh()
    assert ask(host, 0x41, b"\x13\x00") == (0x43, b"\x12")
    assert ask(host, 0x61, bytes(4)) == (0x63, b"\x12")
    assert host.command(0x21) == 0x06


def test_monitor_allows_the_data_base():
    host = fresh()
    host.set_up(master_config(mode=3))
    assert ask(host, 0x41, b"\x13\x00") == (0x42, b"\x13\x00\x15")


def test_a_master_fills_in_its_own_source_address():
    host = ready()
    seen = []
    host.segment.line.on_transmit = lambda tx: seen.append(tx.frame)
    host.command(0x51, bytes.fromhex("00 123FFF 00") + PING)
    host.wait((0x52,))
    assert (seen[0].source, seen[0].dest) == (0xC00, 0xFFF)


# --- repeater call, desynchro, indications ---

def test_a_repeater_call_takes_the_line_and_gets_only_an_ack():
    host = ready()
    assert host.command(0x61, bytes(4)) == 0x06
    assert host.segment.line.is_busy
    assert ask(host, 0x61, bytes(4)) == (0x63, b"\x11")
    assert ask(host, 0x61, bytes(3)) == (0x63, b"\x22")


def test_desynchro_is_for_slaves_unless_the_option_says_otherwise():
    obeys, ignores = fresh(desynchro_as_master=True), ready()
    obeys.set_up()
    for host in (obeys, ignores):
        assert host.command(0x11) == 0x06
        host.kernel.run_for(50_000)
    assert ignores.frames == []
    assert obeys.frames[0][1:] == (0x10, bytes.fromhex("0405 000C 0000"))
    assert obeys.poll()[1] & 4
    obeys.kernel.run_for(300_000)
    assert not obeys.poll()[1] & 4


@pytest.mark.parametrize(("cause", "length"), [(1, 6), (2, 6), (3, 6), (4, 10), (5, 6), (6, 10)])
def test_lost_synchronisation_is_indicated_with_its_cause(cause, length):
    host = ready()
    host.chip.mac.lose_sync(cause)
    payload = host.wait((0x10,))[2]
    assert payload[:2] == bytes((4, cause))
    assert len(payload) == length


def test_an_indication_carries_the_credits_of_the_copy_that_was_heard():
    host = ready()
    host.chip.mac.on_frame(MacFrame(0x123, 0xC00, 5, PING), 2, 0)
    assert host.wait((0x50,))[2] == bytes.fromhex("AC 123C00 16") + PING


def test_pad_octets_stay_in_the_indication_when_the_option_says_so():
    host = fresh(pad_in_indication=True)
    host.set_up()
    host.chip.mac.on_frame(MacFrame(0x123, 0xC00, 0, PING), 0, 0)
    assert host.wait((0x50,))[2] == bytes.fromhex("00 123C00 16") + PING + bytes(22)


def test_a_bad_frame_is_indicated_only_when_enabled():
    quiet, loud = ready(), fresh(bad_crc_indication=True)
    loud.set_up()
    for host in (quiet, loud):
        host.chip.mac.on_bad_frame(MacFrame(0x123, 0xC00, 0, PING), 0)
        host.kernel.run_for(100_000)
    assert quiet.frames == []
    assert loud.frames[0][1] == 0x53


@pytest.mark.parametrize(("dest", "is_heard"), [(0xC00, 1), (0xC01, 0), (1, 0), (0xFFF, 1), (0xE00, 0)])
def test_only_frames_for_the_initiator_are_indicated(dest, is_heard):
    host = ready()
    host.chip.mac.on_frame(MacFrame(5, dest, 0, PING), 0, 0)
    host.kernel.run_for(100_000)
    assert len(host.frames) == is_heard


def test_indications_beyond_the_queue_are_lost_and_counted():
    host = fresh(rx_queue=2)
    host.set_up()
    host.answer = None
    for _ in range(5):
        host.chip.mac.on_frame(MacFrame(5, 0xC00, 0, PING), 0, 0)
    host.kernel.run_for(1_000_000)
    assert len(host.frames) == 3
    assert host.chip.mac.lost_cnt == 2


# --- the ST7570's deltas ---

def test_st7570_reads_with_its_own_codes_and_reports_unknown_commands():
    host = fresh(model="st7570")
    host.set_up()
    assert ask(host, 0x90, b"\x13\x00") == (0x91, b"\x13\x00\x15")
    assert ask(host, 0x90, b"\x99\x00") == (0x92, b"\x25")
    assert ask(host, 0x41, bytes.fromhex("0400 3C00")) == (0x42, bytes.fromhex("0400 3C00"))
    assert host.command(0x26) == 0x06
    assert host.wait((0x20,))[2] == b"\x01"
    assert host.chip.host.tic_us == 10_000


def test_slots_follow_the_baud_rate_and_the_time_scale():
    assert Segment(SegmentOptions(line=LineOptions(baud=300))).line.slot_us == 1_200_000
    assert Segment(SegmentOptions(line=LineOptions(baud=2880))).line.slot_us == 125_000
    assert Segment(SegmentOptions(line=LineOptions(time_scale=20))).line.slot_us == 7_500
    assert Segment(SegmentOptions(line=LineOptions(time_scale=0))).line.slot_us == 1
