# SPDX-License-Identifier: MIT
"""Data path of the G3 segment: packets, handles, buffers, windows, notifications, node states."""

from g3_bench import EUI, EUI_2, G3Bench, octets, usi

from base.errors import LocalError
from plc.g3 import adp, flight
from plc.medium import (
    BROADCAST,
    DONE_LINK_DOWN,
    DONE_NO_REPLY,
    DONE_NOT_SENT,
    DONE_REPLIED,
    DONE_SENT,
    UPLINK_LAST,
    UPLINK_MORE,
)

GET_CLOCK = octets("C001C100080000010000FF0200")
# Complete frames of facts/g3.md 6.6.
DATA_REQUEST = octets(
    "7E12E50B010100004560000000001D1140FE80000000000000781D00FFFE000000FE80000000000000781D00FFFE000001"
    "0FDB0FDB001D6CAA000100010001000DC001C100080000010000FF0200814E7E"
)
DATA_IND = octets(
    "7E13A51F3C004A6000000000221140FE80000000000000781D00FFFE000001FE80000000000000781D00FFFE000000"
    "0FDB0FDB00225D170001000100010012C401C100090C07EA0105010C0000FF8000009BBB7E"
)
ANSWER = octets("C401C100090C07EA0105010C0000FF800000")
DATA_CONFIRM = octets("7E00E51E00011CB97E")
NO_BUFFERS, ALL_BUFFERS = octets("7E00A52F00CA4F7E"), octets("7E00A52F07CA487E")


def up(euis=(EUI,), **changes):
    return G3Bench(euis, **changes).bring_up()


def test_a_request_and_its_answer_are_the_frames_of_the_sheet():
    bench = up(high_priority=False)
    assert bench.submit(0, GET_CLOCK, client_sap=1)
    assert bench.pins.octets() == DATA_REQUEST
    assert bench.sink.take() == []
    bench.feed(DATA_CONFIRM)
    assert bench.sink.take() == [("sent", 0)]
    bench.feed(DATA_IND)
    assert bench.sink.take() == [("up", 0, 1, 1, ANSWER), ("done", 0, DONE_REPLIED)]
    assert bench.segment.links.lqi(0) == 60 and bench.nodes.think_ms(0) > 0


def test_octet_by_octet_or_all_at_once_is_the_same():
    stream = DATA_CONFIRM + DATA_IND + NO_BUFFERS + ALL_BUFFERS
    whole = up()
    whole.submit(0, GET_CLOCK, client_sap=1)
    whole.feed(stream)
    for cut in range(1, len(stream)):
        bench = up() if cut % 40 == 1 else None
        if bench is None:
            continue
        bench.submit(0, GET_CLOCK, client_sap=1)
        bench.feed(stream[:cut]).feed(stream[cut:])
        assert bench.sink.log == whole.sink.log, cut
    bench = up()
    bench.submit(0, GET_CLOCK, client_sap=1)
    for i in range(len(stream)):
        bench.feed(stream[i : i + 1], 0)
    assert bench.sink.log == whole.sink.log


def test_every_truncated_or_corrupted_indication_is_dropped_and_the_next_one_taken():
    for i in range(1, len(DATA_IND) - 1):
        bench = up() if i == 1 else bench  # noqa: F821 - one segment takes them all
        for broken in (DATA_IND[:i], DATA_IND[:i] + bytes([DATA_IND[i] ^ 0x01]) + DATA_IND[i + 1 :]):
            bench.feed(broken + b"\x7e")
            assert bench.sink.take() == [], i
    bench.feed(DATA_IND)
    assert bench.sink.take() == [("up", 0, 1, 1, ANSWER)]


