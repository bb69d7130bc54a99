# SPDX-License-Identifier: MIT
"""Bring-up, ladder, frame counter, PAN id and pulse of the G3 modem engine (facts/g3.md 2.9, 2.10)."""

from g3_bench import OWN_EUI, G3Bench, Store, octets, payloads
from plc_fakes import POWER_OFF, RESET_LOW, at

from base import events
from plc.g3 import bringup, shared


def sent_of(bench):
    bench.start().serve(until=lambda: bench.segment.is_up)
    assert bench.segment.is_up
    return bench.sent


def test_bring_up_sends_the_messages_of_the_sheet_in_their_order():
    bench = G3Bench(eui64="0011223344556677")
    bench.start()
    wire = b""
    for _ in range(40):
        if bench.segment.is_up:
            break
        new = bench.pins.octets()
        wire += new
        for request in payloads(new):
            bench.says(bench.answer(request))
    # Complete frames of facts/g3.md 6.6, in the order of 2.9.
    expected = (
        "7E00E50A00014E0C7E",
        "7E02A516000000530000020000C2D27E",
        "7E05A5110000000700000EFFFF0150FE80000000000000781D162E7E",
        "7E02A5110000001200000200B41D567E",
        "7E0265110000000F0000010AA1407E",
        "7E02A51100000020000002005ADC397E",
        "7E02651100000000000001058D7D5E7E",
        "7E02A53C00000006000002003CE1847E",
        "7E00A50C0FE9407E",
        "7E00E50D781D46F77E",
        "7E08E5110000000100001B4001017FFFFFFF7FFFFFFFFD0000000002781D0000000000000000CDAB7E",
        "7E05A5110000000700000EFFFF0150FE80000000000000781D162E7E",
    )
    at_octet = 0
    for frame in expected:
        found = wire.find(octets(frame), at_octet)
        assert found >= 0, frame
        at_octet = found
    assert bench.segment.is_up and bench.sink.log == [("link", True)]


def test_the_extended_address_of_the_vector_is_written_as_the_vector_says():
    bench = G3Bench(eui64="0011223344550000")
    bench.start().says("00000A")
    # NOTE: the sheet's frame (hdr 04 25, i.e. 16 octets) carries the address 0011223344550000.
    assert octets("7E042516080000010000080011223344550000312A7E") in bench.pins.octets()


def test_an_own_random_group_key_stands_before_the_network_start():
    bench = G3Bench()
    sent = sent_of(bench)
    codes = [request[0] for request in sent]
    keys = [request for request in sent if request[0] == 0x3C and request[1:5] == b"\x00\x00\x00\x03"]
    assert len(keys) == 1 and keys[0][8:] == bench.random.drawn[0]
    assert sent.index(keys[0]) < codes.index(0x0D)
    assert bench.segment.record.key(0) == bench.random.drawn[0]
    psks = [request for request in sent if request[0] == 0x3C and request[1:5] == b"\x00\x00\x00\x02"]
    assert psks[0][8:] == bench.random.drawn[1]  # nobody can join with the modem's published default


def test_a_published_group_key_is_never_used():
    bench = G3Bench()
    drawn = [octets("AF4D6DCCF14DE7C1C4235E6FEF6C151F"), bytes(16), bytes(range(16))]
    bench.segment.record._random = lambda n: drawn.pop(0)
    bench.segment.record.ensure_key()
    assert bench.segment.record.key(0) == bytes(range(16))


def test_the_network_keeps_pan_id_and_keys_over_a_restart_of_the_gateway():
    store = Store()
    first = G3Bench(store=store)
    sent_of(first)
    assert first.segment.record.pan_id == 0x781D
    second = G3Bench(store=store)
    second.start()

    def with_own_nodes(request):
        if request[0] == 0x0C:
            second.says("30 781D 50 0001 0010 00")  # a node of ours answers with our own PAN id
        return second.answer(request)

    second.serve(until=lambda: second.segment.is_up, answer=with_own_nodes)
    keys = [request for request in second.sent if request[0] == 0x3C and request[1:5] == b"\x00\x00\x00\x03"]
    assert keys[0][8:] == first.random.drawn[0]
    assert [request for request in second.sent if request[0] == 0x0D] == [octets("0D781D")]
    assert second.named("pan_conflicts") == 0


def test_another_networks_pan_id_is_avoided_by_a_new_one():
    bench = G3Bench()

    def with_neighbours(request):
        if request[0] == 0x0C:
            bench.says("30 781D 3C 0001 0010 00")
            bench.says("30 781E 3C 0000 0000")  # dialect L without hybrid: no media octet
        return bench.answer(request)

    bench.start().serve(until=lambda: bench.segment.is_up, answer=with_neighbours)
    assert [request for request in bench.sent if request[0] == 0x0D] == [octets("0D781F")]
    assert bench.segment.traffic.packets.pan_id == 0x781F
    assert (shared.PAN_STARTED, b"", 0x781F) in bench.events


