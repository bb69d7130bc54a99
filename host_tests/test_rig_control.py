# SPDX-License-Identifier: MIT
"""A control request under full bulk load is next on the line, on both media; nobody starves.

Counted is what the modem was given between the arrival of the control request and the request itself.
"""

from __future__ import annotations

import pytest

from host_tests.rig_support.g3 import DIALECTS, g3_rig
from host_tests.rig_support.ledger import assert_at_rest, sap_of
from plc.sfsk import llc
from tools.rig import Rig
from tools.sim.options import SegmentOptions

GET = bytes.fromhex("C001C100080000010000FF0200")
ACTION = bytes.fromhex("C301C10046000060030AFF01010F00")
METERS = 8
_BULK_CLIENTS = (16, 17, 18, 19)
CLASSES = {"classes": ["bulk client %d" % client for client in _BULK_CLIENTS] + ["control apdu C3"]}


class Load:
    """Head-ends that keep every place they can get filled with bulk; what goes to the modem is noted."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.given: list[bytes] = []  # APDUs in the order the medium took them
        inner = rig.segment.submit

        def submit(now, node, saps, buf, off, length, expects_reply):
            apdu = bytes(buf[off : off + length])
            is_taken = inner(now, node, saps, buf, off, length, expects_reply)
            if is_taken:
                self.given.append(apdu)
            return is_taken

        rig.segment.submit = submit
        self.hess = [rig.connect() for _ in _BULK_CLIENTS]
        self.fill()

    def fill(self) -> None:
        """Ask until every queue is full; refusals are part of it."""
        for client, hes in zip(_BULK_CLIENTS, self.hess, strict=True):
            for row in range(METERS):
                hes.request(client, sap_of(row), GET)
        self.rig.kernel.call_later(500_000, self.fill)

    def frames_before(self, operator, row: int, client: int) -> int:
        """APDUs the modem was given before the control request asked now."""
        before = len(self.given)
        assert operator.request(client, sap_of(row), ACTION)
        self.rig.run_until(lambda: ACTION in self.given[before:], 60, 0.01)
        return self.given[before:].index(ACTION)


def sfsk_rig() -> Rig:
    """All registered, the discovery burst over."""
    rig = Rig(SegmentOptions(meters=METERS), config={"gateway": CLASSES})
    rig.run_until_registered(METERS)
    rig.run(120)
    return rig


def test_on_sfsk_nothing_goes_between_the_running_frame_and_control():
    rig = sfsk_rig()
    load = Load(rig)
    rig.run(30)
    assert rig.forwarder.counters.named("refused-queue-full") > 0
    operator = rig.connect()
    for turn in range(12):
        began_us = rig.kernel.now_us
        assert load.frames_before(operator, turn % METERS, 1) == 0
        rig.run_until(lambda turn=turn: len(operator.replies) == turn + 1, 20, 0.01)
        assert (rig.kernel.now_us - began_us) / 1e6 < 3.0  # rest of one exchange, own exchange
        rig.run(1.7 + 0.1 * turn)
    assert all(apdu[0] == 0xC7 for _, _, apdu in operator.replies)


def test_on_sfsk_urgent_own_traffic_lets_control_pass_once():
    rig = sfsk_rig()
    load = Load(rig)
    rig.run(10)
    sent: list[bytes] = []
    inner = rig.sim.line.on_transmit

    def watch(tx):
        inner(tx)
        if getattr(tx.sender, "is_modem", False):
            sent.append(tx.frame.m_sdu[llc.LLC_LEN :])

    rig.sim.line.on_transmit = watch
    initiator = rig.segment.initiator

    def ping(now, is_busy):
        initiator.watch.begin(now, 7)
        return True

    initiator.is_urgent, initiator.run = lambda now: True, ping
    operator = rig.connect()
    for turn in range(6):
        rig.run(3 + 0.13 * turn)
        before = len(sent)
        assert operator.request(1, sap_of(turn), ACTION)
        rig.run_until(lambda before=before: ACTION in sent[before:], 20, 0.01)
        assert sent[before:].index(ACTION) <= 1
        rig.run_until(lambda turn=turn: len(operator.replies) > turn, 20, 0.01)
    assert load.given.count(GET) > 5 and len([one for one in sent if one[:1] == b"\x19"]) > 5


@pytest.mark.parametrize("dialect", DIALECTS)
def test_on_g3_nothing_goes_between_the_running_frame_and_control(dialect):
    rig = g3_rig(METERS, dialect, gateway=CLASSES)
    rig.run_until_registered(METERS)
    rig.run(60)
    load = Load(rig)
    rig.run(30)
    most = 0
    operator = rig.connect()
    for turn in range(12):
        rows = [row for row in range(METERS) if rig.forwarder.exchanges.active(row) is None]
        assert load.frames_before(operator, rows[turn % len(rows)], 1) == 0
        rig.run_until(lambda turn=turn: len(operator.replies) == turn + 1, 40, 0.01)
        most = max(most, sum(rig.forwarder.exchanges.on_line(row) is not None for row in range(METERS)))
        rig.run(0.3 + 0.1 * turn)
    assert most > 1


def test_bulk_goes_on_under_a_flood_of_control_and_everything_ends():
    rig = sfsk_rig()
    bulk, operator = rig.connect(), rig.connect()
    done = []

    def again(source, destination, apdu):
        done.append(apdu)
        if len(done) < 200:
            operator.request(1, source, ACTION)

    operator.on_reply = again
    for row in range(4):
        operator.request(1, sap_of(row), ACTION)
    for row in range(4, 8):
        bulk.request(16, sap_of(row), GET)
    rig.run_until(lambda: len(bulk.replies) == 4, 80)
    assert all(apdu[0] == 0xC4 for _, _, apdu in bulk.replies) and len(done) > 60
    rig.run_until(lambda: len(done) >= 200, 300)
    rig.run(10)
    assert_at_rest(rig)
