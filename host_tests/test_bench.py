# SPDX-License-Identifier: MIT
"""What `make bench` prints for issue 5, at a smaller size and held to its bounds. Virtual time only."""

from __future__ import annotations

import pytest

from tools.bench import boot, channel, control, gain, sap_list, worlds

SHORT_S = 200


@pytest.mark.parametrize("world", channel.WORLDS, ids=lambda world: world.name)
def test_a_saturated_line_does_not_wait_for_the_wan(world):
    measured, bound = channel.rates(world, "shipped", 600, span_s=SHORT_S)
    assert 0.98 * world.goal <= measured / bound < 1.2  # in ten minutes, as `make bench` does, it reaches the goal


def test_one_outstanding_request_leaves_the_line_silent_for_a_round_trip():
    world = channel.WORLDS[0]
    strict, bound = channel.rates(world, "strict", 2000, span_s=SHORT_S)
    assert abs(1 / strict - (1 / bound + 2.0)) < 0.15 * (1 / bound)  # the exchange, a round trip, slots for phase
    shipped, _ = channel.rates(world, "shipped", 2000, span_s=SHORT_S)
    assert shipped > 2.5 * strict


def test_how_much_faster_than_one_outstanding_is_what_round_trip_and_airtime_make_it():
    times, most = gain.ratio(channel.WORLDS[1], 115, 1000, 0)
    assert times > 3 and 0.9 * most < times < 1.1 * most


def test_the_model_of_an_s_fsk_exchange_counts_slots_as_the_fact_sheet_does():
    rig = worlds.sfsk(1)
    # sfsk.md 1.3: 26 octets of M_sdu in one slot, 134 in four
    assert worlds.exchange_s(rig, 23, 23) == pytest.approx(4 * 0.15)
    assert worlds.exchange_s(rig, 24, 131) == pytest.approx((2 + 1 + 4 + 1) * 0.15)


def test_the_model_of_a_g3_hop_is_the_published_table():
    rig = worlds.g3(1)
    # g3.md 7.1, one hop, ms: 13 B ROBO 144, BPSK 82; 100 B BPSK 110; 400 B ROBO 945, BPSK 328
    for modulation, length, published_ms in ((0, 13, 144), (1, 13, 82), (1, 100, 110), (0, 400, 945), (1, 400, 328)):
        assert worlds._g3_hop_us(rig.sim, modulation, length) / 1000 == pytest.approx(published_ms, rel=0.02)


def test_a_control_request_under_bulk_is_answered():
    waits = control.Bench("sfsk", 0).waits(12)
    assert len(waits) == 12 and all(0 <= wait.queued < wait.sent < wait.whole < 1.5 * wait.bound for wait in waits)


def test_1200_meters_are_listed_in_as_few_blocks_as_their_octets_need():
    found = sap_list.blocks()
    octets = sum(len(block) - sap_list._BLOCK_OVERHEAD_LEN for block in found)
    assert octets >= 1201 * sap_list._ENTRY_LEN
    assert len(found) == -(-octets // (max(map(len, found)) - sap_list._BLOCK_OVERHEAD_LEN))


def test_a_gateway_with_saved_nodes_forwards_as_soon_as_its_modem_is_synchronised():
    seconds, least_s = boot.first_answer_s(30)
    assert least_s <= seconds < 2 * least_s