def test_a_pan_conflict_is_told_and_by_setting_moved_away_from():
    bench = G3Bench().bring_up()
    bench.says("20 1234 02 0001 02 FFFF 80 00 00 00")
    assert bench.events == [(shared.PAN_FOREIGN, b"", 0x1234)] and bench.segment.is_up
    bench.says("20 781D 02 0001 02 FFFF 80 00 00 00")
    assert bench.events[-1] == (shared.PAN_CONFLICT, b"", 0x781D) and bench.segment.is_up
    mover = G3Bench(pan_conflict="move").bring_up()
    mover.says("20 781D 02 0001 02 FFFF 80 00 00 00")
    assert not mover.segment.is_up
    mover.serve(until=lambda: mover.segment.is_up)
    assert mover.segment.modem.pan_id == 0x781E and mover.segment.record.pan_id == 0x781E


def test_malformed_network_status_is_counted():
    for text in ("20 1234 02 0001 FF FFFF 80 00", "20 1234 FF 0001 02 FFFF 80 00", "20 1234"):
        bench = G3Bench().bring_up()
        bench.says(text)
        assert bench.named("message_short") == 1


def test_the_saved_frame_counter_is_given_to_a_swapped_modem():
    store = Store()
    first = G3Bench(store=store, frame_counter_margin=1000)
    first.frame_counter = 5000
    sent_of(first)
    assert first.segment.record.frame_counter == 6000 and first.named("counter_restored") == 0
    second = G3Bench(store=store, frame_counter_margin=1000)
    sent_of(second)
    assert second.frame_counter == 6000 and second.named("counter_restored") == 1
    assert second.segment.record.frame_counter == 7000


def test_the_frame_counter_is_saved_before_the_reserve_is_used_up():
    bench = G3Bench(frame_counter_margin=1000, heartbeat_ms=1000).bring_up()
    saves = bench.store.saves
    bench.segment.modem.heartbeat._due = at(bench.ms)
    for counter, expected in ((400, 1000), (499, 1000), (501, 1501), (900, 1501), (1002, 2002)):
        bench.frame_counter = counter
        bench.serve(limit_ms=4000)
        assert bench.segment.record.frame_counter == expected, counter
    assert bench.store.saves == saves + 2


def test_a_damaged_record_is_counted_and_everything_starts_new():
    store = Store()
    sent_of(G3Bench(store=store))
    whole = store.octets
    for i in range(len(whole)):
        bench = G3Bench(store=Store(whole[:i] + bytes([whole[i] ^ 0x40]) + whole[i + 1 :]))
        bench.segment.record.load()
        assert bench.named("record_bad") == 1 and not bench.segment.record.has_key(0)
        bench = G3Bench(store=Store(whole[:i]))
        bench.segment.record.load()
        assert bench.named("record_bad") == (1 if i else 0)


def test_a_refused_key_or_address_climbs_the_ladder_and_a_refused_nicety_does_not():
    for attribute, is_needed in ((b"\x08\x00\x00\x01", True), (b"\x00\x00\x00\x53", True), (b"\x00\x00\x00\x03", True),
                                 (b"\x00\x00\x00\x12", False), (b"\x00\x00\x00\x06", False)):  # fmt: skip
        bench = G3Bench()

        def refuse(request, bench=bench, attribute=attribute):
            reply = bench.answer(request)
            return reply[:1] + b"\xa8" + reply[2:] if request[1:5] == attribute else reply

        bench.start().serve(20000, lambda bench=bench: bench.segment.is_up, refuse)
        assert bench.segment.is_up is not is_needed
        assert bench.named("reset_soft" if is_needed else "config_refused") >= 1


def test_what_the_modem_refuses_is_told_with_its_status_and_silence_is_no_refusal():
    """A band it has not: STATUS 3 to INITIALIZE; NETWORK_START without success, seven times; nothing at all."""
    for command, reply, told in ((0x0A, b"\x00\x03\x0a", (10, 3)), (0x0D, b"\x22\xa2", (13, 0xA2)), (0x0A, b"", None)):
        bench = G3Bench()
        records = []
        bench.segment._shared.record = lambda level, event, *numbers, records=records: records.append((event, numbers))

        def refuse(request, bench=bench, command=command, reply=reply):
            return reply if request[0] == command else bench.answer(request)

        bench.start().serve(90000, lambda bench=bench: bench.named("reset_soft") > 0, refuse)
        expected = [] if told is None else [(events.MODEM_REFUSED, told)]
        assert records == expected + [(events.MODEM_RESET, (0,))]


