# SPDX-License-Identifier: MIT
"""Host interface: T_REQ, status, frame, ACK; every (state, event) cell and each thing that can go wrong."""

from plc_fakes import START, STATUS_BUSY, STATUS_OK, T_HIGH, T_LOW, Pins, at, counters, frame, is_due, settings

from plc.sfsk import host_link
from plc.sfsk.chip import Chip
from plc.sfsk.host_link import AWAIT_ACK, GO, IDLE, PAUSE, POLL, STOP, TAKEN, WAIT, HostLink

COMMAND = frame(0x41, b"\x13\x00")
INDICATION = frame(0x50, b"\x00\xff\xef\xff\x0b\x90\xfd\x00\x1e")


class Owner:
    def __init__(self):
        self.verdict = GO
        self.log = []

    def judge(self, now, was_sent):
        self.log.append(("judge", was_sent))
        return self.verdict

    def on_link_status(self, now):
        self.log.append("status")

    def on_link_taken(self, now):
        self.log.append("taken")

    def on_link_failed(self, now, why, was_sent):
        self.log.append(("failed", why, was_sent))

    def on_link_frame(self, now, mv, n):
        self.log.append(bytes(mv[:n]))

    def take(self):
        log, self.log = self.log, []
        return log


class Bench:
    def __init__(self, **changes):
        self.pins, self.owner, self.counters = Pins(), Owner(), counters()
        self.link = HostLink(self.pins, Chip, settings(**changes), self.counters, self.owner)
        self.ms = 0

    def send(self, octets=COMMAND):
        self.link.send(at(self.ms), memoryview(b"\x00" + octets) if octets else None, 1, len(octets or b""))
        return self

    def feed(self, octets, ms=1):
        self.ms += ms
        self.link.feed(at(self.ms), octets, len(octets))
        return self

    def wait(self, ms):
        """Let `ms` pass, calling on_deadline whenever it is due."""
        end = self.ms + ms
        while self.ms < end:
            self.ms += 1
            due = self.link.next_deadline()
            if is_due(due, self.ms):
                self.link.on_deadline(at(self.ms))
        return self

    def state(self, state):
        """Bring a fresh link into `state`."""
        if state != IDLE:
            self.send()
        if state == AWAIT_ACK:
            self.feed(STATUS_OK)
        elif state == PAUSE:
            self.feed(STATUS_OK).feed(b"\x15")
        assert self.link.state == state
        self.pins.take()
        self.owner.take()
        return self


def test_a_command_goes_out_after_the_status_and_ends_with_the_ack():
    bench = Bench().send()
    assert bench.pins.take() == [T_LOW]
    bench.feed(STATUS_OK)
    assert bench.owner.take() == ["status", ("judge", False)]
    assert bench.pins.take() == [COMMAND[:1], T_HIGH, COMMAND[1:]]  # released once STX is out
    bench.feed(b"\x06")
    assert bench.owner.take() == ["taken"]
    assert bench.link.state == IDLE and bench.link.next_deadline() is None


def test_every_cell_of_the_table():
    ack, nak, status, ind = b"\x06", b"\x15", STATUS_OK, INDICATION
    # state after: status, ACK, NAK, time-out, frame
    expected = {
        IDLE: (IDLE, IDLE, IDLE, IDLE, IDLE),
        POLL: (AWAIT_ACK, POLL, POLL, PAUSE, POLL),
        AWAIT_ACK: (AWAIT_ACK, IDLE, PAUSE, PAUSE, AWAIT_ACK),
        PAUSE: (PAUSE, PAUSE, PAUSE, POLL, PAUSE),
    }
    for state, row in expected.items():
        for column, octets in enumerate((status, ack, nak, None, ind)):
            bench = Bench().state(state)
            if octets is None:
                bench.wait({POLL: 30, AWAIT_ACK: 52}.get(state, 22))
            else:
                bench.feed(octets)
            assert bench.link.state == row[column], (state, column, bench.link.state)
    assert len(host_link._TABLE) == len(expected) and all(len(row) == 5 for row in host_link._TABLE)


def test_a_frame_is_acknowledged_before_anybody_looks_at_it():
    bench = Bench()
    seen = []
    bench.owner.on_link_frame = lambda now, mv, n: seen.append(bench.pins.take())
    bench.feed(INDICATION)
    assert seen == [[b"\x06"]]


def test_a_frame_with_a_wrong_sum_gets_a_nak_and_goes_nowhere():
    bench = Bench().feed(INDICATION[:-1] + b"\x7f")
    assert bench.pins.octets() == b"\x15" and bench.owner.take() == []
    assert bench.counters.named("frame_bad_sum") == 1


def test_half_a_frame_gets_a_nak_once_the_gap_is_over():
    bench = Bench().feed(INDICATION[:-3])
    assert bench.wait(19).pins.octets() == b""
    assert bench.wait(10).pins.octets() == b"\x15"
    assert bench.counters.named("frame_gap") == 1
    bench.feed(INDICATION)
    assert bench.owner.take() == [INDICATION]


def test_an_impossible_length_is_swallowed_and_refused_after_the_silence():
    bench = Bench().send()
    bench.feed(b"\x02\xff\x06\x06").feed(STATUS_OK + b"\x15")
    assert bench.owner.take() == []  # nothing inside it is believed
    assert b"\x15" in bench.wait(25).pins.take()
    assert bench.counters.named("frame_bad_length") == 1


