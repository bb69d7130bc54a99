# SPDX-License-Identifier: MIT
"""One transaction on the air: every cell of the line's table, airtime held, replies matched."""

from plc_bench import SegmentBench
from plc_fakes import STATUS_OK, at, frame

from base.errors import LocalError
from plc.medium import (
    BROADCAST,
    DONE_LINK_DOWN,
    DONE_NO_REPLY,
    DONE_NOT_SENT,
    DONE_REPLIED,
    DONE_SENT,
    UPLINK_FOREIGN,
    UPLINK_LAST,
    UPLINK_MORE,
)
from plc.sfsk import line as lines
from plc.sfsk.line import DRAIN, FREE, ON_AIR, RETRY, SENDING

SLOT_MS = 150
APDU = b"\xc0\x01\xc1\x00\x01\x00\x00\x2a\x00\x00\xff\x02\x00"  # GET of sfsk.md 6.2: M_sdu 16, one slot


def indication(apdu, sa=1, credit=0, current=0, dsap=0x10, ssap=0x01, da=0xC00):
    head = bytes([credit << 5 | current << 2, sa >> 4, sa << 4 & 0xF0 | da >> 8, da & 0xFF, 0])
    return head + bytes([0x90, dsap, ssap]) + apdu


def quiet(credit=0, **changes):
    """A segment with three nodes at `credit`, nothing else going on; heartbeats are answered by `on_air`."""
    changes.setdefault("heartbeat_ms", 3600000)
    bench = SegmentBench([b"METER001", b"METER002", b"METER003"], **changes).settle()
    for row in range(3):
        bench.segment._credits.learn(row, credit)
    return bench


def sending(bench, **kwargs):
    assert bench.submit(0, APDU, **kwargs)
    got = bench.chip_takes()
    assert got[2] == 0x51
    return got


def on_air(bench, **kwargs):
    sending(bench, **kwargs)
    bench.wait(SLOT_MS)
    bench.chip_says(0x52, b"\xff")
    return bench


def test_a_submit_becomes_the_frame_of_the_fact_sheet():
    bench = quiet(1)
    # facts/sfsk.md 6.2, GET with IC=1 from C00 to 001
    assert sending(bench) == frame(0x51, b"\x24\xc0\x00\x01\x00\x90\x01\x10" + APDU)
    assert bytes(frame(0x51, b"\x24\xc0\x00\x01\x00\x90\x01\x10" + APDU))[-2:] == b"\x9d\x04"


def test_every_cell_of_the_table():
    on_confirm, on_busy, on_refused, on_unsent, on_down, on_timer, on_reply = range(7)
    # (state, event) -> (state after, outcome told or None); what is not here changes nothing
    expected = {
        (SENDING, on_confirm): (ON_AIR, None),
        (SENDING, on_busy): (RETRY, None),
        (SENDING, on_refused): (FREE, DONE_NOT_SENT),
        (SENDING, on_unsent): (FREE, DONE_NOT_SENT),
        (SENDING, on_down): (FREE, DONE_LINK_DOWN),
        (RETRY, on_unsent): (FREE, DONE_NOT_SENT),
        (RETRY, on_down): (FREE, DONE_NOT_SENT),
        (RETRY, on_timer): (SENDING, None),
        (ON_AIR, on_unsent): (FREE, DONE_LINK_DOWN),
        (ON_AIR, on_down): (FREE, DONE_LINK_DOWN),
        (ON_AIR, on_timer): (FREE, DONE_NO_REPLY),
        (ON_AIR, on_reply): (FREE, DONE_REPLIED),
    }
    told = []

    class Owner:
        def on_line_sent(self, now):
            told.append("sent")

        def on_line_over(self, now, outcome):
            told.append(outcome)

    for state in (FREE, SENDING, RETRY, ON_AIR, DRAIN):
        for event in range(7):
            bench = quiet()
            line = bench.segment.line
            line.state = state
            line.owner = Owner()
            line._tries = 3
            line._window_ms = 100
            told.clear()
            if state == RETRY:
                line._command.load(memoryview(bytearray(32)), 0, 0x51, 8)
                line._command.expect(0x52, -1, 100)
            lines._TABLE[state][event](line, at(bench.ms))
            after, outcome = expected.get((state, event), (state, None))
            assert line.state == after, (state, event, line.state)
            assert [entry for entry in told if entry != "sent"] == ([] if outcome is None else [outcome])
    assert len(lines._TABLE) == 5 and all(len(row) == 7 for row in lines._TABLE)


def test_the_reply_ends_it_and_frees_the_line():
    bench = on_air(quiet())
    assert bench.sink.take() == [("sent", 0)]
    bench.wait(300).chip_says(0x50, indication(b"\xc4\x01\xc1"))
    assert bench.sink.take() == [("up", 0, 0x10, 1, b"\xc4\x01\xc1"), ("done", 0, DONE_REPLIED)]
    assert bench.segment.line.state == FREE


