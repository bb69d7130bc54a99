# SPDX-License-Identifier: MIT
"""Runs on MicroPython: days of the whole firmware with every fault, in virtual time.

usage: GW_STATE=folder micropython -X heapsize=512k soak.py DAYS HOURS NODES SEED [REST_S]
main.py is run as it is; three head-ends ask meters behind a scripted chip. At the end of each day
everything is closed, the heap collected and one line printed:
`day=.. exchanges=.. answered=.. refused=.. wrong=.. faults=.. used=.. late=.. dead=.. bites=..`
and what micropython.mem_info says. Exit code 0 at the end of the last day.
"""

import gc
import random
import sys

sys.path.append("lib")  # behind .frozen: a frozen interpreter is soaked as it is
sys.path.append("host_tests/both")
sys.path.append("tools/bench/on_device")
sys.path.append(".")

import asyncio

import micropython
from soak_world import Chip, Dog, Port, Stream, World

_CLIENT = 16
_ASK_MS = 9000  # mean pause of a head-end between two steps
_FAULT_MS = 240000  # mean pause between two faults
_REST_S = 400  # twice at the end of a day: everything queued has ended, sessions are gone; alive_s and more
_BAD_HEADERS = (b"\x00\x02" + bytes(6), b"\x00\x01\x00\x10\x00\x11\xff\xff", b"\x00\x01\x00\x10\x00\x11\x00\x00")
_BLOCK_LEN = 32 if sys.maxsize >> 31 else 16  # octets of a block of the heap


