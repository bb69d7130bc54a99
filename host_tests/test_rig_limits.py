# SPDX-License-Identifier: MIT
"""At the limits: pool full + 1, more sessions than shares, 1,200 meters back at once after a blackout.

Orderly (refused at once, by name), bounded (nothing grows, everything comes back), fair.
"""

from __future__ import annotations

from host_tests.rig_support.g3 import g3_rig
from host_tests.rig_support.ledger import (
    ANSWERED,
    GIVE_UP_S,
    OPEN,
    REFUSED,
    Ledger,
    assert_at_rest,
    numbered_rig,
    sap_of,
    server,
)
from host_tests.rig_support.meters import ACTION
from plc.medium import NODE_LOST
from tools.rig import Rig

CROWD = 1200
GET = bytes.fromhex("C001C100080000010000FF0200")
_ORDINARY, _RESERVED = 28, 4  # of 32 slots, an eighth is for control requests


class Asker:
    """A head-end that goes round all meters for ever, `window` requests at a time."""

    def __init__(self, ledger: Ledger, rows: int, first: int, window: int = 3, patience_s: float = GIVE_UP_S) -> None:
        self.hes = ledger.connect()
        self.ended: list = []
        self.is_on = True
        self._ledger, self._rows, self._next, self._window = ledger, rows, first, window
        self._patience_us = int(patience_s * 1e6)
        previous = ledger.on_end
        ledger.on_end = lambda asked: self._end(asked) if asked.hes is self.hes else previous(asked)

    def start(self) -> None:
        """The first requests."""
        for _ in range(self._window):
            self._ask()

    def answered(self) -> int:
        """So far."""
        return sum(asked.state == ANSWERED for asked in self.ended)

    def _ask(self) -> None:
        if not self.is_on:
            return
        self._next = (self._next + 7) % self._rows
        asked = self._ledger.ask(self.hes, self._next)
        kernel = self._ledger.rig.kernel
        if asked is None:
            kernel.call_later(100_000, self._ask)
        else:
            kernel.call_later(self._patience_us, lambda: asked.state == OPEN and self._ledger.forget(asked))

    def _end(self, asked) -> None:
        self.ended.append(asked)
        pause_us = 0 if asked.state == ANSWERED else 500_000  # a head-end that is refused takes its time
        self._ledger.rig.kernel.call_later(pause_us, self._ask)


def tidy(rig: Rig, ledger: Ledger, askers: list[Asker]) -> None:
    """Everybody hangs up; then nothing is left of them."""
    for asker in askers:
        asker.is_on = False
        ledger.close(asker.hes)
    rig.run(30)
    assert_at_rest(rig)
    scheduler = rig.forwarder._scheduler
    assert scheduler._sessions == [None] * len(scheduler._sessions)
    assert len(rig.forwarder.admission.ownership) == 0