def test_an_indication_wrong_inside_a_right_frame_is_counted_by_what_is_wrong():
    packet = DATA_IND[7:-3]

    def indicate(changed):
        bench.says(b"\x1f\x3c" + len(changed).to_bytes(2, "big") + changed)
        assert bench.sink.take() == []

    bench = up()
    for n in range(len(packet)):
        indicate(packet[:n])
    assert bench.named("rx_not_udp") + bench.named("rx_bad_length") == len(packet)
    bench = up()
    for i in range(len(packet)):
        if i not in (1, 2, 3, 7):  # class, flow label, hop limit: no checksum covers them and nobody minds
            indicate(packet[:i] + bytes([packet[i] ^ 0x11]) + packet[i + 1 :])
    assert bench.named("rx_apdu") == 0 and bench.named("rx_bad_checksum") > 20
    for name, changed in (
        ("rx_other_port", bench.packet(b"\xc4", port=4060)),
        ("rx_not_for_us", bench.packet(b"\xc4", dst=5)),
        ("rx_not_for_us", bench.packet(b"\xc4", src=0)),
        ("rx_not_for_us", bench.packet(b"\xc4", pan=0x1234)),
        ("rx_unknown_src", bench.packet(b"\xc4", src=7)),
    ):
        before = bench.named(name)
        indicate(changed)
        assert bench.named(name) == before + 1, name


def test_a_zero_checksum_is_refused_as_ipv6_demands():
    bench = up()
    packet = bytearray(bench.packet(b"\xc4\x01"))
    packet[46] = packet[47] = 0
    bench.says(b"\x1f\x3c" + len(packet).to_bytes(2, "big") + bytes(packet))
    assert bench.named("rx_bad_checksum") == 1


def test_the_wrapper_must_be_version_1_and_as_long_as_the_packet():
    for at_octet, value in ((49, 2), (48, 1), (55, 3), (55, 1), (54, 1)):
        bench = up()
        packet = bytearray(bench.packet(b"\xc4\x01"))
        old = packet[at_octet]
        packet[at_octet] = value
        weight = 256 if at_octet % 2 == 0 else 1
        check = (packet[46] << 8 | packet[47]) - (value - old) * weight
        packet[46], packet[47] = check % 0xFFFF >> 8, check % 0xFFFF & 0xFF
        bench.says(b"\x1f\x3c" + len(packet).to_bytes(2, "big") + bytes(packet))
        assert bench.named("rx_bad_wrapper") == 1, at_octet


def test_broadcast_is_a_multicast_and_ends_when_it_is_sent():
    bench = up()
    assert bench.submit(BROADCAST, b"\xc1\x01\x41")
    request = bench.taken()[0]
    assert request[6 + 24 : 6 + 40] == octets("FF020000000000000000000000000001")
    bench.confirm()
    assert bench.sink.take() == [("sent", BROADCAST), ("done", BROADCAST, DONE_SENT)]


def test_an_unconfirmed_request_ends_when_it_is_sent():
    bench = up()
    assert bench.submit(0, b"\xc1\x01\x01", expects_reply=False)
    bench.taken()
    bench.confirm()
    assert bench.sink.take() == [("sent", 0), ("done", 0, DONE_SENT)]


def test_several_exchanges_fly_one_per_node_one_handle_at_a_time():
    bench = up((EUI, EUI_2, b"12345678"), flights=2)
    assert bench.submit(0)
    assert not bench.submit(1)  # the handle's confirm is awaited
    bench.taken()
    bench.confirm()
    assert not bench.submit(0)  # this node has a flight
    assert bench.submit(1)
    bench.taken()
    bench.confirm()
    assert not bench.submit(2)  # both flights are out
    bench.uplink(b"\xc4\x01\xc1", src=2)
    assert bench.submit(2)
    handles = [request[1] for request in bench.sent + bench.taken() if request[0] == 0x0B]
    assert len(set(handles)) == 3
    assert bench.sink.take() == [
        ("sent", 0), ("sent", 1), ("up", 1, 0x10, 1, b"\xc4\x01\xc1"), ("done", 1, DONE_REPLIED)
    ]  # fmt: skip


