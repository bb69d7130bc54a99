# SPDX-License-Identifier: MIT
"""The line: slots and sub-frames, repetitions and credits, collisions, seeded faults, airtime (sfsk.md 1)."""

import pytest

from tools.sim.kernel import Kernel
from tools.sim.line import Line
from tools.sim.mac_frame import MacFrame, pad_len, sub_frames
from tools.sim.options import LineOptions

SLOT_US = 150_000


class Ear:
    """A station that notes what it hears and how its own frames went."""

    def __init__(self, line, mac_addr=1, depth=0):
        self.line, self.mac_addr, self.depth, self.groups = line, mac_addr, depth, set()
        self.is_hearing = True
        self.heard, self.bad, self.log = [], [], []

    def on_frame(self, frame, copy, end_slot):
        self.heard.append((self.line.kernel.now_us // SLOT_US, copy, end_slot))

    def on_bad_frame(self, frame, copy):
        self.bad.append(copy)

    def on_first_sent(self, tx):
        self.log.append(("first", self.line.kernel.now_us // SLOT_US))

    def on_sent(self, tx):
        self.log.append(("all", self.line.kernel.now_us // SLOT_US))


def bench(nodes=1, **options):
    line = Line(Kernel(), LineOptions(**options))
    modem = Ear(line)
    line.attach_modem(modem)
    ears = [Ear(line, number + 1) for number in range(nodes)]
    for ear in ears:
        line.attach(ear)
    return line, modem, ears


def frame(dest=1, ic=0, length=16, source=0xC00):
    return MacFrame(source, dest, ic, bytes(length))


@pytest.mark.parametrize(
    ("length", "slots"),
    [(1, 1), (26, 1), (27, 2), (62, 2), (63, 3), (98, 3), (134, 4), (170, 5), (206, 6), (207, 7), (242, 7)],
)
def test_sub_frames_follow_the_size_table(length, slots):
    assert sub_frames(length) == slots
    assert (length + 10 + pad_len(length)) == slots * 36


def test_golden_pads():
    # source: sfsk.md 6.2, pad 17 for Discover (M_sdu 9), pad 11 for a DiscoverReport (15)
    assert (pad_len(9), pad_len(15)) == (17, 11)


def test_a_frame_starts_in_the_next_slot_and_is_confirmed_before_its_repetitions():
    line, modem, (ear,) = bench()
    line.send(modem, frame(ic=7))
    line.kernel.run_for(20 * SLOT_US)
    assert modem.log == [("first", 2), ("all", 9)]
    assert ear.heard == [(2, 0, 9)]


def test_a_long_frame_takes_all_its_sub_frames_per_copy():
    line, modem, (ear,) = bench()
    line.send(modem, frame(ic=1, length=242))
    line.kernel.run_for(20 * SLOT_US)
    assert modem.log == [("first", 8), ("all", 15)]
    assert line.stats.busy_slots == 14


@pytest.mark.parametrize(("depth", "ic", "heard"), [(0, 0, [0]), (3, 3, [3]), (3, 7, [3]), (3, 2, []), (7, 7, [7])])
def test_a_node_hears_only_with_enough_credit_and_then_its_own_copy(depth, ic, heard):
    line, modem, (ear,) = bench()
    ear.depth = depth
    line.send(modem, frame(ic=ic))
    line.kernel.run_for(20 * SLOT_US)
    assert [copy for _, copy, _ in ear.heard] == heard


def test_the_initiator_hears_a_far_node_after_as_many_repetitions():
    line, modem, (ear,) = bench()
    ear.depth = 2
    line.send(ear, frame(dest=0xC00, ic=1, source=1))
    line.kernel.run_for(20 * SLOT_US)
    line.send(ear, frame(dest=0xC00, ic=4, source=1))
    line.kernel.run_for(20 * SLOT_US)
    assert [copy for _, copy, _ in modem.heard] == [2]


def test_two_in_the_same_slot_spoil_each_other():
    line, modem, ears = bench(2)
    for ear in ears:
        line.send(ear, frame(dest=0xC00, source=ear.mac_addr))
    line.kernel.run_for(5 * SLOT_US)
    assert modem.heard == []
    assert len(modem.bad) == 2
    assert line.stats.collisions == 1


def test_only_the_copies_that_overlap_are_spoilt():
    line, modem, ears = bench(2)
    line.send(ears[0], frame(dest=0xC00, ic=2, source=1))
    line.send(ears[1], frame(dest=0xC00, ic=0, source=2))
    line.kernel.run_for(8 * SLOT_US)
    assert [copy for _, copy, _ in modem.heard] == [1]


def test_with_capture_one_of_two_survives():
    line, modem, ears = bench(2, capture=1.0)
    for ear in ears:
        line.send(ear, frame(dest=0xC00, source=ear.mac_addr))
    line.kernel.run_for(5 * SLOT_US)
    assert len(modem.heard) == 1


def test_a_later_frame_waits_for_the_repetitions_of_the_one_on_the_line():
    line, modem, (ear,) = bench()
    line.send(modem, frame(ic=3))
    line.kernel.run_for(2 * SLOT_US)
    line.send(ear, frame(dest=0xC00, source=1))
    line.kernel.run_for(10 * SLOT_US)
    assert [slot for slot, _, _ in modem.heard] == [6]
    assert (line.stats.collisions, line.stats.deferred) == (0, 1)


def test_airtime_is_accounted_in_slots_and_overlaps_count_once():
    line, modem, ears = bench(2)
    for ear in ears:
        line.send(ear, frame(dest=0xC00, ic=1, source=ear.mac_addr))
    line.occupy(1)
    line.kernel.run_for(10 * SLOT_US)
    report = line.report()
    assert (report["busy_slots"], report["idle_slots"], report["slots"]) == (3, 7, 10)


def test_an_aborted_frame_is_not_heard_and_frees_the_line():
    line, modem, (ear,) = bench()
    tx = line.send(modem, frame(ic=7, length=242))
    line.kernel.run_for(3 * SLOT_US)
    line.abort(tx)
    assert not line.is_busy
    line.kernel.run_for(60 * SLOT_US)
    assert (ear.heard, modem.log) == ([], [])


def deliveries(seed, **options):
    line, modem, ears = bench(3, seed=seed, **options)
    for number in range(200):
        line.kernel.call_at(number * 20 * SLOT_US, line.send, modem, frame(dest=1 + number % 3))
    line.kernel.run_for(200 * 20 * SLOT_US)
    return [ear.heard for ear in ears], line.report()


def test_loss_and_duplicates_are_reproducible_from_the_seed():
    first, report = deliveries(7, loss=0.2, dup=0.1)
    assert deliveries(7, loss=0.2, dup=0.1)[0] == first
    assert deliveries(8, loss=0.2, dup=0.1)[0] != first
    assert 20 <= report["lost"] <= 60
    assert 5 <= report["dup"] <= 30


def test_without_faults_everything_arrives_once():
    heard, report = deliveries(1)
    assert sum(map(len, heard)) == 200
    assert (report["lost"], report["dup"]) == (0, 0)


def test_a_repetition_rescues_a_lost_copy():
    line, modem, (ear,) = bench(loss=0.5, seed=3)
    for number in range(100):
        line.kernel.call_at(number * 20 * SLOT_US, line.send, modem, frame(ic=7))
    line.kernel.run_for(2000 * SLOT_US)
    assert len(ear.heard) >= 97
    assert max(copy for _, copy, _ in ear.heard) > 0


def test_part_of_the_losses_towards_the_modem_are_bad_frames():
    line, modem, (ear,) = bench(loss=1.0, corrupt_share=1.0)
    line.send(ear, frame(dest=0xC00, source=1))
    line.kernel.run_for(5 * SLOT_US)
    assert modem.bad == [0]


@pytest.mark.parametrize(
    ("dest", "heard"), [(0xFFF, [1, 1, 1]), (2, [0, 1, 0]), (0xFFC, [1, 1, 0]), (0xE01, [0, 0, 1])]
)
def test_broadcast_group_and_individual_addresses(dest, heard):
    line, modem, ears = bench(3)
    line.detach(ears[2])
    ears[2].mac_addr = 0xFFE
    ears[2].groups = {0xE01}
    line.attach(ears[2])
    line.send(modem, frame(dest=dest))
    line.kernel.run_for(5 * SLOT_US)
    assert [len(ear.heard) for ear in ears] == heard


def test_without_airtime_slots_take_a_microsecond():
    line, modem, (ear,) = bench(time_scale=0)
    line.send(modem, frame(ic=7, length=242))
    line.kernel.run_for(100)
    assert len(ear.heard) == 1
