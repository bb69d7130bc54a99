# SPDX-License-Identifier: MIT
"""The chip twin's wire: golden frames and every time limit of sfsk.md 4.4, exact in virtual time."""

import pytest

from host_tests.sim_driver import Host, master_config, ready
from tools.sim import local_frame
from tools.sim.options import ChipOptions, NodeOptions, SegmentOptions
from tools.sim.segment import Segment

CHAR_US = 10e6 / 38400


def fresh(**chip) -> Host:
    host = Host(Segment(SegmentOptions(chip=ChipOptions(**chip))))
    host.kernel.run_for(1)
    return host


def wire(host: Host) -> str:
    return bytes(octet for _, octet in host.octets).hex()


# --- golden frames, source: sfsk.md 6.1 (UM0934 p.104) and 6.2 (computed there) ---

def test_write_db_of_the_st_manual_is_confirmed_with_the_printed_octets():
    host = fresh()
    config = bytearray(master_config(mode=2))
    config[4:8] = bytes.fromhex("FE0F0000")
    host.set_up(bytes(config))
    host.octets.clear()
    assert host.raw(bytes.fromhex("0209410100 0100000C 5800")) == 0x06
    host.wait((0x42,))
    assert wire(host)[-22:] == "0209420100" + "0100000c" + "5900"


def test_the_printed_confirm_of_a_client_comes_from_a_master():
    host = ready()
    host.octets.clear()
    assert host.raw(bytes.fromhex("0209410100 000C0000 5700")) == 0x06
    host.wait((0x42,))
    assert wire(host)[-22:] == "02094201000" + "00c00005800"


@pytest.mark.parametrize(
    ("request_hex", "command", "length"),
    [
        ("020541120058 00", 0x42, 38),
        ("020541130059 00", 0x42, 3),
        ("02054107004D00", 0x42, 3),
        ("0206410D00005400", 0x42, 26),
        ("0209410000000CFF0D6201", 0x42, 6),
        ("0209410100000C00005700", 0x42, 6),
    ],
)
def test_golden_data_base_requests_are_confirmed(request_hex, command, length):
    host = ready()
    assert host.raw(bytes.fromhex(request_hex)) == 0x06
    _, _, payload = host.wait((0x42, 0x43))
    assert len(payload) == length


@pytest.mark.parametrize(
    ("request_hex", "slots"),
    [
        ("021151FCC00FFF0090000 11D64000A00004804", 8),
        ("021F51FCC00FFF009000011C4755580000000001014953430012345678 0001D106", 8),
        ("02185124C0000100900110C001C1000100002A0000FF02009D04", 2),
        (
            "022A5190C0000100900110601DA109060760857405080101BE10040E01000000065F1F0400621E5DFFFF 4D09",
            10,
        ),
    ],
)
def test_golden_data_requests_take_the_printed_number_of_slots(request_hex, slots):
    host = ready()
    assert host.raw(bytes.fromhex(request_hex.replace(" ", ""))) == 0x06
    assert host.wait((0x52,))[2] == b"\xff"
    host.kernel.run_for(5_000_000)
    assert host.segment.line.stats.busy_slots == slots


def test_golden_reset_is_acked_and_leaves_the_modem_not_set():
    host = ready()
    assert host.raw(bytes.fromhex("0203212400")) == 0x06
    host.kernel.run_for(20_000)
    assert host.poll() == bytes.fromhex("3F020015")
    assert host.frames == []


def test_golden_discover_register_and_report_frames():
    host = ready(SegmentOptions(node=NodeOptions(report_to_all=True)))
    node = host.segment.add(bytes.fromhex("4953430012345678"), _silent(), NodeOptions(report_to_all=True))
    discover = "021151FCC00FFF0090 00011D64000A0000 4804"
    assert host.raw(bytes.fromhex(discover)) == 0x06
    host.octets.clear()
    host.wait((0x52,))
    assert wire(host) == "020452ff5501"
    host.octets.clear()
    host.wait((0x50,))
    assert wire(host) == "0217 5000ffefff0b 90fd00 1e01 4953430012345678 0101 0007".replace(" ", "")
    register = "021F51FCC00FFF009000011C4755580000000001014953430012345678 0001D106"
    host.kernel.run_for(3_000_000)
    assert host.raw(bytes.fromhex(register)) == 0x06
    host.wait((0x52,))
    assert node.mac_addr == 1
    assert node.initiator_title == bytes.fromhex("4755580000000001")


