# SPDX-License-Identifier: MIT
"""Exchanges: every (state, event) cell, the pool's limits, deadlines, who is remembered."""

from fakes import ALMOST_WRAPPED, raises

from base.errors import LocalError
from base.slab import Slab
from base.ticks import ticks_add, ticks_diff
from gateway import exchange as ex
from gateway.exchange import Exchange, Exchanges, next_state
from gateway.traffic_class import CONTROL, ON_DEMAND

_STATES = (ex.FREE, ex.QUEUED, ex.ON_AIR, ex.SENT, ex.REPLIED, ex.GUARD)
_EVENTS = (ex.SUBMITTED, ex.CONFIRMED, ex.ANSWERED, ex.DONE, ex.NOT_SENT, ex.UNANSWERED, ex.OVER)
# the life of a request as design/behaviour.md tells it; every other cell is a bug of ours
_LIFE = {
    (ex.QUEUED, ex.SUBMITTED): ex.ON_AIR,
    (ex.QUEUED, ex.OVER): ex.FREE,
    (ex.ON_AIR, ex.CONFIRMED): ex.SENT,
    (ex.ON_AIR, ex.DONE): ex.FREE,
    (ex.ON_AIR, ex.NOT_SENT): ex.QUEUED,
    (ex.ON_AIR, ex.UNANSWERED): ex.GUARD,
    (ex.SENT, ex.CONFIRMED): ex.SENT,
    (ex.SENT, ex.ANSWERED): ex.REPLIED,
    (ex.SENT, ex.DONE): ex.FREE,
    (ex.SENT, ex.UNANSWERED): ex.GUARD,
    (ex.REPLIED, ex.CONFIRMED): ex.REPLIED,
    (ex.REPLIED, ex.DONE): ex.FREE,
    (ex.GUARD, ex.OVER): ex.FREE,
}


class _Session:
    pass


def _open(pool, node=0, session=None, now=0, client=16):
    exchange = pool.open(now, session or _Session(), node, 1000)
    exchange.client_sap = client
    return exchange


def _put_on_air(pool, exchange, now=0):
    exchange.fire(now, ex.SUBMITTED)
    exchange.tries += 1
    exchange.fire(now, ex.CONFIRMED)


def _end(pool, exchange, now=0):
    exchange.fire(now, ex.DONE)
    pool.close(exchange)


def test_every_cell_of_the_state_table():
    assert sorted(_STATES) == list(range(6)) and sorted(_EVENTS) == list(range(7))
    for state in _STATES:
        for event in _EVENTS:
            if (state, event) in _LIFE:
                assert next_state(state, event) == _LIFE[(state, event)]
            else:
                assert raises(LocalError, next_state, state, event)


def test_firing_keeps_the_time_of_the_change():
    exchange = Exchange()
    exchange.state = ex.QUEUED
    assert exchange.fire(77, ex.SUBMITTED) == ex.ON_AIR == exchange.state
    assert exchange.since == 77
    assert raises(LocalError, exchange.fire, 78, ex.OVER)
    assert (exchange.state, exchange.since) == (ex.ON_AIR, 77)


def test_the_pool_ends_where_it_says():
    pool = Exchanges(3, 2)
    for node in range(3):
        assert pool.has_room(node, None, ON_DEMAND)
        _open(pool, node)
    assert not pool.has_room(9, None, ON_DEMAND) and pool.max_open == 3
    assert raises(LocalError, _open, pool)
    assert pool.open_cnt == 3


def test_a_node_has_so_many_waiting_and_what_is_on_the_air_does_not_count():
    pool = Exchanges(8, 2)
    session = _Session()
    first = _open(pool, 5, session)
    _open(pool, 5)
    assert not pool.has_room(5, session, ON_DEMAND) and pool.has_room(6, session, ON_DEMAND)
    first.fire(0, ex.SUBMITTED)
    assert pool.has_room(5, session, ON_DEMAND)


def test_who_keeps_a_nodes_queue_full_does_not_keep_others_from_the_node():
    for traffic_class in (ON_DEMAND, CONTROL):
        pool = Exchanges(16, 2)
        greedy, other = _Session(), _Session()
        for _ in range(2):
            _open(pool, 5, greedy).traffic_class = traffic_class
        assert not pool.has_room(5, greedy, traffic_class) and pool.has_room(5, other, traffic_class)
        _open(pool, 5, other).traffic_class = traffic_class
        assert not pool.has_room(5, other, traffic_class)  # one is sure


def test_a_slot_with_a_buffer_is_not_closed():
    pool = Exchanges(2, 2)
    exchange = _open(pool)
    exchange.buf = 0
    assert raises(LocalError, pool.close, exchange)
    exchange.buf = -1
    pool.close(exchange)
    assert pool.open_cnt == 0


def test_a_slot_is_used_again_only_after_all_the_others():
    pool = Exchanges(4, 4)
    used = []
    for _ in range(8):
        exchange = _open(pool)
        used.append(pool.slots.index(exchange))
        exchange.fire(0, ex.OVER)
        pool.close(exchange)
    assert used == [0, 1, 2, 3, 0, 1, 2, 3]