def test_two_exchanges_share_the_line_and_one_that_is_late_counts_no_more():
    offers = []
    bench = up((EUI, EUI_2, b"12345678"))
    bench.sink.on_free_do = offers.append
    for node in (0, 1):
        assert bench.segment.has_spare
        assert bench.submit(node)
        bench.taken()
        bench.confirm()
    assert not bench.segment.has_spare  # a control request may go all the same
    late_ms = bench.segment.window.usual_ms(0, 3)
    bench.wait(late_ms - 20)
    assert not bench.segment.has_spare
    offers.clear()
    bench.wait(40)
    assert bench.segment.has_spare and offers
    assert bench.submit(2)
    bench.taken()
    bench.confirm()
    assert bench.segment.has_spare  # one that is due and two that are late
    bench.uplink(b"\xc4\x01\xc1", src=1)
    assert bench.sink.take()[-1] == ("done", 0, DONE_REPLIED)  # late, and in time all the same


# PATH_DISCOVERY_CONFIRM: one hop, there and back
ONE_HOP = memoryview(octets("000001" "00000F" "0101" "0001010E006462" "0000010E006462"))


def test_while_meters_think_others_have_the_line_as_far_as_it_goes():
    euis = [b"1234567%d" % n for n in range(5)]
    bench = up(euis, band=2, suspect_ms=600000)
    assert bench.segment.window.load(0, 13) == 100  # nothing is known yet: two at a time
    for row in range(5):
        bench.segment.links.take_path(row, ONE_HOP, 0, len(ONE_HOP))
    for _ in range(40):
        assert bench.submit(0)
        bench.taken()
        bench.confirm()
        bench.wait(600)
        bench.uplink(bytes(100), src=1)
        bench.sink.take()
    thinking = bench.segment.window.load(0, 13)
    assert 3 < thinking < 25  # of 650 ms some 60 are on the line
    for node in range(4):
        assert bench.segment.has_spare
        assert bench.submit(node)
        bench.taken()
        bench.confirm()
    assert bench.segment.has_spare


def test_an_answer_held_up_by_a_full_line_is_not_taken_for_a_slow_meter():
    bench = up(band=2)
    bench.segment.links.take_path(0, ONE_HOP, 0, len(ONE_HOP))
    quiet = [60, 60, 60, 2000]
    for turn in range(80):
        bench.submit(0)
        bench.taken()
        bench.confirm()
        bench.wait(quiet[turn % len(quiet)])
        bench.uplink(bytes(20), src=1)
        bench.sink.take()
        bench.sent.clear()
    assert bench.segment.window.load(0, 13) > 20


def test_while_the_modem_looks_for_a_route_others_go_but_not_for_a_third_search():
    bench = up([b"1234567%d" % n for n in range(5)], confirm_ms=90000)
    offers = []
    bench.sink.on_free_do = offers.append
    assert bench.submit(0) and not bench.submit(1)
    bench.wait(2900)
    assert not bench.submit(1) and not offers
    bench.wait(200)
    assert offers and bench.segment.has_spare
    assert bench.submit(1)
    bench.taken()
    bench.wait(3100)
    assert not bench.segment.has_spare  # for all but control requests
    assert bench.submit(2)
    bench.taken()
    bench.confirm()
    assert not bench.segment.has_spare
    bench.uplink(b"\xc4\x01\xc1", src=3)
    first = [request for request in bench.sent if request[0] == 0x0B][0]
    bench.says(bytes([0x1E, 0xA5, first[1]]))
    assert bench.sink.take()[-1] == ("done", 0, DONE_NO_REPLY)
    assert bench.segment.has_spare


def test_a_node_without_a_route_is_not_searched_again_for_data_until_it_is_heard():
    bench = up(suspect_ms=80000000, lost_after=9)
    searches = []
    for _ in range(3):
        assert bench.submit(0)
        searches.append([request[2] for request in bench.taken() if request[0] == 0x0B][0])
        bench.confirm(0xA5)
        assert bench.sink.take()[-1] == ("done", 0, DONE_NO_REPLY)
        if len(searches) == 2:
            bench.uplink(b"\x0f\x00\x00\x00\x01", saps=(1, 0x65))
            bench.sink.take()
    assert searches == [1, 0, 1]


