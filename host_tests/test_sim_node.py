# SPDX-License-Identifier: MIT
"""Nodes: LLC, CIASE as a meter does it, one DLMS request at a time, fall back to NEW (sfsk.md 2, 3)."""

import pytest

from host_tests.sim_driver import ready
from tools.sim.options import LineOptions, NodeOptions, SegmentOptions
from tools.sim.segment import Segment, meter_title
from tools.sim.server import DlmsServer, LocalServer

IST = bytes.fromhex("4755580000000001")
GET = bytes.fromhex("C001C100")
SECOND_US = 1_000_000


class Script(DlmsServer):
    """Notes requests, keeps their reply functions."""

    def __init__(self):
        super().__init__()
        self.seen, self.replies, self.resets = [], [], 0

    def request(self, client_sap, server_sap, apdu, reply):
        self.seen.append((client_sap, server_sap, apdu))
        self.replies.append(reply)

    def reset(self):
        self.resets += 1


def discover(percent=100, slots=10, credit=0, equal=0):
    return bytes((0x90, 0, 1, 0x1D, percent, slots >> 8, slots & 255, credit, equal))


def register(*rows):
    body = b"".join(title + mac.to_bytes(2, "big") for title, mac in rows)
    return bytes((0x90, 0, 1, 0x1C)) + IST + bytes((len(rows),)) + body


def segment_with(meters=1, **node):
    host = ready(SegmentOptions(node=NodeOptions(**node)))
    for number in range(1, meters + 1):
        host.segment.add(meter_title(number), Script())
    return host, list(host.segment.nodes.values())


def heard(host, span_us=4 * SECOND_US):
    """M_sdus of the indications of the next seconds."""
    host.kernel.run_for(span_us)
    found = [payload[5:] for _, command, payload in host.frames if command == 0x50]
    host.frames.clear()
    return found


def registered(host, nodes):
    host.send(0xFFF, register(*[(node.title, i + 1) for i, node in enumerate(nodes)]))
    host.kernel.run_for(SECOND_US)
    host.frames.clear()


# --- discovery ---

def test_only_new_nodes_report_and_registered_ones_stay_silent():
    host, (first, second) = segment_with(2)
    host.send(0xFFF, register((first.title, 1)))
    host.send(0xFFF, discover())
    assert heard(host) == [bytes.fromhex("90FD001E01") + second.title + b"\x01\x01"]


def test_reports_fall_into_the_allowed_slots():
    host, nodes = segment_with(1)
    line, seen = host.segment.line, set()
    line.on_transmit = lambda tx: seen.add(tx.start) if tx.sender in nodes else None
    ends = []
    for _ in range(60):
        host.send(0xFFF, discover(slots=4))
        ends.append(line.slot_now)
        heard(host, 2 * SECOND_US)
    offsets = {min(start - end for end in ends if end < start) for start in seen}
    assert offsets <= {1, 2, 3, 4}
    assert len(offsets) == 4


def test_the_response_probability_is_honoured():
    host, nodes = segment_with(40)
    host.send(0xFFF, discover(percent=25, slots=500))
    assert 3 <= sum(node.counters["reports"] for node in nodes) <= 20
    host.send(0xFFF, discover(percent=0, slots=10))
    assert sum(node.counters["reports"] for node in nodes) <= 20


@pytest.mark.parametrize(("credit", "equal", "ic", "expected"), [(3, 0, 1, 3), (3, 1, 1, 1), (0, 1, 2, 2)])
def test_the_report_uses_the_credit_it_is_told(credit, equal, ic, expected):
    host, _ = segment_with(1)
    host.send(0xFFF, discover(credit=credit, equal=equal), ic=ic)
    host.kernel.run_for(8 * SECOND_US)
    assert [payload[0] >> 5 for _, code, payload in host.frames if code == 0x50] == [expected]


def test_report_options_destination_and_alarm():
    host = ready(SegmentOptions())
    host.segment.add(bytes(8), Script(), NodeOptions(report_to_all=True, alarm=None))
    host.send(0xFFF, discover())
    host.kernel.run_for(3 * SECOND_US)
    payload = host.wait((0x50,))[2]
    assert payload[1:4] == bytes.fromhex("FFEFFF")
    assert payload[5:] == bytes.fromhex("90FD001E01") + bytes(8) + b"\x00"


def test_a_window_of_one_slot_loses_two_nodes():
    host, _ = segment_with(2)
    host.send(0xFFF, discover(slots=1))
    assert heard(host) == []
    assert host.segment.line.stats.collisions == 1


# --- registration ---

def test_several_systems_are_registered_by_one_pdu():
    host, nodes = segment_with(3)
    registered(host, nodes)
    assert [node.mac_addr for node in nodes] == [1, 2, 3]
    assert {node.initiator_title for node in nodes} == {IST}


