# SPDX-License-Identifier: MIT
"""The G3 segment on the modem twin: joins, strangers, losses, restarts; both dialects."""

from dataclasses import replace

import pytest

from host_tests.g3_rig import Rig
from plc.g3 import shared
from plc.g3.psks import PskCache
from plc.medium import DONE_REPLIED
from tools.sim.g3.options import G3LineOptions, G3ModemOptions, G3Options

DIALECTS = ("H", "L")


def make(dialect, meters=8, settings=None, line=None, **more):
    options = G3Options(meters=meters, modem=G3ModemOptions(dialect=dialect), line=line or G3LineOptions())
    return Rig(options, {"dialect": dialect, **(settings or {})}, **more)


def read_all(rig, apdu=b"\xc0\x01\xc1\x00\x08"):
    """One request to each node online; the number of right answers."""
    before = len(rig.sink.replies)
    rows = rig.online()
    for row in rows:
        rig.sink.request(row, apdu + bytes((row,)))
    rig.run_until(lambda: not rig.sink.queue and not rig.sink.open, 120 * len(rows))
    got = rig.sink.replies[before:]
    assert all(reply == bytes((request[0] ^ 4,)) + request[1:] for _, request, reply in got)
    assert all(request[-1] == node for node, request, _ in got)
    return len(got)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_all_meters_join_and_answer(dialect):
    rig = make(dialect).start()
    rig.run_until(rig.is_all_up, 900)
    rig.run(5)  # the last ACCEPTED is still on its way
    assert {node.short_addr - 1 for node in rig.sim.registered()} == set(rig.online())
    assert all(rig.table.title(node.short_addr - 1) == node.title for node in rig.sim.registered())
    assert read_all(rig) == 8
    assert {outcome for _, outcome in rig.sink.done} == {DONE_REPLIED}
    assert rig.sink.most_open > 1
    assert shared.JOIN_FAILED not in rig.kinds()
    for name in ("join_mismatch", "frame_bad_crc", "message_unknown", "message_short", "config_refused", "lbp_replay"):
        assert rig.count(name) == 0, name


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_group_key_in_use_is_our_own(dialect):
    rig = make(dialect, 2).start()
    rig.run_until(rig.is_all_up, 900)
    key = bytes(rig.segment.record.key(0))
    assert key != bytes.fromhex("AF4D6DCCF14DE7C1C4235E6FEF6C151F")
    assert all(node.keys[0] == key for node in rig.sim.registered())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_stranger_does_not_get_in_and_the_others_do(dialect):
    rig = make(dialect, 4)
    rogue = rig.sim.add_rogue(b"ROGUE001")
    rig.start()
    rig.run_until(rig.is_all_up, 900)
    rig.run(300)
    assert not rogue.is_member and rig.table.find(b"ROGUE001") < 0
    assert shared.JOIN_UNKNOWN in rig.kinds() and rig.count("join_unknown") > 0


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_wrong_psk_does_not_get_in(dialect):
    rig = make(dialect, 3, {"join_timeout_s": 60})
    eui64 = next(iter(rig.sim.nodes))
    rig.sim.nodes[eui64].joining.supplicant.psk = bytes(range(16))
    rig.start()
    rig.run_until(lambda: len(rig.online()) == 2, 900)
    rig.run(300)
    assert not rig.sim.nodes[eui64].is_member and len(rig.online()) == 2
    assert shared.JOIN_FAILED in rig.kinds()