def test_a_reply_that_writes_server_before_client_is_turned_round():
    bench = on_air(quiet())
    bench.chip_says(0x50, indication(b"\xc4", dsap=0x01, ssap=0x10))
    assert ("up", 0, 0x10, 1, b"\xc4") in bench.sink.log
    bench = on_air(quiet(), client_sap=1, server_sap=1)
    bench.chip_says(0x50, indication(b"\xc4", dsap=0x01, ssap=0x01))
    assert ("up", 0, 1, 1, b"\xc4") in bench.sink.log
    bench = on_air(quiet())
    bench.chip_says(0x50, indication(b"\x0f", dsap=0x66, ssap=0x01))
    assert ("up", 0, 0x66, 1, b"\x0f") in bench.sink.log


def test_the_line_is_held_for_our_repetitions_and_the_longest_reply():
    for credit in (0, 2, 7):
        bench = on_air(quiet(credit))
        start = bench.ms
        bench.wait(60000, lambda bench=bench: bench.segment.line.state == FREE)
        held = bench.ms - start
        bound = credit * SLOT_MS + 2 * SLOT_MS + 7 * (credit + 1) * SLOT_MS + 1000
        assert bound <= held <= bound + 200, (credit, held)
        assert bench.sink.log[-1] == ("done", 0, DONE_NO_REPLY)


def test_a_reply_still_being_repeated_keeps_the_line():
    bench = on_air(quiet(3))
    bench.wait(3 * SLOT_MS + 100)
    bench.chip_says(0x50, indication(b"\xc4\x01", credit=3, current=2))
    assert bench.sink.log[-1] == ("done", 0, DONE_REPLIED)
    assert bench.segment.line.state == DRAIN and not bench.submit(1, APDU)
    bench.wait(2 * SLOT_MS - 5)
    assert bench.segment.line.state == DRAIN
    bench.wait(10)
    assert bench.segment.line.state == FREE and bench.submit(1, APDU)


def test_more_extends_the_hold_and_foreign_does_not_end_it():
    bench = on_air(quiet())
    bench.sink.verdict = UPLINK_MORE
    for _ in range(5):
        bench.wait(1500)
        bench.chip_says(0x50, indication(b"\xc4\x02"))
    bench.sink.verdict = UPLINK_FOREIGN
    bench.chip_says(0x50, indication(b"\x0f", dsap=0x66))
    assert bench.segment.line.state == ON_AIR
    bench.sink.verdict = UPLINK_LAST
    bench.chip_says(0x50, indication(b"\xc4\x02\x01"))
    assert bench.sink.log[-1] == ("done", 0, DONE_REPLIED)
    assert len([entry for entry in bench.sink.log if entry[0] == "done"]) == 1


def test_an_apdu_of_another_node_does_not_end_the_exchange():
    bench = on_air(quiet())
    bench.chip_says(0x50, indication(b"\xc4", sa=2))
    assert ("up", 1, 0x10, 1, b"\xc4") in bench.sink.log
    assert bench.segment.line.state == ON_AIR


def test_unconfirmed_and_broadcast_are_over_with_the_last_repetition():
    bench = on_air(quiet(2), expects_reply=False)
    bench.wait(2 * SLOT_MS + 1)
    assert bench.sink.log[-1] == ("done", 0, DONE_SENT)
    bench = quiet(2)
    assert bench.submit(BROADCAST, APDU, expects_reply=False)
    got = bench.chip_takes()
    assert got[3:7] == b"\x48\xc0\x0f\xff"  # credit of the farthest node, C00 to FFF
    bench.chip_says(0x52, b"\xff")
    bench.wait(2 * SLOT_MS + 1)
    assert bench.sink.log[-1] == ("done", BROADCAST, DONE_SENT)


def test_busy_is_asked_again_a_slot_later_and_given_up_in_the_end():
    bench = quiet()
    got = sending(bench)
    for _ in range(7):
        bench.chip_says(0x52, b"\x14")
        start = bench.ms
        assert bench.chip_takes() == got
        assert bench.ms - start >= SLOT_MS
    bench.chip_says(0x52, b"\x00")
    assert bench.sink.log == [("done", 0, DONE_NOT_SENT)]


def test_only_certainty_is_called_not_sent():
    bench = quiet()
    assert bench.submit(0, APDU)
    bench.wait(200)  # the chip is silent before it got anything
    assert bench.sink.log[0] == ("done", 0, DONE_NOT_SENT)
    bench = quiet()
    assert bench.submit(0, APDU)
    assert bench.chip_takes(answer=b"")[2] == 0x51  # no ACK: it may have the frame
    bench.wait(400)
    assert bench.sink.log[0] == ("done", 0, DONE_LINK_DOWN)
    bench = quiet()
    sending(bench)
    bench.modem.die(at(bench.ms), 1)
    assert bench.sink.log[0] == ("done", 0, DONE_LINK_DOWN)


