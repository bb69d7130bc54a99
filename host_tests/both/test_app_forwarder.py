# SPDX-License-Identifier: MIT
"""The straight path both ways: what is forwarded, refused, delivered, pushed or dropped."""

from fakes import Rig, sessions_of_vectors, title, wpdu

from plc.medium import (
    BROADCAST,
    DONE_REPLIED,
    NODE_LOST,
    UPLINK_FOREIGN,
    UPLINK_LAST,
    UPLINK_MORE,
)

_GET = b"\xc0\x01\xc1\x00\x08\x00\x00\x01\x00\x00\xff\x02\x00"
_GOT = b"\xc4\x01\xc1\x00\x09\x01\x2a"
_REFUSED = b"\xd8\x01\x01"


def test_every_recorded_session_passes_octet_for_octet_both_ways():
    for name, frames in sessions_of_vectors():
        if name == "gateway-prefix.gurux":
            continue  # the next test
        rig = Rig(2)
        rig.medium.max_apdu = 1000  # a few were recorded over larger frames
        session = rig.session()
        expected, pushed = [], []
        for is_request, frame in frames:
            if is_request and rig.medium.taken is not None:
                rig.finish()  # a request the recorded meter did not answer
                rig.pass_ms(3000)
            client = frame[2] * 256 + frame[3] if is_request else frame[4] * 256 + frame[5]
            if is_request:
                assert rig.ask(session, frame[8:], 0x11, client)
                assert rig.medium.taken == (1, (client, 1), frame[8:], True), name
            elif rig.medium.taken is not None:
                rig.answer(frame[8:])
                expected.append(wpdu(0x11, client, frame[8:]))
            else:
                rig.uplink(frame[8:], 1, client)
                pushed.append((0x11, client, frame[8:]))
        if rig.medium.taken is not None:
            rig.finish()
            rig.pass_ms(3000)
        assert session.got == expected and rig.push.got == pushed and expected + pushed, name
        assert rig.is_at_rest(), name


def test_the_recorded_gateway_prefix_leads_to_its_meter_and_comes_back_as_e7():
    rig = Rig(2)
    rig.table.put_verified(1, b"12345678")
    session = rig.session()
    frames = dict(sessions_of_vectors())["gateway-prefix.gurux"]
    prefix = b"\xe6\x01\x0812345678"
    requests = [frame for is_request, frame in frames if is_request]
    for frame in requests:
        assert frame[8:].startswith(prefix)
        rig.ask(session, frame[8:], frame[4] * 256 + frame[5], frame[2] * 256 + frame[3])
        assert rig.medium.taken[0] == 1 and rig.medium.taken[2] == frame[8 + len(prefix) :]
        rig.answer(_REFUSED)
        assert session.got.pop()[8:] == b"\xe7" + prefix[1:] + _REFUSED
    assert requests and rig.is_at_rest()


def test_an_extra_sap_reaches_its_device_and_answers_under_its_own_number():
    rig = Rig()
    session = rig.session()
    rig.ask(session, _GET, 0x1000)
    assert rig.medium.taken[:2] == (1, (16, 3))
    rig.answer(_GOT)
    assert session.got == [wpdu(0x1000, 16, _GOT)] and rig.is_at_rest()


def test_a_prefix_comes_back_as_e7_around_the_same_octets():
    for address in (title(2), b"\x00\x03"):
        for head in (bytes([0xE6, 7, len(address)]), bytes([0xE6, 7, 0x81, len(address)])):
            rig = Rig()
            session = rig.session()
            rig.ask(session, head + address + _GET, 5)
            assert rig.medium.taken == (2, (16, 5), _GET, True)
            rig.answer(_GOT)
            assert session.got == [wpdu(5, 16, b"\xe7" + head[1:] + address + _GOT)] and rig.is_at_rest()


