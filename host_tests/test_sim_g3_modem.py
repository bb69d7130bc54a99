# SPDX-License-Identifier: MIT
"""The modem on its host interface: statuses, PIB, buffers, UART faults, resets, discovery, both dialects."""

import pytest

from host_tests.sim_g3_driver import OWN_GMK, PAN, Host, frame, ready
from tools.sim.g3 import crypto, lbp, usi
from tools.sim.g3.options import G3LineOptions, G3ModemOptions, G3NodeOptions, G3Options
from tools.sim.g3.segment import G3Segment, meter_eui64
from tools.sim.server import EchoServer

A = bytes.fromhex("AA00000000000001")


def fresh(**modem):
    return Host(G3Segment(G3Options(modem=G3ModemOptions(**modem))))


def member(**modem):
    """A started network with one node next to the modem."""
    host = ready(G3Options(modem=G3ModemOptions(**modem)))
    node = host.segment.add(A, EchoServer(), G3NodeOptions(depth=0))
    host.run_until_joined(1, 60)
    host.run(2)
    host.messages.clear()
    return host, node


# --- statuses ---

@pytest.mark.parametrize("command", [0x0B, 0x0C, 0x0D, 0x11, 0x12, 0x16, 0x3C, 0x42, 0x77])
def test_before_initialize_nothing_is_allowed(command):
    host = fresh()
    assert host.ask(bytes((command,)) + bytes(20), 0x00) == bytes((1, command))


def test_an_unknown_command_is_named():
    host = ready()
    assert host.ask(b"\x55", 0x00) == b"\x02\x55"
    assert host.ask(b"\x13" + bytes(20), 0x00) == b"\x02\x13"  # raw LBP is not for dialect H


def test_a_wrong_band_is_an_invalid_parameter():
    assert fresh().ask(bytes.fromhex("0A0201"), 0x00) == b"\x03\x0a"


def test_a_device_may_not_start_and_a_coordinator_may_not_leave():
    host = fresh()
    host.ask(bytes.fromhex("0A0000"), 0x00)
    assert host.ask(b"\x0d\x78\x1d", 0x00) == b"\x01\x0d"
    assert ready().ask(b"\x0f", 0x00) == b"\x01\x0f"


def test_a_network_is_started_once():
    host = ready()
    assert host.ask(b"\x0d\x78\x1e", 0x22) == b"\xa1"
    host.ask(b"\x10", 0x26)
    assert host.ask(b"\x0d\x78\x1e", 0x22) == b"\x00"
    assert host.chip.mac.pan_id == 0x781E


# --- PIB ---

REFUSALS = [
    ("11 00000099 0000 01 05", 0x27, 0xB1),
    ("11 0000000F 0001 01 05", 0x27, 0xA7),
    ("11 0000000F 0000 02 0005", 0x27, 0xA8),
    ("11 0000001C 0000 06 000000000000", 0x27, 0xB0),
    ("11 00000007 0000 05 FFFF0150FE", 0x27, 0xA8),
    ("12 00000007 0003", 0x28, 0xA7),
    ("12 0000000C 0000", 0x28, 0xA7),
    ("16 00000999 0000 01 05", 0x2D, 0xF4),
    ("16 00000077 0001 04 00000000", 0x2D, 0xF9),
    ("16 00000077 0000 02 0000", 0x2D, 0xE8),
    ("16 0000010A 0000 01 00", 0x2D, 0xFB),
    ("17 00000071 0000", 0x2E, 0xF3),
    ("3C 00000009 0000 01 00", 0x46, 2),
    ("3C 00000002 0001 10 00000000000000000000000000000000", 0x46, 3),
    ("3C 00000003 0000 0F 000000000000000000000000000000", 0x46, 4),
]


@pytest.mark.parametrize(("request_hex", "confirm", "status"), REFUSALS)
def test_a_refused_attribute_has_its_layers_status(request_hex, confirm, status):
    host = ready()
    request = bytes.fromhex(request_hex.replace(" ", ""))
    answer = host.ask(request, confirm)
    assert answer[0] == status and answer[1:7] == request[1:7]
    if confirm in (0x28, 0x2E):
        assert answer[7:] == b"\x00"