def test_octets_after_a_long_gap_start_anew():
    bench = Bench().feed(INDICATION[:5]).feed(INDICATION, ms=60)
    assert bench.owner.take() == [INDICATION]
    assert bench.pins.octets() == b"\x06"


def test_silence_after_t_req_three_times_is_a_failure_before_anything_was_sent():
    bench = Bench().send().wait(200)
    assert bench.owner.take() == [("failed", host_link.FAIL_NO_STATUS, False)]
    assert bench.pins.take().count(T_LOW) == 3
    assert bench.counters.named("poll_silent") == 3
    assert bench.link.next_deadline() is None


def test_silence_after_the_frame_restarts_the_whole_sequence():
    bench = Bench().send()
    for _ in range(3):
        assert bench.pins.take()[-1] == T_LOW
        bench.feed(STATUS_OK)
        assert COMMAND[1:] in bench.pins.take()
        bench.wait(70)
    assert bench.owner.take()[-1] == ("failed", host_link.FAIL_NO_ACK, True)
    assert bench.counters.named("ack_silent") == 3


def test_three_naks_refuse_a_command_for_certain():
    bench = Bench().send()
    for _ in range(3):
        bench.feed(STATUS_OK).feed(b"\x15").wait(25)
    assert bench.owner.take()[-1] == ("failed", host_link.FAIL_NAK, False)


def test_a_late_ack_counts_only_while_its_frame_is_the_question():
    bench = Bench().send().feed(STATUS_OK).wait(52)
    assert bench.link.state == PAUSE
    bench.feed(b"\x06")
    assert bench.owner.take()[-1] == "taken"
    bench = Bench().state(PAUSE)  # there after a NAK: an ACK now is nobody's
    bench.feed(b"\x06")
    assert bench.owner.take() == [] and bench.counters.named("ack_stray") == 1


def test_an_acknowledgement_nobody_waits_for_is_counted():
    bench = Bench().feed(b"\x06\x15")
    assert bench.counters.named("ack_stray") == 2 and bench.owner.take() == []


def test_a_frame_that_starts_while_we_poll_is_taken_and_the_poll_goes_on():
    bench = Bench().send()
    bench.feed(INDICATION[:7], ms=22)
    bench.feed(INDICATION[7:], ms=8)
    assert bench.owner.take() == [INDICATION]
    bench.wait(15).feed(STATUS_OK)
    assert bench.owner.take() == ["status", ("judge", False)]
    assert bench.counters.named("poll_silent") == 0


def test_a_frame_between_our_frame_and_its_ack():
    bench = Bench().send().feed(STATUS_OK).feed(INDICATION, ms=30)
    bench.wait(30).feed(b"\x06")
    assert bench.owner.take() == ["status", ("judge", False), INDICATION, "taken"]


def test_busy_waits_and_asks_again():
    bench = Bench().send()
    bench.owner.verdict = WAIT
    bench.feed(STATUS_BUSY)
    assert bench.link.state == PAUSE and bench.counters.named("busy_wait") == 1
    bench.owner.verdict = GO
    bench.wait(25).feed(STATUS_OK).feed(b"\x06")
    assert bench.owner.take()[-1] == "taken"


def test_stop_releases_the_line_without_a_word():
    bench = Bench().send()
    bench.owner.verdict = STOP
    bench.feed(STATUS_OK)
    assert bench.link.state == IDLE and bench.owner.take() == ["status", ("judge", False)]


def test_a_busy_chip_after_a_lost_ack_has_the_frame():
    bench = Bench().send().feed(STATUS_OK).wait(75)
    assert bench.link.state == POLL
    bench.owner.verdict = TAKEN
    bench.feed(STATUS_BUSY)
    assert bench.owner.take()[-2:] == [("judge", True), "taken"]


def test_a_bare_poll_sends_nothing():
    bench = Bench().send(None).feed(STATUS_OK)
    assert bench.owner.take() == ["status", "taken"]
    assert bench.pins.octets() == b""


def test_a_chip_still_waiting_for_stx_after_a_bare_poll_is_not_dead():
    bench = Bench().send(None).feed(STATUS_OK)
    bench.owner.take()
    bench.send().wait(204)  # tSR = 200 ms of silence
    assert bench.owner.take() == [] and bench.counters.named("poll_silent") == 0
    bench.wait(5).feed(STATUS_OK).feed(b"\x06")
    assert bench.owner.take()[-1] == "taken"


def test_widened_timeouts():
    bench = Bench(uart_widen=10).send().wait(190).feed(STATUS_OK, ms=5)
    assert bench.owner.take() == ["status", ("judge", False)]
    bench.wait(390).feed(b"\x06", ms=5)
    assert bench.owner.take() == ["taken"]


def test_ticks_wrap_within_every_scenario():
    assert at(400) < 400 < START


def test_every_prefix_of_garbage_is_survived():
    junk = bytes([(7 * i * i + 3 * i) & 0xFF for i in range(400)])
    for start in range(0, 300, 7):
        bench = Bench().send()
        for i in range(start, start + 100, 9):
            bench.feed(junk[i : i + 9], ms=3)
        bench.wait(500)
        assert bench.link.state == IDLE
