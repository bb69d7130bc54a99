# SPDX-License-Identifier: MIT
"""Whose turn on the air: classes, airtime had, order within an association, what is in time."""

from fakes import ALMOST_WRAPPED

from base.ticks import ticks_add
from gateway import exchange as ex
from gateway.exchange import Exchanges
from gateway.ledger import Ledger
from gateway.scheduler import Scheduler
from gateway.traffic_class import BULK, CONTROL, ON_DEMAND

_NOW = ALMOST_WRAPPED
_LONG_MS = 500000  # longer than any of these tests plays


class _Session:
    peer = b""


class _Medium:
    """An exchange with a node takes as long as `costs` says; `is_spare` False: one place is left."""

    def __init__(self):
        self.costs = {}
        self.has_spare = True

    def airtime_ms(self, node, request_len, response_len):
        return self.costs.get(node, 1000)


class Air:
    """A pool, its scheduler, a medium; `go` lets one exchange go and end."""

    def __init__(self, capacity=16, shares=6):
        self.pool = Exchanges(capacity, 16)
        self.scheduler = Scheduler(self.pool, shares, Ledger(None, 2, shares))
        self.medium = _Medium()
        self.now = _NOW

    def ask(self, session, node, traffic_class=ON_DEMAND, client=16, answer_ms=_LONG_MS, queue_ms=_LONG_MS):
        exchange = self.pool.open(self.now, session, node, queue_ms)
        exchange.client_sap = client
        exchange.length = 13
        exchange.traffic_class = traffic_class
        exchange.answer_by = ticks_add(self.now, answer_ms)
        self.scheduler.came(exchange, self.medium)
        return exchange

    def pick(self):
        return self.scheduler.pick(self.now, self.medium)

    def begin(self):
        """The next one goes on the air; None when there is none."""
        exchange = self.pick()
        if exchange is not None:
            exchange.begin(self.now, True)
            self.scheduler.went(exchange, self.medium)
        return exchange

    def end(self, exchange, spent_ms=None):
        exchange.confirmed(self.now)
        cost_ms = self.medium.airtime_ms(exchange.node, 13, 13) if spent_ms is None else spent_ms
        self.scheduler.ended(exchange, cost_ms)
        exchange.fire(self.now, ex.DONE)
        self.pool.close(exchange)

    def go(self, spent_ms=None):
        exchange = self.begin()
        if exchange is not None:
            self.end(exchange, spent_ms)
        return exchange

    def order(self, count=99):
        """Nodes in the order they go, each finished before the next."""
        went = []
        for _ in range(count):
            exchange = self.go()
            if exchange is None:
                break
            went.append(exchange.node)
        return went


def test_a_session_with_one_request_does_not_wait_behind_a_full_queue():
    air = Air()
    greedy, modest, third = _Session(), _Session(), _Session()
    for node in range(6):
        air.ask(greedy, node)
    air.ask(modest, 10)
    air.ask(third, 20)
    air.ask(modest, 11)
    assert air.order() == [0, 10, 20, 1, 11, 2, 3, 4, 5]
    assert air.pick() is None


def test_turns_follow_the_airtime_had_not_the_number_of_requests():
    air = Air()
    far, near = _Session(), _Session()
    air.medium.costs = {1: 4000}
    went = {1: 0, 2: 0}
    for _ in range(100):
        for session, node in ((far, 1), (near, 2)):
            if not any([one.state == ex.QUEUED and one.node == node for one in air.pool.slots]):
                air.ask(session, node)
        went[air.go().node] += 1
    assert went == {1: 20, 2: 80}  # 80 s of air each


def test_what_an_exchange_really_took_counts_not_what_was_thought():
    air = Air()
    cheap, dear = _Session(), _Session()
    for node in range(6):
        air.ask(cheap, node)
        air.ask(dear, 10 + node)
    order = []
    for _ in range(12):
        exchange = air.begin()
        order.append(exchange.node)
        air.end(exchange, 5000 if exchange.node >= 10 else 1000)
    assert order[:8] == [0, 10, 1, 2, 3, 4, 11, 5]


def test_an_idle_session_saves_up_no_air():
    air = Air()
    steady, sleeper = _Session(), _Session()
    air.ask(sleeper, 50)
    air.go()
    for node in range(10):
        air.ask(steady, node)
    air.order(8)
    for node in range(4):
        air.ask(sleeper, 50 + node)
    # not four in a row, though it had 8 s less
    assert air.order() == [50, 8, 51, 9, 52, 53]


