# SPDX-License-Identifier: MIT
"""The network of a G3 gateway as a whole firmware sees it: strangers, rekey, PAN conflict, another modem, pings."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from base import events
from host_tests.rig_support.g3 import DIALECTS, g3_config, g3_rig
from host_tests.rig_support.ledger import assert_at_rest, sap_of
from plc.access import ALLOWED, BLOCKED, FREE
from tools.rig import Rig
from tools.sim.g3 import mesh
from tools.sim.g3.segment import meter_eui64

GET = bytes.fromhex("C001C100080000010000FF0200")


def up(meters: int = 8, dialect: str = "H", **what: Any) -> Rig:
    """A rig whose meters have all joined and have been told so."""
    rig = g3_rig(meters, dialect, **what)
    rig.run_until_registered(meters)
    rig.run(5)
    return rig


def records(rig: Rig, event: int) -> list[tuple[int, int, int]]:
    """(node, a, b) of the records of that event, oldest first."""
    kept = [rig.log.record(back) for back in range(len(rig.log))]
    return [record[3:] for record in reversed(kept) if record[2] == event]


def read_all(rig: Rig, rows: Any, limit_s: float) -> float:
    """Ask each of these meters once; seconds until all have answered."""
    hes, rows = rig.connect(), list(rows)
    for row in rows:
        assert hes.request(16, sap_of(row), GET)
    took = rig.run_until(lambda: len(hes.replies) == len(rows), limit_s)
    assert all(reply == b"\xc4" + GET[1:] for _, _, reply in hes.replies)
    hes.close()
    return took


# --- pings: behind everybody's requests, in nobody's way ---


def ping(rig: Rig, row: int) -> None:
    assert rig.segment.probes.ping(rig.now(), row)
    rig.reschedule()


def seconds_for_the_others(dialect: str, is_pinged: bool) -> float:
    """All but the first meter, which nobody reaches, are asked; with a ping of that one under way, or without."""
    rig = up(8, dialect)
    rig.sim.nodes[rig.table.title(0)].set_muted(True)
    rig.sim.chip.routes.forget(rig.table.addr(0))
    if is_pinged:
        ping(rig, 0)
    rig.run(0.5)
    took = read_all(rig, range(1, 8), 60)
    rig.run(120)
    assert rig.segment.traffic.echo.state == 0
    assert_at_rest(rig)
    return took


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_ping_of_a_node_nobody_reaches_costs_the_others_its_airtime_at_most(dialect):
    # An APDU as ping, with a route discovery of its own, held them up for 20 s more.
    assert seconds_for_the_others(dialect, True) < seconds_for_the_others(dialect, False) + 2


def test_a_ping_under_way_does_not_keep_its_node_from_answering_a_request():
    rig = up(4)
    rig.sim.nodes[rig.table.title(0)].options.answers_echo = False
    ping(rig, 0)
    rig.run(0.5)
    assert rig.segment.traffic.echo.state != 0
    assert read_all(rig, [0], 10) < 5
    assert_at_rest(rig)


# --- who gets in, who does not, and what is said of it ---


def eui64_of(a: int, b: int) -> bytes:
    return struct.pack(">ii", a, b)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_joins_and_strangers_stand_in_the_log_and_a_rogue_does_not_flood_it(dialect):
    rig = g3_rig(4, dialect, prepare=lambda sim: sim.add_rogue(b"ROGUE001"))
    rig.run_until_registered(4)
    rig.run(1500)
    assert sorted(node for node, _, _ in records(rig, events.JOINED)) == [0, 1, 2, 3]
    assert [a for _, a, _ in records(rig, events.PAN_STARTED)] == [rig.segment.modem.pan_id]
    told = [eui64_of(a, b) for _, a, b in records(rig, events.JOIN_UNKNOWN)]
    knocks = rig.segment.counters.named("join_unknown")
    assert set(told) == {b"ROGUE001"} and len(told) <= 3 < knocks  # one record in ten minutes


@pytest.mark.parametrize("dialect", DIALECTS)
def test_lists_on_flash_decide_who_joins(dialect):
    blocked, listed = meter_eui64(1), [meter_eui64(n) for n in (2, 3, 4)]
    rig = g3_rig(4, dialect)
    for one in listed:
        assert rig.access_list.change(one, ALLOWED) == 0
    rig.run_until_registered(3)
    rig.run(300)
    assert rig.online() == 3 and not rig.sim.nodes[blocked].is_member
    assert rig.segment.counters.named("join_refused_list") > 0
    assert {eui64_of(a, b) for _, a, b in records(rig, events.JOIN_NOT_LISTED)} == {blocked}
    for one in listed:
        assert rig.access_list.change(one, FREE) == 0
    assert rig.access_list.change(blocked, BLOCKED) == 0
    again = Rig(sim=rig.sim, fs=rig.power_cut(), config=g3_config(dialect))
    again.run(300)
    assert not rig.sim.nodes[blocked].is_member
    assert again.access_list.change(blocked, FREE) == 0
    again.run_until(lambda: rig.sim.nodes[blocked].is_member, 900)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_wrong_psk_and_a_replayed_frame_are_refused_counted_and_said(dialect):
    liar = meter_eui64(2)

    def prepare(sim: Any) -> None:
        sim.nodes[liar].joining.supplicant.psk = bytes(range(16))

    rig = g3_rig(3, dialect, prepare=prepare, join_timeout_s=60)
    rig.run_until_registered(2)
    rig.run(300)
    assert rig.online() == 2 and not rig.sim.nodes[liar].is_member
    said = records(rig, events.JOIN_FAILED) + records(rig, events.JOIN_FORGED)
    assert {eui64_of(a, b) for _, a, b in said} == {liar}
    members = [title for title, node in rig.sim.nodes.items() if node.is_member]
    assert rig.sim.replay_lbp(members[0])
    rig.run(120)
    assert rig.online() == 2 and read_all(rig, [rig.table.find(title) for title in members], 30)
    if dialect == "L":  # in dialect H the modem's own server judges them
        counters = rig.segment.counters
        assert counters.named("lbp_replay") + counters.named("lbp_refused") > 0


def test_two_joiners_at_once_are_answered_at_once_and_never_get_each_others_address():
    """NOTE: what the modem makes of a late answer: the first JOINING of A, that of B, our answer for A goes to B."""
    asked: dict[bytes, int] = {}
    late: list[int] = []
    rig = g3_rig(12)
    modem = rig.segment.modem
    handlers = modem._others
    request, send = handlers[0x47], modem.link.send

    def on_request(now: int, mv: Any, off: int, n: int) -> None:
        asked[bytes(mv[off : off + 8])] = rig.kernel.now_us
        request(now, mv, off, n)

    def on_send(protocol: int, mv: Any, length: int) -> bool:
        if mv[0] == 0x42:
            late.append(rig.kernel.now_us - asked[bytes(mv[1:9])])
        return send(protocol, mv, length)

    handlers[0x47], modem.link.send = on_request, on_send
    rig.run_until_registered(12)
    assert set(late) == {0} and len(late) >= 12  # within the call that brought the request
    for title, node in rig.sim.nodes.items():
        assert node.short_addr == rig.table.addr(rig.table.find(title))
    assert rig.sim.chip.lbs.counters["assign_misdirected"] == 0 and rig.segment.counters.named("join_mismatch") == 0


# --- the network's key, its id, its modem ---


def mute_leaves(rig: Rig, count: int) -> set[bytes]:
    """Nodes through which nobody is reached fall silent."""
    ways = [mesh.climb(node, rig.sim.chip.mac) or [] for node in rig.sim.nodes.values()]
    relays = {station for way in ways for station in way[1:]}
    leaves = [title for title, node in rig.sim.nodes.items() if node not in relays][:count]
    assert len(leaves) == count
    for title in leaves:
        rig.sim.nodes[title].set_muted(True)
    return set(leaves)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_rekey_of_200_nodes_of_which_5_percent_are_silent_completes_and_requests_go_on(dialect):
    rig = up(200, dialect)
    silent = mute_leaves(rig, 10)
    old = rig.segment.record.active
    assert rig.segment.rekey.begin(rig.now())
    rig.reschedule()
    well = [row for row in range(200) if rig.table.title(row) not in silent]
    rounds = 0
    while rig.segment.rekey.is_on:
        read_all(rig, well[rounds % 190 : rounds % 190 + 1], 120)
        rig.run(30)
        rounds += 1
        assert rounds < 500
    assert rig.segment.rekey.nodes.progress() == (0, 0, 190, 10) and rig.segment.record.active == 1 - old
    assert records(rig, events.REKEY_ENDED) == [(-1, 190, 10)]
    assert {rig.table.title(node) for node, _, _ in records(rig, events.REKEY_MISSED)} == silent
    key = rig.segment.record.key(1 - old)
    rig.run(30)  # dialect H: the modem says "done" once the activation has left it
    for title, node in rig.sim.nodes.items():
        assert (node.keys.get(1 - old) == key) is (title not in silent)
        assert node.active_key == (1 - old if title not in silent else old)
    read_all(rig, well[:20], 200)
    assert_at_rest(rig)


def keyless(rig: Rig) -> list[bytes]:
    """Nodes that do not have the key in use, or speak with another."""
    index, key = rig.segment.record.active, bytes(rig.segment.record.key(rig.segment.record.active))
    return [title for title, node in rig.sim.nodes.items() if (node.active_key, node.keys.get(index)) != (index, key)]


def rekey(rig: Rig) -> None:
    assert rig.segment.rekey.begin(rig.now())
    rig.reschedule()
    rig.run_until(lambda: not rig.segment.rekey.is_on, 3600)
    rig.run(30)


@pytest.mark.parametrize("is_grace_over", (False, True))
@pytest.mark.parametrize("dialect", DIALECTS)
def test_nodes_that_did_not_hear_the_activation_come_along_next_time_and_cost_nobody_else(dialect, is_grace_over):
    rig = up(24, dialect, rekey={"grace_s": 1200})
    rig.run(300)  # ways are looked up a minute after a join
    relays = [node for node in rig.sim.nodes.values() if node.hops == 1][:2]
    deaf = relays + [node for node in rig.sim.nodes.values() if node.hops > 1 and not is_grace_over][:2]
    for node in deaf:
        node.joining._configured = lambda frame: None
    rekey(rig)
    assert keyless(rig) == [node.title for node in deaf]
    for node in deaf:
        del node.joining._configured
    if is_grace_over:  # whom the coordinator itself must understand is lost by then, and told to join anew
        rig.run(1200 + 3600)
        rig.run_until(lambda: rig.online() == 24 and not keyless(rig), 3 * 3600)
        assert rig.segment.counters.named("kicked") >= len(relays)
    rekey(rig)
    assert keyless(rig) == [] and rig.online() == 24
    assert rig.segment.rekey.nodes.progress() == (0, 0, 24, 0)
    for first in (0, 8, 16):
        read_all(rig, range(first, first + 8), 200)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_power_cut_in_the_middle_of_a_rekey_does_not_lose_the_network(dialect):
    rig = up(12, dialect)
    assert rig.segment.rekey.begin(rig.now())
    rig.reschedule()
    rig.run_until(lambda: rig.segment.rekey.progress()[1] >= 4, 120)
    key = bytes(rig.segment.record.key(1))
    again = Rig(sim=rig.sim, fs=rig.power_cut(), config=g3_config(dialect))
    again.run_until(lambda: again.segment.is_up and not again.segment.rekey.is_on, 600)
    assert again.segment.rekey.nodes.progress() == (0, 0, 12, 0) and bytes(again.segment.record.key(1)) == key
    assert again.segment.counters.named("join_requests") == 0
    read_all(again, range(12), 120)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_another_modem_goes_on_ahead_of_every_frame_counter_of_the_old_one(dialect):
    rig = up(6, dialect, heartbeat_ms=1000)
    hes = rig.connect()
    assert hes.request(16, sap_of(0), GET)  # on its way when the modem is pulled
    rig.sim.chip.swap()
    rig.run_until(lambda: not rig.segment.is_up, 60)
    rig.run_until(lambda: rig.segment.is_up, 60)
    (_, theirs, ours), = records(rig, events.FRAME_COUNTER_JUMP)
    assert theirs == 0 and ours >= 1000 and rig.sim.chip.mac.frame_counter >= ours
    rig.run(60)
    read_all(rig, range(6), 60)
    assert rig.segment.counters.named("join_requests") == 6 and rig.online() == 6  # those of the start; nobody again
    assert_at_rest(rig)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_another_network_with_our_id_is_said_and_stayed_with_unless_configured(dialect):
    rig = up(3, dialect)
    pan_id = rig.segment.modem.pan_id
    rig.sim.chip.pan_conflict()
    rig.sim.chip.pan_conflict(0x4321)
    rig.run(5)
    assert records(rig, events.PAN_CONFLICT) == [(-1, pan_id, 0)]
    assert records(rig, events.PAN_FOREIGN) == [(-1, 0x4321, 0)]
    assert rig.segment.is_up and rig.segment.modem.pan_id == pan_id
    read_all(rig, range(3), 60)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_configured_so_the_network_moves_and_everybody_comes_along_with_his_sap(dialect):
    rig = g3_rig(3, dialect, pan_conflict="move")
    for node in rig.sim.nodes.values():
        node.options.orphan_s = 60.0
    rig.run_until_registered(3)
    rig.run(5)
    rows = {title: rig.table.find(title) for title in rig.sim.nodes}
    pan_id = rig.segment.modem.pan_id
    rig.sim.chip.pan_conflict()
    rig.run_until(lambda: not rig.segment.is_up, 10)
    rig.run_until(lambda: rig.segment.is_up, 60)
    assert rig.segment.modem.pan_id == pan_id + 1
    assert [a for _, a, _ in records(rig, events.PAN_STARTED)] == [pan_id, pan_id + 1]
    rig.run_until(lambda: all(node.is_member and node.pan_id == pan_id + 1 for node in rig.sim.nodes.values()), 4000)
    for node in rig.sim.nodes.values():
        node.options.orphan_s = 86400.0
    rig.run(120)
    assert {title: rig.table.find(title) for title in rig.sim.nodes} == rows
    read_all(rig, range(3), 60)


def test_strangers_during_a_rekey_are_refused_and_get_in_after_it():
    rig = up(4)
    assert rig.segment.rekey.begin(rig.now())
    rig.reschedule()
    late = meter_eui64(9)
    node = rig.sim.add(late, rig.sim.nodes[meter_eui64(1)].server)
    rig.segment.joins.gate._psks.rows += late + node.psk
    mute_leaves(rig, 1)
    rig.run_until(lambda: rig.segment.counters.named("join_refused_rekey") > 0, 300)
    assert {eui64_of(a, b) for _, a, b in records(rig, events.JOIN_IN_REKEY)} == {late} and not node.is_member
    rig.run_until(lambda: node.is_member, 1800)
    assert not rig.segment.rekey.is_on


def test_joiners_with_a_wrong_psk_keep_nobody_out_for_good_not_even_over_a_restart():
    """A rollout with some PSKs mistyped: each of those meters gets a row before its join fails, and tries for ever."""
    limit = 3
    wrong: list[Any] = []
    right: list[Any] = []

    def prepare(sim: Any) -> None:
        for node in sim.nodes.values():
            if node.hops == 1 and len(wrong) < limit:
                node.joining.supplicant.psk = bytes(16)
                wrong.append(node)
            else:
                node.leave()
                right.append(node)

    rig = g3_rig(8, "H", prepare=prepare, unverified_max=limit)
    rig.run_until(lambda: rig.table.count() == limit, 3600)
    rig.run(600)
    assert rig.online() == 0
    rig = Rig(fs=rig.power_cut(), sim=rig.sim, config=g3_config("H", unverified_max=limit))
    right = [node for node in right if node.hops == 1]
    right[0].join()
    rig.run_until(lambda: rig.online() == 1, 3 * 3600)
    assert rig.journal.failures == 0 and len(wrong) == limit
    assert right[0].is_member and rig.table.count() == limit  # with one of their rows
    rows = {rig.table.title(row): row for row in range(rig.table.end())}
    again = Rig(fs=rig.power_cut(), sim=rig.sim, config=g3_config("H", unverified_max=limit))
    assert again.online() == 1
    assert {again.table.title(row): row for row in range(again.table.end())} == rows
