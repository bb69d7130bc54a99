# SPDX-License-Identifier: MIT
"""Stand-ins around the WAN side: an in-memory stream, a clock that is set, a forwarder that listens."""

import asyncio

from app.config import Config, defaults
from app.firewall import DLMS
from app.replies import HEADROOM
from base.log import Log
from base.slab import Slab


class Clock:
    """ticks_ms() says what the test has set."""

    def __init__(self):
        self.now = 1000

    def ticks_ms(self):
        return self.now


class Stream:
    """Both ends of one connection: the test feeds `feed`, the firmware's output is in `out`."""

    def __init__(self, step=4096):
        self.out = b""
        self.is_closed = False
        self.is_stuck = False  # the peer takes nothing
        self.error = None
        self.reads = 0
        self.peer = ("127.0.0.1", 50000)
        self.pause = None
        self._in = b""
        self._eof = False
        self._step = step
        self._pending = b""
        self._wake = asyncio.Event()

    def get_extra_info(self, name):
        return self.peer

    def feed(self, octets):
        self._in += octets
        self._wake.set()

    def end(self, error=None):
        """The peer closes, or the network breaks."""
        self._eof = True
        self.error = error
        self._wake.set()

    def let_go(self):
        self.is_stuck = False
        self._wake.set()

    async def readinto(self, mv):
        await asyncio.sleep_ms(0)  # the device's stream always gives way
        while not self._in and not self._eof:
            self._wake.clear()
            await self._wake.wait()
        if not self._in and self.error:
            raise self.error
        self.reads += 1
        n = min(len(mv), len(self._in), self._step)
        mv[:n] = self._in[:n]
        self._in = self._in[n:]
        return n

    def write(self, buf):
        self._pending += bytes(buf)

    async def drain(self):
        while self.is_stuck:
            self._wake.clear()
            await self._wake.wait()
        if self.error:
            raise self.error
        self.out += self._pending
        self._pending = b""

    def close(self):
        """As on the device: wait_closed() does it."""

    async def wait_closed(self):
        self.is_closed = True


class Forwarder:
    """Takes requests and gives their buffers back; `replies` WPDUs go out for each."""

    def __init__(self, slab):
        self.slab = slab
        self.got = []
        self.ended = []
        self.can_read = True
        self.reply = b""

    def may_read(self):
        return self.can_read and self.slab.free_cnt > 1

    def on_request(self, now, session, ports, buf, length):
        self.got.append((ports, bytes(self.slab.view(buf)[HEADROOM : HEADROOM + length])))
        self.slab.free(buf)
        if self.reply:
            self.send(session, self.reply)

    def send(self, session, octets):
        buf = self.slab.alloc()
        self.slab.view(buf)[: len(octets)] = octets
        if not session.send(buf, 0, len(octets)):
            self.slab.free(buf)

    def on_session_end(self, now, session):
        self.ended.append(session.number)


class Wan:
    """A listener with its surroundings; `settings` are paths below wan with _ for the dot."""

    def __init__(self, listener_class, buffers=8, **settings):
        values = defaults()
        for name in settings:
            values["wan." + name] = settings[name]
        self.config = Config(values, "", [])
        self.slab = Slab(buffers, 1024, HEADROOM, 16)
        self.forwarder = Forwarder(self.slab)
        self.clock = Clock()
        self.log = Log(64)
        self.listener = listener_class(self.forwarder, self.slab, self.config, self.clock, self.log)
        self.free_cnt = self.slab.free_cnt

    async def connect(self, step=4096, peer=("127.0.0.1", 50000), service=DLMS):
        """A head-end connects: its stream."""
        stream = Stream(step)
        stream.peer = peer
        asyncio.create_task(self.listener.serve(stream, service))
        await settle()
        return stream

    def count(self, name):
        return self.listener.counters.named(name)

    async def connect_many(self, count):
        """`count` head-ends connect, one after the other."""
        streams = []
        for _ in range(count):
            streams.append(await self.connect())
        return streams

    async def pass_s(self, seconds):
        self.clock.now += 1000 * seconds
        self.listener.on_deadline(self.clock.now)
        await settle()

    def is_at_rest(self):
        """Nobody connected, every buffer back."""
        return not self.listener.sessions and self.slab.free_cnt == self.free_cnt


async def until(condition):
    """Let time pass in steps of a millisecond until it is true: on a PC that stands still tasks get there late."""
    for _ in range(5000):
        if condition():
            return
        await asyncio.sleep_ms(1)
    raise AssertionError("it never was")


async def settle(turns=20):
    """Let every task do what it can do now."""
    for _ in range(turns):
        await asyncio.sleep_ms(0)
