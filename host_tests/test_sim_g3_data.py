# SPDX-License-Identifier: MIT
"""Datagrams over the PAN: confirms, buffers, routes, broadcast, pushes, echo, line faults, frame counters."""

from dataclasses import replace

import pytest

from host_tests.sim_g3_driver import OWN_GMK, PAN, Host, ready
from tools.sim.g3 import ipv6
from tools.sim.g3.options import G3LineOptions, G3ModemOptions, G3NodeOptions, G3Options
from tools.sim.g3.segment import G3Segment, meter_eui64
from tools.sim.server import DlmsServer, EchoServer

GET = bytes.fromhex("C001C100080000010000FF0200")
HERE = ipv6.link_local(PAN, 0)


class Script(DlmsServer):
    """Notes requests, keeps their reply functions."""

    def __init__(self):
        super().__init__()
        self.seen, self.replies = [], []

    def request(self, client_sap, server_sap, apdu, reply):
        self.seen.append((client_sap, server_sap, apdu))
        self.replies.append(reply)


def chain(hops, make_server=EchoServer, modem=None, node=None, **line):
    """A started network with one joined node at each distance 1..hops, in order."""
    options = G3Options(modem=modem or G3ModemOptions(), line=G3LineOptions(**line))
    host = ready(options)
    for depth in range(hops):
        own = replace(node or G3NodeOptions(), depth=depth)
        host.segment.add(meter_eui64(depth + 1), make_server(), own)
    host.run_until_joined(hops, 3600)
    host.run(3)
    host.messages.clear()
    return host, list(host.segment.nodes.values())


def packet(dest, apdu=GET, ports=(4059, 4059), saps=(16, 1)):
    return ipv6.udp(HERE, dest, ports, ipv6.wrap(saps[0], saps[1], apdu))


def data_request(octets, handle=1, discover=1, qos=0):
    return bytes((0x0B, handle, discover, qos)) + len(octets).to_bytes(2, "big") + octets


def to(node, **arguments):
    return packet(ipv6.link_local(PAN, node.short_addr), **arguments)


def answer(host, limit_s=60):
    """(source wPort, destination wPort, APDU) of the next DATA_INDICATION."""
    payload = host.wait(0x1F, limit_s)
    octets = payload[3:]
    assert int.from_bytes(payload[1:3], "big") == len(octets)
    datagram = ipv6.parse_udp(ipv6.parse(octets))
    assert datagram.source_port == 4059
    return ipv6.unwrap(datagram.content)


@pytest.mark.parametrize("hops", [1, 2, 3, 4, 5])
def test_a_request_is_confirmed_and_answered_over_that_many_hops(hops):
    host, nodes = chain(hops)
    assert host.ask(data_request(to(nodes[-1]), handle=9), 0x1E) == b"\x00\x09"
    assert answer(host) == (1, 16, b"\xc4" + GET[1:])


def test_an_answer_goes_to_the_port_the_request_came_from():
    host, nodes = chain(1)
    host.send(data_request(to(nodes[0], ports=(0xF0B1, 4059))))
    octets = host.wait(0x1F)[3:]
    assert ipv6.parse_udp(ipv6.parse(octets)).dest_port == 0xF0B1


def test_the_confirm_says_no_more_than_that_the_first_hop_took_it():
    host, nodes = chain(3)
    host.send(data_request(to(nodes[2])))
    answer(host)
    nodes[2].set_muted(True)
    assert host.ask(data_request(to(nodes[2])), 0x1E, 5)[0] == 0
    host.run(30)
    assert not [entry for entry in host.messages if entry[1] == 0x1F]


@pytest.mark.parametrize(
    ("name", "status"),
    [("version", 0xA3), ("cut", 0xA3), ("own address", 0xA1), ("not a short id", 0xA1), ("unknown", 0xA5)],
)
def test_packets_that_cannot_go_are_refused(name, status):
    host, nodes = chain(1)
    good = to(nodes[0])
    octets = {
        "version": b"\x40" + good[1:],
        "cut": good[:-1],
        "own address": packet(HERE),
        "not a short id": packet(ipv6.link_local(PAN, 1)[:8] + A_LONG_ID),
        "unknown": packet(ipv6.link_local(PAN, 0x77)),
    }[name]
    assert host.ask(data_request(octets, handle=2), 0x1E, 30) == bytes((status, 2))


