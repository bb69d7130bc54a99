# SPDX-License-Identifier: MIT
"""What management asks of an S-FSK segment: ping, discovery, repeater call, giving up a row, another window."""

from plc_bench import SegmentBench
from plc_fakes import at

from plc.medium import ASK_BUSY, ASK_REFUSED, ASK_STARTED
from plc.sfsk import ciase

A, B = b"MMM\x00\x00\x00\x00\x01", b"MMM\x00\x00\x00\x00\x02"


class Bench(SegmentBench):
    """A quiet line with two nodes; `pings` are the outcomes told."""

    def __init__(self, **changes):
        super().__init__((A, B), **changes)
        self.settle()
        self.management = self.segment.management
        self.management.on_pinged = self._pinged
        self.pings = []

    def _pinged(self, now, row, ms):
        self.pings.append((row, ms))

    def ask_ping(self, row=0):
        return self.management.ping(at(self.ms), row)

    def chip_sends(self):
        """The CIASE PDU of the next transmission, confirmed by the chip."""
        got = self.next_transmission()
        self.confirm(got)
        return got


def test_a_ping_goes_out_on_a_quiet_line_and_a_second_one_is_refused_meanwhile():
    bench = Bench()
    assert bench.ask_ping(1) == ASK_STARTED
    assert bench.ask_ping(0) == ASK_BUSY
    got = bench.chip_sends()
    assert bytes((ciase.PING_REQ,)) + B in got
    assert bench.pings == [] and bench.ask_ping(0) == ASK_BUSY


def test_a_ping_never_gets_urgent():
    bench = Bench()
    assert bench.submit(0)
    assert bench.ask_ping(1) == ASK_STARTED
    for ms in (0, 10000, 100000, 1000000):
        assert not bench.segment.initiator.is_urgent(at(bench.ms + ms))


def test_nobody_can_be_pinged_who_is_not_there_or_while_the_modem_is_down():
    bench = Bench()
    for row in (2, 7, -1):
        assert bench.ask_ping(row) == ASK_REFUSED
    down = SegmentBench((A,))
    assert down.segment.management.ping(at(0), 0) == ASK_REFUSED
    assert down.segment.management.discover(at(0)) == ASK_REFUSED
    assert down.segment.management.call_repeaters(at(0)) == ASK_REFUSED


def test_a_dropped_ping_is_not_sent_and_makes_room_for_another():
    bench = Bench()
    assert bench.ask_ping(0) == ASK_STARTED
    bench.management.drop_ping()
    assert not bench.segment.initiator.run(at(bench.ms), False)
    assert bench.ask_ping(1) == ASK_STARTED


def test_a_discovery_asked_for_is_a_burst_that_waits_for_idle_air():
    bench = Bench()
    assert bench.management.discover(at(bench.ms)) == ASK_STARTED
    assert bench.management.discover(at(bench.ms)) == ASK_BUSY
    assert not bench.segment.initiator.discovery.is_late(at(bench.ms + 60000))
    got = bench.chip_sends()
    assert ciase.DISCOVER_REQ in got
    assert bench.segment.initiator.discovery.rounds >= 1


def test_a_repeater_call_is_made_once_even_when_the_setting_is_off():
    bench = Bench()
    before = bench.segment.counters.named("repeater_calls")
    assert bench.management.call_repeaters(at(bench.ms)) == ASK_STARTED
    assert bench.management.call_repeaters(at(bench.ms)) == ASK_BUSY
    assert ciase.REPEATER_CALL_REQ in bench.chip_sends()
    bench.wait(900)
    assert bench.segment.counters.named("repeater_calls") - before == 1


def test_a_row_on_the_air_is_not_released():
    bench = Bench()
    assert bench.submit(0)
    assert not bench.management.release(at(bench.ms), 0)
    assert bench.management.release(at(bench.ms), 1)
    pinging = Bench()
    assert pinging.ask_ping(1) == ASK_STARTED
    pinging.chip_sends()
    assert not pinging.management.release(at(pinging.ms), 1) and pinging.pings == []


def test_a_released_row_ends_the_ping_that_waits_for_it():
    bench = Bench()
    assert bench.ask_ping(1) == ASK_STARTED
    assert bench.management.release(at(bench.ms), 1)
    assert bench.pings == [(1, -1)] and bench.ask_ping(0) == ASK_STARTED


def test_another_operating_window_counts_from_the_next_second_on_and_can_be_taken_back():
    bench = Bench()
    segment = bench.segment
    segment.set_clock(at(bench.ms), 12 * 3600)
    assert segment.is_open
    segment.window.change(22 * 60, 6 * 60)
    segment.set_clock(at(bench.ms), 12 * 3600 + 1)
    assert not segment.is_open and bench.ask_ping() == ASK_REFUSED
    segment.window.change(0, 24 * 60)
    bench.wait(1001)
    segment.set_clock(at(bench.ms), 12 * 3600 + 2)
    assert segment.is_open and segment._window_due is None
