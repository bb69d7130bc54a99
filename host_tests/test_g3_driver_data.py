# SPDX-License-Identifier: MIT
"""The G3 segment on the modem twin: data in both directions while everything goes wrong."""

import random

import pytest

from host_tests.g3_rig import Rig
from host_tests.test_g3_driver_join import DIALECTS, make, read_all
from plc.g3 import shared
from plc.medium import (
    BROADCAST,
    DONE_LINK_DOWN,
    DONE_NO_REPLY,
    DONE_NOT_SENT,
    DONE_REPLIED,
    DONE_SENT,
    NODE_BACK_EVENT,
    NODE_LOST_EVENT,
)
from tools.sim.g3.options import G3LineOptions, G3ModemOptions, G3Options
from tools.sim.server import DlmsServer


def up(dialect="H", meters=6, settings=None, **more):
    rig = make(dialect, meters, settings, **more).start()
    rig.run_until(rig.is_all_up, 3600)
    rig.run(5)
    return rig


def finish(rig, limit_s=1200):
    rig.run_until(lambda: not rig.sink.queue and not rig.sink.open, limit_s)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_many_exchanges_on_a_lossy_doubling_delaying_line_end_once_each(dialect, seed):
    rig = up(dialect, line=G3LineOptions(loss=0.15, dup=0.15, delay_ms=500, seed=seed))
    source = random.Random(seed)
    for number in range(60):
        row = source.choice(rig.online())
        rig.sink.request(row, b"\xc0\x01\xc1" + bytes((row, number)) + source.randbytes(source.randint(1, 700)))
    finish(rig, 6000)
    assert len(rig.sink.done) == 60
    outcomes = [outcome for _, outcome in rig.sink.done]
    assert set(outcomes) <= {DONE_REPLIED, DONE_NO_REPLY, DONE_NOT_SENT} and outcomes.count(DONE_REPLIED) > 48
    assert all(reply == bytes((request[0] ^ 4,)) + request[1:] for _, request, reply in rig.sink.replies)


FAULTS = ("corrupt_crc", "drop_frames", "cut_frames", "repeat_frames", "garbage_before", "drop_confirms")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_noisy_uart_costs_exchanges_and_nothing_else(dialect, fault):
    rig = up(dialect, settings={"confirm_ms": 10000})
    for _ in range(6):
        setattr(rig.sim.chip.faults, fault, 2)
        for row in rig.online():
            rig.sink.request(row, b"\xc0\x01\xc1" + bytes((row,)))
        finish(rig, 3000)
        setattr(rig.sim.chip.faults, fault, 0)
    rig.run(120)
    assert len(rig.sink.done) >= 20 and read_all(rig) == len(rig.online()) >= 4


@pytest.mark.parametrize("octets", [1, 2, 3, 5, 8, 13, 40, 70])
def test_a_modem_that_resets_in_the_middle_of_a_frame_comes_back_and_serves(octets):
    rig = up(settings={"heartbeat_ms": 1000})
    resets = rig.sim.chip.resets_cnt

    def is_down():
        # The switch is used up by a frame that is shorter.
        rig.sim.chip.faults.reset_in_frame = octets if rig.sim.chip.resets_cnt == resets else 0
        return not rig.segment.is_up

    is_down()
    for row in rig.online():
        rig.sink.request(row, b"\xc0\x01\xc1" + bytes((row,)))
    rig.run_until(is_down, 60)
    rig.run_until(lambda: rig.segment.is_up, 60)
    finish(rig, 3000)
    assert len(rig.sink.done) == 6
    assert {outcome for _, outcome in rig.sink.done} <= {DONE_REPLIED, DONE_LINK_DOWN, DONE_NO_REPLY}
    assert read_all(rig) == 6 and rig.count("modem_restarted") == 1


@pytest.mark.parametrize("how", ["hang", "silent"])
def test_a_modem_that_does_not_answer_is_reset_until_it_does(how):
    rig = up(settings={"heartbeat_ms": 1000})
    if how == "hang":
        rig.sim.chip.hang()
    else:
        rig.sim.chip.set_silent(True)
    rig.run_until(lambda: not rig.segment.is_up, 30)
    rig.run(120)
    rig.sim.chip.set_silent(False)
    rig.run_until(lambda: rig.segment.is_up, 120)
    assert rig.count("reset_line") >= 1 and read_all(rig) == 6


def test_every_reset_and_failed_start_on_the_way_up_is_survived():
    rig = make("H", 2)
    faults = rig.sim.chip.faults
    faults.never_ready = 1
    faults.set_status = [0xA8] * 3
    faults.start_status = [0xA2]
    faults.discovery_status = [0xA2]
    rig.start()
    rig.run_until(rig.is_all_up, 900)
    assert rig.segment.is_up and rig.count("start_failed") == 1


