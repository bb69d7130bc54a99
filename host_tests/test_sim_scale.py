# SPDX-License-Identifier: MIT
"""1,200 nodes: discovery by slots alone, and how much the kernel does for it."""

from host_tests.sim_driver import ready
from tools.sim.options import ChipOptions, SegmentOptions

IST = bytes.fromhex("4755580000000001")
NODES = 1200


def run_round(host, slots, next_mac):
    """One Discover and the registration of what was heard, 12 systems per PDU; next free MAC."""
    pdu = bytes((0x90, 0, 1, 0x1D, 100, slots >> 8, slots & 255, 0, 0))
    host.send(0xFFF, pdu)
    host.kernel.run_for((slots + 3) * 150_000)
    reports = [payload[10:18] for _, code, payload in host.frames if code == 0x50]
    host.frames.clear()
    for start in range(0, len(reports), 12):
        rows = b""
        for title in reports[start : start + 12]:
            rows += title + next_mac.to_bytes(2, "big")
            next_mac += 1
        host.send(0xFFF, bytes((0x90, 0, 1, 0x1C)) + IST + bytes((len(rows) // 10,)) + rows)
        host.kernel.run_for(200_000)
    return next_mac


def test_1200_nodes_are_discovered_near_the_slot_bound_with_few_events_each():
    host = ready(SegmentOptions(meters=NODES, chip=ChipOptions(chunk=0)))
    host.ack_us = 300
    next_mac, start_slot = 1, host.segment.line.slot_now
    while next_mac <= NODES:
        left = NODES - next_mac + 1
        next_mac = run_round(host, max(4, left), next_mac)
    macs = {node.mac_addr for node in host.segment.nodes.values()}
    assert macs == set(range(1, NODES + 1))
    # a slotted window catches 1/e of the nodes per slot: e slots per node, and 5 slots per 12 systems
    assert host.segment.line.slot_now - start_slot < NODES * 4.5
    assert host.kernel.events_cnt < 12 * NODES  # 2 s of processor time; the seconds are the PC's