def test_six_octet_titles_are_read_by_the_size_of_the_own_title():
    host = ready(SegmentOptions(meters=0))
    node = host.segment.add(bytes.fromhex("495343123456"), Script())
    pdu = bytes.fromhex("9000011C 475558000001 01 495343123456 0001")  # source: sfsk.md 6.3
    host.send(0xFFF, pdu)
    assert node.mac_addr == 1
    host.send(1, bytes.fromhex("90000119495343123456"))
    assert heard(host) == [bytes.fromhex("9001001A495343123456")]


@pytest.mark.parametrize(
    "pdu", [register()[:6], register((bytes(8), 1))[:-1], bytes.fromhex("9000011D640A"), b"\x90\x00\x01\x55"]
)
def test_malformed_ciase_is_ignored(pdu):
    host, (node,) = segment_with(1)
    host.send(0xFFF, pdu)
    assert node.is_new
    assert node.counters["ciase_malformed"] + node.counters["ciase_unknown"] == 1


def test_a_node_is_locked_to_the_initiator_that_registered_it():
    host, (node,) = segment_with(1)
    registered(host, [node])
    foreign = bytes(8)
    host.send(0xFFF, bytes((0x90, 0, 1, 0x1C)) + foreign + b"\x01" + node.title + b"\x00\x09")
    assert node.mac_addr == 1
    registered(host, [node])
    host.send(0xFFF, register((node.title, 7)))
    assert node.mac_addr == 7


@pytest.mark.parametrize("mac", [0, 0xC00, 0xFFE])
def test_a_mac_outside_the_individual_range_is_not_accepted(mac):
    host, (node,) = segment_with(1)
    host.send(0xFFF, register((node.title, mac)))
    assert node.is_new


# --- ping, repeater call ---

def test_ping_is_answered_for_the_own_title_at_the_own_address_only():
    host, (first, second) = segment_with(2)
    registered(host, [first, second])
    host.send(1, b"\x90\x00\x01\x19" + first.title)
    host.kernel.run_for(SECOND_US)
    host.send(2, b"\x90\x00\x01\x19" + first.title)
    host.kernel.run_for(SECOND_US)
    host.send(0xFFF, b"\x90\x00\x01\x19" + first.title)
    assert heard(host) == [b"\x90\x01\x00\x1a" + first.title]


@pytest.mark.parametrize("tail", ["006300 00", "006300 0105"])
def test_a_repeater_call_is_accepted(tail):
    host, (node,) = segment_with(1)
    registered(host, [node])
    host.send(0xFFF, bytes.fromhex("9000011F" + tail))
    assert node.is_repeater
    assert heard(host) == []


# --- DLMS ---

def test_an_apdu_reaches_the_server_and_its_answer_comes_back_with_swapped_saps():
    host, (node,) = segment_with(1)
    registered(host, [node])
    host.send(1, b"\x90\x01\x10" + GET, ic=2)
    host.kernel.run_for(SECOND_US)
    assert node.server.seen == [(0x10, 1, GET)]
    node.server.replies[0](b"\xc4\x01")
    host.kernel.run_for(SECOND_US)
    payload = host.wait((0x50,))[2]
    assert payload[:4] == bytes.fromhex("48 001C00")
    assert payload[5:] == b"\x90\x10\x01\xc4\x01"


def test_other_llc_control_octets_are_ignored():
    host, (node,) = segment_with(1)
    registered(host, [node])
    host.send(1, b"\x91\x01\x10" + GET)
    host.send(1, b"\x90\x01\x10")
    assert (node.server.seen, node.counters["llc_ignored"]) == ([], 2)


def test_requests_to_a_busy_node_are_dropped_until_it_answered_or_gave_up():
    host, (node,) = segment_with(1, busy_limit_us=2 * SECOND_US)
    registered(host, [node])
    host.send(1, b"\x90\x01\x10" + GET)
    host.send(1, b"\x90\x01\x10" + GET)
    host.kernel.run_for(SECOND_US)
    assert (len(node.server.seen), node.counters["dropped_busy"]) == (1, 1)
    host.kernel.run_for(2 * SECOND_US)
    host.send(1, b"\x90\x01\x10" + GET)
    node.server.replies[1](None)
    host.send(1, b"\x90\x01\x10" + GET)
    node.server.replies[2](b"\xc4")
    host.kernel.run_for(SECOND_US)
    host.send(1, b"\x90\x01\x10" + GET)
    assert len(node.server.seen) == 4


def test_several_answers_to_one_request_are_sent_in_order():
    host, (node,) = segment_with(1)
    registered(host, [node])
    host.send(1, b"\x90\x01\x10" + GET)
    for number in range(3):
        node.server.replies[0](bytes((0xE0, number)))
    assert [m_sdu[3:] for m_sdu in heard(host)] == [b"\xe0\x00", b"\xe0\x01", b"\xe0\x02"]