def test_who_connects_again_with_every_request_is_not_always_first():
    air = Air()
    patient = _Session()
    for node in range(6):
        air.ask(patient, node)
    went = []
    for turn in range(6):
        hasty = _Session()
        air.ask(hasty, 50 + turn)
        went += air.order(2)
        air.scheduler.left(hasty)
    assert len([node for node in went if node < 50]) >= 5


def test_more_sessions_than_shares_have_one_in_common_and_nothing_breaks():
    air = Air(32, 2)
    sessions = [_Session() for _ in range(5)]
    for turn in range(4):
        for number in range(5):
            air.ask(sessions[number], 10 * number + turn)
    assert sorted(air.order()) == sorted([10 * number + turn for number in range(5) for turn in range(4)])
    for session in sessions:
        air.scheduler.left(session)
    air.ask(_Session(), 1)
    assert air.order() == [1]


def test_control_goes_before_on_demand_before_bulk_whoever_asks():
    air = Air()
    a, b = _Session(), _Session()
    air.ask(a, 1, BULK)
    air.ask(a, 2, ON_DEMAND)
    air.ask(b, 3, BULK)
    air.ask(b, 4, CONTROL)
    air.ask(a, 5, CONTROL)
    assert air.order() == [4, 5, 2, 3, 1]


def test_a_lower_class_is_not_starved_by_a_higher_one():
    air = Air()
    busy, modest = _Session(), _Session()
    air.ask(modest, 90, BULK)
    turns = 0
    while True:
        air.ask(busy, turns, ON_DEMAND)
        turns += 1
        if air.go().node == 90:
            break
        assert turns < 30
    assert turns == 16  # after 15 s of the others' air


def test_a_flood_of_control_requests_leaves_a_turn_for_each_lower_class():
    air = Air()
    busy, modest = _Session(), _Session()
    air.ask(modest, 90, BULK)
    air.ask(modest, 91, ON_DEMAND)
    went = []
    for turn in range(40):
        air.ask(busy, turn, CONTROL)
        went.append(air.go().node)
    assert 90 in went and 91 in went and went.index(91) == 15


def test_a_control_request_that_comes_during_a_starved_ones_turn_is_next():
    air = Air()
    busy, modest = _Session(), _Session()
    for node in range(4):
        air.ask(modest, 90 + node, BULK)
    for turn in range(15):
        air.ask(busy, turn)
        air.go()
    air.ask(busy, 40)
    starved = air.begin()
    assert starved.node == 90
    air.ask(busy, 41, CONTROL)
    air.end(starved)
    assert air.go().node == 41


def test_requests_of_a_node_go_in_order_of_arrival_whoever_asked():
    air = Air()
    first, second = _Session(), _Session()
    asked = [air.ask(first, 0), air.ask(second, 0), air.ask(first, 0)]
    went = []
    for _ in range(3):
        exchange = air.begin()
        assert air.pick() is None  # one at a time
        air.end(exchange)
        went.append(exchange)
    assert went[0] is asked[0] and went[1] is asked[1] and went[2] is asked[2]


def test_a_control_request_passes_what_others_wait_for_at_the_same_node():
    air = Air()
    reader, operator = _Session(), _Session()
    bulk = air.ask(reader, 0, BULK)
    air.ask(reader, 0, BULK)
    control = air.ask(operator, 0, CONTROL)
    assert air.go() is control
    assert air.go() is bulk


def test_a_control_request_pulls_along_what_its_own_association_asked_before():
    air = Air()
    session, other = _Session(), _Session()
    before = air.ask(session, 0, BULK, 1)
    beside = air.ask(session, 0, BULK, 2)
    air.ask(other, 1, ON_DEMAND)
    control = air.ask(session, 0, CONTROL, 1)
    assert air.go() is before
    assert air.go() is control
    assert air.order(1) == [1] and air.go() is beside


def test_where_several_are_in_the_air_the_last_place_is_for_control():
    air = Air()
    session = _Session()
    air.ask(session, 1)
    air.ask(session, 2, BULK)
    air.medium.has_spare = False
    assert air.pick() is None
    control = air.ask(session, 3, CONTROL)
    assert air.pick() is control
    air.medium.has_spare = True
    assert air.order() == [3, 1, 2]


