# SPDX-License-Identifier: MIT
"""Joining, leaving, rekeying through the dialect-H modem, with the traps of its firmware (g3.md 2.10, 3.5, 3.6)."""

from dataclasses import replace

import pytest

from host_tests.sim_g3_driver import OWN_GMK, Host, ready
from tools.sim.g3 import lbp
from tools.sim.g3.options import DEFAULT_KEY, DEFAULT_PSK, G3LineOptions, G3ModemOptions, G3NodeOptions, G3Options
from tools.sim.g3.segment import G3Segment, meter_eui64
from tools.sim.server import EchoServer

NEW_GMK = bytes.fromhex("01020304050607080910111213141516")
A, B = bytes.fromhex("AA00000000000001"), bytes.fromhex("BB00000000000002")


def chain(hops, **line):
    """A started network with one node at each distance 1..hops."""
    host = ready(G3Options(line=G3LineOptions(**line), node=G3NodeOptions(uplinks=1)))
    for depth in range(hops):
        options = replace(host.segment.options.node, depth=depth)
        host.segment.add(meter_eui64(depth + 1), EchoServer(), options)
    return host


@pytest.mark.parametrize("hops", [1, 2, 3, 4, 5])
def test_a_node_joins_over_that_many_hops(hops):
    host = chain(hops)
    host.run_until_joined(hops, 900)
    node = host.segment.nodes[meter_eui64(hops)]
    assert (node.hops, node.keys, len(node.route)) == (hops, {0: OWN_GMK}, hops + 1)
    host.run(2)
    assert host.joined == {eui64: node.short_addr for eui64, node in host.segment.nodes.items()}


def test_a_wrong_psk_is_refused_and_counted():
    host = ready()
    node = host.segment.add(A, EchoServer(), G3NodeOptions(depth=0))
    host.psk_of = lambda eui64: bytes(16)
    host.run(300)
    assert not node.is_member and host.joined == {}
    assert host.chip.lbs.counters["mac_p_wrong"] >= 2


def test_a_device_that_is_given_a_wrong_server_proof_does_not_answer():
    host = ready()
    node = host.segment.add(A, EchoServer(), G3NodeOptions(depth=0))
    supplicant = node.joining.supplicant
    host.run(1)
    answer = supplicant.respond(lbp.message_1(0, bytes(16), bytes(8)))
    who = lbp.Identities(bytes(8), A, bytes(16), answer[22:38])
    forged = lbp.message_3(1, who, (bytes(16), bytes(16)), 0, b"\xa0\x02")
    assert supplicant.respond(forged) is None
    assert node.counters["eap_refused"] == 1


def test_a_rogue_is_not_in_the_operators_list_and_does_not_get_in():
    host = ready()
    honest = host.segment.add(A, EchoServer())
    rogue = host.segment.add_rogue(B)
    host.psk_of = lambda eui64: bytes.fromhex(host.segment.psks().get(eui64.hex().upper(), "00" * 16))
    host.run(200)
    assert honest.is_member and not rogue.is_member
    assert list(host.segment.psks()) == [A.hex().upper()]


def test_a_declined_device_waits_and_asks_again():
    host = ready()
    node = host.segment.add(A, EchoServer())
    host.answers_joins = False
    assert host.wait(0x47) == A
    host.assign(A, 0xFFFF)
    host.run(3)
    assert (node.counters["declined"], node.is_member) == (1, False)
    host.answers_joins = True
    host.run_until_joined(1, 120)


def test_replayed_lbp_frames_get_nobody_in_and_are_counted():
    host = ready()
    node = host.segment.add(A, EchoServer())
    assert not host.segment.replay_lbp()
    host.run_until_joined(1, 60)
    host.run(2)
    assert host.segment.replay_lbp()
    host.run(5)
    assert host.chip.lbs.counters["lbp_unexpected"] == 1
    node.leave()
    node.join()
    host.messages.clear()
    host.wait(0x47)  # a new exchange has begun: old message 4 in the place of message 2
    assert host.segment.replay_lbp(A)
    host.run_until_joined(1, 600)
    lbs = host.chip.lbs.counters
    assert lbs["lbp_unexpected"] + lbs["rand_s_mismatch"] == 2


# --- traps of the firmware ---

def test_initialize_leaves_the_published_key_in_place():
    host = Host(G3Segment())
    host.ask(bytes.fromhex("0A0001"), 0x00)
    assert host.chip.mac.keys == {0: DEFAULT_KEY}


def test_a_late_assign_goes_to_the_device_that_overwrote_the_slot():
    host = ready()
    host.answers_joins = False
    first = host.segment.add(A, EchoServer(), G3NodeOptions(depth=0))
    assert host.wait(0x47) == A
    second = host.segment.add(B, EchoServer(), G3NodeOptions(depth=0))
    assert host.wait(0x47) == B
    host.psk_of = lambda eui64: second.psk
    host.assign(A, 7)
    assert host.wait(0x48) == B + b"\x00\x07"
    host.run(2)
    assert (first.is_member, second.short_addr) == (False, 7)
    assert host.chip.lbs.counters["assign_misdirected"] == 1


