# SPDX-License-Identifier: MIT
"""Nodes of the G3 segment: answers and windows, lost and back, ways and parents, what comes up unasked."""

from g3_bench import EUI, EUI_2, G3Bench, octets
from plc_fakes import at

from plc.g3 import echo as ec
from plc.g3 import shared
from plc.medium import (
    DONE_NO_REPLY,
    DONE_REPLIED,
    NODE_BACK_EVENT,
    NODE_LOST,
    NODE_LOST_EVENT,
    UPLINK_FOREIGN,
    UPLINK_LAST,
    UPLINK_MORE,
)


def up(euis=(EUI,), **changes):
    return G3Bench(euis, **changes).bring_up()


def test_the_reply_window_grows_with_hops_and_falls_with_link_quality():
    bench = up()
    links, window = bench.segment.links, bench.segment.window
    path = b"\x00\x00\x01\x00\x00\x0f"
    hop = b"\x00\x01\x01\x12\x00\x3c\x3a"
    seen = []
    for count in (1, 3, 6):
        answer = path + bytes([count, 0]) + hop * count
        assert links.take_path(0, memoryview(answer), 0, len(answer))
        links.note_lqi(0, 40)
        seen.append(window.reply_ms(0, 100, 0))
    assert seen[0] < seen[1] < seen[2]
    links.note_lqi(0, 80)
    assert window.reply_ms(0, 100, 0) < seen[2]
    assert window.reply_ms(0, 100, 2) > window.reply_ms(0, 100, 0)
    links.missed(0)
    assert window.reply_ms(0, 100, 0) > 20000  # the route may have to be found first
    assert bench.segment.airtime_ms(0, 13, 100) > 0


def test_no_answer_ends_with_the_window_and_the_node_is_looked_for():
    bench = up(suspect_ms=1000)
    bench.submit(0)
    bench.taken()
    bench.confirm()
    bench.wait(120000, lambda: len(bench.sink.log) > 1)
    assert bench.sink.take() == [("sent", 0), ("done", 0, DONE_NO_REPLY)]
    bench.wait(1100)
    assert bench.taken() == [octets("15 0001 0F")]


def test_a_node_is_lost_after_failed_paths_and_back_when_it_is_heard():
    bench = up(suspect_ms=10, lost_after=3)
    bench.segment.watch.suspect(at(bench.ms), 0)
    for _ in range(3):
        bench.wait(60000, lambda: bool(bench.pins.log))
        assert bench.taken() == [octets("15 0001 0F")]
        bench.says("2C A6 0001 0000 0F 00 00")
    assert bench.nodes.state(0) == NODE_LOST and bench.sink.take() == [("node", 0, NODE_LOST_EVENT)]
    bench.uplink(b"\xc4\x01")
    assert bench.sink.take()[0] == ("node", 0, NODE_BACK_EVENT)


def test_a_lost_node_is_looked_for_again_and_back_when_a_path_is_found():
    bench = up(lost_retry_s=100)
    bench.segment.watch.lose(at(bench.ms), 0)
    bench.sink.take()
    bench.wait(130000, lambda: bool(bench.pins.log))
    assert bench.taken() == [octets("15 0001 0F")]
    # The frame of facts/g3.md 6.6: one hop forward, one back.
    bench.feed(octets("7E05E52C00000100000F010100010112003C3A00000114003A3C582C7E"))
    assert bench.sink.take() == [("node", 0, NODE_BACK_EVENT)]
    assert bench.segment.links.hops(0) == 1 and bench.segment.links.lqi(0) == 60
    entry = bench.segment.node_list.entry(at(bench.ms), 0)
    assert (entry.eui64, entry.short_addr, entry.hops, entry.parent, entry.lqi) == (EUI, 1, 1, 0, 60)


def test_the_parent_is_the_hop_before_the_node():
    bench = up((EUI, EUI_2))
    assert bench.segment.watch.request_path(at(bench.ms), 1)
    bench.wait(10)
    assert bench.taken() == [octets("15 0002 0F")]
    bench.says("2C 00 0002 0000 0F 02 01 0001 01 12 00 3C 3A 0002 01 12 00 50 3A 0000 01 14 00 3A 3C")
    entry = bench.segment.node_list.entry(at(bench.ms), 1)
    assert (entry.hops, entry.parent, entry.lqi) == (2, 1, 60) and entry.rtt_ms >= 1


