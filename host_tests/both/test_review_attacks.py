# SPDX-License-Identifier: MIT
"""What a hostile review found: each test failed once."""

import asyncio

from app_fakes import Wan, settle
from fakes import Rig, raises, wpdu
from plc_fakes import Nodes, Sink, settings

from app.config import validate
from app.sessions import Listener
from base.ticks import ticks_add
from gateway.exchange import Exchanges
from gateway.traffic_class import BULK
from plc.medium import DONE_NOT_SENT, NODE_LOST
from plc.sfsk.keepalive import KeepAlive
from plc.sfsk.line import FREE
from plc.sfsk.turns import Turns

_AARQ = b"\x60\x03\xa1\x01\x00"
_AARE = b"\x61\x05\xa2\x03\x02\x01\x00"
_RLRQ = b"\x62\x00"
_GET = b"\xc0\x01\xc1\x00\x08\x00\x00\x01\x00\x00\xff\x02\x00"
_GOT = b"\xc4\x01\xc1\x00\x09\x01\x2a"
_REFUSED = b"\xd8\x01\x01"
_DAY_MS = 86400000


async def test_connections_are_not_refused_for_days_after_a_quiet_week():
    wan = Wan(Listener, connects_per_s=2, sessions=16)
    first = await wan.connect()
    first.end()
    await settle()
    for _ in range(8):
        wan.clock.now = (wan.clock.now + _DAY_MS) % (1 << 30)
    for _ in range(3):
        for stream in await wan.connect_many(2):
            stream.end()
        await settle()
        wan.clock.now = ticks_add(wan.clock.now, 1100)
    assert wan.count("refused-too-fast") == 0


async def test_a_flood_of_connections_does_not_wash_the_log_away():
    wan = Wan(Listener, connects_per_s=2)
    await wan.connect_many(40)
    assert wan.count("refused-too-fast") == 38 and len(wan.log) <= 3


async def test_a_record_that_cannot_be_written_does_not_cost_a_session_for_ever():
    wan = Wan(Listener)

    def full(log):
        raise OSError(28)

    for _ in range(6):
        wan.clock.now += 1000
        wan.log.listener = full
        stream = await wan.connect()
        wan.log.listener = None
        stream.end()
        await settle()
    assert wan.is_at_rest() and wan.count("refused-too-many") == 0
    await asyncio.sleep_ms(0)


def test_the_answer_to_anothers_release_takes_no_pair_away():
    rig = Rig()
    owner, other, thief = rig.session(), rig.session(), rig.session()
    rig.ask(other, _RLRQ)
    rig.ask(owner, _AARQ)
    rig.answer(b"\x63\x00")  # to the one who released what it never had
    rig.answer(_AARE)
    rig.ask(thief, _AARQ)
    assert thief.got == [wpdu(0x10, 16, _REFUSED)] and rig.count("refused-pair-busy") == 1


def test_the_aarq_of_a_session_that_is_gone_takes_no_pair_away():
    rig = Rig()
    gone, owner, thief = rig.session(), rig.session(), rig.session()
    rig.ask(gone, _AARQ)
    rig.forwarder.on_session_end(rig.now, gone)
    rig.ask(owner, _AARQ)
    rig.done(DONE_NOT_SENT)
    rig.answer(_AARE)
    rig.ask(thief, _AARQ)
    assert rig.count("refused-pair-busy") == 1 and thief.got == [wpdu(0x10, 16, _REFUSED)]


def test_connecting_again_and_again_does_not_put_anybody_first():
    rig = Rig(nodes=4, buffers=30)
    patient = rig.session()
    for n in range(4):
        rig.ask(patient, _GET, 0x10 + n)
    for _ in range(3):  # each time the line falls free, a newcomer has a request waiting
        hasty = rig.session()
        rig.ask(hasty, _GET, 0x10, 17)
        rig.answer(_GOT)
        rig.forwarder.on_session_end(rig.now, hasty)
    assert len(patient.got) >= 2


def test_a_greedy_head_end_leaves_slots_for_the_others():
    pool = Exchanges(32, 4)
    held = {}
    for node in range(60):
        name = "ABC"[node % 3]
        if pool.has_room(node, name, BULK):
            pool.open(0, name, node, 1000)
            held[name] = held.get(name, 0) + 1
    assert 24 <= sum(held.values()) < 28 and pool.has_room(99, "D", BULK)


def test_a_quarter_of_the_slots_is_sure():
    pool = Exchanges(32, 4)
    for n in range(28):  # four of the 32 are for control requests
        assert pool.has_room(n, n % 4, BULK)
        pool.open(0, n % 4, n, 1000)
    assert not pool.has_room(99, 0, BULK)


def test_the_same_octets_by_two_addresses_are_two_requests():
    rig = Rig()
    session = rig.session()
    rig.ask(session, _GET)
    rig.ask(session, b"\xe6\x00\x02\x00\x01" + _GET, 1)
    assert rig.count("dropped-duplicate-request") == 0
    rig.answer(_GOT)
    rig.answer(_GOT)
    assert session.got == [wpdu(0x10, 16, _GOT), wpdu(1, 16, b"\xe7\x00\x02\x00\x01" + _GOT)]