def test_the_psk_variable_counts_at_the_instant_of_the_assign():
    host = ready()
    node = host.segment.add(A, EchoServer())
    host.answers_joins = False
    host.wait(0x47)
    host.assign(A, 5)
    host.send(b"\x3c" + bytes.fromhex("00000002000010") + bytes(16))
    host.run_until_joined(1, 60)
    assert node.short_addr == 5


def test_without_a_psk_the_published_one_is_used():
    host = ready()
    host.segment.add(A, EchoServer(), G3NodeOptions(psk=DEFAULT_PSK))
    host.answers_joins = False
    host.wait(0x47)
    host.send(b"\x42" + A + b"\x00\x01")
    host.run_until_joined(1, 60)


def test_a_newcomer_in_the_rekey_phase_gets_no_address_but_counts_as_joined():
    host = ready()
    host.send(b"\x3c" + bytes.fromhex("00000004000010") + NEW_GMK)
    host.send(b"\x40\x01")
    node = host.segment.add(A, EchoServer())
    host.wait(0x48)
    host.run(3)
    assert not node.is_member and node.counters["parameters_refused"] == 1
    assert host.chip.lbs.counters["refusals_ignored"] == 1
    host.send(b"\x40\x00")
    host.run_until_joined(1, 600)


def test_a_device_that_refuses_its_key_is_accepted_all_the_same():
    host = ready()
    node = host.segment.add(A, EchoServer(), G3NodeOptions(refuses_gmk=True))
    assert host.wait(0x48)[:8] == A
    host.run(3)
    assert not node.is_member


@pytest.mark.parametrize("short_addr", [0x0000, 0x8000, 0xFFFE])
def test_a_device_takes_no_address_of_the_coordinator_or_a_group(short_addr):
    host = ready()
    node = host.segment.add(A, EchoServer())
    host.answers_joins = False
    host.wait(0x47)
    host.assign(A, short_addr)
    host.wait(0x48)
    host.run(3)
    assert not node.is_member and node.counters["parameters_refused"] == 1


def test_only_five_joins_run_at_a_time():
    host = ready(G3Options(node=G3NodeOptions(depth=0, start_s=0.2)))
    host.segment.chip.lbs.timeout_s = 300
    nodes = [host.segment.add(meter_eui64(number), EchoServer()) for number in range(1, 8)]
    for node in nodes:
        node.joining.supplicant.respond = lambda packet: None  # deaf: slots stay taken
    host.run(60)
    assert len(set(host.join_requests)) == 5
    assert host.chip.lbs.counters["no_slot"] == 2


def test_a_silent_device_is_asked_once_more_after_the_message_timeout_then_forgotten():
    host = ready()
    node = host.segment.add(A, EchoServer(), G3NodeOptions(join_wait_s=1000))
    seen = []
    host.segment.line.on_lbp = lambda direction, nsdu: seen.append((direction, host.kernel.now_us))
    node.joining.supplicant.respond = lambda packet: None
    host.run(100)
    downs = [at for direction, at in seen if direction == "down"]
    assert len(downs) == 2
    assert (downs[1] - downs[0]) / 1e6 == pytest.approx(20, abs=0.5)
    assert host.chip.lbs.counters["lbp_timeouts"] == 1


# --- kick, leave, rekey ---

def test_a_kicked_node_resets_after_two_seconds_and_joins_with_a_new_address():
    host = chain(2)
    host.run_until_joined(2, 300)
    far = host.segment.nodes[meter_eui64(2)]
    old = far.short_addr
    host.send(b"\x3e" + old.to_bytes(2, "big") + far.eui64)
    host.run(1.5)
    assert far.is_member and far.counters["kicked"] == 1
    host.run(1.5)
    host.run_until_joined(2, 300)
    assert far.counters["joined"] == 2 and far.short_addr != old


def test_an_unsecured_kick_is_not_obeyed():
    host = chain(1)
    host.run_until_joined(1, 60)
    node = host.segment.nodes[meter_eui64(1)]
    node.on_bare_lbp(lbp.build(lbp.KICK_TO_LBD, node.eui64), host.chip.mac)
    host.run(5)
    assert node.is_member and node.counters["lbp_wrong_security"] == 1


def test_a_node_that_signs_off_is_reported_by_its_address():
    host = chain(2)
    host.run_until_joined(2, 300)
    far = host.segment.nodes[meter_eui64(2)]
    short_addr = far.short_addr
    assert far.sign_off()
    assert host.wait(0x49) == short_addr.to_bytes(2, "big")
    host.run(3)
    assert not far.is_member and not far.sign_off()