A_LONG_ID = bytes.fromhex("0011223344556677")


def test_a_ula_without_short_id_goes_where_the_attribute_says():
    host, nodes = chain(1)
    host.ask(bytes.fromhex("11080000D1000002") + nodes[0].short_addr.to_bytes(2, "big"), 0x27)
    octets = packet(bytes.fromhex("FD0000000002781D") + A_LONG_ID)
    assert host.ask(data_request(octets), 0x1E)[0] == 0


def test_before_network_start_data_is_an_invalid_request():
    host = Host(G3Segment())
    host.ask(bytes.fromhex("0A0001"), 0x00)
    assert host.ask(data_request(packet(ipv6.link_local(PAN, 1))), 0x1E) == b"\xa1\x01"


# --- buffers ---

def test_buffers_are_taken_told_and_refused_when_none_is_left():
    host, nodes = chain(1, modem=G3ModemOptions(buffers=(1, 1, 1)))
    small, large = to(nodes[0]), to(nodes[0], apdu=bytes(500))
    for handle, octets in ((1, small), (2, small), (3, large)):
        host.send(data_request(octets, handle=handle))
    host.send(data_request(small, handle=4))
    assert host.wait(0x1E) == b"\xb4\x04"
    told = [payload[0] for _, command, payload in host.messages if command == 0x2F]
    assert told == [0b011, 0b001, 0b000]
    assert sorted(host.wait(0x1E)[1] for _ in range(3)) == [1, 2, 3]
    host.run(1)
    assert host.messages[-1][1] == 0x1F or host.messages[-1][2] == b"\x07"
    assert [payload[0] for _, command, payload in host.messages if command == 0x2F][-1] == 0b111


def test_a_handle_in_use_is_busy():
    host, nodes = chain(1)
    host.send(data_request(to(nodes[0]), handle=5))
    host.send(data_request(to(nodes[0]), handle=5))
    assert host.wait(0x1E) == b"\xb3\x05"
    assert host.wait(0x1E) == b"\x00\x05"


# --- routes ---

def test_without_route_and_without_discovery_it_is_a_route_error():
    host, nodes = chain(2)
    assert host.ask(data_request(to(nodes[1]), discover=0), 0x1E, 1)[0] == 0xA5
    assert host.ask(data_request(to(nodes[1]), discover=1), 0x1E, 5)[0] == 0
    answer(host)
    assert host.ask(data_request(to(nodes[1]), discover=0), 0x1E, 5)[0] == 0
    row = host.ask(bytes.fromhex("120000000C0000"), 0x28)
    assert (row[7], len(row[8:])) == (9, 10)
    far, near = nodes[1].short_addr, nodes[0].short_addr
    assert row[8:12] == far.to_bytes(2, "big") + near.to_bytes(2, "big") and row[14] >> 4 == 2


def test_a_route_that_cannot_be_found_costs_the_traversal_time():
    host, nodes = chain(2)
    nodes[1].set_muted(True)
    begun = host.kernel.now_us
    assert host.ask(data_request(to(nodes[1]), handle=3), 0x1E) == b"\xa5\x03"
    assert (host.kernel.now_us - begun) / 1e6 == pytest.approx(20, abs=1)
    not_found = host.wait(0x33)
    assert not_found[2:4] == nodes[1].short_addr.to_bytes(2, "big")


def test_a_muted_neighbour_does_not_acknowledge():
    host, nodes = chain(1)
    nodes[0].set_muted(True)
    assert host.ask(data_request(to(nodes[0]), discover=0), 0x1E, 5)[0] == 0xE9
    assert host.ask(data_request(to(nodes[0]), discover=1), 0x1E, 60)[0] == 0xA5


def test_another_way_is_found_when_a_relay_dies():
    host = ready()
    for number, depth in ((1, 0), (2, 0), (3, 1)):
        host.segment.add(meter_eui64(number), EchoServer(), G3NodeOptions(depth=depth, uplinks=2))
    host.run_until_joined(3, 600)
    host.run(2)
    far = host.segment.nodes[meter_eui64(3)]
    host.send(data_request(to(far)))
    answer(host)
    far.route[1].set_muted(True)
    assert host.ask(data_request(to(far)), 0x1E)[0] == 0
    assert answer(host)[2] == b"\xc4" + GET[1:]


