# SPDX-License-Identifier: MIT
"""The gateway's own events as notifications: which, in what form, in turn with meters; heartbeats."""

from app import push_events
from base import events
from base.log import ERROR, NOTICE
from host_tests.push_bench import SERIAL, WALL, play


def test_a_node_that_comes_and_goes_is_pushed_with_time_code_and_the_text_head_ends_know():
    async def story(bench):
        await bench.run(5)
        for event in (events.NODE_UP, events.NODE_LOST, events.NODE_BACK, events.NODE_GONE):
            bench.log.add(NOTICE, event, 3)
        await bench.run(2)

    title = b"METER003".hex().upper()
    up = '{"MeterIdentifier":"%s","SAP_DLMS_GW":"0x13"}' % title
    when = WALL + 6
    assert play(story).own_got() == [(when, 0xC2, up), (when, 0xCB, title), (when, 0xCC, title), (when, 0xC3, title)]


def test_an_alarm_has_the_words_of_the_log_and_a_code_of_ours():
    async def story(bench):
        bench.log.add(ERROR, events.MODEM_FAILED, a=7)
        bench.log.add(NOTICE, events.JOIN_FORGED, a=-1, b=16)
        await bench.run(1)

    found = play(story).own_got()
    assert [one[1:] for one in found] == [
        (0x7F00 + events.MODEM_FAILED, "modem-failed cause=7"),
        (0x7F00 + events.JOIN_FORGED, "join-forged eui64=FFFFFFFF00000010"),
    ]


def test_what_is_nobodys_business_is_not_pushed():
    async def story(bench):
        for event in (events.WAN_OPEN, events.DISCOVERY_ROUND, events.PUSH_DROPPED, events.WAN_REFUSED):
            bench.log.add(NOTICE, event)
        bench.own.kinds = push_events.ALARM
        bench.log.add(NOTICE, events.NODE_UP, 1)
        await bench.run(3)

    bench = play(story)
    assert bench.targets[0].connections == 0 and bench.is_at_rest()


def test_a_clock_that_was_never_set_gives_no_time():
    async def story(bench):
        bench.wall_at_start = 0
        bench.log.add(NOTICE, events.NODE_LOST, 3)
        await bench.run(1)

    assert play(story).own_got()[0][0] == 0


def test_meters_and_own_events_take_turns():
    async def story(bench):
        bench.offer(1, 2, 3)
        for node in range(6):
            bench.log.add(NOTICE, events.NODE_LOST, node)
        await bench.run(1)

    sources = [octets[3] for octets in play(story).targets[0].got]
    assert sources == [1, 0x10, 1, 0x10, 1, 0x10, 1, 1, 1]


def test_events_in_batches_are_an_array_that_fits_the_apdu():
    async def story(bench):
        bench.turns.batch = 16
        for node in range(8):
            bench.log.add(NOTICE, events.NODE_UP, node)
        await bench.run(1)

    bench = play(story)
    assert [text[-6:-2] for text in bench.texts()] == ["0x%02X" % n for n in range(16, 24)]
    assert 2 <= len(bench.targets[0].got) <= 4 and max(map(len, bench.targets[0].got)) <= 264


def test_a_heartbeat_every_so_often_and_when_asked():
    async def story(bench):
        bench.own.health = lambda: '{"uptime_s":%d}' % bench.log.now_s
        bench.keeper.heartbeat_s = 60
        await bench.run(130)
        bench.keeper.push_now()
        await bench.run(1)

    bench = play(story)
    assert [one[1] for one in bench.own_got()] == [0xD1] * 3
    assert [text in ('{"uptime_s":%d}' % at for at in (60, 61, 120, 121, 131)) for text in bench.texts()] == [True] * 3


def test_heartbeats_that_cannot_be_delivered_do_not_pile_up():
    async def story(bench):
        bench.own.health = lambda: "{}"
        bench.keeper.heartbeat_s = 10
        bench.up(False)
        await bench.run(500)
        bench.up(True)
        await bench.run(61)

    bench = play(story)
    assert 1 <= len(bench.own_got()) <= 7


def test_the_older_form_is_an_event_notification_with_a_code_of_32_bits():
    async def story(bench):
        bench.own.as_event, bench.turns.batch = True, 16
        bench.log.add(NOTICE, events.NODE_LOST, 3)
        bench.log.add(NOTICE, events.NODE_BACK, 3)
        await bench.run(1)

    got = play(story).targets[0].got
    head = bytes.fromhex("C2 00 4E2C 000080000CFF 03  02 03 09 0C") + SERIAL + bytes.fromhex("12 0001 02 04 09 0C")
    assert len(got) == 2 and got[0][8:].startswith(head)
    tail = bytes.fromhex("12 0000 06 00CB0000 09 10") + b"METER003".hex().upper().encode()
    assert got[0][8 + len(head) + 12 :] == tail