def test_the_longest_prefix_the_reader_takes_is_answered_too():
    rig = Rig()
    session = rig.session()
    prefix = b"\xe6\x00\x81\x20" + bytes(32)
    rig.ask(session, prefix + _GET, 1)
    assert session.got == [wpdu(1, 16, b"\xe7" + prefix[1:] + _REFUSED)] and rig.is_at_rest()


def test_a_broadcast_goes_out_once_and_nobody_answers():
    rig = Rig()
    session = rig.session()
    rig.ask(session, b"\xdb\x01\x02", 0x7F, 1)
    assert rig.medium.taken == (BROADCAST, (1, 1), b"\xdb\x01\x02", False)
    rig.finish()
    assert session.got == [] and rig.count("broadcasts") == 1 and rig.is_at_rest()


def test_unconfirmed_requests_are_not_waited_for():
    for apdu in (b"\xc1\x01\x81\x00", b"\xc3\x01\x81\x00", b"\xe0\x40\x00\x01\x00\x00", b"\x16\x01"):
        rig = Rig()
        session = rig.session()
        rig.ask(session, apdu)
        assert not rig.medium.taken[3]
        rig.finish()
        assert session.got == [] and rig.is_at_rest()


def test_refusals_say_why_as_far_as_the_standard_lets_them():
    rig = Rig()
    session = rig.session()
    cases = (
        (_GET, 0x99, 16, _REFUSED, "refused-unknown-sap"),
        (b"\xe6\x00\x08", 1, 16, _REFUSED, "refused-bad-prefix"),
        (_GET, 0x10, 0x1FF, _REFUSED, "refused-client-sap"),
        (_GET + bytes(240), 0x10, 16, b"\xd8\x01\x04", "refused-too-long"),
    )
    for apdu, sap, client, words, counter in cases:
        rig.ask(session, apdu, sap, client)
        assert session.got.pop() == wpdu(sap, client, words)
        assert rig.count(counter) == 1
    rig.table.set_state(0, NODE_LOST, 1)
    rig.ask(session, _GET)
    assert session.got.pop() == wpdu(0x10, 16, _REFUSED) and rig.count("refused-node-away") == 1
    rig.medium.is_open = False
    rig.ask(session, _GET, 0x11)
    assert session.got.pop() == wpdu(0x11, 16, _REFUSED) and rig.count("refused-outside-window") == 1
    assert rig.medium.submits == [] and rig.is_at_rest()


def test_a_refusal_carries_the_prefix_that_came():
    rig = Rig()
    session = rig.session()
    prefix = b"\xe6\x05\x08" + title(9)
    rig.ask(session, prefix + _GET, 3)
    assert session.got == [wpdu(3, 16, b"\xe7" + prefix[1:] + _REFUSED)]


def test_refusals_are_silent_when_configured_so():
    rig = Rig(refuse_by_exception=False)
    session = rig.session()
    rig.ask(session, _GET, 0x99)
    assert session.got == [] and rig.count("refused-unknown-sap") == 1 and rig.is_at_rest()


def test_an_identical_request_that_is_pending_is_not_sent_twice():
    rig = Rig()
    session, other = rig.session(), rig.session()
    rig.ask(session, _GET)
    rig.ask(session, _GET)  # on the air
    rig.confirm()
    rig.ask(session, _GET)
    assert rig.count("dropped-duplicate-request") == 2 and len(rig.medium.submits) == 1
    rig.ask(other, _GET)  # somebody else's question
    rig.ask(session, _GET[:-1] + b"\x01")
    rig.answer(_GOT)
    rig.answer(_GOT)
    rig.answer(_GOT)
    assert len(session.got) == 2 and len(other.got) == 1
    rig.ask(session, _GET)  # answered: no repetition any more
    assert len(rig.medium.submits) == 4
    rig.answer(_GOT)
    assert rig.is_at_rest()