def test_written_attributes_are_read_back_and_tables_are_deleted_by_length_zero():
    host = ready()
    context = bytes.fromhex("FFFF0150FE80000000000000781D")
    assert host.ask(bytes.fromhex("110000000700000E") + context, 0x27)[0] == 0
    assert host.ask(bytes.fromhex("12000000070000"), 0x28)[8:] == context
    assert host.ask(bytes.fromhex("12080000E10000"), 0x28)[8:] == b"\x00\x01"
    assert host.ask(bytes.fromhex("1100000007000000"), 0x27)[0] == 0
    assert host.ask(bytes.fromhex("12000000070000"), 0x28)[0] == 0xA7


def test_identity_attributes_follow_the_network():
    host, node = member()
    assert host.ask(bytes.fromhex("12080000C30000"), 0x28)[8:] == PAN.to_bytes(2, "big")
    assert host.ask(bytes.fromhex("12000000220000"), 0x28)[8:] == b"\x00"
    assert host.ask(bytes.fromhex("17000000500000"), 0x2E)[8:] == PAN.to_bytes(2, "big")
    device = host.ask(bytes.fromhex("17080000000000"), 0x2E)
    assert device[0] == 0xF9  # an unsecured join leaves no counter
    node.push(1, 1, b"\x0f\x00")
    host.run(2)
    device = host.ask(bytes.fromhex("17080000000000"), 0x2E)[8:]
    assert device == PAN.to_bytes(2, "big") + b"\x00\x01" + node.frame_counter.to_bytes(4, "big")


def test_a_neighbour_row_is_one_octet_longer_than_it_says():
    host, _ = member()
    row = host.ask(bytes.fromhex("170000010A0000"), 0x2E)
    assert (row[7], len(row[8:])) == (18, 19)
    assert row[8:10] == b"\x00\x01"
    assert host.ask(bytes.fromhex("17080000020001"), 0x2E)[8:] == row[8:]
    assert host.ask(bytes.fromhex("170000010A0001"), 0x2E)[0] == 0xF9


# --- lengths ---

def test_a_short_request_reads_what_the_request_before_left():
    host = ready()
    host.ask(bytes.fromhex("110000000F00000109"), 0x27)
    assert host.ask(bytes.fromhex("110000000F"), 0x27)[0] == 0
    assert host.chip.counters["short_requests"] == 1
    assert host.ask(bytes.fromhex("120000000F0000"), 0x28)[8:] == b"\x09"


def test_frames_beyond_the_buffer_vanish_in_both_directions():
    host, node = member()
    host.ask_frame(frame(b"\x0b" + bytes(1100)), 2)
    assert [command for _, command, _ in host.messages] == []
    node.push(1, 1, b"\x0f" + bytes(940))
    host.run(10)
    assert len(host.wait(0x1F)) > 940
    node.push(1, 1, b"\x0f" + b"\x7e" * 940)  # the same length, but every octet is escaped
    host.run(10)
    assert [command for _, command, _ in host.messages] == []
    assert host.chip.counters["oversize_to_host"] == 1
    assert host.ask(b"\x55", 0x00) == b"\x02\x55"


def test_a_larger_buffer_lets_them_pass():
    host, node = member(usi_buffer=4096)
    node.push(1, 1, b"\x0f" + b"\x7e" * 1000)
    host.run(10)
    assert len(host.wait(0x1F)) == 3 + 48 + 8 + 1001


def test_a_modem_may_die_of_an_overrun_until_it_is_reset():
    host = fresh(crashes_on_overrun=True)
    host.ask(bytes.fromhex("0A0001"), 0x00)
    assert host.ask_frame(frame(b"\x0b" + bytes(1100)) + frame(b"\x55"), 3) == []
    host.chip.set_reset(True)
    host.chip.set_reset(False)
    host.run(1)
    assert host.ask(b"\x55", 0x00) == b"\x01\x55"