def test_a_malformed_path_changes_nothing():
    answer = octets("00 0001 0000 0F 01 01 0001 01 12 00 3C 3A 0000 01 14 00 3A 3C")
    links = up().segment.links
    for n in range(len(answer)):
        assert not links.take_path(0, memoryview(answer), 0, n)
    assert not links.take_path(0, memoryview(answer[:6] + b"\x0f\x00" + bytes(200)), 0, 200)
    assert links.take_path(0, memoryview(answer), 0, len(answer))


def test_silent_nodes_are_asked_for_one_at_a_time():
    bench = up((EUI, EUI_2), keepalive_s=60)
    asked = []
    bench.wait(75000, lambda: bool(bench.pins.log))
    asked += bench.taken()
    bench.wait(3000)
    assert bench.taken() == []  # the first path discovery is under way
    bench.says(b"\x2c\x00" + asked[0][1:3] + octets("0000 0F 01 00 0001 01 12 00 3C 3A"))
    rest_ms = bench.segment.window.path_ms(-1) * 100 // 3  # no more than 3 % of the line
    bench.wait(rest_ms - 5000)
    assert bench.taken() == []
    bench.wait(6000, lambda: bool(bench.pins.log))
    asked += bench.taken()
    assert sorted(asked) == [octets("15 0001 0F"), octets("15 0002 0F")]


def path_requests(bench):
    return [request for request in bench.taken() if request[0] == 0x15]


def test_a_lost_node_waits_behind_one_silent_node_not_behind_all():
    euis = [b"1234567%d" % n for n in range(8)]
    bench = up(euis, keepalive_s=60, lost_retry_s=60)
    bench.nodes.set_state(5, NODE_LOST, 1)
    asked = []
    bench.wait(60000)
    while len(asked) < 4:
        bench.wait(120000, lambda: bool(bench.pins.log))
        for request in path_requests(bench):
            asked.append(request[2] - 1)
            found = b"\x00" + request[1:3] + octets("0000 0F 01 00 0001 01 12 00 3C 3A")
            bench.says(b"\x2c" + (b"\xa6" if asked[-1] == 5 else found))
    assert asked[0] == 5 or asked[1] == 5


def test_a_path_is_looked_for_when_the_line_is_free_and_only_now_and_then_when_it_never_is():
    bench = up((EUI, EUI_2))
    bench.submit(0)
    bench.taken()
    bench.confirm()
    late_ms = bench.segment.window.usual_ms(0, 3)
    assert bench.segment.watch.request_path(at(bench.ms), 1)
    bench.wait(min(late_ms, 20000) - 1000)
    assert path_requests(bench) == []  # an answer is due
    bench.uplink(b"\xc4\x01\xc1", src=1)
    bench.wait(300)
    assert path_requests(bench) == [octets("15 0002 0F")]
    bench.says(b"\x2c\x00" + octets("0002 0000 0F 01 00 0001 01 12 00 3C 3A"))
    bench.segment.traffic.is_idle = lambda: False
    assert bench.segment.watch.request_path(at(bench.ms), 1)
    bench.wait(19900)
    assert path_requests(bench) == []
    bench.wait(700)
    assert path_requests(bench) == [octets("15 0002 0F")]


def test_after_a_restart_of_the_modem_a_path_waits_anew_for_a_line_in_use():
    bench = up((EUI,))
    bench.segment.traffic.is_idle = lambda: False
    assert bench.segment.watch.request_path(at(bench.ms), 0)
    bench.wait(15000)
    bench.segment.modem.die(at(bench.ms), 0)
    bench.serve(until=lambda: bench.segment.is_up)
    bench.settle()
    bench.wait(19900)
    assert path_requests(bench) == []
    bench.wait(700)
    assert path_requests(bench) == [octets("15 0001 0F")]