def test_no_buffers_holds_requests_back_until_there_are_some():
    rig = up()
    rig.sim.chip.faults.hide_buffers = True
    for row in rig.online():
        rig.sink.request(row, b"\xc0\x01\xc1" + bytes((row,)))
    rig.run(10)
    assert not rig.sink.replies
    rig.sim.chip.faults.hide_buffers = False
    finish(rig)
    assert [outcome for _, outcome in rig.sink.done] == [DONE_REPLIED] * 6


@pytest.mark.parametrize("status", [0xA1, 0xA5, 0xB3, 0xB4, 0xE9, 0xF1, 0xFF])
def test_a_status_of_the_modem_ends_or_repeats_a_request(status):
    rig = up(meters=1)
    rig.sim.chip.faults.data_status = [status]
    rig.sink.request(0, b"\xc0\x01\xc1")
    finish(rig)
    expected = {0xA1: DONE_NOT_SENT, 0xA5: DONE_NO_REPLY, 0xE9: DONE_NO_REPLY, 0xFF: DONE_NO_REPLY}
    assert rig.sink.done == [(0, expected.get(status, DONE_REPLIED))]
    assert read_all(rig) == 1


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_largest_apdu_passes_both_ways_and_one_octet_more_does_not(dialect):
    rig = up(dialect, 3)
    size = rig.segment.max_apdu
    for row in rig.online():
        rig.sink.request(row, b"\xc0" + bytes((row,)) * (size - 1))
    finish(rig)
    assert [len(reply) for _, _, reply in rig.sink.replies] == [size] * 3
    with pytest.raises(Exception, match="submit"):
        rig.segment.submit(rig.now, 0, (1, 1), memoryview(bytes(size + 1)), 0, size + 1, True)


def test_a_broadcast_reaches_every_meter_and_is_not_answered():
    heard = []

    class Listener(DlmsServer):
        def request(self, client_sap, server_sap, apdu, reply):
            heard.append(apdu)
            reply(None)

    rig = up(meters=5, make_server=lambda title: Listener())
    rig.sink.request(BROADCAST, b"\xc1\x01\x41\x00", False)
    finish(rig)
    rig.run(10)
    assert rig.sink.done == [(BROADCAST, DONE_SENT)] and heard == [b"\xc1\x01\x41\x00"] * 5


def test_notifications_come_up_whoever_is_being_asked():
    rig = up()
    for row in rig.online():
        assert rig.node(row).push(0x65, 1, b"\x0f\x00\x00\x00\x01" + bytes((row,)))
    assert read_all(rig) == 6
    rig.run(10)
    assert sorted(apdu[-1] for _, client, _, apdu in rig.sink.pushes if client == 0x65) == rig.online()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_mute_meter_is_lost_the_others_are_not_and_it_comes_back(dialect):
    rig = up(dialect, settings={"lost_retry_s": 60})
    leaf = max(rig.online(), key=lambda row: rig.node(row).hops)
    rig.node(leaf).set_muted(True)
    for _ in range(3):
        rig.sink.request(leaf, b"\xc0\x01\xc1")
    for row in rig.online():
        if row != leaf:
            rig.sink.request(row, b"\xc0\x01\xc1" + bytes((row,)))
    rig.run_until(lambda: (leaf, NODE_LOST_EVENT) in rig.sink.nodes, 1200)
    finish(rig)
    assert len(rig.sink.replies) == 5
    assert [row for row, event in rig.sink.nodes if event == NODE_LOST_EVENT] == [leaf]
    rig.node(leaf).set_muted(False)
    rig.run_until(lambda: (leaf, NODE_BACK_EVENT) in rig.sink.nodes, 600)
    assert read_all(rig) == 6


def test_a_path_shows_hops_and_parent_as_they_are():
    rig = up(meters=20)
    for row in rig.online():
        rig.segment.watch.request_path(rig.now, row)
    rig.run(600)
    for row in rig.online():
        entry = rig.segment.node_list.entry(rig.now, row)
        assert entry.hops >= rig.node(row).hops and entry.rtt_ms > 0 and entry.age_s >= 0
        assert (entry.parent == 0) is (entry.hops == 1)


def test_a_slower_modem_and_octet_by_octet_output_change_nothing():
    modem = G3ModemOptions(chunk=1, uart_baud=9600)
    rig = Rig(G3Options(meters=4, modem=modem)).start()
    rig.run_until(rig.is_all_up, 900)
    assert read_all(rig) == 4


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_meter_can_be_pinged_and_its_route_found(dialect):
    rig = up(dialect, 6)
    for row in rig.online():
        rig.run_until(lambda row=row: rig.segment.probes.ping(rig.now, row), 60)
        rig.arm()
        rig.run(5)
    assert len([event for event in rig.events if event[0] == shared.PING_DONE]) == 6
    assert rig.segment.probes.route(rig.now, 5)
    rig.run(60)
    assert (shared.ROUTE_DONE, rig.table.title(5), 0) in rig.events
