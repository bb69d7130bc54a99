# SPDX-License-Identifier: MIT
"""Runs on MicroPython: forwards APDUs through the shipped core, against a scripted chip.

usage: micropython forward.py EXCHANGES NODES [weigh]
Prints one line `name=value ...`: exchanges done, heap in use after warm-up (base) and grown at the
end; with `weigh` also the heap that the core's own calls took (taken), the chip's share left out.
Time is virtual; instructions are counted from outside.
"""

import gc
import sys

sys.path.append("lib")  # behind .frozen: a frozen interpreter is measured as it is
sys.path.append("host_tests/both")

from scripted_chip import ScriptedChip

from app import config as configuration
from app.forwarder import Forwarder
from app.medium_sfsk import segment_settings
from app.replies import HEADROOM
from app.startup import rules_from
from base.log import Log
from base.slab import Slab
from gateway.registration import Table
from gateway.router import Router
from plc.sfsk.segment import Segment

_GET = bytes([0xC0, 1, 0xC1, 0, 8, 0, 0, 1, 0, 0, 255, 2, 0])
_REPLY = bytes([0xC4, 1, 0xC1, 0, 9, 100]) + bytes(100)
_PING = 0x19
_WARM_UP = 50


def _answer(dest, apdu):
    """A meter's answer, to a ping too: without it nodes get lost, and requests are refused instead of forwarded."""
    return b"\x1a" + apdu[1:] if apdu[0] == _PING else _REPLY


class NoJournal:
    """A journal that has everything already."""

    def assign(self, table, row, title):
        return True

    def verified(self, table, row, title):
        return True


class NoDevice:
    """No SAP 1 in this measurement."""

    def close_connection(self, connection):
        """Nothing to forget."""


class Scales:
    """Heap taken inside the core's calls; what the chip takes meanwhile is put back."""

    def __init__(self, is_on):
        self.taken = 0
        self._is_on = is_on

    def call(self, fn, *args):
        """fn(*args), weighed."""
        if not self._is_on:
            return fn(*args)
        before = gc.mem_alloc()
        result = fn(*args)
        self.taken += gc.mem_alloc() - before
        return result

    def look(self):
        """Heap in use; 0 when nothing is weighed, for to look is to walk the whole heap."""
        return gc.mem_alloc() if self._is_on else 0

    def put_back(self, before):
        """What was taken since `look` said `before`, inside a weighed call, is not the core's."""
        self.taken -= self.look() - before


class WeighedPort:
    """The chip behind the scales."""

    def __init__(self, chip, scales):
        self._chip = chip
        self._scales = scales

    def write(self, mv):
        before = self._scales.look()
        self._chip.write(mv)
        self._scales.put_back(before)

    def t_req(self, asserted):
        before = self._scales.look()
        self._chip.t_req(asserted)
        self._scales.put_back(before)

    def reset(self, asserted):
        self._chip.reset(asserted)

    def power(self, on):
        self._chip.power(on)


class Session:
    """Takes replies and gives the buffers back; the next request follows at once."""

    number = 1
    peer, service = b"", 0
    room = 8
    replies = 0

    def __init__(self, slab):
        self._slab = slab

    def send(self, buf, off, length):
        self._slab.free(buf)
        self.replies += 1
        return True


class Bench:
    """The core of main.py with a scripted chip; `exchange()` forwards one APDU and its reply."""

    def __init__(self, nodes, scales):
        self.scales = scales
        config = configuration.Config(configuration.defaults(), "bench", [])
        self.slab = Slab(config.number("wan.buffers"), config.number("wan.max_apdu"), HEADROOM, 16)
        log = Log(config.number("log_records"))
        self.table = Table(config.number("gateway.nodes"), 8, NoJournal(), 0, 0)
        self.forwarder = Forwarder(self.table, self.slab, Router(self.table, {}), rules_from(config))
        self.chip = ScriptedChip(_answer)
        port = WeighedPort(self.chip, scales)
        self.segment = Segment(segment_settings(config, b"BENCH0000000"), port, self.table, self.forwarder, log)
        self.forwarder.medium = self.segment
        self.forwarder.device = NoDevice()
        self.session = Session(self.slab)
        self.nodes = nodes
        self.now = 1
        self.rx = memoryview(bytearray(256))
        for number in range(nodes):
            row = self.table.add(b"BENCH" + bytes([0, number >> 8, number & 255]))
            self.table.set_state(row, 2, 1)
        self.segment.start(self.now)

    def step(self):
        """On to the next instant at which something happens (at least a millisecond)."""
        soonest = self.now + 1000
        if self.chip.due:
            soonest = min(soonest, self.chip.due[0][0])
        for engine in (self.segment, self.forwarder):
            due = self.scales.call(engine.next_deadline)
            if due is not None:
                soonest = min(soonest, due)
        self.now = max(soonest, self.now + 1)
        self._work()

    def _work(self):
        octets = self.chip.take(self.now)
        while octets is not None:
            self.rx[: len(octets)] = octets
            self.scales.call(self.segment.feed, self.now, self.rx, len(octets))
            octets = self.chip.take(self.now)
        for engine in (self.segment, self.forwarder):
            due = engine.next_deadline()
            if due is not None and due <= self.now:
                self.scales.call(engine.on_deadline, self.now)

    def exchange(self, number):
        """One GET to a node and its answer, through to the session."""
        buf = self.slab.alloc()
        view = self.slab.view(buf)
        for i in range(len(_GET)):
            view[HEADROOM + i] = _GET[i]
        target = self.session.replies + 1
        sap = self.table.sap(number % self.nodes)
        ports = (16, sap)
        self.scales.call(self.forwarder.on_request, self.now, self.session, ports, buf, len(_GET))
        for _ in range(20000):
            if self.session.replies >= target:
                return
            self.step()
        raise RuntimeError("no answer: %s" % [(n, self.segment.counters.named(n)) for n in self.segment.counters.names])


def main():
    count, nodes = int(sys.argv[1]), int(sys.argv[2])
    scales = Scales(len(sys.argv) > 3)
    bench = Bench(nodes, scales)
    while not bench.segment.is_up:
        bench.step()
    for number in range(_WARM_UP):
        bench.exchange(number)
    gc.collect()
    before = gc.mem_alloc()
    scales.taken = 0
    if len(sys.argv) > 3:
        gc.disable()
    for number in range(count):
        bench.exchange(number)
    taken = scales.taken
    gc.enable()
    gc.collect()
    assert bench.forwarder.counters.named("replies-delivered") == _WARM_UP + count
    print("exchanges=%d taken=%d grown=%d base=%d" % (count, taken, gc.mem_alloc() - before, before))


main()