def test_a_path_lets_waiting_control_requests_pass_and_waits_for_whoever_keeps_the_line_at_rest():
    bench = up((EUI,))
    bench.sink.has_control = True
    assert bench.segment.watch.request_path(at(bench.ms), 0)
    bench.wait(39900)
    assert path_requests(bench) == []
    bench.sink.is_held = True
    bench.wait(60000)
    assert path_requests(bench) == []
    bench.sink.is_held = False
    bench.wait(300)
    assert path_requests(bench) == [octets("15 0001 0F")]


def test_a_meters_own_notification_goes_up_without_an_exchange():
    bench = up()
    bench.uplink(b"\x0f\x00\x00\x00\x01", saps=(1, 0x65))
    assert bench.sink.take() == [("up", 0, 0x65, 1, b"\x0f\x00\x00\x00\x01")]
    assert bench.named("uplink_unasked") == 1


def test_a_foreign_apdu_does_not_end_the_exchange_and_more_prolongs_it():
    bench = up()
    bench.submit(0)
    bench.taken()
    bench.confirm()
    bench.sink.verdict = UPLINK_FOREIGN
    bench.uplink(b"\x0f")
    bench.sink.verdict = UPLINK_MORE
    before = bench.segment.traffic.of(0).deadline
    bench.wait(1000)
    bench.uplink(b"\xe0\x40")
    assert bench.segment.traffic.of(0).deadline != before
    bench.sink.verdict = UPLINK_LAST
    bench.uplink(b"\xe0\xc0")
    assert bench.sink.take()[-1] == ("done", 0, DONE_REPLIED)


def test_an_answer_before_the_confirm_ends_nothing():
    bench = up()
    bench.submit(0)
    bench.taken()
    bench.uplink(b"\xc4")
    assert bench.segment.traffic.of(0) is not None
    bench.confirm()
    assert bench.sink.take() == [("up", 0, 0x10, 1, b"\xc4"), ("sent", 0)]


def echo(bench, ident, src=1, kind=129, spoil=0):
    """DATA_INDICATION of an ICMPv6 echo message of `src`."""
    head = octets("FE80000000000000781D00FFFE00")
    addresses = head + src.to_bytes(2, "big") + head + b"\x00\x00"
    body = bytes([kind, 0, 0, 0]) + ident.to_bytes(2, "big") + bytes(10)
    summed = addresses + octets("00000010 0000003A") + body
    total = sum([summed[i] << 8 | summed[i + 1] for i in range(0, len(summed), 2)])
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    check = (total ^ 0xFFFF ^ spoil).to_bytes(2, "big")
    packet = octets("60000000 0010 3A 40") + addresses + body[:2] + check + body[4:]
    return bench.says(b"\x1f\x50" + len(packet).to_bytes(2, "big") + packet)


def test_a_ping_goes_and_comes_and_is_told_with_its_round_trip():
    bench = up()
    assert bench.segment.probes.ping(at(bench.ms), 0) and not bench.segment.probes.ping(at(bench.ms), 5)
    bench.wait(1)
    request = bench.taken()[0]
    ident = request[50] << 8 | request[51]
    assert request[:6] == bytes([0x0B, 0, 0, 0, 0, 56]) and request[12] == 58 and request[46] == 128
    assert request[22 + 6 : 38 + 6 + 2] == octets("0000") + octets("FE80000000000000781D00FFFE000001")
    bench.confirm()
    bench.wait(300)
    echo(bench, ident + 1)
    echo(bench, ident, spoil=1)
    echo(bench, ident, kind=128)
    assert bench.events == []
    echo(bench, ident)
    assert [event[:2] for event in bench.events] == [(shared.PING_DONE, EUI)] and 300 <= bench.events[0][2] < 400
    assert bench.sink.take() == [] and bench.submit(0)


def test_a_reply_that_the_modem_tells_of_before_it_confirms_the_request_ends_the_ping():
    bench = up()
    assert bench.segment.probes.ping(at(bench.ms), 0)
    bench.wait(1)
    request = bench.taken()[0]
    bench.wait(40)
    echo(bench, request[50] << 8 | request[51])
    assert [event[:2] for event in bench.events] == [(shared.PING_DONE, EUI)] and 40 <= bench.events[0][2] < 60
    bench.confirm()
    assert bench.segment.probes.ping(at(bench.ms), 0) and len(bench.events) == 1


