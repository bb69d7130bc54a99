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