def test_while_the_answer_to_a_control_request_is_due_nothing_else_begins_but_another_one():
    air = Air()
    session = _Session()
    air.ask(session, 1, BULK)
    air.ask(session, 2)
    first = air.ask(session, 3, CONTROL)
    assert air.begin() is first
    assert air.pick() is None
    second = air.ask(session, 4, CONTROL)
    assert air.begin() is second
    first.confirmed(air.now)
    air.now = ticks_add(air.now, 999)
    assert air.pick() is None
    air.now = ticks_add(air.now, 1)  # its usual time is over: who stays silent stops nobody
    assert air.pick().node == 2
    third = air.ask(session, 5, CONTROL)
    assert air.begin() is third and air.pick() is None
    air.end(third)
    assert air.pick().node == 2


def test_a_class_that_has_waited_too_long_has_its_turn_beside_control_requests_under_way():
    air = Air()
    session = _Session()
    bulk = air.ask(session, 1, BULK)
    for node in range(2, 14):
        air.medium.costs[node] = 1500
        air.ask(session, node, CONTROL)
    began = [air.begin() for _ in range(10)]
    assert None not in began and bulk not in began
    assert air.begin() is bulk  # 15 s of air went to others
    assert air.begin().traffic_class == CONTROL


def test_what_cannot_be_answered_in_time_is_due_at_once_and_never_picked():
    for answer_ms, is_picked in ((1001, True), (1000, False), (999, False), (0, False)):
        air = Air()
        exchange = air.ask(_Session(), 1, answer_ms=answer_ms)
        assert (air.pick() is exchange) == is_picked, answer_ms
        assert (air.pool.next_due(air.now) is exchange) != is_picked
        assert air.scheduler.is_late(air.now, exchange, air.medium) != is_picked


def test_a_way_that_has_become_longer_makes_a_request_late():
    air = Air()
    exchange = air.ask(_Session(), 1, answer_ms=5000)
    air.now = ticks_add(air.now, 2000)
    assert air.pick() is exchange
    air.medium.costs[1] = 3001
    assert air.pick() is None and air.pool.next_due(air.now) is exchange


def test_a_queue_time_that_is_over_is_not_called_late():
    air = Air()
    exchange = air.ask(_Session(), 1, queue_ms=2000)
    air.now = ticks_add(air.now, 2000)
    assert air.pick() is None and air.pool.next_due(air.now) is exchange
    assert not air.scheduler.is_late(air.now, exchange, air.medium)


def test_a_node_in_guard_holds_up_nobody_else():
    air = Air()
    session = _Session()
    air.ask(session, 0)
    silent = air.begin()
    silent.confirmed(air.now)
    silent.fire(air.now, ex.UNANSWERED)
    air.ask(session, 0)
    other = air.ask(session, 1)
    assert air.begin() is other
    assert air.pick() is None
    silent.fire(air.now, ex.OVER)
    air.pool.close(silent)
    assert air.pick().node == 0


def test_a_request_the_modem_did_not_send_keeps_its_place():
    air = Air()
    session = _Session()
    first = air.ask(session, 0)
    air.ask(session, 0)
    assert air.begin() is first
    air.scheduler.ended(first, 0)
    first.fire(air.now, ex.NOT_SENT)
    assert air.pick() is first


def test_days_of_air_change_nothing_in_the_order():
    air = Air()
    a, b = _Session(), _Session()
    air.medium.costs = {1: 40000000, 2: 10000000}  # eleven hours and three: the sums pass 2**28 many times
    went = {1: 0, 2: 0}
    for _ in range(200):
        for session, node in ((a, 1), (b, 2)):
            if not any([one.state == ex.QUEUED and one.node == node for one in air.pool.slots]):
                air.ask(session, node, answer_ms=400000000, queue_ms=400000000)
        went[air.go().node] += 1
    assert 38 <= went[1] <= 42


def test_control_waits_only_while_a_control_request_could_go():
    air = Air()
    session = _Session()
    air.ask(session, 1)
    assert not air.scheduler.is_control_waiting()
    air.ask(session, 0, CONTROL)
    assert air.scheduler.is_control_waiting()
    running = air.begin()
    air.ask(session, 0, CONTROL)
    assert not air.scheduler.is_control_waiting()  # its node is busy
    air.end(running)
    assert air.scheduler.is_control_waiting()