def test_a_ping_without_answer_is_told_and_makes_nobody_lost():
    bench = up()
    bench.segment.probes.ping(at(bench.ms), 0)
    bench.wait(1)
    bench.taken()
    bench.confirm()
    bench.uplink(b"\xc4")
    bench.wait(200000, lambda: bool(bench.events))
    assert bench.events == [(shared.PING_FAILED, EUI, 0)]
    assert [entry[0] for entry in bench.sink.take()] == ["up"]


def test_a_route_request_is_the_frame_of_the_sheet_and_its_end_is_told():
    bench = up(max_hops=8)
    assert bench.segment.probes.route(at(bench.ms), 0)
    assert bench.pins.octets() == octets("7E012514000108D53D7E")
    assert not bench.segment.probes.route(at(bench.ms), 0)
    bench.feed(octets("7E00A52BA5CEEA7E"))
    assert bench.events == [(shared.ROUTE_DONE, EUI, 0xA5)]
    assert bench.segment.probes.path(at(bench.ms), 0) and not bench.segment.probes.path(at(bench.ms), 9)


def pings(requests):
    """Echoes among the requests: their handle is 0."""
    return [request for request in requests if request[0] == 0x0B and request[1] == 0]


def test_a_ping_waits_until_nobody_waits_for_the_modem_and_ends_when_that_never_is():
    bench = up((EUI, EUI_2), handles=1, confirm_ms=200000)
    bench.submit(1)
    assert bench.segment.probes.ping(at(bench.ms), 0)
    bench.wait(5000)
    assert not pings(bench.taken())
    bench.confirm()
    bench.wait(1)
    assert len(pings(bench.taken())) == 1  # a request in the air is not in its way
    bench.says("1E 00 00")
    assert bench.submit(0)  # nor it in the way of its own node
    bench.taken()
    bench.confirm()
    assert not bench.segment.probes.ping(at(bench.ms), 1)  # one at a time
    bench = up(handles=1, confirm_ms=200000)
    bench.submit(0)
    assert bench.segment.probes.ping(at(bench.ms), 0)
    bench.wait(31000, lambda: bool(bench.events))
    assert bench.events == [(shared.PING_FAILED, EUI, 0)] and not pings(bench.taken())


def test_a_ping_whose_confirm_is_lost_keeps_nobodys_data_waiting_for_it():
    bench = up((EUI, EUI_2), handles=1)
    offers = []
    bench.sink.on_free_do = offers.append
    assert bench.segment.probes.ping(at(bench.ms), 0)
    bench.wait(10)
    assert pings(bench.taken()) and not bench.submit(1)
    offers.clear()
    bench.wait(3100)
    assert offers and bench.submit(1) and not bench.events
    bench.taken()
    bench.confirm()
    bench.says("1E 00 00")  # late, after all
    assert bench.segment.traffic.echo.state == ec.AIR
    bench = up(handles=1)
    assert bench.segment.probes.ping(at(bench.ms), 0)
    bench.wait(61000, lambda: bool(bench.events))
    assert bench.events == [(shared.PING_FAILED, EUI, 0)]


def test_a_ping_without_a_route_asks_for_one_beside_the_data_and_goes_once_more():
    bench = up(max_hops=8)
    assert bench.segment.probes.ping(at(bench.ms), 0)
    bench.wait(1)
    assert pings(bench.taken())
    bench.says("1E A5 00")
    bench.wait(1)
    assert bench.taken() == [octets("14 0001 08")] and bench.submit(0)
    bench.taken()
    bench.confirm()
    bench.says("2B 00")
    bench.wait(1)
    assert len(pings(bench.taken())) == 1
    bench.says("1E A5 00")  # the route found does not hold either
    bench.wait(1)
    assert bench.events == [(shared.PING_FAILED, EUI, 0)] and not bench.taken()