def test_the_pool_full_and_one_more_is_refused_at_once_and_all_others_are_answered():
    rig, ledger = numbered_rig(16)
    hess = [ledger.connect() for _ in range(4)]
    asked = [ledger.ask(hess[n % 4], n % 16, client_sap=16 + n // 16) for n in range(40)]
    rig.run(0.01)
    taken = [one for one in asked if one.state == OPEN]
    assert len(taken) == _ORDINARY and sum(one.state == REFUSED for one in asked) == 40 - _ORDINARY
    assert {hes.number: sum(one.hes is hes for one in taken) for hes in hess} == dict.fromkeys((1, 2, 3, 4), 7)
    urgent = [ledger.ask(hess[0], row, client_sap=1, tag=ACTION) for row in range(_RESERVED + 1)]
    rig.run(0.01)
    assert [one.state for one in urgent] == [OPEN] * _RESERVED + [REFUSED]
    assert rig.forwarder.exchanges.open_cnt == rig.forwarder.exchanges.max_open == 32
    assert rig.forwarder.counters.named("refused-queue-full") == 40 - _ORDINARY + 1
    rig.run(60)
    ledger.check()
    assert all(one.state == ANSWERED for one in taken + urgent[:_RESERVED])
    last_control = max(one.done_us for one in urgent[:_RESERVED])
    assert sum(one.done_us < last_control for one in taken) <= 1  # the one that was running
    assert_at_rest(rig)


def test_a_full_pool_again_and_again_loses_no_slot():
    rig, ledger = numbered_rig(16)
    for turn in range(30):
        hes = ledger.connect()
        for n in range(40):
            ledger.ask(hes, n % 16, client_sap=16 + n // 16)
        rig.run(1.0 + 0.1 * turn)
        ledger.close(hes)
    rig.run(10)
    ledger.check()
    assert_at_rest(rig)
    counters = rig.forwarder.counters
    assert counters.named("dropped-session-gone") > 300 and counters.named("refused-queue-full") > 300


def test_more_sessions_than_there_are_shares_of_the_air_are_all_served():
    rig, ledger = numbered_rig(12)
    askers = [Asker(ledger, 12, n, window=1) for n in range(12)]  # wan.sessions 4: shares for 6
    for asker in askers:
        asker.start()
    rig.run(120)
    ledger.check()
    assert min(asker.answered() for asker in askers) >= 4
    tidy(rig, ledger, askers)


def test_a_thousand_sessions_that_come_and_go_leave_nothing():
    rig, ledger = numbered_rig(4)
    for n in range(1000):
        hes = ledger.connect()
        ledger.ask(hes, n % 4, client_sap=16 + n % 8)
        rig.run(0.05)
        ledger.close(hes)
    rig.run(10)
    ledger.check()
    tidy(rig, ledger, [])


def test_1200_meters_that_are_away_and_back_at_once_are_read_again_and_nobody_is_favoured():
    rig, ledger = numbered_rig(CROWD)
    askers = [Asker(ledger, CROWD, 300 * n) for n in range(4)]
    for asker in askers:
        asker.start()
    rig.run(120)
    before = [asker.answered() for asker in askers]
    nodes = list(rig.sim.nodes.values())
    for node in nodes:
        node.leave()
    rig.run(300)  # a blackout: only the gateway has a battery
    for node in nodes:
        node.reset()  # back with nothing known
        node.join()
    _all_in_service(rig, 5400)  # 1,420 s on a line of their own; head-ends keep half of this one
    served = [asker.answered() for asker in askers]
    rig.run(300)
    ledger.give_up()
    ledger.check()
    gains = [asker.answered() - had for asker, had in zip(askers, served, strict=True)]
    assert min(gains) > 0.9 * max(gains) and sum(gains) > 1.2 * 300 and sum(before) > 1.2 * 120
    assert rig.forwarder.exchanges.max_open <= 32
    tidy(rig, ledger, askers)


def _all_in_service(rig: Rig, limit_s: float) -> None:
    """Until every meter has its address again, and all but a few that are still being verified are online."""

    def is_back() -> bool:
        rows = [(node.mac_addr, rig.table.addr(rig.table.find(title))) for title, node in rig.sim.nodes.items()]
        return all(mac == addr for mac, addr in rows) and rig.online() >= 0.99 * CROWD

    took_s = rig.run_until(is_back, limit_s, 10)
    print("1,200 meters back after %.0f s of the line" % took_s)


def test_a_storm_of_lost_nodes_refuses_each_waiting_request_once():
    rig, ledger = numbered_rig(64)
    hes = [ledger.connect() for _ in range(4)]
    asked = [ledger.ask(hes[n % 4], n) for n in range(_ORDINARY)]
    rig.run(0.3)
    for row in range(64):
        if rig.forwarder.exchanges.on_line(row) is None:
            rig.table.set_state(row, NODE_LOST, 1)
            rig.forwarder.on_node(rig.now(), row, 1)
    rig.reschedule()
    rig.run(0.01)
    assert sum(one.state == REFUSED for one in asked) == _ORDINARY - 1
    assert rig.forwarder.counters.named("refused-node-away") == _ORDINARY - 1
    rig.run(20)
    ledger.check()
    assert_at_rest(rig)


def flaky_rig(row: int) -> tuple[Rig, list]:
    """Four head-ends saturate eight meters for 800 s; `row` (-1: nobody) answers every second request."""
    rig, ledger = numbered_rig(8)
    if row >= 0:
        inner, turn = server(rig, row).request, [0]

        def request(*what):
            turn[0] += 1
            if turn[0] % 2:
                inner(*what)

        server(rig, row).request = request
    askers = [Asker(ledger, 8, n, window=4, patience_s=100) for n in range(4)]
    for asker in askers:
        asker.start()
    rig.run(800)
    ledger.check()
    return rig, [asked for asker in askers for asked in asker.ended if asked.state == ANSWERED and asked.row != 3]


def test_a_meter_that_answers_one_request_in_two_costs_the_others_nothing_but_its_air():
    def air_each(rig: Rig, answers: list) -> float:
        assert all(rig.table.air_ds(row, 1) == 0 for row in range(8) if row != 3)
        return sum(rig.table.air_ds(row, 0) for row in range(8) if row != 3) / len(answers)

    good = air_each(*flaky_rig(-1))
    rig, answers = flaky_rig(3)
    assert rig.table.air_ds(3, 1) > 500
    assert air_each(rig, answers) <= 1.03 * good
    account = rig.forwarder.ledger
    idle_ms = sum(account.idle_ms(ago) for ago in range(1, 11))
    assert idle_ms < 0.03 * 600_000  # its guard times are air for the others


def test_on_g3_the_pool_full_and_one_more():
    rig = g3_rig(16)
    rig.run_until_registered(16)
    rig.run(60)
    hess = [rig.connect() for _ in range(4)]
    for n in range(40):
        assert hess[n % 4].request(16 + n // 16, sap_of(n % 16), GET)
    rig.run(0.01)
    assert sum(len(hes.replies) for hes in hess) == 40 - _ORDINARY
    rig.run(120)
    assert sum(apdu[0] == 0xC4 for hes in hess for _, _, apdu in hes.replies) == _ORDINARY
    assert_at_rest(rig)
