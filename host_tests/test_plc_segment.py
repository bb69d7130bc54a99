# SPDX-License-Identifier: MIT
"""The S-FSK segment on the chip twin: bring-up, cold registration, exchanges, lossy lines."""

from __future__ import annotations

from collections import Counter

import pytest

from host_tests.plc_rig import BROADCAST, Rig
from plc.medium import DONE_NO_REPLY, DONE_REPLIED, DONE_SENT, NODE_UP_EVENT, UPLINK_LAST, UPLINK_MORE
from plc.sfsk.line import FREE
from tools.sim.options import ChipOptions, LineOptions, SegmentOptions

GET = b"\xc0\x01\xc1"
SLOT_S = 0.15
E_TIMES = 2.71828


def registered(meters: int, limit_s: float = 3000, **options: object) -> Rig:
    rig = Rig(SegmentOptions(meters=meters, **options), capacity=max(meters, 64)).start()  # type: ignore[arg-type]
    rig.run_until(lambda: len(rig.online()) == meters, limit_s)
    return rig


def test_the_modem_is_up_within_a_second_of_a_good_start() -> None:
    rig = Rig().start()
    assert rig.run_until(lambda: rig.segment.is_up, 1) < 1
    assert rig.sink.links == [True]
    faults = ("poll_silent", "ack_silent", "command_nak", "frame_bad_sum", "confirm_stray", "confirm_lost")
    assert not any(rig.count(name) for name in faults)


@pytest.mark.parametrize("chip", ["amis49587", "st7570"])
@pytest.mark.parametrize("baud", [4800, 38400])
def test_every_chip_and_uart_speed_registers_eight_meters(chip: str, baud: int) -> None:
    options = SegmentOptions(meters=8, chip=ChipOptions(model=chip, uart_baud=baud))
    rig = Rig(options, {"chip": chip, "uart_baud": baud}).start()
    assert rig.run_until(lambda: len(rig.online()) == 8, 60) < 60
    assert sorted(rig.sink.events(NODE_UP_EVENT)) == list(range(8))
    for node in rig.sim.nodes.values():
        assert node.mac_addr == rig.table.addr(rig.table.find(node.title))


def test_titles_of_six_octets() -> None:
    rig = Rig(SegmentOptions(meters=3, title_len=6), {"title_len": 6}).start()
    rig.run_until(lambda: len(rig.online()) == 3, 60)


@pytest.mark.parametrize("meters, worst", [(100, 2.0), (1200, 1.4)])
def test_cold_registration_against_the_slot_bound(meters: int, worst: float) -> None:
    """Bound: framed slotted ALOHA needs e report slots per meter, at best."""
    rig = registered(meters)
    discovery = rig.segment.initiator.discovery
    ratio = discovery.slots_used / (E_TIMES * meters)
    print(f"{meters} meters: {discovery.slots_used} report slots, {ratio:.2f} x bound, {rig.seconds:.0f} s")
    assert ratio < worst
    assert rig.count("registered") == meters and rig.count("ping_failed") == 0
    per_pdu = rig.settings["register_per_pdu"]
    assert rig.count("tx_broadcast") - discovery.rounds <= meters // per_pdu + discovery.rounds


def test_discovery_settles_to_its_slow_period() -> None:
    rig = registered(8)
    rig.run_until(lambda: not rig.segment.initiator.discovery.is_burst, 200)
    rig.run(1)
    before, busy = rig.count("discover_rounds"), rig.seconds
    rig.run(3600)
    rounds = rig.count("discover_rounds") - before
    assert 8 <= rounds <= 40, rounds  # every 300 s, a few rounds each, the last one thin
    assert rig.seconds - busy >= 3600


def test_requests_and_replies_never_cross() -> None:
    rig = registered(8)
    for i in range(40):
        for row in range(8):
            rig.sink.request(row, GET + bytes((row, i)))
    rig.run_until(lambda: len(rig.sink.done) == 320, 600)
    assert [reply for _, _, reply in rig.sink.replies] == [b"\xc4" + request[1:] for _, request, _ in rig.sink.replies]
    assert Counter(outcome for _, _, outcome in rig.sink.done) == {DONE_REPLIED: 320}
    assert [node for _, node, _ in rig.sink.done] == rig.sink.sent


def test_back_to_back_exchanges_use_the_line_as_well_as_the_chip_allows() -> None:
    """A request is handed over in the slot before its own (sfsk.md 1.5): four slots with 50 ms of thinking."""
    rig = registered(1)
    rig.run_until(lambda: not rig.segment.initiator.discovery.is_burst, 200)
    rig.run(1)
    for i in range(100):
        rig.sink.request(0, GET + bytes((0, i)))
    spent_s = rig.run_until(lambda: len(rig.sink.done) == 100, 200)
    print(f"{spent_s / 100 / SLOT_S:.2f} slots per exchange")
    assert spent_s <= 100 * 4.1 * SLOT_S