def test_route_and_path_discovery_of_three_hops():
    host, nodes = chain(3)
    addr = nodes[2].short_addr.to_bytes(2, "big")
    assert host.ask(b"\x14" + addr + b"\x08", 0x2B) == b"\x00"
    assert host.ask(b"\x14" + addr + b"\x02", 0x2B) == b"\xa5"  # two hops are not enough
    assert host.ask(b"\x14" + addr + b"\x0f", 0x2B) == b"\xa1"
    assert host.ask(b"\x15" + addr + b"\x05", 0x2C)[0] == 0xA1
    path = host.ask(b"\x15" + addr + b"\x0f", 0x2C)
    assert path[:8] == b"\x00" + addr + b"\x00\x00\x0f\x03\x03"
    hops = [int.from_bytes(path[at : at + 2], "big") for at in range(8, len(path), 7)]
    addrs = [node.short_addr for node in nodes]
    assert hops == addrs + [addrs[1], addrs[0], 0]


def test_a_path_that_breaks_on_the_way_is_incomplete_and_an_unknown_one_times_out():
    host, nodes = chain(3)
    host.send(data_request(to(nodes[2])))
    answer(host)
    nodes[1].set_muted(True)
    path = host.ask(b"\x15" + nodes[2].short_addr.to_bytes(2, "big") + b"\x0f", 0x2C, 60)
    assert (path[0], path[6], path[7]) == (0xB2, 1, 0)
    assert host.ask(b"\x15\x00\x77\x0f", 0x2C, 60)[0] == 0xA6


# --- broadcast, push, echo ---

def test_a_multicast_reaches_every_member_once_and_nobody_answers():
    host, nodes = chain(3, Script)
    assert host.ask(data_request(packet(ipv6.ALL_NODES)), 0x1E)[0] == 0
    host.run(5)
    assert [node.server.seen for node in nodes] == [[(16, 1, GET)]] * 3
    for node in nodes:
        node.server.replies[0](b"\x01")
    host.run(5)
    assert not [entry for entry in host.messages if entry[1] == 0x1F]


@pytest.mark.parametrize("hops", [1, 3])
def test_a_push_arrives_with_the_saps_it_was_sent_with(hops):
    host, nodes = chain(hops)
    assert nodes[-1].push(0x66, 1, b"\x0f\x01\x02")
    assert answer(host) == (1, 0x66, b"\x0f\x01\x02")
    nodes[-1].set_muted(True)
    assert not nodes[-1].push(0x66, 1, b"\x0f")


def test_several_answers_and_late_ones_all_arrive():
    host, nodes = chain(1, Script)
    host.send(data_request(to(nodes[0])))
    host.run(1)
    reply = nodes[0].server.replies[0]
    reply(b"\xc4\x01")
    host.run(40)
    reply(b"\xc4\x02")
    reply(None)
    assert [answer(host)[2] for _ in range(2)] == [b"\xc4\x01", b"\xc4\x02"]


def test_an_echo_request_is_answered():
    host, nodes = chain(2)
    dest = ipv6.link_local(PAN, nodes[1].short_addr)
    bare = ipv6.Packet(HERE, dest, ipv6.ICMPV6, bytes.fromhex("8000000000010007") + b"ping")
    check = ipv6.checksum(bare, bare.content).to_bytes(2, "big")
    host.send(data_request(ipv6.build(bare._replace(content=b"\x80\x00" + check + bare.content[4:]))))
    reply = ipv6.parse(host.wait(0x1F)[3:])
    assert reply.content[0] == 129 and reply.content[4:] == bare.content[4:]
    assert ipv6.checksum(reply, reply.content) == 0


def test_a_wrong_udp_checksum_or_wrapper_never_reaches_the_server():
    host, nodes = chain(1, Script)
    good = to(nodes[0])
    host.send(data_request(good[:-1] + bytes((good[-1] ^ 1,)), handle=1))
    wrapped = ipv6.wrap(16, 1, GET)
    host.send(data_request(ipv6.udp(HERE, good[24:40], (4059, 4059), b"\x00\x02" + wrapped[2:]), handle=2))
    host.run(3)
    assert nodes[0].server.seen == [] and nodes[0].counters["bad_packets"] == 2


