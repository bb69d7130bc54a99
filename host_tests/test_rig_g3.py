# SPDX-License-Identifier: MIT
"""The gateway on a G3 PAN, from the WPDU to the modem's UART, in virtual time, both dialects."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dlms.cosem.object import ROLE_PUBLIC
from host_tests.rig_support.g3 import DIALECTS, g3_config, g3_rig
from host_tests.rig_support.ledger import assert_at_rest, sap_of
from host_tests.test_rig_own_device import get
from plc.medium import NODE_ASSIGNED, NODE_ONLINE
from tools.rig import Rig
from tools.sim.g3.segment import meter_eui64

GET = bytes.fromhex("C001C100080000010000FF0200")
SAP_LIST = bytes((0, 0, 41, 0, 0, 255))
ROUTE_DISCOVERY_S = 20  # adpNetTraversalTime: the modem looks for the way to a node that is silent
SENT_MARGIN = 1000  # frames a PAN of this size sends in the time a test lets pass


def up(meters: int = 8, dialect: str = "H", **what) -> Rig:
    """A rig whose meters have all joined and have been told so."""
    rig = g3_rig(meters, dialect, **what)
    rig.run_until_registered(meters)
    rig.run(5)
    return rig


def answers(hes, count: int) -> list:
    """Replies of so many requests, one to each meter."""
    for row in range(count):
        assert hes.request(16, sap_of(row), GET)
    hes._rig.run_until(lambda: len(hes.replies) >= count, 120 * count)
    return hes.replies


@pytest.mark.parametrize("dialect", DIALECTS)
def test_meters_join_and_are_published_with_the_sap_of_their_row(dialect):
    rig = up(8, dialect)
    assert not rig.config.errors
    _, value = get(rig.connect(), rig, 17, SAP_LIST, 2)
    for title, node in rig.sim.nodes.items():
        row = rig.table.find(title)
        assert node.short_addr == rig.table.addr(row) == row + 1
        assert bytes((0x12, 0, sap_of(row), 9, 16)) + title.hex().upper().encode() in value
    assert value[:2] == b"\x01\x09"  # SAP 1 and eight meters


@pytest.mark.parametrize("length", (14, 242, 500, 844))
def test_an_apdu_up_to_the_packets_size_goes_both_ways_and_one_octet_more_is_refused(length):
    rig = up(1)
    hes = rig.connect()
    apdu = GET + bytes(length - len(GET))
    assert hes.request(16, sap_of(0), apdu)
    rig.run(120)
    assert [reply for _, _, reply in hes.replies] == [b"\xc4" + apdu[1:]]
    assert hes.request(16, sap_of(0), GET + bytes(845 - len(GET)))
    rig.run(1)
    assert hes.replies[1][2] == bytes.fromhex("D80104") and rig.forwarder.counters.named("refused-too-long") == 1


def test_client_saps_of_two_octets_reach_the_meter_and_come_back():
    rig = up(2)
    seen = []
    for node in rig.sim.nodes.values():
        node.tap = lambda direction, node, saps, apdu: seen.append(saps)
    hes = rig.connect()
    assert hes.request(0x1234, sap_of(0), GET) and hes.request(0xFFFF, sap_of(1), GET)
    rig.run(60)
    assert sorted(reply[:2] for reply in hes.replies) == [(sap_of(0), 0x1234), (sap_of(1), 0xFFFF)]
    assert set(seen) == {(0x1234, 1), (0xFFFF, 1)}


def test_a_meter_is_reached_by_its_short_address_in_a_gateway_prefix():
    rig = up(3)
    hes = rig.connect()
    for row in range(3):
        assert hes.request(16, 1, b"\xe6\x00\x02" + rig.table.addr(row).to_bytes(2, "big") + GET)
    rig.run(120)
    expected = [b"\xe7\x00\x02" + rig.table.addr(row).to_bytes(2, "big") + b"\xc4" + GET[1:] for row in range(3)]
    assert sorted(reply for _, _, reply in hes.replies) == expected


def test_exchanges_with_different_meters_are_in_the_air_at_once():
    rig = up()
    hes = rig.connect()
    most = 0
    for row in range(8):
        assert hes.request(16, sap_of(row), GET)
    while len(hes.replies) < 8:
        most = max(most, sum(rig.forwarder.exchanges.on_line(row) is not None for row in range(8)))
        rig.run(0.01)
    assert 1 < most <= rig.config.number("g3.flights")
    assert sorted(source for source, _, _ in hes.replies) == [sap_of(row) for row in range(8)]


def test_a_meter_that_says_nothing_does_not_hold_up_the_others():
    rig = up()
    rig.sim.nodes[rig.table.title(0)].set_muted(True)
    hes = rig.connect()
    for row in range(8):
        assert hes.request(16, sap_of(row), GET)
    rig.run_until(lambda: len(hes.replies) >= 7, ROUTE_DISCOVERY_S + 20)
    assert {source for source, _, _ in hes.replies} == {sap_of(row) for row in range(1, 8)}
    rig.run(300)
    assert hes.replies[7:] == []  # "no route" does not say that it never left
    assert rig.forwarder.counters.named("dropped-no-answer") == 1
    assert_at_rest(rig)


def test_a_meter_that_hears_and_does_not_answer_holds_up_nobody():
    rig = up()
    node = rig.sim.nodes[rig.table.title(0)]
    node.server.request = lambda *request: None
    hes = rig.connect()
    for row in range(8):
        assert hes.request(16, sap_of(row), GET)
    rig.run_until(lambda: len(hes.replies) >= 7, 10)
    assert rig.forwarder.exchanges.on_line(0) is not None  # still waited for
    rig.run(300)
    assert len(hes.replies) == 7 and rig.forwarder.counters.named("dropped-no-answer") == 1
    assert_at_rest(rig)


@pytest.mark.parametrize("is_modem_cut", (False, True))
@pytest.mark.parametrize("dialect", DIALECTS)
def test_after_a_power_cut_the_network_is_still_the_same_one(dialect, is_modem_cut):
    rig = up(8, dialect)
    rows = {title: rig.table.find(title) for title in rig.sim.nodes}
    key, pan_id = bytes(rig.segment.record.key(0)), rig.segment.modem.pan_id
    fs = rig.power_cut()
    sent = rig.sim.chip.mac.frame_counter
    if is_modem_cut:
        rig.sim.chip.options.keeps_counter = False
        rig.sim.chip.set_power(False)
        rig.sim.chip.set_power(True)
    again = Rig(sim=rig.sim, fs=fs, config=g3_config(dialect))
    again.run_until(lambda: again.segment.is_up, 60)
    assert {title: again.table.find(title) for title in rig.sim.nodes} == rows
    assert again.segment.modem.pan_id == pan_id and bytes(again.segment.record.key(0)) == key
    hes = again.connect()
    assert len(answers(hes, 8)) == 8 and all(reply == b"\xc4" + GET[1:] for _, _, reply in hes.replies)
    assert again.segment.counters.named("join_requests") == 0
    counter = again.sim.chip.mac.frame_counter
    assert sent < counter < again.segment.record.frame_counter
    if is_modem_cut:
        assert counter >= 100000 - SENT_MARGIN and again.segment.counters.named("counter_restored") == 1


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_rogue_and_a_wrong_psk_are_refused_and_counted_and_the_others_get_in(dialect):
    liar = meter_eui64(2)

    def prepare(sim):
        sim.add_rogue(b"ROGUE001")
        sim.nodes[liar].joining.supplicant.psk = bytes(range(16))

    rig = g3_rig(4, dialect, prepare=prepare, join_timeout_s=60)
    rig.run_until_registered(3)
    rig.run(300)
    counters = rig.segment.counters
    assert rig.online() == 3
    assert rig.table.find(b"ROGUE001") < 0 and counters.named("join_unknown") > 0
    assert not rig.sim.nodes[liar].is_member and not rig.sim.nodes[b"ROGUE001"].is_member
    wrong = sum(counters.named(name) for name in ("join_timeout", "auth_bad_mac_p", "auth_bad_tag", "lbp_timeout"))
    assert wrong > 0
    _, value = get(rig.connect(), rig, 17, SAP_LIST, 2)
    assert b"ROGUE001".hex().upper().encode() not in value
    row = rig.table.find(liar)  # dialect L gives it a row only when it has shown that it knows its PSK
    assert dialect == "L" if row < 0 else rig.table.state(row) == NODE_ASSIGNED


@pytest.mark.parametrize("is_expelled", (False, True))
def test_a_joiner_that_never_finished_is_in_no_list_and_not_reached_before_and_after_a_power_cut(is_expelled):
    liar = meter_eui64(2)

    def prepare(sim):
        psks.append(sim.nodes[liar].joining.supplicant.psk)
        sim.nodes[liar].joining.supplicant.psk = bytes(range(16))

    psks: list[bytes] = []
    rig = g3_rig(3, "H", prepare=prepare, join_timeout_s=60)
    rig.run_until_registered(2)
    rig.run_until(lambda: rig.table.find(liar) >= 0, 600)
    row = rig.table.find(liar)
    if is_expelled:
        assert rig.segment.kick(rig.now(), row)
    again = Rig(sim=rig.sim, fs=rig.power_cut(), config=g3_config("H"))
    again.run_until(lambda: again.segment.is_up, 60)
    for one in (rig, again):
        assert one.table.state(row) == NODE_ASSIGNED and one.table.published_cnt == 2
    hes = again.connect()
    assert hes.request(16, sap_of(row), GET)
    again.run(60)
    assert [reply for _, _, reply in hes.replies] == [bytes.fromhex("D80101")]
    again.sim.nodes[liar].joining.supplicant.psk = psks[0]
    again.run_until_registered(3, 3600)
    assert again.table.find(liar) == row and again.table.published_cnt == 3
    assert len(answers(again.connect(), 3)) == 3


def test_a_join_that_ended_while_the_gateway_was_away_counts_when_it_is_back():
    joiner = meter_eui64(2)
    rig = g3_rig(2, "H")
    rig.run_until(lambda: rig.table.find(joiner) >= 0, 600)
    row, fs = rig.table.find(joiner), rig.power_cut()
    rig.kernel.run_for(60_000_000)
    assert rig.sim.nodes[joiner].is_member and rig.table.state(row) == NODE_ASSIGNED
    again = Rig(sim=rig.sim, fs=fs, config=g3_config("H"))
    again.run_until(lambda: again.segment.is_up, 60)
    assert again.table.state(row) == NODE_ASSIGNED
    again.run_until(lambda: again.table.state(row) == NODE_ONLINE, 120)
    assert again.segment.counters.named("joined") <= 1


def test_without_psks_nobody_joins_until_they_are_provided():
    rig = g3_rig(2, psk="demand")
    rig.run(120)
    assert rig.online() == 0 and rig.segment.counters.named("join_unknown") >= 2
    psks = rig.segment.joins.gate._psks
    for title, node in rig.sim.nodes.items():
        psks.provide(rig.now(), title, node.psk)
    rig.run_until_registered(2)


@pytest.mark.parametrize("text", ("", "{", "[]", '{"53494D0000000001": 5}', '{"53": "00"}', '{"zz": "yy"}'))
def test_a_psk_file_that_is_not_right_is_named_and_lets_nobody_in(text):
    rig = g3_rig(1)
    fs = rig.power_cut()
    with fs.open("/state/psk.json", "w") as file:
        file.write(text)
    again = Rig(sim=rig.sim, fs=fs, config=g3_config())
    again.run(120)
    assert len(again.config.errors) == 1 and again.config.errors[0].startswith("psk.json: not usable (")
    assert again.online() == 0 and again.segment.counters.named("join_unknown") > 0


@pytest.mark.parametrize("code, other", (
    ("from host_tests.rig_support.g3 import g3_rig; g3_rig(1)", "plc.sfsk."),
    ("from tools.rig import Rig; Rig()", "plc.g3."),
))
def test_nothing_of_the_other_medium_is_imported(code, other):
    code += "; import sys; print(*sorted(name for name in sys.modules if name.startswith(%r)))" % other
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert not done.stdout.strip()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_sap_1_shows_the_pan_and_nothing_of_another_medium(dialect):
    rig = up(4, dialect)
    rig.run(1800)  # tables are read every 15 minutes
    hes = rig.connect()
    objects = list(rig.device._view.objects)
    classes = [item.class_id for item in objects]
    assert {90, 91, 92} <= set(classes) and not {50, 51, 52, 53, 55, 56} & set(classes)
    for item in objects:
        for attribute in range(1, item.attribute_cnt + 1):
            if item.has(attribute) and item.access(attribute, ROLE_PUBLIC):
                result, _ = get(hes, rig, item.class_id, item.logical_name, attribute)
                assert result is None, (item.class_id, attribute, result)
    mac = bytes((0, 0, 29, 1, 0, 255))
    assert get(hes, rig, 91, mac, 4)[1] == b"\x12" + rig.segment.modem.pan_id.to_bytes(2, "big")
    assert get(hes, rig, 91, mac, 5)[1] == b"\x01\x00"
    counter = int.from_bytes(get(hes, rig, 91, mac, 6)[1][1:], "big")
    assert 0 < counter <= rig.sim.chip.mac.frame_counter
    assert get(hes, rig, 92, bytes((0, 0, 29, 2, 0, 255)), 8)[1][0] == 1


def test_the_g3_node_list_says_how_each_node_is_reached():
    rig = up(4)
    rig.run(300)
    _, value = get(rig.connect(), rig, 1, bytes((0, 0, 128, 3, 1, 255)), 2)
    rows = value[2:].split(b"\x02\x08\x12")[1:]
    assert value[:2] == b"\x01\x04" and len(rows) == 4
    for number, row in enumerate(rows):
        title = rig.table.title(number)
        assert row[:12] == bytes((0, sap_of(number), 9, 8)) + title
        assert row[12:15] == b"\x12\x00" + bytes((number + 1,))
        assert row[18:20] == bytes((0x11, rig.sim.nodes[title].hops)) and row[20] == 0x11 and row[21] > 0