def test_a_reply_of_the_longest_frame_fits_the_window() -> None:
    rig = registered(1)
    rig.sink.request(0, GET + bytes(236))
    rig.run_until(lambda: len(rig.sink.done) == 1, 30)
    assert rig.sink.done[0][2] == DONE_REPLIED and len(rig.sink.replies[0][2]) == 239


def test_a_muted_meter_costs_its_own_window_and_others_go_on() -> None:
    rig = registered(4)
    rig.run_until(lambda: not rig.segment.initiator.discovery.is_burst, 200)
    rig.node(2).set_muted(True)
    muted = rig.row(2)
    rig.sink.request(muted, GET)
    for row in range(4):
        if row != muted:
            rig.sink.request(row, GET + bytes((row,)))
    rig.run_until(lambda: len(rig.sink.done) == 4, 60)
    assert [outcome for _, _, outcome in rig.sink.done] == [DONE_NO_REPLY] + [DONE_REPLIED] * 3
    assert rig.count("no_reply") == 1


def test_a_broadcast_ends_when_it_has_been_repeated() -> None:
    rig = registered(3)
    rig.run(200)
    rig.sink.request(BROADCAST, GET, False)
    rig.run_until(lambda: len(rig.sink.done) == 1, 5)
    assert rig.sink.done[0][1:] == (BROADCAST, DONE_SENT)


def test_several_replies_to_one_request_hold_the_line() -> None:
    rig = registered(1)
    rig.run(200)
    rig.sink.verdict = lambda node, apdu: UPLINK_LAST if apdu == b"last" else UPLINK_MORE
    rig.sink.request(0, GET)
    rig.run_until(lambda: len(rig.sink.uplinks) == 1, 10)
    node = rig.node(1)
    for apdu in (b"more", b"last"):
        rig.run(0.5)
        assert not rig.sink.done and rig.segment.line.state != FREE
        node.push(0x10, 1, apdu)
        rig.run_until(lambda want=apdu: rig.sink.uplinks[-1][4] == want, 10)
    assert rig.sink.done[0][2] == DONE_REPLIED


def test_an_unasked_apdu_goes_up_at_any_time() -> None:
    rig = registered(2)
    rig.run(200)
    rig.node(1).push(0x66, 1, b"\x0f\x00\x00\x00\x01")
    rig.run(2)
    node, client, server, _, apdu = rig.sink.uplinks[-1]
    assert (node, client, server, apdu) == (rig.row(1), 0x66, 1, b"\x0f\x00\x00\x00\x01")
    assert rig.count("uplink_unasked") == 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_bad_line_loses_exchanges_but_crosses_none(seed: int) -> None:
    line = LineOptions(loss=0.2, dup=0.1, delay_ms=300, seed=seed)
    rig = registered(12, 400, line=line)
    for i in range(20):
        for row in range(12):
            rig.sink.request(row, GET + bytes((row, i)))
    rig.run_until(lambda: len(rig.sink.done) == 240, 1200)
    outcomes = Counter(outcome for _, _, outcome in rig.sink.done)
    print(outcomes)
    assert set(outcomes) <= {DONE_REPLIED, DONE_NO_REPLY}
    assert outcomes[DONE_REPLIED] >= 200
    for node, request, reply in rig.sink.replies:
        assert reply[3] == request[3] == node  # never another meter's answer
    late = [reply for _, request, reply in rig.sink.replies if reply[1:] != request[1:]]
    assert len(late) <= 5  # an answer to this node's own earlier request: the exchange above tells them apart


def test_credits_settle_at_the_depth_of_each_meter() -> None:
    rig = Rig(SegmentOptions(meters=12))
    for number in range(1, 13):
        rig.node(number).depth = (number - 1) % 6
    rig.start()
    rig.run_until(lambda: len(rig.online()) == 12, 300)
    for i in range(20):
        for row in range(12):
            rig.sink.request(row, GET + bytes((row, i)))
    rig.run_until(lambda: len(rig.sink.done) == 240, 2000)
    assert all(rig.table.credit(rig.row(n)) == rig.node(n).depth for n in range(1, 13))
    assert {outcome for _, _, outcome in rig.sink.done} == {DONE_REPLIED}


def test_no_airtime_at_all_still_registers_and_answers() -> None:
    options = SegmentOptions(meters=8, line=LineOptions(time_scale=0))
    rig = Rig(options, {"time_scale": 0}).start()
    rig.run_until(lambda: len(rig.online()) == 8, 60)
    rig.sink.request(0, GET)
    rig.run_until(lambda: len(rig.sink.done) == 1, 5)
    assert rig.sink.done[0][2] == DONE_REPLIED


def test_pad_octets_in_indications_and_bad_crc_indications_are_no_matter() -> None:
    chip = ChipOptions(pad_in_indication=True, bad_crc_indication=True)
    rig = registered(8, 400, chip=chip, line=LineOptions(loss=0.1, seed=7))
    rig.sink.request(0, GET + b"\x00\x00")
    rig.run_until(lambda: len(rig.sink.done) == 1, 10)
    assert rig.count("rx_bad_crc") > 0 and rig.count("rx_bad_llc") == 0
