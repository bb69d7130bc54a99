# SPDX-License-Identifier: MIT
"""Runs on MicroPython: a world of virtual time around the shipped main.py.

asyncio's clock and its poller are replaced; everything above them is the firmware as it is, tasks
included. Where only the 10 ms look of app/pumps.Timer is due, time jumps to the next octet, event or
deadline, at most `_JUMP_MS`: as if the loop had been busy so long. Days so pass in seconds.
"""

import asyncio
import asyncio.core as core
import time

from scripted_chip import ScriptedChip

_JUMP_MS = 500
_LEAD_MS = 86400000
_LOOK_MS = 10
_SOCKET_LEN = 2000
_GARBAGE = b"\x00\x02\x3f\xff\x06"


class World:
    """The clock, what happens when, and who waits for octets; stands in for asyncio's IOQueue."""

    def __init__(self):
        self.map = (None,)  # not empty: somebody may always be woken
        self.now = 0
        # NOTE: asyncio's queue, in C, stamps who is to run at once with the machine's own ticks. Were ours behind
        # them, he would wait until the world has caught up: on a slow machine, for ever. A day ahead he never does;
        # ticks of 2**30 ms then last for five days of this world.
        self._first = time.ticks_add(time.ticks_ms(), _LEAD_MS)
        self.events = []
        self.order = 0
        self.engines = ()
        self.chip = None
        self.port = None
        self._waiting = []

    def install(self):
        """From here on asyncio lives in this world."""
        core.ticks = self.ticks
        core._io_queue = self

    def ticks(self):
        """Wrapping milliseconds."""
        return time.ticks_add(self._first, self.now)

    def after(self, ms, fn, *args):
        """Call fn(*args) that much later."""
        self.order += 1
        self.events.append((self.now + int(ms), self.order, fn, args))
        self.events.sort(key=_when)

    # --- the poller's part ---

    def queue_read(self, stream):
        """The running task waits for `stream`."""
        core.cur_task.data = self
        self._waiting.append((stream, core.cur_task))

    def remove(self, task):
        """The task is cancelled."""
        self._waiting = [item for item in self._waiting if item[1] is not task]

    def wake(self, stream):
        """There are octets, or an end, on `stream`."""
        for item in self._waiting:
            if item[0] is stream:
                self._waiting.remove(item)
                core._task_queue.push(item[1])
                return

    def wait_io_event(self, dt):
        """Let time pass until a task may run: `dt` ms, -1 = until something happens."""
        if dt:
            self.now = self._next(dt)
        while self.events and self.events[0][0] <= self.now:
            _, _, fn, args = self.events.pop(0)
            fn(*args)
        self.port.pump()

    def _next(self, dt):
        soonest = self.now + _JUMP_MS
        for engine in self.engines:
            due = engine.next_deadline()
            if due is not None:
                # NOTE: what is overdue waits for a task that is dead or late, and time must go on for that to come back
                soonest = min(soonest, self.now + max(time.ticks_diff(due, self.ticks()), 1))
        if 0 < dt <= _LOOK_MS:
            soonest = max(soonest, self.now + dt)
        elif dt > 0:
            soonest = min(soonest, self.now + dt)
        if self.events:
            soonest = min(soonest, self.events[0][0])
        if self.chip.due:
            soonest = min(soonest, self.chip.due[0][0])
        return max(soonest, self.now)


def _when(event):
    return event[:2]


class Port:
    """hal port of the modem: the chip's octets when they are due, in pieces."""

    def __init__(self, world, chip):
        self._world, self._chip = world, chip
        self._octets = b""
        world.chip, world.port = chip, self
        self.write, self.t_req, self.reset, self.power = chip.write, chip.t_req, chip.reset, chip.power
        self.is_broken = False

    def pump(self):
        """What is due by now has arrived."""
        octets = self._chip.take(self._world.now)
        while octets is not None:
            self._octets += octets
            octets = self._chip.take(self._world.now)
        if self._octets or self.is_broken:
            self._world.wake(self)

    async def readinto(self, mv):
        """As hal's."""
        while not self._octets and not self.is_broken:
            yield self._world.queue_read(self)
        if self.is_broken:
            self.is_broken = False
            raise OSError(5)
        n = min(len(mv), len(self._octets))
        mv[:n] = self._octets[:n]
        self._octets = self._octets[n:]
        return n