def test_a_silent_modem_goes_from_soft_reset_to_the_reset_line_to_power_and_rests():
    bench = G3Bench().start()
    log = []
    while bench.ms < 60000 and not bench.named("modem_failed"):
        bench.wait(100)
        log += bench.pins.take()
    codes = [payloads(entry)[0][0] for entry in log if isinstance(entry, bytes) and payloads(entry)]
    assert codes == [0x0A, 0x10, 0x0A, 0x0A]
    assert log.index(RESET_LOW) < log.index(POWER_OFF)
    bench.serve(until=lambda: bench.segment.is_up)
    assert bench.segment.is_up


def test_a_network_start_that_fails_is_repeated():
    bench = G3Bench().start()
    starts = []

    def fail_twice(request):
        if request[0] == 0x0D:
            starts.append(bench.ms)
            return b"\x22\xa2" if len(starts) < 3 else b"\x22\x00"
        return bench.answer(request)

    bench.serve(until=lambda: bench.segment.is_up, answer=fail_twice)
    assert len(starts) == 3 and starts[1] - starts[0] >= 10000 and bench.named("start_failed") == 2


def test_every_cell_of_the_bring_up_table_is_survived():
    for state in range(len(bringup._STATES)):
        for result in (0, 1, 2, 3, None):
            bench = G3Bench().start()
            bench.segment.modem.set_down(at(0))
            machine = bench.segment.modem.bringup
            machine.state = state
            machine._is_timed = False
            if result is None:
                bringup._STATES[state][2](machine, at(1))
            else:
                machine.on_command(at(1), machine._command, result, memoryview(bytes(40)), 0, 40)
            bench.serve(90000, lambda bench=bench: bench.segment.is_up)
            is_waiting = result is None and state in (bringup.OFF, bringup.CONFIG, bringup.SOFT, bringup.UP)
            is_stray = result is not None and state not in (bringup.CONFIG, bringup.SOFT)
            # 3: we took the modem down ourselves; state AGAIN_LATER.. are left by their timer only
            assert bench.segment.is_up or is_waiting or is_stray or result == 3, (state, result)


def test_a_start_is_no_alarm_and_a_modem_that_restarted_by_itself_is_noticed_and_configured_again():
    bench = G3Bench(heartbeat_ms=1000)
    told = []
    bench.segment._shared.record = lambda level, event, *numbers: told.append(event)
    bench.bring_up()
    assert events.MODEM_DOWN not in told and events.MODEM_UP in told
    bench.segment.modem.heartbeat._due = at(bench.ms)
    bench.wait(2)
    assert bench.taken()[0][0] == 0x17
    bench.says("00 01 17")
    assert not bench.segment.is_up and bench.named("modem_restarted") == 1 and events.MODEM_DOWN in told
    assert bench.sink.take() == [("link", False)]
    bench.serve(until=lambda: bench.segment.is_up)
    assert bench.sink.take() == [("link", True)]


def test_a_dead_modem_shows_after_two_missing_answers():
    bench = G3Bench(heartbeat_ms=1000).bring_up()
    bench.segment.modem.heartbeat._due = at(bench.ms)
    bench.wait(6000)
    assert bench.segment.is_up
    bench.wait(3000)
    assert not bench.segment.is_up and bench.named("modem_deaths") == 1


def test_the_modems_own_address_is_read_when_none_is_configured():
    bench = G3Bench(eui64="")

    def with_address(request):
        if request == octets("17 08000001 0000"):
            return octets("2E 00 08000001 0000 08") + OWN_EUI
        return bench.answer(request)

    bench.start().serve(until=lambda: bench.segment.is_up, answer=with_address)
    assert bench.segment.modem.eui64 == OWN_EUI


def test_what_is_no_message_of_this_interface_is_counted_and_nothing_else():
    bench = G3Bench().bring_up()
    for text, counter in (
        ("1E 00", "message_short"),
        ("1F 3C 00", "message_short"),
        ("1F 3C 0005 00", "message_short"),
        ("7F 00", "message_unknown"),
        ("27 00 00000001 0000", "confirm_stray"),
        ("00 00 0A", "status_stray"),
        ("30 12", "message_short"),
        ("1E 00 09", "confirm_stray"),
        ("33 00", ""),
        ("31", ""),
        ("32", ""),
    ):
        before = bench.counters.named(counter) if counter else 0
        bench.says(text)
        assert not counter or bench.named(counter) == before + 1, text
    assert bench.segment.is_up and bench.sink.take() == []
