# SPDX-License-Identifier: MIT
"""Fuzzed UART streams into a segment at work: no exception, nothing delivered twice, always a way back.

GW_FUZZ_STREAMS (default 100000) and GW_FUZZ_SEED choose the run; both are printed.
"""

from __future__ import annotations

import os
import random
from typing import Any

from base.ticks import ticks_diff
from gateway.journal import Journal
from gateway.registration import Table
from host_tests.plc_rig import NoFlash
from plc.medium import NODE_ONLINE, UPLINK_FOREIGN, UPLINK_LAST, UPLINK_MORE
from plc.sfsk.segment import Segment
from plc.sfsk.settings import Settings

STREAMS = int(os.environ.get("GW_FUZZ_STREAMS", "100000"))
SEED = int(os.environ.get("GW_FUZZ_SEED", "20240601"))
TICKS = 1 << 30
NODES = 6
GOOD_STATUS = b"\x3f\x00\x01\x00"


def frame(command: int, body: bytes) -> bytes:
    length = len(body) + 3
    total = length + command + sum(body)
    return bytes((2, length, command)) + body + bytes((total & 0xFF, total >> 8))


class Chip:
    """Port and chip in one: answers sensibly, then the fuzzer spoils what it said."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.is_set = False
        self.said: list[bytes] = []
        self.heard = b""

    def power(self, on: bool) -> None:
        self.is_set = False

    def reset(self, asserted: bool) -> None:
        self.is_set = False

    def t_req(self, asserted: bool) -> None:
        if asserted:
            self.said.append(GOOD_STATUS if self.is_set else b"\x3f\x02\x00\x15")

    def write(self, mv: Any) -> None:
        octets = bytes(mv)
        if octets in (b"\x06", b"\x15"):
            return
        self.heard += octets
        if len(self.heard) > 1 and len(self.heard) >= self.heard[1] + 2:
            whole, self.heard = self.heard, b""
            self.said.append(b"\x06")
            self.said += self.answers(whole[2], whole[3:-2])

    def answers(self, command: int, body: bytes) -> list[bytes]:
        if command == 0x21:
            self.is_set = False
        elif command == 0x71:
            self.is_set = True
            return [frame(0x72, body)]
        elif command == 0x41:
            return [frame(0x42, body[:2] + bytes(24))]
        elif command == 0x51:
            return [frame(0x52, b"\xff"), self.indication(body)]
        return []

    def indication(self, request: bytes) -> bytes:
        """What a meter might say: an answer, a report, a ping, in any state of confusion."""
        dice = self.dice
        sa = dice.choice((request[2] << 8 & 0xF00 | request[3], dice.randint(0, 0xFFF), 0xFFE, 1, 2))
        da = dice.choice((0xC00, 0xC00, 0xFFF, dice.randint(0, 0xFFF)))
        title = b"FUZZ" + dice.choice((b"0000", b"0001", dice.randbytes(4)))
        pdu = dice.choice(
            (
                b"\x1e\x01" + title + b"\x01\x01",
                b"\x1a" + title,
                b"\xc4\x01" + dice.randbytes(dice.randint(0, 60)),
                dice.randbytes(dice.randint(0, 200)),
            )
        )
        saps = dice.choice((b"\x10\x01", b"\x01\x10", b"\x01\x00", b"\xfd\x00", dice.randbytes(2)))
        head = bytes((dice.randint(0, 255), sa >> 4, sa << 4 & 0xF0 | da >> 8, da & 0xFF, dice.choice((0, 0, 20, 255))))
        return frame(0x50, (head + b"\x90" + saps + pdu)[:240])


class Sink:
    """Keeps one request open at a time and counts what ends it."""

    is_held = False

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.segment: Any = None
        self.open = -2
        self.accepted = self.done = self.sent = 0

    def is_control_waiting(self) -> bool:
        return False

    def on_free(self, now: int) -> None:
        if self.open != -2 or self.dice.random() < 0.5:
            return
        row = self.dice.randint(-1, NODES - 1)
        buf = memoryview(bytearray(80))
        self.open = row
        if self.segment.submit(now, row, (0x10, 1), buf, 16, 40, row >= 0):
            self.accepted += 1
        else:
            self.open = -2

    def on_sent(self, now: int, node: int) -> None:
        assert node == self.open
        self.sent += 1

    def on_uplink(self, now: int, node: int, client: int, server: int, mv: Any, off: int, length: int) -> int:
        assert 0 <= node < self.segment._nodes.end() and 0 < length <= 239
        assert len(bytes(mv[off : off + length])) == length
        return self.dice.choice((UPLINK_LAST, UPLINK_LAST, UPLINK_MORE, UPLINK_FOREIGN))

    def on_done(self, now: int, node: int, outcome: int) -> None:
        assert node == self.open, "ended twice, or never begun"
        self.open = -2
        self.done += 1

    def on_node(self, now: int, node: int, event: int) -> None:
        assert 0 <= node < self.segment._nodes.capacity

    def on_link(self, now: int, is_up: bool) -> None:
        assert is_up == self.segment.is_up


def spoil(dice: random.Random, octets: bytes, share: float) -> bytes:
    """As it is; else (`share` of them) changed, cut, doubled, with noise in front, or nothing."""
    if not octets or dice.random() >= share:
        return octets
    kind = 0.55 + 0.45 * dice.random()
    spoilt = bytearray(octets)
    if kind < 0.7:
        spoilt[dice.randrange(len(spoilt))] ^= 1 << dice.randrange(8)
    elif kind < 0.8:
        del spoilt[dice.randrange(len(spoilt)) :]
    elif kind < 0.87:
        spoilt = spoilt * 2
    elif kind < 0.94:
        spoilt[:0] = dice.randbytes(dice.randint(1, 20))
    else:
        return b""
    return bytes(spoilt)


class Bench:
    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.share = self.dice.choice((0.01, 0.03, 0.1, 0.3))
        self.now = TICKS - 100000
        self.chip, self.sink = Chip(self.dice), Sink(self.dice)
        table = Table(16, 8, Journal(NoFlash()), 0, 3600)  # type: ignore[arg-type]
        for i in range(NODES):
            table.set_state(table.add(b"FUZZ%04d" % i), NODE_ONLINE, 0)
        self.segment = Segment(Settings({"discover": {"period_s": 5}}), self.chip, table, self.sink)
        self.sink.segment = self.segment
        self.segment.start(self.now)

    def pass_time(self, span_ms: int) -> None:
        """Calls on_deadline when due; a segment that wants to be called for ever without end fails."""
        end = (self.now + span_ms) % TICKS
        for _ in range(400):
            due = self.segment.next_deadline()
            if due is None or ticks_diff(due, end) > 0:
                break
            if ticks_diff(due, self.now) > 0:
                self.now = due
            self.segment.on_deadline(self.now)
            if self.chip.said:
                return
        else:
            raise AssertionError("deadlines without end")
        self.now = end

    def stream(self) -> None:
        """One fuzzed piece of wire."""
        is_late = self.dice.random() < self.share
        prompt = self.chip.said and not is_late
        self.pass_time(self.dice.choice((0, 1, 3) if prompt else (3, 30, 200, 1000)))
        octets = self.chip.said.pop(0) if self.chip.said else b""
        if self.dice.random() < self.share:
            octets += self.dice.randbytes(self.dice.randint(1, 30))
        if self.dice.random() < 0.1:
            octets += self.chip.indication(b"\x00\xc0\x00" + bytes((self.dice.randint(0, NODES),)))
        self.feed(spoil(self.dice, octets, self.share))

    def recover(self) -> None:
        """The chip behaves again: the segment comes up within FAILED's longest rest."""
        for _ in range(4000):
            if self.segment.is_up:
                return
            self.pass_time(50)
            while self.chip.said:
                self.feed(self.chip.said.pop(0))
        raise AssertionError("the chip behaves again, and the segment does not come up")

    def feed(self, octets: bytes) -> None:
        cut = self.dice.randint(0, len(octets))
        for part in (octets[:cut], octets[cut:]):
            if part:
                self.segment.feed(self.now, memoryview(part), len(part))


def test_fuzzed_streams_break_nothing() -> None:
    print(f"seed {SEED}, {STREAMS} streams")
    runs = max(STREAMS // 2000, 1)
    accepted = replied = 0
    for run in range(runs):
        bench = Bench(SEED + run)
        for _ in range(2000):
            bench.stream()
        assert bench.sink.accepted - bench.sink.done in (0, 1)
        accepted += bench.sink.accepted
        replied += bench.segment.counters.named("rx_frames")
        bench.recover()
    print(f"{accepted} requests, {replied} indications on the way")
    assert accepted > runs * 5 and replied > runs * 20  # the fuzz reached the inside