def test_streamed_blocks_all_come_through_and_the_line_is_held_for_them():
    rig = Rig()
    session = rig.session()
    rig.ask(session, b"\xe0\x82\x00\x01\x00\x00\x00")
    rig.confirm()
    blocks = [b"\xe0\x42\x00" + bytes([n]) + b"\x00\x01\x00" for n in range(3)]
    for block in blocks:
        assert rig.uplink(block) == UPLINK_MORE
    last = b"\xe0\x82\x00\x03\x00\x01\x00"
    assert rig.uplink(last) == UPLINK_LAST
    rig.done(DONE_REPLIED)
    assert session.got == [wpdu(0x10, 16, block) for block in blocks + [last]] and rig.is_at_rest()


def test_notifications_go_to_the_push_route_whatever_is_pending():
    rig = Rig()
    session = rig.session()
    for is_pending in (False, True):
        if is_pending:
            rig.ask(session, _GET)
            rig.confirm()
        for tag in (0x0F, 0xC2):
            assert rig.uplink(bytes([tag]) + b"\x01\x02") == UPLINK_FOREIGN
            assert rig.push.got.pop() == (0x10, 16, bytes([tag]) + b"\x01\x02")
    rig.answer(_GOT)
    assert len(session.got) == 1 and rig.count("pushes-relayed") == 4


def test_without_a_push_route_notifications_are_counted():
    rig = Rig()
    rig.forwarder.push = None
    rig.uplink(b"\x0f\x01")
    assert rig.count("dropped-push-no-route") == 1


def test_sap_1_answers_at_once_and_keeps_no_buffer():
    rig = Rig(buffers=4)
    session = rig.session()
    rig.ask(session, b"\xc0\x01", 1)
    assert session.got == [wpdu(1, 16, b"\xc4\xc0\x01")] and rig.is_at_rest()
    rig.device.answer = b""
    rig.ask(session, b"\xc0\x01", 1)
    held = [rig.slab.alloc() for _ in range(3)]
    rig.device.answer = b"\xc4"
    rig.ask(session, b"\xc0\x01", 1)  # no buffer for the answer
    assert len(session.got) == 1 and rig.count("dropped-no-buffer") == 1
    for number in held:
        rig.slab.free(number)
    assert rig.is_at_rest()


def test_a_held_line_gives_nothing_new_until_the_last_holder_lets_go():
    rig = Rig(2)
    session = rig.session()
    assert not rig.forwarder.is_on_line()
    rig.forwarder.hold()
    rig.forwarder.hold()
    assert rig.ask(session, _GET) and rig.medium.taken is None and not rig.forwarder.is_on_line()
    rig.forwarder.let_go(rig.now)
    assert rig.medium.taken is None
    rig.forwarder.let_go(rig.now)
    assert rig.medium.taken is not None and rig.forwarder.is_on_line()
    rig.forwarder.hold()
    rig.answer(_GOT)
    assert len(session.got) == 1 and not rig.forwarder.is_on_line()
    rig.forwarder.let_go(rig.now)
    assert rig.is_at_rest()


def test_an_answer_of_the_own_device_that_streams_goes_out_at_once_as_far_as_there_is_room():
    for room, buffers, allowed in ((8, 16, 2), (2, 64, 2), (0, 64, 1), (8, 64, 5)):
        rig = Rig(buffers=buffers)
        head_end, device = rig.session(), rig.device
        head_end.room, device.left = room, 0

        def stream(most, device=device):
            device.left = most

        def more_cnt(device=device):
            device.left -= 1
            return device.left

        def more(out, off, room, device=device):
            out[off] = device.left
            return 1

        device.stream, device.more_cnt, device.more = stream, more_cnt, more
        assert rig.ask(head_end, b"\xc0", sap=1)
        assert len(head_end.got) == allowed, (room, buffers)
        assert [wpdu[8] for wpdu in head_end.got[1:]] == list(range(allowed - 1, 0, -1))
        assert rig.is_whole()