def test_an_exchange_that_ended_is_remembered_for_a_while():
    pool = Exchanges(2, 2)
    start = ALMOST_WRAPPED
    exchange = _open(pool, 3, now=start)
    _put_on_air(pool, exchange, start)
    _end(pool, exchange, start)
    assert pool.ended_lately(start, 3, 16, 6000)
    assert pool.ended_lately(ticks_add(start, 5999), 3, 16, 6000)  # across the wrap
    assert not pool.ended_lately(ticks_add(start, 6000), 3, 16, 6000)
    assert not pool.ended_lately(start, 4, 16, 6000)
    assert not pool.ended_lately(start, 3, 17, 6000)
    half, period = 1 << 29, 1 << 30  # ticks_add itself takes less than half a period
    for later in (half - 1, half, half + 1, period - 7000):  # never looks young again
        assert not pool.ended_lately((start + later) % period, 3, 16, 6000)


def test_one_that_was_never_on_the_air_is_not_remembered():
    pool = Exchanges(2, 2)
    exchange = _open(pool, 3)
    exchange.fire(0, ex.OVER)
    pool.close(exchange)
    assert not pool.ended_lately(0, 3, 16, 6000)


def _fill(slab, exchange, apdu, off=48):
    exchange.buf = slab.alloc()
    exchange.off = off
    exchange.length = len(apdu)
    exchange.server_sap = 1
    slab.view(exchange.buf)[off : off + len(apdu)] = apdu


def test_an_identical_pending_request_is_noticed_and_nothing_less():
    session, other = _Session(), _Session()
    cases = (
        # node, session, client, server, apdu, offset: repeats?
        (0, session, 16, 1, b"\xc0\x01\xc1", 48, True),
        (0, session, 16, 1, b"\xc0\x01\xc1", 59, True),  # the other came with a prefix
        (0, session, 16, 1, b"\xc0\x01\xc2", 48, False),
        (0, session, 16, 1, b"\xc0\x01", 48, False),
        (0, session, 16, 1, b"\xc0\x01\xc1\x00", 48, False),
        (1, session, 16, 1, b"\xc0\x01\xc1", 48, False),
        (0, other, 16, 1, b"\xc0\x01\xc1", 48, False),
        (0, session, 17, 1, b"\xc0\x01\xc1", 48, False),
        (0, session, 16, 2, b"\xc0\x01\xc1", 48, False),
    )
    for node, asker, client, server, apdu, off, repeats in cases:
        slab = Slab(4, 64, 48, 2)
        pool = Exchanges(4, 4)
        pending = _open(pool, 0, session)
        _fill(slab, pending, b"\xc0\x01\xc1")
        second = _open(pool, node, asker, client=client)
        _fill(slab, second, apdu, off)
        second.server_sap = server
        assert pool.repeats_pending(second, slab) == repeats
        assert pool.repeats_pending(pending, slab) == repeats


def test_deadlines_cross_the_wrap():
    pool = Exchanges(4, 4)
    now = ALMOST_WRAPPED
    assert pool.next_deadline() is None and pool.next_due(now) is None
    late = pool.open(now, _Session(), 0, 9000)
    soon = pool.open(now, _Session(), 1, 6000)
    assert ticks_diff(pool.next_deadline(), now) == 6000
    assert pool.next_deadline() == ticks_add(now, 6000) < now  # it did wrap
    assert pool.next_due(ticks_add(now, 5999)) is None
    assert pool.next_due(ticks_add(now, 6000)) is soon
    soon.fire(now, ex.SUBMITTED)  # on the air only the medium's clock counts
    assert pool.next_due(ticks_add(now, 6000)) is None
    assert ticks_diff(pool.next_deadline(), now) == 9000
    assert pool.next_due(ticks_add(now, 9000)) is late
    soon.fire(now, ex.UNANSWERED)
    soon.deadline = ticks_add(now, 7000)
    assert pool.next_due(ticks_add(now, 7000)) is soon


def test_the_exchange_of_a_node_by_what_it_is_doing():
    pool = Exchanges(4, 4)
    exchange = _open(pool, 2)
    for event, is_on_line, is_active in (
        (None, False, False),
        (ex.SUBMITTED, True, True),
        (ex.CONFIRMED, True, True),
        (ex.ANSWERED, True, True),
    ):
        if event is not None:
            exchange.fire(0, event)
        assert (pool.on_line(2) is exchange) == is_on_line
        assert (pool.active(2) is exchange) == is_active
        assert pool.on_line(1) is None and pool.active(1) is None
    exchange = _open(pool, 3)
    _put_on_air(pool, exchange)
    exchange.fire(0, ex.UNANSWERED)
    assert pool.on_line(3) is None and pool.active(3) is exchange


def test_a_stream_of_blocks_ends_where_the_largest_window_does():
    exchange = _open(Exchanges(2, 2), 3)
    assert [exchange.takes_another() for _ in range(63)] == [True] * 62 + [False]
