# SPDX-License-Identifier: MIT
"""How exchanges end, whatever happens meanwhile: nothing crossed, nothing twice, nothing lost."""

from fakes import Rig, wpdu

from plc.medium import (
    DONE_LINK_DOWN,
    DONE_NOT_SENT,
    DONE_REPLIED,
    NODE_BACK_EVENT,
    NODE_GONE_EVENT,
    NODE_LOST_EVENT,
    UPLINK_LAST,
)

_AARQ = b"\x60\x1d\xa1\x09"
_AARE = b"\x61\x07\xa2\x03\x02\x01\x00"
_AARE_REJECTED = b"\x61\x07\xa2\x03\x02\x01\x01"
_RLRQ = b"\x62\x03\x80\x01\x00"
_RLRE = b"\x63\x03\x80\x01\x00"
_REFUSED = b"\xd8\x01\x01"


def test_a_session_that_is_gone_leaves_an_orphan_and_nothing_else():
    rig = Rig()
    gone, other = rig.session(), rig.session()
    rig.ask(gone, b"\xdb\x01")
    rig.confirm()
    rig.ask(gone, b"\xdb\x02")
    rig.ask(gone, b"\xdb\x03", 0x11)
    rig.ask(other, b"\xdb\x04")
    rig.forwarder.on_session_end(rig.now, gone)
    assert rig.device.closed == [gone.number]
    assert rig.uplink(b"\xdb\x11") == UPLINK_LAST  # waited for, then dropped
    rig.done(DONE_REPLIED)
    assert rig.count("dropped-orphan") == 1
    assert rig.medium.taken[2] == b"\xdb\x04"
    rig.answer(b"\xdb\x14")
    assert gone.got == [] and other.got == [wpdu(0x10, 16, b"\xdb\x14")]
    assert len(rig.medium.submits) == 2 and rig.is_at_rest()


def test_an_orphan_the_modem_did_not_send_is_not_tried_again():
    rig = Rig()
    session = rig.session()
    rig.ask(session, b"\xdb\x01")
    rig.forwarder.on_session_end(rig.now, session)
    rig.done(DONE_NOT_SENT)
    assert len(rig.medium.submits) == 1 and rig.is_at_rest()


def _associate(rig, session, reply=_AARE, request=_AARQ):
    rig.ask(session, request)
    if rig.medium.taken is not None:
        rig.answer(reply)
    return session.got.pop()[8:]


def test_two_head_ends_on_one_pair_are_kept_apart_until_it_is_free():
    for how in ("release", "refused", "time-out", "session end"):
        rig = Rig()
        first, second = rig.session(), rig.session()
        assert _associate(rig, first, _AARE_REJECTED if how == "refused" else _AARE)[0] == 0x61
        if how != "refused":
            assert _associate(rig, second) == _REFUSED and rig.count("refused-pair-busy") == 1
        if how == "release":
            assert _associate(rig, first, _RLRE, _RLRQ) == _RLRE
        elif how == "time-out":
            rig.pass_ms(rig.rules.association_ms)
        elif how == "session end":
            rig.forwarder.on_session_end(rig.now, first)
        assert _associate(rig, second) == _AARE, how
        if how != "session end":
            assert _associate(rig, first) == _REFUSED
        assert rig.is_at_rest()


def test_an_aarq_that_never_went_out_leaves_the_pair_free():
    rig = Rig()
    first, second = rig.session(), rig.session()
    rig.medium.is_up = False
    rig.ask(first, _AARQ)
    rig.pass_ms(rig.rules.queue_ms)
    assert first.got == [wpdu(0x10, 16, _REFUSED)] and rig.count("refused-queue-expired") == 1
    rig.medium.is_up = True
    assert _associate(rig, second) == _AARE


def test_the_answer_to_an_orphaned_aarq_does_not_free_the_new_owners_pair():
    rig = Rig()
    first, second, third = rig.session(), rig.session(), rig.session()
    rig.ask(first, _AARQ)
    rig.confirm()
    rig.forwarder.on_session_end(rig.now, first)
    rig.ask(second, _AARQ + b"\x00")
    assert rig.uplink(_AARE_REJECTED) == UPLINK_LAST
    rig.done(DONE_REPLIED)
    rig.ask(third, _AARQ)
    assert third.got == [wpdu(0x10, 16, _REFUSED)]
    rig.answer(_AARE)
    assert second.got == [wpdu(0x10, 16, _AARE)] and rig.is_at_rest()


def test_what_waits_too_long_is_refused_and_the_rest_goes_on():
    rig = Rig()
    session = rig.session()
    rig.ask(session, b"\xdb\x01")
    rig.confirm()
    rig.ask(session, b"\xdb\x02")
    rig.pass_ms(30000)
    rig.ask(session, b"\xdb\x03", 0x11)
    rig.pass_ms(29999)
    assert session.got == []
    rig.pass_ms(1)
    assert session.got == [wpdu(0x10, 16, _REFUSED)] and rig.count("refused-queue-expired") == 1
    rig.answer(b"\xdb\x11")
    rig.answer(b"\xdb\x13")
    assert len(session.got) == 3 and rig.is_at_rest()