def test_a_late_confirm_never_ends_the_next_request():
    bench = quiet()
    sending(bench)
    bench.wait(5000, lambda: bench.segment.counters.named("confirm_lost") == 1)
    bench.wait(9000, lambda: bench.is_asking())
    fence = bench.chip_takes()
    assert fence[2] == 0x41  # a read drains what the chip still has to say
    bench.chip_says(0x42, fence[3:5] + bytes(24))
    bench.wait(9000, lambda: bench.segment.line.state == FREE)
    bench.sink.take()
    assert bench.submit(1, bytes(60))  # two slots: cannot be confirmed at once
    assert bench.chip_takes()[2] == 0x51
    bench.chip_says(0x52, b"\xff")  # the late one
    assert bench.segment.counters.named("confirm_late") == 1 and bench.sink.log == []
    bench.wait(2 * SLOT_MS)
    bench.chip_says(0x52, b"\xff")
    assert bench.sink.log == [("sent", 1)]


def test_what_does_not_fit_is_the_callers_mistake():
    bench = quiet(max_frame_length=62)
    for apdu, client_sap in ((bytes(60), 0x10), (b"", 0x10), (b"\xc0", 0x100)):
        try:
            bench.submit(0, apdu, client_sap=client_sap)
        except LocalError:
            continue
        raise AssertionError("taken")
    assert bench.submit(0, bytes(59))


def test_an_oversized_uplink_is_counted_and_dropped():
    bench = quiet(max_frame_length=62)
    bench.chip_says(0x50, indication(bytes(60)))
    assert bench.segment.counters.named("rx_oversized") == 1 and bench.sink.log == []


def test_frames_for_others_of_strangers_and_malformed_ones_are_counted():
    bench = quiet()
    bench.chip_says(0x50, indication(b"\xc4", da=0x123))
    bench.chip_says(0x50, indication(b"\xc4", sa=0x777))
    bench.chip_says(0x50, b"\x00\x00\x1c\x00\x00\x91\x10\x01\xc4")
    bench.chip_says(0x50, b"\x00\x00")
    bench.chip_says(0x53, indication(b"\xc4"))
    names = ("rx_not_for_us", "rx_unknown_sa", "rx_bad_llc", "rx_bad_pad", "rx_bad_crc")
    assert [bench.segment.counters.named(name) for name in names] == [1] * 5
    assert bench.sink.log == []


def test_think_time_is_measured_without_airtime_and_shortens_the_window():
    bench = on_air(quiet(1))
    bench.wait(SLOT_MS + 400 + SLOT_MS)  # our repetition, thinking, one slot of reply
    bench.chip_says(0x50, indication(b"\xc4\x01\xc1", credit=1, current=1))
    assert 380 <= bench.nodes.think_ms(0) <= 410
    bench.wait(1000, lambda: bench.segment.line.state == FREE)
    on_air(bench)
    start = bench.ms
    bench.wait(60000, lambda: bench.segment.line.state == FREE)
    assert bench.ms - start < (1 + 2 + 14) * SLOT_MS + 1000


def test_only_the_first_of_several_replies_tells_the_think_time():
    bench = on_air(quiet())
    bench.sink.verdict = UPLINK_MORE
    bench.wait(350)
    bench.chip_says(0x50, indication(b"\xc4\x02"))
    think_ms = bench.nodes.think_ms(0)
    bench.wait(1500)
    bench.sink.verdict = UPLINK_LAST
    bench.chip_says(0x50, indication(b"\xc4\x02\x01"))
    assert 180 <= think_ms <= 210 and bench.nodes.think_ms(0) == think_ms


def test_a_late_reply_teaches_the_think_time():
    bench = on_air(quiet())
    bench.wait(60000, lambda: bench.segment.line.state == FREE)
    for i in range(64):
        bench.segment.initiator.watch._queue[i] = -1  # no ping in between
    bench.wait(1000)
    bench.chip_says(0x50, indication(b"\xc4\x01\xc1"))
    assert bench.nodes.think_ms(0) > 2000
    assert bench.segment.counters.named("uplink_unasked") == 1


def test_status_of_the_chip_is_asked_for_when_it_does_not_allow_sending():
    bench = quiet()
    sending(bench)
    bench.chip_says(0x52, b"\x0a")
    assert bench.sink.log == [("done", 0, DONE_NOT_SENT)]
    assert bench.segment.counters.named("tx_not_allowed") == 1
    start = bench.ms
    bench.chip_takes(STATUS_OK)
    assert bench.ms - start < 50