def test_a_packet_of_1280_octets_passes_a_modem_with_larger_buffers():
    host, nodes = chain(2, modem=G3ModemOptions(usi_buffer=4096))
    apdu = bytes(range(256)) * 4 + bytes(200)
    octets = to(nodes[1], apdu=apdu)
    assert len(octets) == 1280
    host.send(data_request(octets))
    assert answer(host)[2][1:] == apdu[1:]


# --- line faults ---

def test_a_lossy_line_loses_few_requests_because_hops_are_repeated():
    host, nodes = chain(3, loss=0.2)
    got = 0
    for number in range(20):
        host.send(data_request(to(nodes[2]), handle=number))
        host.run(15)
        got += sum(command == 0x1F for _, command, _ in host.messages)
        host.messages.clear()
    assert got >= 18
    assert host.segment.line.counters["retries"] > 20


def test_duplicates_reach_the_server_and_the_host():
    host, nodes = chain(1, Script, dup=1.0)
    host.send(data_request(to(nodes[0])))
    host.run(2)
    assert len(nodes[0].server.seen) == 2
    nodes[0].push(1, 1, b"\x0f\x01")
    host.run(2)
    assert sum(command == 0x1F for _, command, _ in host.messages) == 2


def test_uplinks_are_held_back_by_delay_ms():
    host, nodes = chain(1, delay_ms=20000)
    spans = []
    for _ in range(5):
        begun = host.kernel.now_us
        host.send(data_request(to(nodes[0])))
        answer(host)
        spans.append((host.kernel.now_us - begun) / 1e6)
    assert 2 < max(spans) < 21


# --- frame counters and keys ---

def test_a_new_modem_with_counter_zero_is_not_heard_until_its_counter_is_set():
    host, nodes = chain(1)
    for _ in range(5):
        host.send(data_request(to(nodes[0])))
        answer(host)
    saved = host.chip.mac.frame_counter
    host.chip.swap()
    host.run(1)
    host.set_up()
    assert host.ask(data_request(to(nodes[0])), 0x1E)[0] == 0  # acknowledged, then dropped
    host.run(20)
    assert nodes[0].counters["rx_wrong_frame_counter"] == 1
    assert not [entry for entry in host.messages if entry[1] == 0x1F]
    host.ask(bytes.fromhex("16000000770000 04".replace(" ", "")) + (saved + 100).to_bytes(4, "big"), 0x2D)
    host.send(data_request(to(nodes[0])))
    answer(host)


@pytest.mark.parametrize(("keeps_counter", "answers"), [(True, 1), (False, 0)])
def test_a_power_cut_costs_the_counter_where_the_board_cannot_save_it(keeps_counter, answers):
    host, nodes = chain(1, modem=G3ModemOptions(keeps_counter=keeps_counter))
    host.send(data_request(to(nodes[0])))
    answer(host)
    host.chip.set_power(False)
    host.chip.set_power(True)
    host.run(1)
    host.set_up()
    host.send(data_request(to(nodes[0])))
    host.run(5)
    assert sum(command == 0x1F for _, command, _ in host.messages) == answers


def test_a_modem_that_resets_keeps_its_counter_and_goes_on():
    host, nodes = chain(2)
    host.send(data_request(to(nodes[1])))
    answer(host)
    host.chip.reset_now()
    host.run(1)
    host.set_up()
    host.send(data_request(to(nodes[1])))
    assert answer(host)[2] == b"\xc4" + GET[1:]


def test_another_group_key_or_pan_leaves_the_old_members_deaf():
    host, nodes = chain(1)
    host.chip.reset_now()
    host.run(1)
    host.set_up(gmk=bytes(range(16)))
    assert host.ask(data_request(to(nodes[0])), 0x1E)[0] == 0
    assert nodes[0].counters["rx_unknown_key"] == 1
    host.chip.reset_now()
    host.run(1)
    host.set_up(gmk=OWN_GMK, pan_id=PAN + 1)
    octets = packet(ipv6.link_local(PAN + 1, nodes[0].short_addr))
    assert host.ask(data_request(octets), 0x1E, 60)[0] in (0xA5, 0xE9)


def test_statuses_can_be_forced():
    host, nodes = chain(1)
    host.chip.faults.data_status = [0xA5, 0xE1, 0xB4]
    for status in (0xA5, 0xE1, 0xB4, 0x00):
        assert host.ask(data_request(to(nodes[0])), 0x1E)[0] == status
