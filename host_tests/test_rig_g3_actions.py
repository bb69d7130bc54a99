# SPDX-License-Identifier: MIT
"""Class 20002 of a G3 gateway: what its methods do on the line, and what its attributes say of it."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from base import events
from base.errors import RemoteError
from dlms.apdu import (
    OBJECT_UNAVAILABLE,
    OTHER_REASON,
    READ_WRITE_DENIED,
    SUCCESS,
    TEMPORARY_FAILURE,
    TYPE_UNMATCHED,
)
from dlms.axdr import Reader, Writer
from dlms.cosem import g3_network as net
from dlms.cosem.object import ROLE_FIRMWARE, ROLE_MANAGEMENT, ROLE_PUBLIC, ROLE_READ_ONLY, ROLE_READ_WRITE
from host_tests.rig_support.g3 import DIALECTS, g3_config, g3_rig
from host_tests.rig_support.ledger import assert_at_rest
from host_tests.test_rig_g3_network import eui64_of, records, up
from plc.medium import NODE_LOST
from tools.rig import Rig
from tools.sim.g3.segment import meter_eui64

MASTER = bytes(range(16))
NOBODY = b"\xee" * 8


def network(rig: Rig) -> Any:
    """The object."""
    return next(item for item in rig.device._view.objects if item.class_id == 20002)


def act(rig: Rig, method: int, parameter: bytes | None) -> int:
    """Call a method with an encoded Data value."""
    reader, writer = Reader(), Writer()
    if parameter is not None:
        reader.open(memoryview(parameter), 0, len(parameter))
    writer.open(bytearray(64), 0, 64)
    result = network(rig).method(method)(rig.now(), None if parameter is None else reader, writer)
    assert not (result == SUCCESS and reader.left) and writer.off == 0
    rig.reschedule()
    return result


def on(rig: Rig, method: int, eui64: bytes) -> int:
    return act(rig, method, b"\x09\x08" + eui64)


def psk_of(eui64: bytes, wrapped: bytes) -> bytes:
    return b"\x02\x02\x09\x08" + eui64 + b"\x09" + bytes((len(wrapped),)) + wrapped


def read(rig: Rig, attribute: int) -> Any:
    """An attribute as Python makes of it: numbers, octets, lists."""
    value, writer = network(rig).value(attribute), Writer()
    out, mark = bytearray(8192), value.begin()
    writer.open(out, 0, len(out))
    for chunk in range(value.chunk_cnt(mark)):
        value.encode_chunk(chunk, writer, mark)
    assert not writer.lost_cnt and value.is_intact(mark, 0)
    decoded, end = decode(bytes(out), 0)
    assert end == writer.off
    return decoded


def decode(octets: bytes, at: int) -> tuple[Any, int]:
    """A-XDR, written for this test."""
    tag = octets[at]
    if tag in (1, 2):
        items, count = [], octets[at + 1]
        at += 2
        for _ in range(count):
            item, at = decode(octets, at)
            items.append(item)
        return items, at
    if tag == 9:
        return octets[at + 2 : at + 2 + octets[at + 1]], at + 2 + octets[at + 1]
    width = {0x11: 1, 0x12: 2, 0x06: 4, 0x16: 1}[tag]
    return int.from_bytes(octets[at + 1 : at + 1 + width], "big"), at + 1 + width


def result_of(rig: Rig, method: int) -> tuple[bytes, int, int]:
    """(EUI-64, state, value) of what was asked for last."""
    number, eui64, state, value, _ = read(rig, net.RESULTS)[method - 1]
    assert number == method
    return eui64, state, value


def test_only_those_who_manage_see_it_and_only_management_may_change_anything():
    item = network(up(1))
    for role in (ROLE_PUBLIC, ROLE_FIRMWARE, ROLE_READ_ONLY):
        assert not item.is_seen_by(role) and not any(item.may_call(method, role) for method in range(1, 13))
    allowed = [method for method in range(1, 13) if item.may_call(method, ROLE_READ_WRITE)]
    assert allowed == [net.PATH_REQUEST, net.ROUTE_REQUEST, net.PING] and item.access(net.NODE_LIST, ROLE_READ_WRITE)
    allowed = [method for method in range(1, 13) if item.may_call(method, ROLE_MANAGEMENT)]
    assert allowed == [1, 2, 3, 4, 7, 8, 9, 10, 11, 12]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_ping_path_and_route_are_answered_at_once_and_their_end_is_read_later(dialect):
    rig = up(8, dialect)
    eui64 = rig.table.title(5)
    for method in (net.PING, net.PATH_REQUEST, net.ROUTE_REQUEST):
        assert on(rig, method, eui64) == SUCCESS and result_of(rig, method) == (eui64, 1, 0)
        assert on(rig, method, rig.table.title(1)) == TEMPORARY_FAILURE  # one of a kind
        rig.run_until(lambda method=method: result_of(rig, method)[1] != 1, 60)
        assert result_of(rig, method)[:2] == (eui64, 2)
    assert 50 < result_of(rig, net.PING)[2] < 5000
    assert result_of(rig, net.PATH_REQUEST)[2] == rig.sim.nodes[eui64].hops
    assert_at_rest(rig)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_ping_and_path_of_a_node_nobody_reaches_end_too(dialect):
    rig = up(4, dialect)
    eui64 = rig.table.title(3)
    rig.sim.nodes[eui64].set_muted(True)
    for method in (net.PING, net.PATH_REQUEST, net.ROUTE_REQUEST):
        assert on(rig, method, eui64) == SUCCESS
        rig.run_until(lambda method=method: result_of(rig, method)[1] == 3, 200)


def test_what_is_asked_for_when_the_modem_dies_ends():
    rig = up(4)
    for method in (net.PING, net.PATH_REQUEST, net.ROUTE_REQUEST):
        assert on(rig, method, rig.table.title(1)) == SUCCESS
    rig.segment.modem.die(rig.now(), 1)
    assert on(rig, net.PING, rig.table.title(1)) == TEMPORARY_FAILURE
    rig.reschedule()
    rig.run(400)
    assert all(result_of(rig, method)[1] != 1 for method in (net.PING, net.PATH_REQUEST, net.ROUTE_REQUEST))
    assert on(rig, net.PING, rig.table.title(1)) == SUCCESS


def test_the_node_list_says_how_each_node_is_reached():
    rig = up(6)
    rig.run(300)
    rows = read(rig, net.NODE_LIST)
    assert [row[0] for row in rows] == [rig.table.title(number) for number in range(6)]
    for row in rows:
        node = rig.sim.nodes[row[0]]
        parent = rig.segment.modem.eui64 if row[5] == 0 else rig.table.title(rig.table.row_of_addr(row[5]))
        assert (row[2], row[12], row[6], row[1]) == (node.short_addr, node.hops, 2, parent)
        assert row[3] > 0 and row[4] > 0 and row[8] > 0 and row[10] > 0
    assert read(rig, net.AVAILABLE) == 6 and read(rig, net.JOINING) == 0
    assert read(rig, net.HOPS) == sum(row[12] for row in rows) * 10 // 6
    assert read(rig, net.ROUND_TRIP) == sum(row[10] for row in rows) // 6
    assert (read(rig, net.DLMS_PORT), read(rig, net.PUSH_PORT), read(rig, net.ASSOCIATION_S)) == (4059, 4059, 300)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_node_is_expelled_and_may_come_back(dialect):
    rig = up(4, dialect)
    eui64 = rig.table.title(2)
    assert on(rig, net.DETACH, eui64) == SUCCESS
    rig.run_until(lambda: not rig.sim.nodes[eui64].is_member, 30)
    assert rig.table.state(2) == NODE_LOST and [node for node, _, _ in records(rig, events.NODE_KICKED)] == [2]
    rig.run_until(lambda: rig.sim.nodes[eui64].is_member and rig.online() == 4, 900)
    assert rig.table.find(eui64) == 2


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_node_on_the_blacklist_is_expelled_and_stays_out_over_a_restart_until_it_is_taken_off(dialect):
    rig = up(4, dialect)
    eui64 = max(rig.sim.nodes, key=lambda title: rig.sim.nodes[title].hops)  # nobody is reached through it
    assert on(rig, net.UNBLOCK, eui64) == OBJECT_UNAVAILABLE
    assert on(rig, net.BLOCK, eui64) == SUCCESS and read(rig, net.BLACKLISTED) == [eui64]
    rig.run(900)
    assert not rig.sim.nodes[eui64].is_member and rig.online() == 3
    assert {row[0]: row[6] for row in read(rig, net.NODE_LIST)} == dict.fromkeys(rig.sim.nodes, 2) | {eui64: 4}
    assert [row[0] for row in read(rig, net.STRANGERS)] == [eui64]
    again = Rig(sim=rig.sim, fs=rig.power_cut(), config=g3_config(dialect))
    again.run(600)
    assert not rig.sim.nodes[eui64].is_member and read(again, net.BLACKLISTED) == [eui64]
    assert on(again, net.UNBLOCK, eui64) == SUCCESS and read(again, net.BLACKLISTED) == []
    again.run_until(lambda: rig.sim.nodes[eui64].is_member, 900)


def test_the_whitelist_binds_once_it_has_an_entry():
    rig = g3_rig(3)
    assert on(rig, net.ALLOW, meter_eui64(2)) == SUCCESS and read(rig, net.WHITELIST) == [meter_eui64(2)]
    rig.run(600)
    assert rig.online() == 1 and rig.sim.nodes[meter_eui64(2)].is_member
    assert on(rig, net.DISALLOW, meter_eui64(2)) == SUCCESS and read(rig, net.WHITELIST) == []
    rig.run_until_registered(3)


def demand(meters: int, dialect: str) -> Rig:
    """A gateway without PSKs, with a master key."""
    rig = g3_rig(meters, dialect, psk="demand")
    network(rig)._source._actions.unwrap = unwrap
    return rig


def unwrap(wrapped: bytes) -> bytearray | None:
    from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

    try:
        return bytearray(aes_key_unwrap(MASTER, bytes(wrapped)))
    except InvalidUnwrap:
        return None


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_stranger_is_told_of_and_joins_once_its_wrapped_psk_is_here(dialect):
    rig = demand(3, dialect)
    rig.run(120)
    assert rig.online() == 0
    strangers = {row[0]: row[1:] for row in read(rig, net.STRANGERS)}
    assert {reason for reason, _, _ in strangers.values()} == {events.JOIN_UNKNOWN}
    assert set(strangers) <= {eui64_of(a, b) for _, a, b in records(rig, events.JOIN_UNKNOWN)} and strangers
    for eui64, node in rig.sim.nodes.items():
        assert act(rig, net.PROVIDE_PSK, psk_of(eui64, aes_key_wrap(MASTER, node.psk))) == SUCCESS
    rig.run_until_registered(3)
    assert read(rig, net.STRANGERS) == [] and len(records(rig, events.PSK_PROVIDED)) == 3
    fs = rig.power_cut()
    for name in fs.listdir("/state"):
        if name != "psk.json":  # the rig's, not read with g3.psk "demand"
            with fs.open("/state/" + name, "rb") as file:
                octets = file.read()
            assert not any(node.psk in octets or node.psk.hex().encode() in octets for node in rig.sim.nodes.values())


def test_a_psk_that_is_not_wrapped_right_is_refused_and_lets_nobody_in():
    rig = demand(1, "H")
    eui64, node = next(iter(rig.sim.nodes.items()))
    wrapped = aes_key_wrap(MASTER, node.psk)
    for bad in (bytes((wrapped[0] ^ 1,)) + wrapped[1:], aes_key_wrap(bytes(16), node.psk)):
        assert act(rig, net.PROVIDE_PSK, psk_of(eui64, bad)) == OTHER_REASON
    for bad in (node.psk, wrapped + bytes(8), b""):
        with pytest.raises(RemoteError):
            act(rig, net.PROVIDE_PSK, psk_of(eui64, bad))
    rig.run(200)
    assert rig.online() == 0 and not records(rig, events.PSK_PROVIDED)
    network(rig)._source._actions.unwrap = None
    assert act(rig, net.PROVIDE_PSK, psk_of(eui64, wrapped)) == READ_WRITE_DENIED
    with_file = up(1)
    assert act(with_file, net.PROVIDE_PSK, psk_of(eui64, wrapped)) == READ_WRITE_DENIED


def test_unknown_nodes_and_wrong_parameters_are_refused():
    rig = up(2)
    for method in (net.PATH_REQUEST, net.ROUTE_REQUEST, net.PING, net.DETACH, net.UNBLOCK, net.DISALLOW):
        assert on(rig, method, NOBODY) == OBJECT_UNAVAILABLE
    for method in range(1, 13):
        if not network(rig).may_call(method, ROLE_MANAGEMENT) or method == net.BEGIN_REKEY:
            continue
        assert act(rig, method, None) == TYPE_UNMATCHED
        for bad in (b"\x00", b"\x09\x07" + bytes(7), b"\x09\x09" + bytes(9), b"\x02\x01\x00", b"\x09", b""):
            with pytest.raises(RemoteError):
                act(rig, method, bad)
    for n in range(64):
        assert on(rig, net.ALLOW, struct.pack(">Q", 1 << 60 | n)) == SUCCESS
    assert on(rig, net.BLOCK, NOBODY) == OBJECT_UNAVAILABLE  # g3 lists are full


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_rekey_is_begun_once_and_its_progress_is_read(dialect):
    rig = up(6, dialect)
    key = bytes(rig.segment.record.key(0))
    assert read(rig, net.REKEY) == [0, 0, 0, 0, 0, 0]
    assert act(rig, net.BEGIN_REKEY, b"\x0f\x00") == SUCCESS
    assert act(rig, net.BEGIN_REKEY, None) == TEMPORARY_FAILURE and read(rig, net.REKEY)[0] != 0
    rig.run_until(lambda: read(rig, net.REKEY)[0] == 0, 600)
    assert read(rig, net.REKEY) == [0, 0, 6, 0, 0, 1]  # told; nobody has been heard since
    rig.run(30)
    for row in range(6):
        assert rig.segment.watch.request_path(rig.now(), row)
    rig.reschedule()
    rig.run_until(lambda: read(rig, net.REKEY) == [0, 0, 0, 6, 0, 1], 120)
    assert bytes(rig.segment.record.key(1)) != key
    assert records(rig, events.REKEY_BEGUN) == [(-1, 1, 0)] and records(rig, events.REKEY_ENDED) == [(-1, 6, 0)]