# --- UART ---

def test_octets_take_the_time_of_the_baud_rate():
    host = fresh(uart_baud=9600)
    begun = host.kernel.now_us
    host.ask(b"\x55", 0x00)
    assert host.kernel.now_us - begun == pytest.approx((len(frame(b"\x55")) + 9) / 960 * 1e6 + 1000, rel=0.02)


@pytest.mark.parametrize("fault", ["corrupt_crc", "cut_frames", "drop_frames", "drop_confirms"])
def test_a_spoilt_confirm_is_not_understood_and_the_next_one_is(fault):
    host = ready()
    setattr(host.chip.faults, fault, 1)
    host.ask_frame(bytes.fromhex("7E") + frame(bytes.fromhex("120000000F0000")), 1)
    assert host.messages == []
    host.octets.clear()
    assert host.ask(bytes.fromhex("120000000F0000"), 0x28)[0] == 0


def test_noise_and_repeated_frames():
    host = ready()
    host.chip.faults.garbage_before = 1
    host.chip.faults.repeat_frames = 1
    host.ask_frame(frame(b"\x55"), 1)
    assert len(host.messages) == 2
    assert len(host.broken) == 2


def test_a_silent_modem_works_but_says_nothing():
    host = ready()
    host.chip.set_silent(True)
    assert host.ask_frame(frame(bytes.fromhex("110000000F00000107")), 1) == []
    host.chip.set_silent(False)
    assert host.ask(bytes.fromhex("120000000F0000"), 0x28)[8:] == b"\x07"


def test_a_hung_modem_comes_back_with_the_reset_line_and_has_to_be_set_up_again():
    host, node = member()
    host.chip.hang()
    assert host.ask_frame(frame(b"\x55"), 1) == []
    host.chip.set_reset(True)
    host.chip.set_reset(False)
    assert host.ask_frame(frame(b"\x55"), 0.3) == []  # boots
    host.run(1)
    assert host.ask(b"\x55", 0x00) == b"\x01\x55"
    counter = host.chip.mac.frame_counter
    host.set_up()
    host.run(1)
    assert node.is_member and host.chip.mac.frame_counter >= counter


def test_initialize_may_never_be_answered():
    host = fresh()
    host.chip.faults.never_ready = 1
    assert host.ask_frame(frame(bytes.fromhex("0A0001")), 5) == []
    assert host.ask(bytes.fromhex("0A0001"), 0x00) == b"\x00\x0a"


@pytest.mark.parametrize("after", [1, 4, 8])
def test_a_reset_in_the_middle_of_a_frame_cuts_it(after):
    host = Host(G3Segment(G3Options(modem=G3ModemOptions(chunk=1))))
    host.set_up()
    host.octets.clear()
    host.chip.faults.reset_in_frame = after
    host.chip.host_write(frame(bytes.fromhex("120000000F0000")))
    host.run(0.1)
    assert len(host.octets) == after - 1 and host.chip.resets_cnt == 1  # the leading 7E is no part of it
    host.run(1)
    host.octets.clear()
    assert host.ask(b"\x55", 0x00) == b"\x01\x55"


# --- discovery, PAN conflict ---

def test_discovery_hears_foreign_networks_and_own_members_after_a_restart():
    host, node = member()
    host.chip.mac.foreign_pans[0x1234] = 60
    host.chip.reset_now()
    host.run(1)
    host.ask(bytes.fromhex("0A0001"), 0x00)
    assert host.ask(b"\x0c\x0f", 0x21) == b"\x00"
    heard = {payload[:2].hex(): payload for _, command, payload in host.messages if command == 0x30}
    assert set(heard) == {"1234", "781d"}
    assert heard["1234"] == bytes.fromhex("12343C0000000000")
    assert heard["781d"][3:5] == node.short_addr.to_bytes(2, "big")


