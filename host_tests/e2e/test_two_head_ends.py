# SPDX-License-Identifier: MIT
"""Several head-ends at the same time, on different and on the same meters; one meter that is mute.

Each meter measures something else, so that an answer given to the wrong head-end shows.
"""

import threading
import time

import pytest

from host_tests.e2e.stack import Stack
from host_tests.e2e.trace import apdus, assert_carried_unchanged, assert_none_crossed, exchanges
from host_tests.peers.cosem_hes import CosemHes
from host_tests.peers.gurux_hes import GuruxHes
from host_tests.peers.hes import MANAGEMENT, PUBLIC
from host_tests.peers.pydlms_hes import PydlmsHes
from host_tests.peers.raw_hes import RawHes, get_request, public_aarq
from tools.hes.errors import HesRefused, WireTimeout
from tools.sim.meter import Meter

TITLES = [bytes.fromhex("4D4D4D%010X" % number) for number in range(1, 5)]
A_TIME_S = 1_700_000_000.0
BUSY = bytes.fromhex("D80101")
LDN = (1, "0.0.42.0.0.255", 2)
ROUNDS = 12
ENERGY = (3, "1.0.1.8.0.255", 2)
# Reply window of a meter that was never heard: 2 slots and a frame of 7 sub-frames at 1.5 ms, think_ms 200,
# 252 characters at 38400 bit/s (66 ms), 100 ms x widen 4.
FIRST_WINDOW_S = 0.012 + 0.2 + 0.066 + 0.4
A_BUSY_PC_S = 0.5


@pytest.fixture(scope="module", params=("sfsk", "g3"))
def stack(request):
    """Four meters with different values."""
    meters = [Meter(title, clock=lambda: A_TIME_S, seed=number) for number, title in enumerate(TITLES)]
    with Stack(meters, config={"g3": {"lost_retry_s": 10}}, options={"--medium": request.param}) as running:
        running.is_sfsk = request.param == "sfsk"
        yield running


@pytest.fixture
def saps(stack):
    """SAPs in the order of TITLES."""
    found = stack.saps()
    return [found[title.hex().upper()] for title in TITLES]


def meter_at(stack, number):
    return stack.meters[TITLES[number].hex().upper()]


def together(*jobs):
    """Run the jobs at the same time; what one raises is raised."""
    failures = []

    def guarded(job):
        try:
            job()
        except BaseException as error:  # noqa: BLE001 - given to the caller
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    if failures:
        raise failures[0]