def test_a_streamed_answer_teaches_by_its_first_block_and_has_the_line_to_its_last():
    """A profile in blocks took as long as its blocks: taken for thinking, the next control request was too late."""
    bench = up((EUI, EUI_2), band=2)
    for row in (0, 1):
        bench.segment.links.take_path(row, ONE_HOP, 0, len(ONE_HOP))
    bench.submit(0)
    bench.taken()
    bench.confirm()
    bench.sink.verdict = UPLINK_MORE
    for _ in range(40):
        bench.wait(500)
        bench.uplink(bytes(100), src=1)
        assert not bench.segment.traffic.of(0).is_late
    bench.sink.verdict = UPLINK_LAST
    bench.wait(500)
    bench.uplink(bytes(100), src=1)
    assert bench.sink.take()[-1] == ("done", 0, DONE_REPLIED)
    assert 400 < bench.nodes.think_ms(0) < 600
    assert bench.segment.links.rtt_ms(0) < 600


def test_requests_contend_with_high_priority_unless_told_otherwise():
    for is_high in (True, False):
        bench = up(high_priority=is_high)
        bench.submit(0)
        assert [request[3] for request in bench.taken() if request[0] == 0x0B] == [is_high]


def test_capacity_is_offered_when_it_comes_back():
    offers = []
    bench = up((EUI, EUI_2))
    bench.sink.on_free_do = offers.append
    bench.submit(0)
    bench.taken()
    bench.says("31")
    assert not offers
    bench.confirm()
    assert len(offers) == 1
    bench.says("31")
    assert len(offers) == 1  # nothing has changed
    bench.feed(NO_BUFFERS)
    assert len(offers) == 1 and not bench.submit(1)
    bench.feed(ALL_BUFFERS)
    assert len(offers) == 2 and bench.submit(1)


def test_only_the_buffer_class_that_is_needed_must_be_free():
    for bitmap, sizes in ((4, (True, False, False)), (2, (False, True, False)), (1, (False, False, True))):
        for i, length in enumerate((40, 300, 800)):
            bench = up()
            bench.says(bytes([0x2F, bitmap]))
            assert bench.submit(0, bytes(length)) is sizes[i], (bitmap, length)
    bench = up(buffers_all=True)
    bench.says(b"\x2f\x06")
    assert not bench.submit(0)
    bench = up(dialect="H")
    bench.says(b"\x2f\x00").wait(29000)
    assert not bench.submit(0)
    bench.wait(2000)  # the word that there is room may have been lost
    assert bench.submit(0) and bench.named("room_stalled") == 1


def test_a_modem_without_room_gets_the_same_request_again_and_only_then():
    for status in (0xB3, 0xB4, 0xD0, 0xF1):
        bench = up()
        bench.submit(0)
        bench.taken()
        bench.confirm(status)
        assert bench.sink.take() == [] and bench.taken() == []
        bench.wait(501)
        assert [request[0] for request in bench.taken()] == [0x0B]
        bench.confirm(0)
        assert bench.sink.take() == [("sent", 0)]


def test_a_modem_that_never_has_room_ends_the_request_as_not_sent():
    bench = up(busy_ms=2000)
    bench.submit(0)
    bench.taken()
    while not bench.sink.log and bench.ms < 200000:
        bench.confirm(0xB4)
        bench.wait(501)
        bench.taken()
    assert bench.sink.take() == [("done", 0, DONE_NOT_SENT)]
    assert bench.submit(0)


def test_every_status_of_a_data_confirm_ends_a_request_once_and_by_what_it_says():
    ends = {
        adp.SENT: [("sent", 0), ("done", 0, DONE_NO_REPLY)],
        adp.MAYBE: [("sent", 0), ("done", 0, DONE_NO_REPLY)],
        adp.NO_ROUTE: [("done", 0, DONE_NO_REPLY)],  # it may have left on a route that broke
        adp.REFUSED: [("done", 0, DONE_NOT_SENT)],
        adp.RETRY: [("done", 0, DONE_NOT_SENT)],
    }
    for status in range(256):
        bench = up(busy_ms=1) if status in adp.STATUSES or status % 50 == 1 else None
        if bench is None:
            continue
        bench.submit(0)
        bench.taken()
        bench.confirm(status)
        bench.wait(120000, lambda bench=bench: ("done", 0, DONE_NO_REPLY) in bench.sink.log)
        got = [entry for entry in bench.sink.take() if entry[0] != "node"]
        assert got == ends[adp.fate(status)], adp.status_name(status)
        assert bench.segment.traffic.count(flight.FREE) == len(bench.segment.traffic.flights)