def test_a_late_answer_is_sent_all_the_same_but_not_after_a_reset():
    host, (node,) = segment_with(1, busy_limit_us=SECOND_US)
    registered(host, [node])
    host.send(1, b"\x90\x01\x10" + GET)
    host.kernel.run_for(5 * SECOND_US)
    node.server.replies[0](b"\xc4")
    assert len(heard(host)) == 1
    node.reset()
    node.server.replies[0](b"\xc4")
    assert heard(host) == []


def test_think_time_and_seeded_delay_hold_the_answer_back():
    def answered_at(delay_ms, seed):
        line, node = LineOptions(delay_ms=delay_ms, seed=seed), NodeOptions(think_us=3 * SECOND_US)
        host = ready(SegmentOptions(line=line, node=node))
        node = host.segment.add(meter_title(1), Script())
        registered(host, [node])
        host.send(1, b"\x90\x01\x10" + GET)
        start = host.kernel.now_us
        node.server.replies[0](b"\xc4")
        return host.wait((0x50,))[0] - start

    plain = answered_at(0, 1)
    assert 3 * SECOND_US < plain < 3.5 * SECOND_US
    late = {answered_at(10_000, seed) for seed in (1, 2, 3)}
    assert late == {answered_at(10_000, seed) for seed in (1, 2, 3)}
    assert len(late) == 3
    assert max(late) > plain


def test_an_answer_that_does_not_fit_is_dropped_and_counted():
    host, (node,) = segment_with(1)
    registered(host, [node])
    host.send(1, b"\x90\x01\x10" + GET)
    node.server.replies[0](bytes(240))
    assert heard(host) == []
    assert node.counters["too_long"] == 1
    host.send(1, b"\x90\x01\x10" + GET)
    node.server.replies[1](bytes(239))
    assert len(heard(host)) == 1


def test_broadcasts_are_delivered_to_registered_nodes_without_an_answer():
    host, nodes = segment_with(3)
    registered(host, nodes[:2])
    host.send(0xFFF, b"\x90\x01\x10" + GET)
    for node in nodes[:2]:
        assert len(node.server.seen) == 1
        node.server.replies[0](b"\xc4")
    assert nodes[2].server.seen == []
    assert heard(host) == []


def test_a_push_goes_out_on_the_nodes_own_initiative():
    host, (node,) = segment_with(1)
    assert node.push(1, 1, b"\x0f") is False
    registered(host, [node])
    node.server.on_push(0x67, 1, b"\x0f\x00")
    assert heard(host) == [b"\x90\x67\x01\x0f\x00"]


# --- back to NEW, faults ---

def test_a_node_nobody_addresses_falls_back_to_new():
    host, (kept, left) = segment_with(2, time_out_not_addressed_min=1)
    registered(host, [kept, left])
    for _ in range(10):
        host.kernel.run_for(20 * SECOND_US)
        host.send(1, b"\x90\x00\x01\x19" + kept.title)
        host.send(0xFFF, discover(percent=0))
    assert (kept.is_new, left.is_new) == (False, True)
    assert left.server.resets == 1
    host.kernel.run_for(70 * SECOND_US)
    assert kept.is_new


def test_time_out_zero_means_never():
    host, (node,) = segment_with(1, time_out_not_addressed_min=0)
    registered(host, [node])
    host.kernel.run_for(10**12)
    assert not node.is_new


def test_a_muted_node_stays_registered_but_neither_hears_nor_sends():
    host, (node,) = segment_with(1)
    registered(host, [node])
    host.send(1, b"\x90\x01\x10" + GET)
    node.server.replies[0](b"\xc4")
    node.set_muted(True)
    host.send(1, b"\x90\x01\x10" + GET)
    assert heard(host) == []
    assert (len(node.server.seen), node.is_new) == (1, False)
    node.set_muted(False)
    host.send(1, b"\x90\x01\x10" + GET)
    assert len(node.server.seen) == 2


def test_a_removed_node_is_new_when_it_comes_back():
    host, (node,) = segment_with(1)
    registered(host, [node])
    node.leave()
    host.send(1, b"\x90\x00\x01\x19" + node.title)
    assert heard(host) == []
    node.join()
    host.send(0xFFF, discover())
    assert len(heard(host)) == 1


def test_a_local_server_passes_all_answers_of_a_synchronous_meter():
    class Two:
        def handle(self, client_sap, server_sap, apdu):
            return [b"a", b"b"] if apdu == GET else []

    got = []
    server = LocalServer(Two())
    server.request(1, 1, GET, got.append)
    server.request(1, 1, b"x", got.append)
    assert got == [b"a", b"b", None]


def test_two_nodes_with_one_title_are_refused():
    segment = Segment(SegmentOptions(meters=1))
    with pytest.raises(ValueError, match="two nodes"):
        segment.add(meter_title(1), Script())