def test_discovery_takes_its_time_and_runs_once():
    host = ready(G3Options(line=G3LineOptions(time_scale=10)))
    begun = host.kernel.now_us
    host.send(b"\x0c\x0f")
    assert host.ask(b"\x0c\x0f", 0x21) == b"\xb3"
    assert host.wait(0x21) == b"\xa9"
    assert (host.kernel.now_us - begun) / 1e6 == pytest.approx(1.5, abs=0.05)


def test_a_pan_conflict_is_indicated():
    host, _ = member()
    host.chip.pan_conflict()
    payload = host.wait(0x20)
    assert payload[:2] == PAN.to_bytes(2, "big")
    assert payload[-4] == 0x80 and len(payload) == 12


def test_a_network_that_comes_into_range_with_our_id_is_a_conflict_too():
    host, _ = member()
    host.chip.add_foreign_pan(PAN + 1)
    host.run(10)
    assert not [entry for entry in host.messages if entry[1] == 0x20]
    host.chip.add_foreign_pan(PAN)
    assert host.wait(0x20, 10)[8] == 0x80


def test_a_nodes_own_path_request_is_indicated():
    host, node = member()
    node.request_path()
    assert host.wait(0x31, 2) == b""


# --- dialect L ---

def legacy():
    host = Host(G3Segment(G3Options(modem=G3ModemOptions(dialect="L"))))
    assert host.ask(b"\x0a\x00", 0x00) == b"\x00\x0a"
    assert host.ask(bytes.fromhex("16000000710000 10".replace(" ", "")) + OWN_GMK, 0x2D)[0] == 0
    assert host.ask(b"\x0d" + PAN.to_bytes(2, "big"), 0x22) == b"\x00"
    return host


def test_dialect_l_takes_an_initialize_of_dialect_h_but_no_lbp_set():
    host = Host(G3Segment(G3Options(modem=G3ModemOptions(dialect="L"))))
    assert host.ask(bytes.fromhex("0A0001"), 0x00) == b"\x00\x0a"
    assert host.ask(b"\x3c" + bytes(23), 0x00) == b"\x02\x3c"
    assert host.chip.mac.keys == {}


def test_dialect_l_tells_of_changes_to_keep():
    host = legacy()
    assert host.wait(0x32) == b""


def lbp_request(handle, addr, nsdu):
    head = bytes((handle, 10, 1, 0, len(addr) == 2, len(addr)))
    return b"\x13" + head + len(nsdu).to_bytes(2, "big") + addr + nsdu


def test_dialect_l_relays_lbp_of_direct_and_distant_devices():
    host = legacy()
    near = host.segment.add(meter_eui64(1), EchoServer(), G3NodeOptions(depth=0))
    indication = host.wait(0x2A)
    joining = bytes.fromhex("1000") + near.eui64
    assert indication == b"\xff\xff\x00\x0a" + joining + bytes((near.links[host.chip.mac], 0))
    challenge = bytes.fromhex("A000") + near.eui64 + bytes.fromhex("0400001E2F00") + bytes(16) + bytes(8)
    assert host.ask(lbp_request(1, near.eui64, challenge), 0x29) == b"\x00\x01"
    answer = host.wait(0x2A)
    assert answer[:4] == b"\xff\xff\x00\x48" and answer[4:14] == joining
    near.become_member(PAN, 5, [near, host.chip.mac])
    near.keys[0] = OWN_GMK
    near.joining.stop()
    far = host.segment.add(meter_eui64(2), EchoServer(), G3NodeOptions(depth=1))
    indication = host.wait(0x2A)
    assert indication[:2] == b"\x00\x05" and indication[-1] == 1
    challenge = challenge[:2] + far.eui64 + challenge[10:]
    assert host.ask(lbp_request(2, b"\x00\x05", challenge), 0x29) == b"\x00\x02"
    assert host.wait(0x2A)[:4] == b"\x00\x05\x00\x48"