class _Idle:
    """A free line and an initiator with nothing to do, in one."""

    state = FREE
    own_air_ms = 0

    def is_urgent(self, now):
        return False

    def run(self, now, is_busy):
        return False

    def next_deadline(self):
        return None


def test_an_exception_while_the_line_is_offered_does_not_close_it_for_ever():
    sink = Sink()
    offers = []

    def no_memory(now):
        offers.append(now)
        if len(offers) == 1:
            raise MemoryError()

    sink.on_free_do = no_memory
    turns = Turns(_Idle(), _Idle(), sink)
    assert raises(MemoryError, turns.settle, 1)
    turns.offer_again()
    turns.settle(2)
    assert offers == [1, 2]


class _Asked:
    """Stands for the pings: they are over at once."""

    def __init__(self):
        self.rows = []

    def begin(self, now, row):
        self.rows.append(row)


class _Seconds:
    def seconds(self, now):
        return 1000 + now // 1000


def test_a_lost_meter_is_asked_again_after_a_night_without_the_line():
    nodes, asked = Nodes(), _Asked()
    nodes.add(b"METER001")
    nodes.set_state(0, NODE_LOST, 1)
    for percent in (1, 10):
        keepalive = KeepAlive(nodes, asked, settings(lost_airtime_percent=percent), _Seconds())
        keepalive.restart(0)
        assert keepalive.begin_lost(0)
        morning = 19 * 3600000  # the operating window was closed, or the modem away
        keepalive.begin_lost(morning)
        asked.rows.clear()
        for hour in range(1, 12):
            keepalive.begin_lost(morning + hour * 3600000)
        assert asked.rows, percent


def test_the_saps_of_ciase_are_nobodys():
    for own in (0, 0x55, 0xFD):
        rig = Rig(own_saps=(0, 0x55, 0xFD))
        session = rig.session()
        rig.ask(session, _GET, 0x10, own)
        rig.ask(session, b"\xe6\x00\x02\x00\x01" + _GET, own)
        assert rig.medium.taken is None and rig.count("refused-client-sap") == 2, own


def test_a_broadcast_does_not_get_into_an_association_of_another_head_end():
    rig = Rig()
    owner, other = rig.session(), rig.session()
    rig.ask(owner, _AARQ, 0x11, 1)
    rig.answer(_AARE)
    rig.ask(other, b"\xc3\x01\x81\x00\x46", 0x7F, 1)
    assert other.got == [wpdu(0x7F, 1, _REFUSED)] and rig.medium.taken is None
    rig.ask(other, b"\xc3\x01\x81\x00\x46", 0x7F, 2)
    rig.finish()
    rig.ask(owner, b"\xc3\x01\x81\x00\x46", 0x7F, 1)
    rig.finish()
    assert rig.count("broadcasts") == 2 and rig.is_at_rest()


def test_notifications_that_wait_leave_buffers_for_requests():
    errors = []
    validate({"wan": {"buffers": 19}, "push": {"targets": ["h:1"]}}, errors)
    assert errors
    for fine in ({"wan": {"buffers": 20}, "push": {"targets": ["h:1"]}}, {"wan": {"buffers": 12}}):
        errors = []
        validate(fine, errors)
        assert not errors


def _no_memory(*args):
    raise MemoryError()


def test_no_memory_costs_no_buffer():
    for break_it in (
        lambda rig, session: setattr(rig.device, "request", _no_memory),
        lambda rig, session: setattr(session, "send", _no_memory),
        lambda rig, session: setattr(rig.forwarder.admission, "judge", _no_memory),
        lambda rig, session: setattr(rig.router, "resolve", _no_memory),
    ):
        rig = Rig()
        session = rig.session()
        break_it(rig, session)
        for sap in (1, 0x99):
            raises(MemoryError, rig.ask, session, _GET, sap)
        assert rig.is_at_rest()


def test_no_memory_in_the_middle_of_an_answer_that_streams_costs_no_buffer_and_no_session():
    rig = Rig()
    session = rig.session()
    rig.device.more_cnt, rig.device.more = lambda: 1, _no_memory
    assert rig.ask(session, _GET, 1)
    assert len(session.got) == 1 and rig.count("dropped-no-buffer") == 1 and rig.is_at_rest()


def test_no_memory_for_sap_1_is_told_and_costs_nobody_his_session():
    rig = Rig()
    session = rig.session()
    rig.device.request = _no_memory
    rig.ask(session, _GET, 1)
    assert session.got == [wpdu(1, 16, b"\xd8\x01\x01")] and rig.count("dropped-no-buffer") == 1
    assert rig.ask(session, _GET) and rig.medium.taken is not None  # meters go on
    rig.answer(b"\xc4" + _GET[1:])
    assert len(session.got) == 2 and rig.is_at_rest()


def test_no_memory_behind_the_acceptance_ends_with_the_session():
    rig = Rig()
    session = rig.session()
    rig.forwarder.exchanges.repeats_pending = _no_memory
    assert raises(MemoryError, rig.ask, session, _GET)
    rig.forwarder.on_session_end(rig.now, session)
    assert rig.is_at_rest()