def test_golden_get_reaches_the_server_as_the_apdu_alone():
    host = ready()
    server = _silent()
    node = host.segment.add(bytes.fromhex("4953430012345678"), server)
    node.register(bytes(8), 0xC00, 1)
    assert host.raw(bytes.fromhex("02185124C0000100900110C001C1000100002A0000FF02009D04")) == 0x06
    host.kernel.run_for(1_000_000)
    assert server.seen == [(0x10, 1, bytes.fromhex("C001C1000100002A0000FF0200"))]


def test_golden_busy_confirm():
    host = ready()
    host.chip.faults.tx_status.append(0x14)
    host.octets.clear()
    assert host.send(0xFFF, bytes.fromhex("90000119")) == b"\x14"
    assert wire(host)[-12:] == "020452146a00"


def _silent():
    from tools.sim.server import DlmsServer

    class Silent(DlmsServer):
        def __init__(self):
            super().__init__()
            self.seen = []

        def request(self, client_sap, server_sap, apdu, reply):
            self.seen.append((client_sap, server_sap, apdu))

    return Silent()


# --- character timing ---

def test_octets_leave_one_by_one_at_the_baud_rate():
    host = fresh(poll_us=1000)
    start = host.kernel.now_us
    host.poll()
    times = [at - start for at, _ in host.octets]
    assert times == [1000 + round((i + 1) * CHAR_US) for i in range(4)]


@pytest.mark.parametrize("baud", [4800, 9600, 19200, 38400])
def test_each_strapped_baud_rate_has_its_own_character_time(baud):
    host = fresh(uart_baud=baud, chunk=0)
    start = host.kernel.now_us
    host.poll()
    assert host.octets[0][0] - start == 1000 + round(4 * 10e6 / baud)


def test_chunks_deliver_the_same_octets():
    whole, single = fresh(chunk=0), fresh(chunk=1)
    for host in (whole, single):
        host.command(0x71, master_config())
        host.wait((0x72,))
    assert wire(whole) == wire(single)
    assert whole.kernel.events_cnt < single.kernel.events_cnt


# --- T_REQ, tPOLL, tSR ---

def test_the_status_comes_within_tpoll_and_only_after_t_req():
    host = fresh()
    host.kernel.run_for(1_000_000)
    assert host.octets == []
    start = host.kernel.now_us
    host.chip.set_t_req(True)
    host.kernel.run_for(20_000)
    assert host.status is not None
    assert host.octets[0][0] - start <= 20_000 + CHAR_US


def test_a_request_without_fresh_status_is_ignored():
    host = fresh()
    host.chip.host_write(local_frame.build(0x21))
    host.kernel.run_for(100_000)
    assert host.octets == []
    assert host.chip.host.counters["stray_octets"] == 5


@pytest.mark.parametrize(("delay_us", "reply"), [(199_000, [0x06]), (200_000, [0x06]), (201_000, [])])
def test_the_frame_must_start_within_tsr_of_the_status(delay_us, reply):
    host = fresh()
    host.chip.set_t_req(True)
    while host.status is None:
        host.kernel.step()
    host.chip.set_t_req(False)
    host.kernel.run_for(delay_us)
    host.chip.host_write(local_frame.build(0x71, master_config()))
    host.kernel.run_for(60_000)
    assert host.replies == reply


def test_widen_multiplies_tsr():
    host = fresh(widen=10)
    host.poll()
    host.kernel.run_for(1_900_000)
    host.chip.host_write(local_frame.build(0x71, master_config()))
    host.kernel.run_for(60_000)
    assert host.replies == [0x06]


def test_a_withdrawn_request_gets_no_status():
    host = fresh(poll_us=5000)
    host.chip.set_t_req(True)
    host.kernel.run_for(2000)
    host.chip.set_t_req(False)
    host.kernel.run_for(100_000)
    assert host.octets == []


@pytest.mark.parametrize(("again", "most_us"), [(True, 20_000), (False, 220_000)])
def test_a_second_t_req_gets_a_new_status_at_once_or_after_tsr(again, most_us):
    host = fresh(status_again=again)
    host.poll()
    start = host.kernel.now_us
    assert host.poll() is not None
    assert most_us - 20_000 <= host.kernel.now_us - start <= most_us


# --- tACK of the chip, tIC ---

def test_the_ack_comes_within_tack():
    host = fresh()
    host.poll()
    frame = local_frame.build(0x71, master_config())
    start = host.kernel.now_us
    host.chip.host_write(frame)
    host.kernel.run_for(100_000)
    ack_us = next(at for at, octet in host.octets if octet == 0x06)
    assert ack_us - start <= len(frame) * (CHAR_US + 1) + 40_000


