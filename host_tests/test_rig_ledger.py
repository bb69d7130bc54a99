# SPDX-License-Identifier: MIT
"""The airtime ledger against the simulated line: what it says is where the time went, on both media."""

from __future__ import annotations

import pytest

from dlms.cosem.object import ROLE_PUBLIC
from gateway import ledger as books
from host_tests.rig_support.g3 import g3_rig
from host_tests.rig_support.ledger import assert_at_rest, numbered_rig, sap_of, server
from host_tests.test_rig_fairness import keep_asking
from host_tests.test_rig_own_device import get
from tools.rig import Rig

GET = bytes.fromhex("C001C100080000010000FF0200")


def minutes(rig: Rig, column: int) -> list[int]:
    """Of the full minutes, oldest first."""
    ledger = rig.forwarder.ledger
    return [ledger.in_minute(ago, column) for ago in range(ledger.kept(), 0, -1)]


def test_a_line_that_is_never_idle_is_said_to_be_so():
    rig, ledger = numbered_rig(8)
    run = keep_asking(ledger, ledger.connect(), range(8), 10_000)
    others = [keep_asking(ledger, ledger.connect(), range(8), 10_000, client_sap=17 + n) for n in range(3)]
    rig.run(10)
    before, busy = rig.forwarder.ledger.minute, len(run) + sum(map(len, others))
    rig.run(300)
    ledger.check()
    exchanges = len(run) + sum(map(len, others)) - busy
    account = rig.forwarder.ledger
    for ago in range(1, account.minute - before):
        assert account.idle_ms(ago) < 3000, [account.in_minute(ago, column) for column in range(5)]
        assert account.in_minute(ago, books.USED) > 50_000 and account.in_minute(ago, books.LOST) == 0
    assert exchanges / 300 > 1.5
    assert account.channel_permille() > 950


def test_an_idle_line_is_idle_but_for_housekeeping():
    rig, _ = numbered_rig(8)
    rig.run(600)
    account = rig.forwarder.ledger
    for ago in range(1, 10):
        assert account.in_minute(ago, books.USED) == 0
        assert account.idle_ms(ago) + account.in_minute(ago, books.OWN) == books.MINUTE_MS
    assert sum(minutes(rig, books.OWN)) > 0


def test_what_a_silent_meter_and_a_vanished_head_end_cost_is_under_their_names():
    rig, ledger = numbered_rig(4)
    server(rig, 3).is_dumb = True
    hes = ledger.connect()
    asked = ledger.ask(hes, 3)
    rig.run(60)
    assert asked.state != 1
    table = rig.table
    lost_ds = table.air_ds(3, 1)
    assert 20 <= lost_ds < 60 and table.air_ds(3, 0) == 0
    assert abs(sum(minutes(rig, books.LOST)) // 100 - lost_ds) <= 1
    leaver = ledger.connect()
    ledger.ask(leaver, 0)
    rig.run(0.2)
    ledger.close(leaver)
    rig.run(70)
    assert table.air_ds(0, 1) > 0 and sum(minutes(rig, books.ORPHANED)) > 0
    rig.run(5)
    assert_at_rest(rig)


def test_on_g3_the_ledger_stays_below_the_time_there_is_and_knows_the_housekeeping():
    rig = g3_rig(8)
    rig.run_until_registered(8)
    rig.run(120)
    hes = rig.connect()
    hes.on_reply = lambda source, destination, apdu: hes.request(16, source, GET)
    for row in range(8):
        assert hes.request(16, sap_of(row), GET)
    rig.run(200)
    used = minutes(rig, books.USED)
    assert 20_000 < used[-1] <= 65_535 and rig.forwarder.ledger.totals[books.OWN] > 0
    assert all(rig.table.air_ds(row, 0) > 0 for row in range(8))


@pytest.mark.parametrize("is_g3", (False, True))
def test_every_ledger_object_can_be_read_by_the_public_client(is_g3):
    if is_g3:
        rig = g3_rig(4)
        rig.run_until_registered(4)
    else:
        rig, _ = numbered_rig(4)
    hes = rig.connect()
    for row in range(4):
        assert hes.request(16, sap_of(row), GET)
    rig.run(200)
    items = [one for one in rig.device._view.objects if one.logical_name[2:4] == bytes((128, 7))]
    assert [one.logical_name[4] for one in items] == [0, 1, 2, 3, 4, 5, 6]
    values = []
    for item in items:
        assert item.access(2, ROLE_PUBLIC)
        result, value = get(hes, rig, 1, item.logical_name, 2)
        assert result is None
        values.append(value)
    account = rig.forwarder.ledger
    assert values[6][:2] == b"\x01\x04" and values[6].count(b"\x09\x08") == 4
    assert values[0][:2] == bytes((1, account.kept())) and values[0][2:4] == b"\x02\x07"
    assert values[0][4:9] == b"\x06" + (account.minute - 1).to_bytes(4, "big")
    assert values[1][:2] == b"\x02\x05" and values[2].count(b"\x09\x04\x0a\x00\x00") >= 1
    assert values[3][:2] == b"\x01\x09" and values[3][2:7] == b"\x02\x03\x12\x00\x10"
    assert values[4][:2] == b"\x01\x18"
    assert values[6][:7] == b"\x01\x04\x02\x02\x12" + sap_of(0).to_bytes(2, "big")
    rows = values[5][2:].split(b"\x02\x03\x12")[1:]
    assert values[5][:2] == b"\x01\x04" and [row[:2] for row in rows] == [bytes((0, sap_of(n))) for n in range(4)]
    assert all(int.from_bytes(row[3:5], "big") == rig.table.air_ds(n, 0) for n, row in enumerate(rows))
