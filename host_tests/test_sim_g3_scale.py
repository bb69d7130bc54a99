# SPDX-License-Identifier: MIT
"""1,200 nodes on one PAN: cold start, a round of requests, and how much the twin does for that."""

from host_tests.sim_g3_driver import PAN, ready
from tools.sim.g3 import ipv6
from tools.sim.g3.options import G3ModemOptions, G3Options

NODES = 1200


def test_1200_nodes_join_and_answer_with_a_hundred_odd_events_each():
    host = ready(G3Options(meters=NODES, modem=G3ModemOptions(device_table=2000, routing_table=2000)))
    spent_s = host.run_until_joined(NODES, 4 * 3600)
    nodes = list(host.segment.nodes.values())
    # 7.1: 0.53 .. 1.0 s of air per hop and join; the rest is waiting for beacons and for one of five slots
    bound_s = sum(0.53 * node.hops for node in nodes)
    assert bound_s < spent_s < 8 * bound_s
    assert len({node.short_addr for node in nodes}) == NODES
    here, answers = ipv6.link_local(PAN, 0), 0
    host.messages.clear()
    for node in nodes[:300]:
        dest = ipv6.link_local(PAN, node.short_addr)
        packet = ipv6.udp(here, dest, (4059, 4059), ipv6.wrap(16, 1, b"\xc0\x01\xc1\x00"))
        host.send(bytes((0x0B, 1, 1, 0)) + len(packet).to_bytes(2, "big") + packet)
        host.run(6)
        answers += any(command == 0x1F for _, command, _ in host.messages)
        host.messages.clear()
    assert answers >= 295
    assert host.kernel.events_cnt < 150 * NODES  # 6 s of processor time; the seconds are the PC's