def pause(mean_ms):
    """A random pause."""
    return random.randrange(mean_ms // 4, 2 * mean_ms)


class HeadEnd:
    """Connects, asks, hangs up in every way; knows what each meter owes it."""

    def __init__(self, soak, number):
        self.soak, self.number = soak, number
        self.stream = None
        self.open = {}
        self._heard = b""

    def connect(self):
        """One more connection."""
        self.stream = Stream(self.soak.world, self, "10.0.0.%d" % (1 + self.number))
        self.open.clear()
        self._heard = b""
        accept = self.soak.accept
        if accept is not None:
            asyncio.create_task(accept(self.stream, self.stream))

    def step(self):
        """Do something."""
        if self.stream is None or self.stream.is_closed:
            self.connect()
            return
        dice = random.randrange(100)
        if dice < 92:
            self.ask()
        elif dice < 95:
            self.hang_up(dice == 94)
        elif dice < 97:
            self.stream.put(b"\x00\x01\x00\x10")  # half a header, and no more
            self.stream = None
        elif dice == 97:
            self.stream.put(_BAD_HEADERS[random.randrange(len(_BAD_HEADERS))])
        else:
            self.stream.is_reading = not self.stream.is_reading

    def ask(self):
        """A request to some meter."""
        sap = self.soak.sap(random.randrange(self.soak.nodes))
        if sap in self.open:
            return
        self.soak.exchanges += 1
        number = self.soak.exchanges
        self.open[sap] = number
        apdu = b"\xc0\x01\xc1" + number.to_bytes(4, "big") + bytes(random.randrange(6, 60))
        self.stream.put(b"\x00\x01\x00\x10" + sap.to_bytes(2, "big") + len(apdu).to_bytes(2, "big") + apdu)

    def hang_up(self, is_reset):
        """Gone, in the middle of whatever it was."""
        if self.stream is not None:
            self.stream.end(is_reset)
        self.stream = None
        self.open.clear()

    def hears(self, stream, octets):
        """The gateway wrote; what it says on a connection that was left is nobody's."""
        if stream is not self.stream:
            return
        self._heard += octets
        while len(self._heard) >= 8:
            end = 8 + int.from_bytes(self._heard[6:8], "big")
            if len(self._heard) < end:
                return
            self._take(int.from_bytes(self._heard[2:4], "big"), self._heard[8:end])
            self._heard = self._heard[end:]

    def _take(self, sap, apdu):
        number = self.open.pop(sap, 0)
        if apdu[0] == 0xD8:
            self.soak.refused += 1
        elif number and apdu == self.soak.answer(sap, number):
            self.soak.answered += 1
        else:
            self.soak.wrong += 1
            print("wrong: head-end %d sap %x asked %d: %s" % (self.number, sap, number, apdu[:12]))


class Soak:
    """The script."""

    def __init__(self, days, hours, nodes, rest_s):
        self.days, self.day_ms, self.nodes = days, int(hours * 3600000), nodes
        self.exchanges = self.answered = self.refused = self.wrong = self.faults = 0
        self.accept = None
        self.main = None
        self.day = 0
        self.rest_ms = 1000 * rest_s
        self.is_resting = False
        self.bites_wanted = 0
        self.world = World()
        self.chip = Chip(self.meter, random.randrange)
        self.port = Port(self.world, self.chip)
        self.head_ends = [HeadEnd(self, number) for number in range(3)]
        self.dog = None

    # --- what stands in for the machine ---

    def install(self):
        """Put the world under the firmware."""
        from hal import clock, unix

        self.world.install()
        clock.ticks_ms = self.world.ticks
        clock.wall_s = self.wall_s
        unix.modem_port = self.modem_port
        unix.watchdog = self.watchdog
        asyncio.start_server = self.start_server

    def wall_s(self):
        """Seconds since 1970."""
        return 1790000000 + self.world.now // 1000

    def modem_port(self, settings, baud):
        """hal.unix.modem_port."""
        return self.port

    def watchdog(self, timeout_ms):
        """hal.unix.watchdog."""
        self.dog = Dog(self.world, timeout_ms)
        return self.dog

    async def start_server(self, accept, address, port):
        """asyncio.start_server; the gateway is up."""
        self.accept = accept
        if self.main is None:
            self.main = sys.modules["main"]
            self.world.engines = (self.main.segment, self.main.forwarder)
            self.morning()
        return Server()

    # --- meters ---

    def sap(self, row):
        """0x10 upwards without 0x7F."""
        return 0x10 + row + (row >= 0x6F)

    def answer(self, sap, number):
        """What that meter says to request `number`."""
        row = sap - 0x10 - (sap > 0x7F)
        return b"\xc4\x01\xc1\x00" + (row + 1).to_bytes(2, "big") + number.to_bytes(4, "big") + bytes(number % 90)

    def meter(self, mac, apdu):
        """A frame reached a meter: its answer, or none."""
        if apdu[0] == 0x19:
            return b"\x1a" + apdu[1:]
        if apdu[0] != 0xC0 or random.randrange(20) == 0:
            return None
        return self.answer(self.sap(mac - 1), int.from_bytes(apdu[3:7], "big"))

    # --- the day ---

    def morning(self):
        """A day begins."""
        self.is_resting = False
        for head_end in self.head_ends:
            self.world.after(pause(_ASK_MS), self.step, head_end)
        self.world.after(pause(_FAULT_MS), self.fault)
        self.world.after(self.day_ms, self.evening)

    def step(self, head_end):
        """A head-end's turn."""
        if not self.is_resting:
            head_end.step()
            self.world.after(pause(_ASK_MS), self.step, head_end)

    def fault(self):
        """Something breaks."""
        if self.is_resting:
            return
        self.faults += 1
        kind = random.randrange(7)
        if kind == 0:
            self.chip.die()
        elif kind == 1:
            self.chip.is_deaf = True
        elif kind == 2:
            self.chip.noise = 30
        elif kind == 3:
            self.port.is_broken = True
        elif kind == 4:
            self.chip.is_mute = True
        elif kind == 5:
            self.notify()
        else:
            self.storm()
        self.world.after(20000, self.mend)
        self.world.after(pause(_FAULT_MS), self.fault)

    def mend(self):
        """The fault is over."""
        self.chip.is_deaf = self.chip.is_mute = False
        self.chip.noise = 0

    def notify(self):
        """Three meters have something to say on their own."""
        for _ in range(3):
            mac = 1 + random.randrange(self.nodes)
            addresses = (mac << 12 | 0xC00).to_bytes(3, "big")
            body = b"\x00" + addresses + b"\x00\x90\x01\x01" + b"\x0f" + bytes(12)
            total = len(body) + 3 + 0x50 + sum(body)
            frame = bytes([2, len(body) + 3, 0x50]) + body + bytes([total & 255, total >> 8 & 255])
            self.chip.hear(frame)

    def storm(self):
        """More connections at once than the gateway lets in."""
        for number in range(12):
            crowd = HeadEnd(self, 10 + number)
            crowd.connect()
            self.world.after(pause(_ASK_MS), crowd.hang_up, number % 2)

    def evening(self):
        """Everybody goes. Two days of three: alive but not forwarding, by a dead modem or a duty that keeps dying."""
        self.is_resting = True
        for head_end in self.head_ends:
            head_end.hang_up(False)
        self.mend()
        if self.day % 3 == 1:
            self.bites_wanted += 1
            self.chip.is_dead = True
        elif self.day % 3 == 2:
            self.bites_wanted += 1
            self.main.segment.on_deadline = out_of_memory
        self.world.after(self.rest_ms, self.rest)

    def rest(self):
        """Whatever it was is over; time to settle."""
        self.mend()
        self.chip.is_dead = False
        if self.day % 3 == 2:
            del self.main.segment.on_deadline
        self.world.after(self.rest_ms, self.night)

    def night(self):
        """Count, print, next day."""
        self.day += 1
        gc.collect()
        main = self.main
        late = [index for index, duty in enumerate(duties()) if duty.is_late(self.world.ticks()) or duty.task.done()]
        print(
            "day=%d exchanges=%d answered=%d refused=%d wrong=%d faults=%d used=%d free=%d late=%d dead=%d sessions=%d "
            "buffers=%d open=%d bites=%d wanted=%d resets=%d ms=%d block=%d"
            % (
                self.day, self.exchanges, self.answered, self.refused, self.wrong, self.faults,
                gc.mem_alloc(), gc.mem_free(), len(late), sum([duty.deaths for duty in duties()]),
                len(main.listener.sessions), len(main.slab._views) - main.slab.free_cnt,
                main.forwarder.exchanges.open_cnt,
                self.dog.bites, self.bites_wanted, self.chip.resets, self.world.now,
                _BLOCK_LEN,
            )
        )  # fmt: skip
        micropython.mem_info()
        if self.day == self.days:
            sys.exit(0)
        self.morning()


def out_of_memory(now):
    """In the place of a method that works."""
    raise MemoryError


class Server:
    """What asyncio.start_server gives."""

    def __init__(self):
        self._closed = asyncio.Event()

    async def wait_closed(self):
        """Until closed."""
        await self._closed.wait()

    def close(self):
        """Wakes who waits."""
        self._closed.set()


def duties():
    """Of the supervisor that main.py made."""
    return _DUTIES


def _keep_duties():
    from app.supervisor import Supervisor

    run = Supervisor.run

    def keep(supervisor):
        _DUTIES.extend(supervisor.duties)
        return run(supervisor)

    Supervisor.run = keep


_DUTIES = []


def run():
    """Never returns."""
    random.seed(int(sys.argv[4]))
    rest_s = int(sys.argv[5]) if len(sys.argv) > 5 else _REST_S
    soak = Soak(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), rest_s)
    soak.install()
    _keep_duties()
    import main  # noqa: F401 - runs


run()
