# SPDX-License-Identifier: MIT
"""20,000 random events against a model: nothing crossed, nothing twice, nothing leaked.

Each request carries a serial number that its answer repeats, ciphered-looking, so that only
the exchange can tell whose it is. The seed is printed when it fails.
"""

import struct
import sys

from fakes import Rig

from base.ticks import ticks_diff
from plc.medium import (
    DONE_LINK_DOWN,
    DONE_NO_REPLY,
    DONE_NOT_SENT,
    DONE_REPLIED,
    NODE_LOST_EVENT,
    UPLINK_FOREIGN,
    UPLINK_LAST,
)

_REFUSED = b"\xd8\x01\x01"


class _Dice:
    """Pseudo-random numbers that are the same on every interpreter."""

    def __init__(self, seed):
        self._state = seed

    def below(self, n):
        self._state = (self._state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self._state >> 8) % n


class _World:
    """Head-ends, a line and meters at random, and what each head-end may be told."""

    def __init__(self, seed):
        self.dice = _Dice(seed)
        self.rig = Rig(4, 24, exchanges_cnt=8, per_node_cnt=2, queue_ms=8000, association_ms=9000)
        self.sessions = [self.rig.session() for _ in range(3)]
        self.asked = {}  # serial -> (session, sap, client)
        self.serial = 0
        self.silent = {}  # node -> (apdu, saps) of its last request without an answer
        self.answered = {}  # the same for its last answered one
        self.is_confirmed = False
        self.pushed = 0
        self.checked = {}

    def ask(self):
        self.serial += 1
        session = self.sessions[self.dice.below(3)]
        sap = (0x10, 0x11, 0x12, 0x13, 0x1000, 0x99)[self.dice.below(6)]
        client = (16, 32)[self.dice.below(2)]
        tag = (0xDB, 0xDB, 0xC8, 0x60, 0x62)[self.dice.below(5)]
        apdu = bytes([tag]) + struct.pack(">I", self.serial)
        self.asked[self.serial] = (session, sap, client)
        if self.rig.ask(session, apdu, sap, client) and not self.dice.below(8):
            self.rig.ask(session, apdu, sap, client)  # the head-end is impatient

    def reply_to(self, apdu):
        return bytes([{0xDB: 0xDB, 0xC8: 0xCC, 0x60: 0x61, 0x62: 0x63}[apdu[0]]]) + apdu[1:] + b"R"

    def step_modem(self):
        """What is on the line goes one step further."""
        rig = self.rig
        if rig.medium.taken is None:
            return
        node, saps, apdu, _ = rig.medium.taken
        what = self.dice.below(8)
        if not self.is_confirmed:
            if what == 0:
                return rig.done(DONE_NOT_SENT)
            rig.confirm()
            self.is_confirmed = True
            return None
        if what < 2:
            self.silent[node] = (apdu, saps, rig.now)
            rig.done((DONE_NO_REPLY, DONE_LINK_DOWN)[what])
        else:
            assert rig.uplink(self.reply_to(apdu), node, saps[0], saps[1]) == UPLINK_LAST
            for _ in range(self.dice.below(2)):
                assert rig.uplink(self.reply_to(apdu), node, saps[0], saps[1]) == UPLINK_FOREIGN
            self.answered[node] = (apdu, saps, rig.now)
            rig.done(DONE_REPLIED)
        self.is_confirmed = False
        return None

    def late(self):
        """An answer after its time, at the latest while the next request is not confirmed yet; a copy any time."""
        node = self.dice.below(4)
        taken = self.rig.medium.taken
        if node in self.answered and not self.dice.below(2):
            apdu, saps, since = self.answered[node]
            if apdu[0] in (0xDB, 0xC8) and ticks_diff(self.rig.now, since) < 2000:
                assert self.rig.uplink(self.reply_to(apdu), node, saps[0], saps[1]) == UPLINK_FOREIGN
        if node not in self.silent or (self.is_confirmed and taken and taken[0] == node):
            return
        apdu, saps, since = self.silent[node]
        if ticks_diff(self.rig.now, since) < 6000:  # beyond that nobody can tell it from a push
            assert self.rig.uplink(self.reply_to(apdu), node, saps[0], saps[1]) == UPLINK_FOREIGN

    def push(self):
        self.pushed += 1
        assert self.rig.uplink(b"\x0f" + bytes([self.pushed & 0xFF]), self.dice.below(4)) == UPLINK_FOREIGN

    def end_session(self):
        at = self.dice.below(3)
        self.rig.forwarder.on_session_end(self.rig.now, self.sessions[at])
        self.check()
        self.sessions[at] = self.rig.session()

    def lose_node(self):
        self.rig.forwarder.on_node(self.rig.now, self.dice.below(4), NODE_LOST_EVENT)

    def link(self):
        self.rig.medium.is_up = not self.rig.medium.is_up
        self.rig.forwarder.on_link(self.rig.now, self.rig.medium.is_up)

    def fill(self):
        session = self.sessions[self.dice.below(3)]
        session.is_full = not session.is_full

    def step(self):
        roll = self.dice.below(64)
        if roll < 20:
            self.ask()
        elif roll < 46:
            self.step_modem()
        elif roll < 56:
            self.rig.pass_ms(self.dice.below(900))
        else:
            (self.late, self.late, self.push, self.push, self.end_session, self.lose_node, self.link, self.fill)[
                roll - 56
            ]()

    def check(self):
        """Each answer once, to who asked, under the ports it asked for; nothing else but refusals."""
        for session in self.sessions:
            for whole in session.got:
                _, source, destination, length = struct.unpack(">HHHH", whole[:8])
                assert length == len(whole) - 8
                if whole[8:] == _REFUSED:
                    continue
                serial = struct.unpack(">I", whole[9:13])[0]
                assert self.asked.pop(serial) == (session, source, destination)
            session.got = []
        assert sum(push[2][0] == 0x0F for push in self.rig.push.got) == self.pushed
        exchanges = self.rig.forwarder.exchanges
        slots = exchanges.slots
        assert self.rig.slab.free_cnt == len(self.rig.slab._free) - sum(one.buf >= 0 for one in slots)
        assert exchanges.open_cnt == sum(one.state > 0 for one in slots)

    def settle(self):
        """Everybody gets an end."""
        self.rig.medium.is_up = True
        for session in self.sessions:
            session.is_full = False
        for _ in range(40):
            self.rig.pass_ms(400)
            if self.rig.medium.taken is not None:
                self.step_modem()
        self.check()
        assert self.rig.is_at_rest()


def test_20000_random_events_cross_nothing_double_nothing_leak_nothing():
    rounds = 40 if sys.implementation.name == "cpython" else 6
    for seed in range(rounds):
        world = _World(seed * 7919 + 1)
        try:
            for number in range(500):
                world.step()
                if number % 10 == 0:
                    world.check()
            world.settle()
        except Exception:
            print("seed", seed * 7919 + 1)  # noqa: T201
            raise
        assert world.serial > 50 and world.rig.count("replies-delivered") > 5
