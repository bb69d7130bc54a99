# SPDX-License-Identifier: MIT
"""Runs on MicroPython: the shipped main.py at work, in virtual time; what it has of the heap then.

usage: GW_STATE=folder micropython -X heapsize=... work.py HEAP
Four head-ends keep eight meters each busy and read SAP 1 from end to end, all at once, for twenty seconds;
every 250 ms the heap is collected and looked at. Prints `nodes=.. sessions=.. exchanges=.. read=..
answered=.. used=.. free=..`: the most in use, and what that leaves of HEAP octets; this script and its
world are left out.
"""

import gc
import sys

gc.collect()
of_script = gc.mem_alloc()  # this file, which no gateway has
sys.path.append("lib")  # behind .frozen: a frozen interpreter is measured as it is
sys.path.append("host_tests/both")
sys.path.append("tools/bench/on_device")
sys.path.append(".")

import asyncio

from hal import clock, unix

gc.collect()
before = gc.mem_alloc()

from soak_world import Chip, Dog, Port, Stream, World

_SESSIONS, _METERS = 4, 8
_SETTLE_MS, _WORK_MS, _LOOK_MS = 2000, 20000, 250
# Of the public client: logical names, no security, GET with block transfer (the Green Book's example).
_AARQ = bytes.fromhex("601DA109060760857405080101BE10040E01000000065F1F040000181D0400")
# class, logical name, attribute: the longest there are. SAP list, object list, nodes, the log and its columns.
_READ = (
    bytes.fromhex("00110000290000FF02"), bytes.fromhex("000F0000280000FF02"), bytes.fromhex("00010000800300FF02"),
    bytes.fromhex("00070000636200FF02"), bytes.fromhex("00070000636200FF03"),
)  # fmt: skip
_GET = bytes.fromhex("C001C100080000010000FF0200")
_ANSWER = bytes.fromhex("C401C1000964") + bytes(100)


class HeadEnd:
    """Keeps its meters busy; `sap` 1 is read attribute after attribute, without end."""

    def __init__(self, work, number):
        self._work, self._number = work, number
        self._heard = b""
        self._at = -1
        self.stream = Stream(work.world, self, "10.0.0.%d" % (1 + number))
        asyncio.create_task(work.accept(self.stream, self.stream))
        self._ask(1, _AARQ)
        for meter in range(_METERS):
            self._ask(0x10 + number * _METERS + meter, _GET)

    def _ask(self, sap, apdu, pause_ms=50):
        head = b"\x00\x01\x00\x10" + sap.to_bytes(2, "big") + len(apdu).to_bytes(2, "big")
        self._work.world.after(pause_ms, self.stream.put, head + apdu)

    def hears(self, stream, octets):
        """The gateway wrote."""
        self._heard += octets
        while len(self._heard) >= 8:
            end = 8 + int.from_bytes(self._heard[6:8], "big")
            if len(self._heard) < end:
                return
            sap, apdu = int.from_bytes(self._heard[2:4], "big"), self._heard[8:end]
            self._heard = self._heard[end:]
            if sap == 1:
                self._read_on(apdu)
            else:
                is_answer = apdu == _ANSWER
                self._work.answered += is_answer
                self._ask(sap, _GET, 50 if is_answer else 2000)  # refused: the others have all places

    def _read_on(self, apdu):
        is_block = apdu[:2] == b"\xc4\x02"
        if is_block and not apdu[3]:
            self._ask(1, b"\xc0\x02\xc1" + apdu[4:8])
            return
        assert apdu[0] == 0x61 or (is_block or apdu[:4] == b"\xc4\x01\xc1\x00"), apdu[:12]
        self._work.read += apdu[0] != 0x61
        self._at = (self._at + 1) % len(_READ)
        self._ask(1, b"\xc0\x01\xc1" + _READ[self._at] + b"\x00")


class Work:
    """The script."""

    def __init__(self, heap):
        self.heap = heap
        self.accept = None
        self.answered = self.read = 0
        self.most = self.most_open = 0
        self.world = World()
        self.chip = Chip(self.meter, None)
        self.port = Port(self.world, self.chip)

    def install(self):
        """Put the world under the firmware."""
        self.world.install()
        clock.ticks_ms = self.world.ticks
        clock.wall_s = lambda: 1790000000 + self.world.now // 1000
        unix.modem_port = lambda settings, baud: self.port
        unix.watchdog = lambda timeout_ms: Dog(self.world, timeout_ms)
        asyncio.start_server = self.start_server

    async def start_server(self, accept, address, port):
        """asyncio.start_server; the gateway is up."""
        if self.accept is None:
            self.accept = accept
            self.main = sys.modules["main"]
            self.world.engines = (self.main.segment, self.main.forwarder)
            self.world.after(1000, self.begin)
        return Server()

    def meter(self, mac, apdu):
        """What a meter says."""
        return b"\x1a" + apdu[1:] if apdu[0] == 0x19 else _ANSWER

    def begin(self):
        """Everybody comes."""
        self.head_ends = [HeadEnd(self, number) for number in range(_SESSIONS)]
        self.world.after(_SETTLE_MS, self.look)

    def look(self):
        """At the heap."""
        gc.collect()
        self.most = max(self.most, gc.mem_alloc())
        self.most_open = max(self.most_open, self.main.forwarder.exchanges.open_cnt)
        if self.world.now > 1000 + _SETTLE_MS + _WORK_MS:
            self.end()
        self.world.after(_LOOK_MS, self.look)

    def end(self):
        """Say it."""
        used = self.most - of_script
        print(
            "nodes=%d sessions=%d exchanges=%d read=%d answered=%d used=%d free=%d"
            % (
                self.main.table.count(), len(self.main.listener.sessions), self.most_open, self.read, self.answered,
                used, max(self.heap - used, 0),
            )
        )  # fmt: skip
        sys.exit(0)


class Server:
    """What asyncio.start_server gives."""

    async def wait_closed(self):
        """Never."""
        await asyncio.Event().wait()


work = Work(int(sys.argv[1]))
work.install()
gc.collect()
of_script += gc.mem_alloc() - before

import main  # noqa: F401 - runs