def test_a_request_without_confirm_ends_and_the_late_confirm_meets_nobody():
    bench = up(confirm_ms=5000)
    bench.submit(0)
    bench.taken()
    bench.wait(5001)
    assert bench.sink.take() == [("done", 0, DONE_NO_REPLY)]
    assert bench.submit(0)
    bench.confirm()  # for the first handle
    assert bench.sink.take() == [] and bench.named("confirm_stray") == 1


def test_a_modem_that_dies_ends_everything_once():
    bench = up((EUI, EUI_2, b"12345678"))
    bench.submit(0)
    bench.taken()
    bench.confirm()
    bench.submit(1)
    bench.taken()
    bench.confirm(0xB4)
    bench.sink.take()
    bench.says("00 01 0B")
    assert bench.sink.take() == [("done", 0, DONE_LINK_DOWN), ("done", 1, DONE_NOT_SENT), ("link", False)]
    assert not bench.submit(2)


def test_an_apdu_that_escapes_blow_up_beyond_the_modems_buffer_is_never_written():
    bench = up()
    assert bench.submit(0, b"\x7e" * 800)
    assert bench.taken() == [] and bench.sink.take() == []  # submit itself tells nothing
    bench.wait(10)
    assert bench.sink.take() == [("done", 0, DONE_NOT_SENT)] and bench.named("tx_oversized") == 1
    assert bench.submit(0, b"\xc0")


def test_sizes_at_and_over_the_limit():
    bench = up(max_packet=900)
    assert bench.segment.max_apdu == 844
    assert bench.submit(0, bytes(844))
    assert len(bench.taken()[0]) == 906
    for length, saps in ((0, (1, 1)), (845, (1, 1)), (1, (0x10000, 1)), (1, (1, -1))):
        try:
            bench.submit(0, bytes(length), saps[0], saps[1])
            raise AssertionError((length, saps))
        except LocalError:
            pass


def test_a_long_packet_uses_the_eleventh_bit_of_the_length():
    bench = up(max_packet=1280, modem_buffer=2048)
    assert bench.submit(0, bytes(1100))
    wire = bench.pins.octets()
    n = 6 + 56 + 1100
    assert wire[1] == n >> 2 & 0xFF and wire[3] == 0x8B


def test_every_cell_of_the_flight_table_leads_somewhere():
    for state in range(4):
        for event in range(7):
            for expects_reply in (True, False):
                one = flight.Flight()
                one.state, one.expects_reply = state, expects_reply
                outcome = one.fire(event)
                assert (outcome >= 0) == (one.state == flight.FREE and state != flight.FREE), (state, event)
                if state == flight.AIR or (state == flight.REQUESTED and event == flight.CONFIRMED):
                    assert one.state != flight.WAITING  # nothing that may be on the air is handed in again


def test_nothing_is_taken_before_the_network_is_started():
    bench = G3Bench((EUI,))
    assert not bench.submit(0)
    bench.start()
    assert not bench.submit(0)
    bench.uplink(b"\xc4")
    assert bench.sink.take() == []


def test_frames_of_another_protocol_are_counted():
    bench = up()
    bench.feed(usi(b"\x3c\x00\x00", 0x24))
    assert bench.named("frame_foreign") == 1


def test_only_searches_make_a_node_lost_not_requests_that_went_without_one():
    bench = up(suspect_ms=80000000, lost_after=3)
    for _ in range(6):
        assert bench.submit(0)
        bench.taken()
        bench.confirm(0xA5)
        assert [event for event in bench.sink.take() if event[0] == "node"] == []
    assert bench.segment.links.fails(0) == 1 and bench.named("tx_no_route") == 6