def managing(stack, kind, numbers, saps):
    """A job: associate with these meters one after another and read what only they say."""
    def job():
        with stack.wire() as wire:
            hes = kind(wire)
            for number in numbers:
                hes.open(saps[number])
                for _ in range(ROUNDS // 3):
                    assert bytes(hes.get(*LDN)) == TITLES[number].hex().upper().encode()
                    assert hes.get(*ENERGY) == meter_at(stack, number).model.energy_wh()
                hes.release()
            assert wire.skipped == 0
    return job


def test_two_head_ends_with_different_meters_do_not_notice_each_other(stack, saps):
    mark = stack.trace.mark
    together(managing(stack, GuruxHes, (0, 1), saps), managing(stack, CosemHes, (2, 3), saps))
    events = stack.trace.since(mark)
    assert_carried_unchanged(events)
    assert assert_none_crossed(events) > 40
    first = [event.t for event in events if event.at == "wan" and event.sap in saps[:2]]
    second = [event.t for event in events if event.at == "wan" and event.sap in saps[2:]]
    assert max(min(first), min(second)) < min(max(first), max(second))  # they did overlap


def test_two_client_saps_share_a_meter_and_each_gets_its_own_answers(stack, saps):
    def public():
        with stack.wire() as wire:
            hes = RawHes(wire, saps[0])
            for number in range(ROUNDS):
                answer = hes.ask(get_request(*LDN)[:2] + bytes((0xC0 | number,)) + get_request(*LDN)[3:], PUBLIC)
                assert answer[:4] == bytes((0xC4, 1, 0xC0 | number, 0))
                assert answer[6:] == TITLES[0].hex().upper().encode()

    def management():
        with stack.wire() as wire:
            hes = PydlmsHes(wire)
            hes.open_management(saps[0], counter + 1)
            for _ in range(ROUNDS):
                assert hes.get(*ENERGY) == meter_at(stack, 0).model.energy_wh()
            hes.release()

    with stack.wire() as wire:
        counter = RawHes(wire, saps[0]).read_counter()
    mark = stack.trace.mark
    together(management, public)
    assert_carried_unchanged(stack.trace.since(mark))
    assert_none_crossed(stack.trace.since(mark))
    assert meter_at(stack, 0).counters["refused-replay"] == 0


def test_the_same_client_sap_of_a_meter_belongs_to_one_head_end_until_it_lets_go(stack, saps):
    with stack.wire() as first_wire, stack.wire() as second_wire:
        first, second = GuruxHes(first_wire), CosemHes(second_wire)
        first.open(saps[1])
        mark = stack.trace.mark
        raw = RawHes(second_wire, saps[1])
        assert raw.ask(raw.aarq(), MANAGEMENT) == BUSY
        assert raw.ask(raw.protect(get_request(*LDN)), MANAGEMENT) == BUSY
        assert apdus(stack.trace.since(mark), "line") == {}  # refused before the air
        assert raw.ask(public_aarq(), PUBLIC)[0] == 0x61  # another client SAP is another pair
        assert bytes(first.get(*LDN)) == TITLES[1].hex().upper().encode()
        with pytest.raises(HesRefused):
            second.open(saps[1])
        first.release()
        second.open(saps[1])
        assert bytes(second.get(*LDN)) == TITLES[1].hex().upper().encode()
        second.release()


def test_a_pair_is_free_again_when_its_head_end_hangs_up(stack, saps):
    with stack.wire() as wire:
        GuruxHes(wire).open(saps[2])
    with stack.wire() as wire:
        hes = PydlmsHes(wire)
        stack.until(lambda: opened(hes, saps[2]), 10, "pair free")
        hes.release()


def opened(hes, sap):
    """True when the meter could be opened."""
    try:
        hes.open(sap)
    except HesRefused:
        return False
    return True


def test_a_mute_meter_costs_the_others_no_more_than_its_own_reply_window(stack, saps):
    title = TITLES[3].hex().upper()
    done = threading.Event()

    def read_others():
        with stack.wire() as wire:
            hes = GuruxHes(wire)
            hes.open(saps[0])
            while not done.is_set():
                assert hes.get(*ENERGY) == meter_at(stack, 0).model.energy_wh()

    def ask_mute():
        try:
            with stack.wire() as wire:
                for _ in range(3):
                    wire.send(PUBLIC, saps[3], get_request(*LDN))
                    with pytest.raises(WireTimeout):
                        wire.receive(PUBLIC, saps[3], 1.5)
        finally:
            done.set()

    stack.control("mute", node=title)
    mark = stack.trace.mark
    started = time.monotonic()
    try:
        together(read_others, ask_mute)
    finally:
        stack.control("unmute", node=title)
    events = stack.trace.since(mark)
    if not stack.is_sfsk:  # exchanges with other meters go on meanwhile: there is no window of the line
        assert len(exchanges(events, TITLES[0].hex().upper())) > 30
        return
    window_s = longest_window(events, title)
    others = [answered - asked for asked, answered in exchanges(events, TITLES[0].hex().upper())]
    alone_s = sorted(others)[len(others) // 2]
    print("mute window %.3f s, others %d exchanges, median %.3f s, worst %.3f s in %.1f s" % (
        window_s, len(others), alone_s, max(others), time.monotonic() - started))
    assert window_s < FIRST_WINDOW_S + A_BUSY_PC_S
    assert max(others) <= window_s + 3 * alone_s + A_BUSY_PC_S / 2
    assert len(others) > 30  # while the mute one rests, the others go on


def longest_window(events, title):
    """Longest time from a request to this node on the line to the next frame anybody sends there."""
    downs = [event for event in events if event.at == "line"]
    spans = [later.t - event.t for event, later in zip(downs, downs[1:], strict=False)
             if event.node == title and event.dir == "down"]
    assert spans
    return max(spans)


def test_the_mute_meter_answers_again_and_its_old_requests_come_to_nothing(stack, saps):
    title = TITLES[3].hex().upper()
    with stack.wire(20) as wire:
        hes = RawHes(wire, saps[3])

        def answers():
            return hes.ask(get_request(*LDN), PUBLIC)[6:] == title.encode()

        stack.until(answers, 30, "mute meter answers again")
        assert wire.skipped == 0