def _write_with_gap(host: Host, gap_us: float) -> None:
    frame = local_frame.build(0x41, bytes.fromhex("1300"))
    assert host.poll() is not None
    host.chip.host_write(frame[:3])
    host.kernel.run_for(3 * host.chip.host.wire_in.char_us + round(gap_us))
    host.chip.host_write(frame[3:])
    host.kernel.run_for(100_000)


@pytest.mark.parametrize(
    ("baud", "repeater", "limit_us"),
    [(38400, 0, 1250), (19200, 0, 2500), (9600, 0, 5000), (4800, 0, 10_000), (38400, 0x80, 10_000)],
)
def test_a_gap_longer_than_tic_ends_the_frame_with_a_nak(baud, repeater, limit_us):
    host = Host(Segment(SegmentOptions(chip=ChipOptions(uart_baud=baud))))
    host.kernel.run_for(1)
    host.set_up(master_config(o33=repeater))
    _write_with_gap(host, limit_us)
    assert host.replies[-1] == 0x06
    _write_with_gap(host, limit_us + 100)
    assert 0x15 in host.replies


def test_tic_is_ten_ms_after_reset():
    host = fresh()
    _write_with_gap(host, 10_000)
    assert host.replies == [0x06]
    _write_with_gap(host, 10_100)
    assert host.replies[1] == 0x15


@pytest.mark.parametrize(
    "frame",
    [
        "0203212500",  # wrong sum
        "02022100",  # length too small
        "02FB21000000000000",  # length too big
        "02032124",  # cut short
        "0203263300",  # unknown command, wrong sum
        "0203262900",  # unknown command, right sum
    ],
)
def test_a_bad_host_frame_is_naked_and_the_next_one_works(frame):
    host = fresh()
    assert host.raw(bytes.fromhex(frame)) == 0x15
    host.kernel.run_for(50_000)
    assert host.command(0x71, master_config()) == 0x06


# --- frames to the host: tACK of the host, tWBC, lost frames ---

def _confirm(host: Host, answer: bytes | None, ack_us: int = 1000) -> int:
    """Instant of the last octet of the first 42 frame, which the host answers as told."""
    assert host.poll()
    host.answer, host.ack_us = answer, ack_us
    host.chip.host_write(local_frame.build(0x41, bytes.fromhex("1300")))
    at, _, _ = host.wait((0x42,))
    return at


@pytest.mark.parametrize(("ack_us", "lost"), [(1000, 0), (40_000, 0), (40_600, 1)])
def test_an_answer_later_than_tack_is_no_answer(ack_us, lost):
    host = ready()
    _confirm(host, b"\x06", ack_us)
    host.kernel.run_for(200_000)
    assert host.chip.host.counters["frames_lost"] == lost


def test_silence_counts_as_ack_and_the_frame_is_not_repeated():
    host = ready()
    _confirm(host, None)
    host.kernel.run_for(500_000)
    assert host.frames == []
    assert host.chip.host.counters["frames_lost"] == 1


def test_a_nak_repeats_the_frame_once_after_twbc():
    host = ready()
    first_us = _confirm(host, b"\x15", 1000)
    again_us, _, payload = host.wait((0x42,))
    frame_us = (4 + 4) * CHAR_US
    char_us = host.chip.host.wire_in.char_us
    assert abs(again_us - first_us - (1000 + char_us + 5_000 + frame_us)) <= 2
    host.kernel.run_for(500_000)
    assert host.frames == []
    assert host.chip.host.counters["frames_refused"] == 1
    assert payload == bytes.fromhex("130015")


def test_a_request_during_a_frame_to_the_host_waits_for_its_ack():
    host = ready()
    _confirm(host, b"\x06", 20_000)
    host.status = None
    host.chip.set_t_req(True)
    host.kernel.run_for(19_000)
    assert host.status is None
    host.kernel.run_for(5_000)
    assert host.status is not None


def test_t_req_goes_before_frames_that_wait():
    host = ready()
    assert host.poll()
    host.chip.mac.emit(0x10, b"\x01")
    host.status = None
    host.chip.host_write(local_frame.build(0x41, bytes.fromhex("1300")))
    host.chip.set_t_req(True)
    while host.status is None and not host.frames:
        host.kernel.step()
    assert host.status is not None
    host.wait((0x10,))
