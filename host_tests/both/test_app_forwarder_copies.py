# SPDX-License-Identifier: MIT
"""Late, early, second and foreign answers: each is dropped, counted, and meets nobody's request."""

from fakes import Rig, wpdu

from plc.medium import (
    DONE_NO_REPLY,
    DONE_REPLIED,
    UPLINK_FOREIGN,
    UPLINK_LAST,
    UPLINK_MORE,
)

_GET = b"\xc0\x01\xc1\x00\x08\x00\x00\x01\x00\x00\xff\x02\x00"
_GOT = b"\xc4\x01\xc1\x00\x09\x01\x2a"
_AARQ = b"\x60\x1d\xa1\x09"
_AARE = b"\x61\x07\xa2\x03\x02\x01\x00"


def test_a_late_answer_is_dropped_and_never_meets_the_next_exchange():
    rig = Rig()
    session = rig.session()
    rig.ask(session, b"\xdb\x01")
    rig.finish(DONE_NO_REPLY)
    rig.ask(session, b"\xdb\x02")
    assert rig.medium.taken is None  # the node rests
    for _ in range(2):  # and a copy of it
        assert rig.uplink(b"\xdb\x11") == UPLINK_FOREIGN
    rig.pass_ms(2999)
    assert rig.medium.taken is None and rig.uplink(b"\xdb\x11") == UPLINK_FOREIGN
    rig.pass_ms(1)
    assert rig.medium.taken[2] == b"\xdb\x02"
    assert rig.count("dropped-late") == 3 and session.got == []
    rig.answer(b"\xdb\x12")
    assert session.got == [wpdu(0x10, 16, b"\xdb\x12")] and rig.is_at_rest()


def test_an_answer_before_the_confirm_belongs_to_the_exchange_before():
    rig = Rig()
    session = rig.session()
    rig.ask(session, b"\xdb\x01")
    assert rig.uplink(b"\xdb\x10") == UPLINK_FOREIGN
    rig.answer(b"\xdb\x11")
    assert session.got == [wpdu(0x10, 16, b"\xdb\x11")] and rig.count("dropped-stale") == 1


def test_a_second_answer_is_dropped():
    rig = Rig()
    session = rig.session()
    rig.ask(session, b"\xdb\x01")
    rig.confirm()
    assert rig.uplink(b"\xdb\x11") == UPLINK_LAST
    assert rig.uplink(b"\xdb\x11") == UPLINK_FOREIGN  # before the medium is through
    rig.done(DONE_REPLIED)
    assert rig.uplink(b"\xdb\x11") == UPLINK_FOREIGN
    assert len(session.got) == 1 and rig.push.got == [] and rig.is_at_rest()


def test_a_copy_of_a_ciphered_answer_never_meets_the_next_exchange():
    rig = Rig()
    session = rig.session()
    for tag in (0xDB, 0xCC):
        rig.ask(session, b"\xdb\x01")
        rig.answer(bytes([tag]) + b"\x11")
        rig.ask(session, b"\xdb\x02")
        rig.confirm()
        assert rig.uplink(bytes([tag]) + b"\x11") == UPLINK_FOREIGN
        rig.answer(bytes([tag]) + b"\x12")
        assert [got[8:] for got in session.got] == [bytes([tag]) + b"\x11", bytes([tag]) + b"\x12"]
        session.got = []
    assert rig.count("dropped-stale") == 2 and rig.is_at_rest()


def test_a_plain_answer_may_well_be_the_same_twice():
    rig = Rig()
    session = rig.session()
    for _ in range(2):
        rig.ask(session, _GET)
        rig.answer(_GOT)
    assert session.got == [wpdu(0x10, 16, _GOT)] * 2


def test_a_streamed_block_that_comes_twice_is_delivered_once():
    rig = Rig()
    session = rig.session()
    rig.ask(session, b"\xe0\x82\x00\x01\x00\x00\x00")
    rig.confirm()
    block = b"\xe0\x42\x00\x01\x00\x01\x00"
    assert (rig.uplink(block), rig.uplink(block)) == (UPLINK_MORE, UPLINK_FOREIGN)
    assert len(session.got) == 1


def test_an_answer_of_another_kind_invoke_id_pair_or_node_is_not_taken():
    rig = Rig()
    session = rig.session()
    rig.ask(session, _GET)
    rig.confirm()
    assert rig.uplink(b"\xc5\x01\xc1\x00") == UPLINK_FOREIGN
    assert rig.uplink(b"\xc4\x01\xc2\x00\x00") == UPLINK_FOREIGN
    assert rig.uplink(_GOT, client=17) == UPLINK_FOREIGN
    assert rig.uplink(_GOT, server=2) == UPLINK_FOREIGN
    assert rig.uplink(_GOT, node=1) == UPLINK_FOREIGN
    assert rig.uplink(b"") == UPLINK_FOREIGN
    assert session.got == [] and rig.count("dropped-stale") == 6
    assert rig.uplink(_GOT) == UPLINK_LAST
    rig.done(DONE_REPLIED)
    assert rig.is_at_rest()


def test_a_ciphered_push_is_one_only_where_no_answer_can_be_meant():
    rig = Rig()
    session = rig.session()
    assert rig.uplink(b"\xdb\x01") == UPLINK_FOREIGN
    assert rig.push.got == [(0x10, 16, b"\xdb\x01")]
    rig.ask(session, _AARQ)
    rig.answer(_AARE)
    rig.uplink(b"\xdb\x02")  # the pair has an owner
    rig.uplink(b"\xdb\x03", client=17)  # this one has none
    assert [got[2] for got in rig.push.got] == [b"\xdb\x01", b"\xdb\x03"]
    rig.forwarder.on_session_end(rig.now, session)
    rig.uplink(b"\xdb\x04")  # but has had an exchange just now
    rig.pass_ms(6000)
    rig.uplink(b"\xdb\x05")
    assert [got[2] for got in rig.push.got] == [b"\xdb\x01", b"\xdb\x03", b"\xdb\x05"]