def test_a_replayed_frame_is_refused_and_counted():
    rig = make("L", 2).start()
    rig.run_until(rig.is_all_up, 900)
    rig.run(60)
    before = rig.count("lbp_replay")
    assert rig.sim.replay_lbp()
    rig.run(30)
    assert rig.count("lbp_replay") + rig.count("lbp_refused") > before and rig.is_all_up()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_all_meters_join_on_a_bad_line(dialect):
    rig = make(dialect, 12, line=G3LineOptions(loss=0.2, dup=0.1, delay_ms=300, seed=7)).start()
    rig.run_until(rig.is_all_up, 3600)
    assert read_all(rig) >= 10


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_restarted_gateway_keeps_its_network(dialect):
    rig = make(dialect).start()
    rig.run_until(rig.is_all_up, 900)
    rig.cut()
    again = Rig(settings={"dialect": dialect}, store=rig.store, twin=rig.sim, table=rig.table).start()
    again.run_until(lambda: again.segment.is_up, 60)
    assert again.segment.modem.pan_id == rig.segment.modem.pan_id
    assert again.count("pan_conflicts") == 0
    again.run(60)
    assert read_all(again) == 8


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_swapped_modem_is_heard_by_the_network_it_never_formed(dialect):
    rig = make(dialect, settings={"heartbeat_ms": 1000}).start()
    rig.run_until(rig.is_all_up, 900)
    rig.sim.chip.swap()
    rig.run_until(lambda: not rig.segment.is_up, 60)
    rig.run_until(lambda: rig.segment.is_up, 60)
    assert rig.count("counter_restored") == 1
    assert read_all(rig) == 8


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_meter_that_is_expelled_comes_back_with_its_address_and_one_that_leaves_is_lost(dialect):
    rig = make(dialect, 4).start()
    rig.run_until(rig.is_all_up, 900)
    rig.run(5)
    addresses = {node.title: node.short_addr for node in rig.sim.registered()}
    assert rig.segment.kick(rig.now, 1)
    rig.arm()
    assert rig.node(2).sign_off()
    rig.run_until(lambda: len(rig.online()) == 2, 60)
    rig.run_until(lambda: len(rig.online()) == 3, 2000)
    rig.run(5)
    del addresses[rig.table.title(2)]
    assert {node.title: node.short_addr for node in rig.sim.registered()} == addresses
    assert shared.NODE_LEFT in rig.kinds()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_rekey_reaches_all_but_the_unreachable(dialect):
    rig = make(dialect, 20, {"rekey": {"timeout_s": 30}}).start()
    rig.run_until(rig.is_all_up, 2000)
    rig.run(5)
    leaf = max(rig.online(), key=lambda row: rig.node(row).hops)  # nobody talks through it
    rig.node(leaf).set_muted(True)
    assert rig.segment.rekey.begin(rig.now)
    rig.arm()
    rig.run_until(lambda: not rig.segment.rekey.is_on, 3600)
    assert rig.segment.rekey.nodes.progress() == (0, 0, 19, 1) and rig.segment.record.active == 1
    rig.run(5)
    for node in rig.sim.registered():
        if node is not rig.node(leaf):
            assert node.active_key == 1 and node.keys[1] == rig.segment.record.key(1)
    rig.table.set_state(leaf, 3, 0)
    assert read_all(rig) == 19


def test_another_pan_is_avoided_and_a_conflict_told():
    rig = make("H", 2)
    rig.sim.chip.mac.foreign_pans[0x781D] = 60
    rig.start()
    rig.run_until(rig.is_all_up, 900)
    assert rig.segment.modem.pan_id == 0x781E
    rig.sim.chip.pan_conflict()
    rig.run(5)
    assert shared.PAN_CONFLICT in rig.kinds() and rig.segment.is_up and read_all(rig) == 2


def test_a_conflict_moved_away_from_brings_everybody_back():
    rig = make("H", 3, {"pan_conflict": "move"}, line=G3LineOptions())
    rig.sim.options.node = replace(rig.sim.options.node, orphan_s=60)
    for node in rig.sim.nodes.values():
        node.options.orphan_s = 60.0
    rig.start()
    rig.run_until(rig.is_all_up, 900)
    rig.sim.chip.pan_conflict()
    rig.run_until(lambda: not rig.segment.is_up, 10)
    rig.run_until(lambda: rig.segment.is_up, 60)
    assert rig.segment.modem.pan_id == 0x781E
    rig.run_until(lambda: all(node.is_member and node.pan_id == 0x781E for node in rig.sim.nodes.values()), 4000)
    assert read_all(rig) == 3


@pytest.mark.parametrize("dialect", DIALECTS)
def test_psks_given_on_demand_let_everybody_in_and_are_not_on_flash(dialect):
    cache = PskCache(8, 3600)
    rig = make(dialect, 5, psks=cache)
    known = {bytes.fromhex(eui64): bytes.fromhex(psk) for eui64, psk in rig.sim.psks().items()}
    told = []

    def on_event(now, kind, eui64, number):
        if kind == shared.JOIN_UNKNOWN:  # the head-end hears of it and answers two seconds later
            told.append(bytes(eui64))
            rig.kernel.call_later(2_000_000, lambda eui64=bytes(eui64): cache.provide(rig.now, eui64, known[eui64]))

    rig.segment._shared._on_event = on_event
    rig.start()
    rig.run_until(rig.is_all_up, 3600)
    rig.run(5)  # the last ACCEPTED has left the modem and is on its way yet
    assert set(told) == set(known) and read_all(rig) == 5
    assert not any(psk in rig.store.octets for psk in known.values())