class Chip(ScriptedChip):
    """The scripted chip with faults: `is_deaf` = no sign of life, whatever is done to it; `is_mute` = takes
    every request and sends none; `is_dead` = deaf for good; `noise` = so many percent of what it says is garbled."""

    def __init__(self, answer_to, chance):
        super().__init__(answer_to)
        self.is_deaf = self.is_dead = self.is_mute = False
        self.noise = 0
        self.resets = 0
        self._chance = chance

    def reset(self, asserted):
        """RESET line."""
        self.resets += asserted
        super().reset(asserted)

    def write(self, mv):
        """Octets of the host."""
        if not (self.is_deaf or self.is_dead):
            super().write(mv)

    def t_req(self, asserted):
        """T_REQ line."""
        if not (self.is_deaf or self.is_dead):
            super().t_req(asserted)

    def hear(self, frame):
        """A frame from the line, now."""
        if not (self.is_deaf or self.is_dead):
            self._after(1, frame)

    def die(self):
        """It resets on its own: configuration and what was to be said are gone."""
        self._is_configured = False
        self._frame = b""
        self.due.clear()

    def _transmit(self, body):
        super()._transmit(body)
        if self.is_mute:
            self.due.clear()

    def _after(self, ms, octets):
        if self.noise and self._chance(100) < self.noise:
            octets = octets[: len(octets) // 2] + _GARBAGE
        super()._after(ms, octets)


class Stream:
    """One TCP connection as the gateway's asyncio sees it; `peer` is told what it writes."""

    def __init__(self, world, peer, host):
        self._world, self._peer, self._host = world, peer, host
        self._octets = b""
        self._is_ended = self._is_reset = False
        self.is_reading = True  # the peer reads what we write
        self.is_closed = False

    def get_extra_info(self, name):
        """Peer address as lwIP gives it."""
        return (self._host, 40000)

    def put(self, octets):
        """The peer sends."""
        if len(self._octets) < _SOCKET_LEN:  # else the peer would have to wait
            self._octets += octets
        self._world.wake(self)

    def end(self, is_reset):
        """The peer is gone, with or without a word."""
        self._is_ended, self._is_reset = True, is_reset
        self._world.wake(self)

    async def readinto(self, mv):
        """As asyncio's stream."""
        while not self._octets and not self._is_ended:
            yield self._world.queue_read(self)
        if self._is_reset:
            raise OSError(104)
        n = min(len(mv), len(self._octets))
        mv[:n] = self._octets[:n]
        self._octets = self._octets[n:]
        return n

    def write(self, octets):
        """As asyncio's stream: kept until drained."""
        if self.is_reading and not self._is_ended:
            self._peer.hears(self, bytes(octets))

    async def drain(self):
        """Waits while the peer does not read."""
        while not self.is_reading and not self._is_ended:
            await asyncio.sleep_ms(100)
        if self._is_ended:
            raise OSError(32)

    def close(self):
        """The gateway closes."""
        self.is_closed = True

    async def wait_closed(self):
        """At once."""


class Dog:
    """The hardware watchdog: bites when it has not been fed for `timeout_ms`."""

    def __init__(self, world, timeout_ms):
        self._world, self._timeout_ms = world, timeout_ms
        self.fed_at = world.now
        self.bites = 0
        self._look()

    def feed(self):
        """As machine.WDT.feed."""
        self.fed_at = self._world.now

    def _look(self):
        if self._world.now - self.fed_at > self._timeout_ms:
            self.bites += 1
            self.fed_at = self._world.now  # where the board would start anew
        self._world.after(1000, self._look)
