# SPDX-License-Identifier: MIT
"""Sessions on in-memory streams: any split, back-pressure, dead and slow peers, limits, no leak."""

import asyncio

from app_fakes import Wan, settle, until
from fakes import wpdu

from app.sessions import Listener

_APDU = b"\xc0\x01\xc1\x00\x08"
_WPDU = wpdu(16, 0x10, _APDU)


def _is_over(wan, stream, cause):
    """Closed for `cause`, counted once, nothing kept."""
    return stream.is_closed and wan.count(cause) == 1 and wan.is_at_rest() and len(wan.forwarder.ended) == 1


async def test_any_split_of_the_stream_gives_the_same_requests():
    expected = [((16, 0x10), _APDU), ((17, 0x11), b"\x60"), ((0xFFFF, 1), bytes(640))]
    octets = b"".join([wpdu(ports[0], ports[1], apdu) for ports, apdu in expected])
    for step in (1, 2, 3, 7, 8, 9, 13, 64, 4096):
        wan = Wan(Listener)
        stream = await wan.connect(step)
        stream.feed(octets)
        await settle(len(octets) // step + 40)
        assert wan.forwarder.got == expected, step
        stream.end()
        await settle()
        assert _is_over(wan, stream, "closed-by-peer")


async def test_a_stream_cut_anywhere_gives_back_what_was_begun():
    for cut in range(len(_WPDU)):
        wan = Wan(Listener)
        stream = await wan.connect()
        stream.feed(_WPDU + _WPDU[:cut])
        await settle()
        stream.end()
        await settle()
        assert len(wan.forwarder.got) == 1 and _is_over(wan, stream, "closed-by-peer"), cut


async def test_replies_go_out_whole_and_in_order():
    wan = Wan(Listener)
    wan.forwarder.reply = b"answer;"
    stream = await wan.connect()
    stream.feed(_WPDU * 6)
    await settle(60)
    assert stream.out == b"answer;" * 6
    stream.end()
    await settle()
    assert wan.is_at_rest()


async def test_a_wrong_header_closes_the_connection_at_once():
    empty, too_long = wpdu(16, 16, b""), wpdu(16, 16, bytes(1025))[:8]
    for header in (b"\x00\x02\x00\x10\x00\x10\x00\x05", empty, too_long):
        wan = Wan(Listener)
        stream = await wan.connect()
        stream.feed(_WPDU + header + _WPDU)
        await settle()
        assert len(wan.forwarder.got) == 1
        assert _is_over(wan, stream, "closed-bad-header")


async def test_without_a_free_buffer_the_socket_is_not_read():
    wan = Wan(Listener)
    wan.forwarder.can_read = False
    stream = await wan.connect()
    stream.feed(_WPDU)
    await settle()
    await asyncio.sleep_ms(20)
    assert stream.reads == 1 and wan.forwarder.got == []
    wan.clock.now += 40000  # longer than a peer may take over a WPDU: but it is us who wait
    wan.listener.on_deadline(wan.clock.now)
    wan.forwarder.can_read = True
    await until(lambda: wan.forwarder.got)
    await wan.pass_s(0)
    assert wan.forwarder.got == [((16, 0x10), _APDU)] and not stream.is_closed
    stream.end()
    await settle()
    assert wan.is_at_rest()


async def test_after_our_own_wait_the_peer_has_its_full_time():
    wan = Wan(Listener)
    wan.forwarder.can_read = False
    stream = await wan.connect()
    stream.feed(_WPDU[:8])
    await settle()
    wan.clock.now += 40000
    wan.forwarder.can_read = True
    await until(lambda: wan.slab.free_cnt < wan.free_cnt)
    await wan.pass_s(30)
    assert not stream.is_closed
    await wan.pass_s(1)
    assert _is_over(wan, stream, "closed-partial-wpdu")


async def test_a_session_that_ends_while_it_waits_for_a_buffer_takes_none():
    wan = Wan(Listener)
    wan.forwarder.can_read = False
    stream = await wan.connect()
    stream.feed(_WPDU)
    await settle()
    await wan.pass_s(901)
    await asyncio.sleep_ms(20)
    assert _is_over(wan, stream, "closed-idle")


async def test_half_a_wpdu_for_too_long_closes():
    for cut in (1, 7, 8, 9, len(_WPDU) - 1):
        wan = Wan(Listener)
        stream = await wan.connect()
        stream.feed(_WPDU[:cut])
        await settle()
        await wan.pass_s(30)
        assert not stream.is_closed
        await wan.pass_s(1)
        assert _is_over(wan, stream, "closed-partial-wpdu"), cut


async def test_an_idle_session_closes_and_a_busy_one_does_not():
    wan = Wan(Listener)
    idle, busy = await wan.connect(), await wan.connect()
    for _ in range(3):
        await wan.pass_s(400)
        busy.feed(_WPDU)
        await settle()
    assert idle.is_closed and not busy.is_closed and wan.count("closed-idle") == 1
    busy.end()
    await settle()
    assert wan.is_at_rest()


async def test_a_peer_that_takes_nothing_is_closed_by_time():
    wan = Wan(Listener)
    wan.forwarder.reply = b"answer"
    stream = await wan.connect()
    stream.is_stuck = True
    stream.feed(_WPDU)
    await settle()
    await wan.pass_s(30)
    assert not stream.is_closed
    await wan.pass_s(1)
    assert _is_over(wan, stream, "closed-slow-peer")


async def test_a_peer_that_takes_nothing_is_closed_when_its_queue_is_full():
    wan = Wan(Listener, send_queue=3)
    wan.forwarder.reply = b"answer"
    stream = await wan.connect()
    stream.is_stuck = True
    stream.feed(_WPDU * 5)  # one in the writer, three wait, the fifth is too many
    await settle(40)
    assert len(wan.forwarder.got) == 5 and _is_over(wan, stream, "closed-slow-peer")


async def test_a_slow_peer_disturbs_no_other():
    wan = Wan(Listener, send_queue=2)
    wan.forwarder.reply = b"answer"
    slow, quick = await wan.connect(), await wan.connect()
    slow.is_stuck = True
    slow.feed(_WPDU * 4)
    quick.feed(_WPDU * 2)
    await settle(40)
    assert slow.is_closed and not quick.is_closed and quick.out == b"answer" * 2
    quick.end()
    await settle()
    assert wan.is_at_rest()


async def test_a_session_can_be_closed_while_it_writes():
    for how in ("peer", "network"):
        wan = Wan(Listener)
        wan.forwarder.reply = b"answer"
        stream = await wan.connect()
        stream.is_stuck = True
        stream.feed(_WPDU * 2)
        await settle()
        stream.end(OSError(104) if how == "network" else None)
        await settle()
        assert _is_over(wan, stream, "closed-by-peer" if how == "peer" else "closed-network-error")


async def test_a_network_error_while_writing_closes():
    wan = Wan(Listener)
    wan.forwarder.reply = b"answer"
    stream = await wan.connect()
    stream.is_stuck = True
    stream.feed(_WPDU)
    await settle()
    stream.error = OSError(104)
    stream.let_go()
    await settle()
    assert _is_over(wan, stream, "closed-network-error")


async def test_nothing_is_sent_to_a_session_that_is_closed():
    wan = Wan(Listener)
    stream = await wan.connect()
    session = wan.listener.sessions[0]
    stream.end()
    await settle()
    wan.forwarder.send(session, b"too late")
    await settle()
    assert stream.out == b"" and wan.is_at_rest()


async def test_a_newcomer_gets_the_place_of_the_one_silent_longest():
    wan = Wan(Listener, sessions=2, spare_s=60)
    first, second = await wan.connect_many(2)
    await wan.pass_s(40)
    first.feed(wpdu(16, 1, b"\xc0"))
    await settle()
    await wan.pass_s(30)
    third = await wan.connect()  # second has said nothing for 70 s, first for 30
    assert not third.is_closed and not first.is_closed and second.is_closed
    fourth = await wan.connect()
    assert fourth.is_closed and wan.count("refused-too-many") == 1 and wan.count("closed-idle") == 1
    for stream in (first, third):
        stream.end()
    await settle()
    assert wan.is_at_rest()


async def test_so_many_head_ends_and_no_more():
    wan = Wan(Listener, sessions=2)
    streams = await wan.connect_many(3)
    assert [stream.is_closed for stream in streams] == [False, False, True]
    assert wan.count("refused-too-many") == 1
    streams[0].end()
    await settle()
    again = await wan.connect()
    assert not again.is_closed and wan.count("opened") == 3
    for stream in (streams[1], again):
        stream.end()
    await settle()
    assert wan.is_at_rest()


async def test_so_many_connections_a_second_and_no_more():
    wan = Wan(Listener, connects_per_s=3, sessions=16)
    streams = await wan.connect_many(5)
    assert [stream.is_closed for stream in streams] == [False] * 3 + [True] * 2
    wan.clock.now += 1000
    assert not (await wan.connect()).is_closed
    assert wan.count("refused-too-fast") == 2
    assert [session.number for session in wan.listener.sessions] == [1, 2, 3, 4]


async def test_one_session_waiting_for_a_buffer_leaves_the_others_alone():
    wan = Wan(Listener, buffers=3)
    first, second = await wan.connect(), await wan.connect()
    first.feed(_WPDU[:10])
    second.feed(_WPDU[:10])
    await settle()
    third = await wan.connect()
    third.feed(_WPDU)
    await asyncio.sleep_ms(20)
    assert wan.forwarder.got == []
    first.feed(_WPDU[10:])
    await until(lambda: len(wan.forwarder.got) == 2)
    for stream in (first, second, third):
        stream.end()
    await settle()
    assert wan.is_at_rest()


async def test_a_wpdu_that_comes_octet_by_octet_has_no_more_time_than_one_that_stops():
    wan = Wan(Listener)
    stream = await wan.connect()
    for octet in wpdu(16, 1, bytes(20)):
        stream.feed(bytes((octet,)))
        await settle()
        await wan.pass_s(20)
    assert stream.is_closed and wan.count("closed-partial-wpdu") == 1 and wan.is_at_rest()