class HostLbs:
    """The least LBS a host of dialect L needs: one device after the other, no retries."""

    def __init__(self, host):
        self.host, self.rand_s, self.next_id = host, bytes(range(16)), 0

    def send(self, source, code, eui64, bootstrap):
        addr = eui64 if source == b"\xff\xff" else source
        nsdu = lbp.build(code, eui64, bootstrap)
        assert self.host.ask(lbp_request(7, addr, nsdu), 0x29) == b"\x00\x07"

    def serve(self, short_addr):
        """One join from its first JOINING on; the device's EUI-64."""
        source, joining = self.heard()
        id_s = bytes.fromhex("8172635445362718")
        self.send(source, lbp.CHALLENGE, joining.eui64, lbp.message_1(0, self.rand_s, id_s))
        rand_p, mac_p, id_p = lbp.parse_message_2(lbp.parse_eap(self.heard()[1].bootstrap))
        ak, kdk = crypto.ak_kdk(self.host.segment.nodes[joining.eui64].psk)
        who = lbp.Identities(id_s, id_p, self.rand_s, rand_p)
        assert mac_p == who.mac_p(ak)
        tek = crypto.tek(kdk, rand_p)
        parameters = lbp.parameter(0x1D, short_addr) + lbp.parameter(0x27, b"\x00" + OWN_GMK)
        plaintext = lbp.channel_text(2, parameters + lbp.parameter(0x2B, b"\x00"))
        self.send(source, lbp.CHALLENGE, joining.eui64, lbp.message_3(1, who, (ak, tek), 0, plaintext))
        answer = lbp.parse_eap(self.heard()[1].bootstrap)
        assert lbp.open_protected(answer, tek) == (1, bytes.fromhex("A00231020000"))
        self.send(source, lbp.ACCEPTED, joining.eui64, bytes.fromhex("0C020004"))
        self.host.run(2)
        return joining.eui64

    def heard(self):
        indication = self.host.wait(0x2A)
        size = int.from_bytes(indication[2:4], "big")
        return indication[:2], lbp.split(indication[4 : 4 + size])


@pytest.mark.parametrize("hops", [1, 2, 3])
def test_a_host_of_dialect_l_runs_the_whole_join_itself(hops):
    host = legacy()
    lbs = HostLbs(host)
    for number in range(1, hops + 1):
        host.segment.add(meter_eui64(number), EchoServer(), G3NodeOptions(depth=number - 1))
        assert lbs.serve(number.to_bytes(2, "big")) == meter_eui64(number)
    far = host.segment.nodes[meter_eui64(hops)]
    assert (far.short_addr, far.hops, far.keys) == (hops, hops, {0: OWN_GMK})


def test_dialect_l_says_when_a_device_does_not_acknowledge():
    host = legacy()
    assert host.ask(lbp_request(3, A, bytes.fromhex("B000") + A), 0x29) == b"\xe9\x03"
    assert host.ask(lbp_request(4, b"\x00\x09", bytes.fromhex("B000") + A), 0x29) == b"\xa5\x04"
    assert host.ask(lbp_request(5, b"\x00", b""), 0x29) == b"\xa1\x05"


def test_rows_of_dialect_l_have_no_media_and_one_more_neighbour_field():
    host = legacy()
    node = host.segment.add(A, EchoServer(), G3NodeOptions(depth=0))
    node.become_member(PAN, 5, [node, host.chip.mac])
    row = host.ask(bytes.fromhex("170000010A0000"), 0x2E)
    assert (row[7], len(row[8:])) == (20, 21)
    host.chip.pan_conflict()
    assert len(host.wait(0x20)) == 11
    host.chip.mac.foreign_pans[0x1234] = 60
    host.send(b"\x0c\x01")
    assert len(host.wait(0x30)) == 7


def test_dialect_l_has_one_boolean_of_buffers_and_no_long_frames():
    host = legacy()
    host.chip.data_path.tell_buffers(is_forced=True)
    assert host.wait(0x2F) == b"\x01"
    with pytest.raises(ValueError):
        usi.build(usi.ADP, bytes(1024), "L")