def test_queues_are_bounded_per_node_and_in_all():
    rig = Rig(buffers=40, exchanges_cnt=8, per_node_cnt=3)
    session = rig.session()
    for n in range(5):
        rig.ask(session, b"\xdb" + bytes([n]))
    assert len(session.got) == 1  # one on the air, three wait, the fifth is refused
    for n in range(5):
        rig.ask(session, b"\xdb" + bytes([n]), 0x11)
    assert rig.count("refused-queue-full") == 4  # the last slot is for control requests
    rig.ask(session, b"\xdb\x77", 0x12)  # and the one before it another head-end's
    assert rig.count("refused-queue-full") == 5 and rig.forwarder.exchanges.open_cnt == 6
    rig.ask(rig.session(), b"\xdb\x77", 0x12)
    assert rig.count("refused-queue-full") == 5 and rig.forwarder.exchanges.open_cnt == 7
    rig.ask(rig.session(), b"\xdb\x78", 0x13)
    assert rig.count("refused-queue-full") == 6
    for n in range(7):
        rig.answer(b"\xdb" + bytes([n]))
    assert rig.is_at_rest()


def test_a_peer_that_takes_nothing_costs_no_buffer():
    rig = Rig()
    session = rig.session()
    session.is_full = True
    rig.ask(session, b"\xdb\x01")
    rig.answer(b"\xdb\x11")
    rig.ask(session, b"\xdb\x01", 0x99)
    rig.ask(session, b"\xc0", 1)
    assert rig.count("dropped-peer-slow") == 3 and rig.count("replies-delivered") == 0
    assert rig.is_at_rest()


def test_without_a_buffer_an_answer_is_dropped_and_counted():
    rig = Rig(buffers=4)
    session = rig.session()
    rig.ask(session, b"\xdb\x01")
    held = [rig.slab.alloc() for _ in range(3)]
    rig.answer(b"\xdb\x11")
    assert session.got == [] and rig.count("dropped-no-buffer") == 1
    for number in held:
        rig.slab.free(number)
    assert rig.is_at_rest()


def test_memory_that_runs_out_behind_acceptance_puts_no_other_request_into_that_buffer():
    """The slot had the buffer and the buffer was free: the next APDU went to this node as well, cut to length."""
    rig = Rig()
    session = rig.session()
    scheduler = rig.forwarder._scheduler
    inner, raised = scheduler.came, []

    def runs_out(exchange, medium):
        if not raised:
            raised.append(exchange)
            raise MemoryError
        inner(exchange, medium)

    scheduler.came = runs_out
    first, second = b"\xdb\x01first", b"\xdb\x02the other one"
    try:
        rig.ask(session, first)
        raise AssertionError("no error")
    except MemoryError:
        pass
    rig.ask(session, second, 0x11)
    for sap, apdu in ((0x10, first), (0x11, second)):
        node, _, taken, _ = rig.medium.taken
        assert (node, taken) == (sap - 0x10, apdu)
        rig.confirm()
        rig.uplink(b"\xdb" + apdu, node)
        rig.done(DONE_REPLIED)
    assert rig.is_at_rest()


def test_an_answer_larger_than_a_buffer_is_dropped_and_counted():
    rig = Rig()
    session = rig.session()
    rig.ask(session, b"\xdb\x01")
    rig.answer(b"\xdb" + bytes(1024))
    assert session.got == [] and rig.count("dropped-no-buffer") == 1 and rig.is_at_rest()


def test_reading_stops_while_the_reserve_is_needed():
    rig = Rig(buffers=10, uplink_reserve_cnt=8)
    assert rig.forwarder.may_read()
    held = [rig.slab.alloc() for _ in range(2)]
    assert not rig.forwarder.may_read()
    rig.slab.free(held[0])
    assert rig.forwarder.may_read()


def test_what_a_node_event_is_good_for():
    rig = Rig()
    told = []
    rig.forwarder.on_event = lambda node, event: told.append((node, event))
    session = rig.session()
    for event in (NODE_LOST_EVENT, NODE_GONE_EVENT):
        rig.ask(session, b"\xdb\x01")
        rig.ask(session, b"\xdb\x02")
        rig.ask(session, b"\xdb\x03", 0x11)
        rig.forwarder.on_node(rig.now, 0, event)
        assert session.got.pop() == wpdu(0x10, 16, _REFUSED) and session.got == []
        rig.answer(b"\xdb\x11" + bytes([event]))  # what is on the air is waited for
        rig.answer(b"\xdb\x13" + bytes([event]))
        assert len(session.got) == 2 and rig.is_at_rest()
        session.got = []
    rig.forwarder.on_node(rig.now, 0, NODE_BACK_EVENT)
    assert told == [(0, NODE_LOST_EVENT), (0, NODE_GONE_EVENT), (0, NODE_BACK_EVENT)]


def test_without_a_line_requests_wait_and_go_when_it_is_back():
    rig = Rig()
    session = rig.session()
    rig.medium.is_up = False
    rig.ask(session, b"\xdb\x01")
    rig.forwarder.on_link(rig.now, False)
    assert rig.medium.taken is None and session.got == []
    rig.medium.is_up = True
    rig.forwarder.on_link(rig.now, True)
    rig.confirm()
    rig.medium.is_up = False
    rig.done(DONE_LINK_DOWN)
    assert rig.count("dropped-no-answer") == 1 and session.got == []
    rig.pass_ms(4990)  # the reply window it did not have, 2 s, and the guard time
    assert not rig.is_at_rest()
    rig.pass_ms(10)
    assert rig.is_at_rest()


def test_a_modem_that_does_not_send_is_asked_three_times():
    rig = Rig()
    session = rig.session()
    rig.ask(session, b"\xdb\x01")
    for _ in range(3):
        assert rig.medium.taken[2] == b"\xdb\x01" and session.got == []
        rig.done(DONE_NOT_SENT)
    assert session.got == [wpdu(0x10, 16, _REFUSED)] and rig.count("refused-modem") == 1
    assert len(rig.medium.submits) == 3 and rig.is_at_rest()