def rekey(host, nodes):
    """Both phases for these nodes; how many completions came."""
    host.send(b"\x3c" + bytes.fromhex("00000004000010") + NEW_GMK)
    host.send(b"\x40\x01")
    completions = 0
    for distribute in (b"\x01", b"\x00"):
        for node in nodes:
            host.send(b"\x3c" + bytes.fromhex("00000002000010") + node.psk)
            host.send(b"\x3f" + node.short_addr.to_bytes(2, "big") + node.eui64 + distribute)
            host.messages.clear()
            host.run(20)
            completions += sum(command == 0x48 for _, command, _ in host.messages)
    host.send(b"\x40\x00")
    host.send(b"\x41")
    host.run(1)
    return completions


def test_a_rekey_in_two_phases_takes_every_node_to_the_new_key():
    host = chain(3)
    host.run_until_joined(3, 600)
    nodes = list(host.segment.nodes.values())
    assert rekey(host, nodes) == 6
    assert {(node.active_key, node.keys[1]) for node in nodes} == {(1, NEW_GMK)}
    assert (host.chip.mac.active_key, host.chip.mac.keys[1]) == (1, NEW_GMK)


def test_answers_with_the_new_key_are_lost_until_the_coordinator_has_it():
    host = chain(1)
    host.run_until_joined(1, 60)
    rekey_node = host.segment.nodes[meter_eui64(1)]
    host.send(b"\x40\x01")
    host.send(b"\x3c" + bytes.fromhex("00000004000010") + NEW_GMK)
    for distribute in (b"\x01", b"\x00"):
        host.send(b"\x3c" + bytes.fromhex("00000002000010") + rekey_node.psk)
        host.send(b"\x3f" + rekey_node.short_addr.to_bytes(2, "big") + rekey_node.eui64 + distribute)
        host.run(10)
    assert host.chip.mac.counters["rx_unknown_key"] == 1
    assert rekey_node.push(1, 1, b"\x0f\x01")
    host.run(2)
    assert host.chip.mac.counters["rx_unknown_key"] == 2
    host.send(b"\x16" + bytes.fromhex("00000071000110") + NEW_GMK)  # MAC_SET keyTable[1] beforehand cures it
    host.run(1)
    assert rekey_node.push(1, 1, b"\x0f\x02")
    host.wait(0x1F)


def test_an_unreachable_node_in_a_rekey_gives_no_completion_and_frees_its_slot_late():
    host = chain(2)
    host.run_until_joined(2, 300)
    near, far = host.segment.nodes.values()
    far.set_muted(True)
    assert rekey(host, [far]) == 0
    host.run(60)
    assert all(slot.state == 0 for slot in host.chip.lbs.slots)
    assert near.is_member


def test_a_node_that_hears_nothing_for_long_joins_again():
    host = ready(G3Options(node=G3NodeOptions(orphan_s=600)))
    node = host.segment.add(A, EchoServer())
    host.run_until_joined(1, 60)
    host.run(700)
    assert node.counters["orphaned"] == 1 and node.counters["joined"] == 2


def test_a_join_that_got_nowhere_is_tried_over_another_agent():
    host = chain(1)
    host.segment.add(meter_eui64(2), EchoServer(), G3NodeOptions(depth=0))
    host.run_until_joined(2, 300)
    far = host.segment.add(meter_eui64(3), EchoServer(), G3NodeOptions(depth=1, uplinks=2))
    while far.joining.agent is None:
        host.run(0.05)
    first = far.joining.agent
    first.pan_id = 0x1111  # left behind in a network that is gone
    host.run_until_joined(3, 600)
    assert far.counters["attempts"] == 2 and far.route[1] is not first


def test_a_coordinator_takes_no_joining_frame_meant_for_its_former_network():
    host = ready()
    host.answers_joins = False
    node = host.segment.add(A, EchoServer(), G3NodeOptions(depth=0))
    host.wait(0x47)
    host.assign(A, 1)
    host.send(b"\x10")
    host.wait(0x26)
    host.set_up(pan_id=0x1234)
    host.answers_joins = True
    host.run_until_joined(1, 600)
    assert (node.pan_id, node.counters["attempts"]) == (0x1234, 2)


# --- many ---

def test_a_hundred_nodes_join_within_a_few_times_the_airtime_bound():
    host = ready(G3Options(meters=100))
    spent = host.run_until_joined(100, 3600)
    hops = sum(node.hops for node in host.segment.nodes.values())
    assert 0.53 * hops * 0.5 < host.segment.line.busy_us / 1e6 < 1.5 * hops
    assert spent < 6 * 0.53 * hops  # 2.7 to 4.6 over seeds 1 to 8: waits for beacons and for one of five slots
    assert host.chip.lbs.counters["joins_complete"] >= 100


def test_joins_get_through_on_a_bad_line():
    host = ready(G3Options(meters=20, line=G3LineOptions(loss=0.2, dup=0.1)))
    host.run_until_joined(20, 3600)


def test_a_smaller_lbs_still_serves_everybody():
    host = ready(G3Options(meters=20, modem=G3ModemOptions(lbp_slots=1)))
    host.run_until_joined(20, 7200)
