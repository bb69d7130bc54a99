# SPDX-License-Identifier: MIT
"""Fuzzed octet streams from both sides into the whole core: no exception, bounded memory, no reply
to anybody who did not ask. GW_FUZZ=n sets how many per side (default 100,000), GW_FUZZ_SEED the seed.
"""

from __future__ import annotations

import os
import sys

import pytest

from app.replies import HEADROOM
from host_tests.rig_support import streams
from host_tests.rig_support.ledger import Ledger, assert_all_readable, assert_at_rest, chances
from host_tests.rig_support.meters import Numbered, is_numbered_request
from tools.rig import Hes, Rig
from tools.sim.options import ChipOptions, SegmentOptions

STREAMS = int(os.environ.get("GW_FUZZ", "100000"))
SEED = os.environ.get("GW_FUZZ_SEED", "1")
SHARES = range(4)
METERS = 12
_CONFIG = {"gateway": {"nodes": 64}, "wan": {"connects_per_s": 100}}


class Echoing(Numbered):
    """Numbered, and to everything else an answer that fits its tag."""

    def request(self, client_sap: int, server_sap: int, apdu: bytes, reply) -> None:
        """Answer whatever it is."""
        if is_numbered_request(apdu):
            super().request(client_sap, server_sap, apdu, reply)
        else:
            reply(bytes((apdu[0] ^ (1 if apdu[0] in (0x60, 0x62) else 4),)) + apdu[1:])


class Stream:
    """The reading end of a connection: octets in pieces, then the end."""

    def __init__(self, octets: bytes, chance) -> None:
        self._octets, self._chance = octets, chance

    async def readinto(self, target) -> int:
        """As many as the peer's network gave."""
        if not self._octets:
            return 0
        most = min(len(target), len(self._octets))
        n = most if self._chance.random() < 0.7 else self._chance.randrange(1, most + 1)
        target[:n] = self._octets[:n]
        self._octets = self._octets[n:]
        return n


class Peer(Hes):
    """A head-end as `app.sessions.Listener` sees its session; counts what it asked and got."""

    def __init__(self, rig: Rig, number: int) -> None:
        super().__init__(rig, number)
        self.heard_at, self.owes_octets, self.reading_buf, self.is_told = 0, False, -1, False
        self.asked = 0

    def close(self, cause: int = 0) -> None:
        """By whoever finds something wrong."""
        self.is_open = False


def connection(rig: Rig, chance, number: int) -> Peer:
    """One fuzzed connection from accept to close, through the listener's own reading loop."""
    peer = Peer(rig, number)
    inner = rig.forwarder.on_request

    def count(*args):
        peer.asked += 1
        inner(*args)

    rig.forwarder.on_request = count
    reading = rig.listener._read_in(peer, Stream(streams.wan_stream(chance), chance))
    run_dry(rig, reading)
    rig.forwarder.on_request = inner
    if peer.reading_buf >= 0:
        rig.slab.free(peer.reading_buf)
        peer.reading_buf = -1
    if chance.random() < 0.7:
        retire(rig, peer)
    rig.reschedule()
    return peer


def retire(rig: Rig, peer: Peer) -> None:
    """Its end; it got no more answers than it asked questions."""
    peer.is_open = False
    rig.forwarder.on_session_end(rig.now(), peer)
    assert len(peer.replies) <= peer.asked


def run_dry(rig: Rig, reading) -> None:
    """Drive a coroutine; when it waits for a buffer, let the line go on."""
    while True:
        try:
            reading.send(None)
        except StopIteration:
            return
        rig.run(0.5)


def fuzz_rig() -> tuple[Rig, Ledger]:
    """A small gateway with its discovery behind it."""
    rig = Rig(SegmentOptions(meters=METERS, chip=ChipOptions(chunk=0)), Echoing, config=_CONFIG)
    rig.run_until_registered(METERS)
    rig.run(120)
    return rig, Ledger(rig)


def settle(rig: Rig) -> None:
    """Queues, guard times and recovery come to an end."""
    rig.run(200)
    assert_at_rest(rig)


@pytest.mark.parametrize("share", SHARES)
def test_fuzzed_wan_streams(share):
    chance = chances("wan %s %d" % (SEED, share))
    rig, ledger = fuzz_rig()
    rig.sim.line.on_transmit = lambda tx: None
    silent = rig.connect()
    peers: list[Peer] = []
    blocks = 0
    for number in range(STREAMS // len(SHARES)):
        peers.append(connection(rig, chance, 1000 + number))
        if number % 10 == 0:
            rig.run(chance.choice((0.0, 0.5, 4.0)))
            old, peers = peers[:-50], peers[-50:]
            for peer in old:
                retire(rig, peer)
        if number == STREAMS // len(SHARES) // 4:
            blocks = sys.getallocatedblocks()
    for peer in peers:
        retire(rig, peer)
    grown = sys.getallocatedblocks() - blocks
    settle(rig)
    assert silent.replies == [] and grown < 5000, grown
    assert len(rig.forwarder.admission.ownership) <= 256
    ledger.attach(rig)
    assert_all_readable(ledger, METERS)
    print({name: rig.forwarder.counters.named(name) for name in rig.forwarder.counters.names})


@pytest.mark.parametrize("share", SHARES)
def test_fuzzed_uart_streams(share):
    chance = chances("uart %s %d" % (SEED, share))
    rig, ledger = fuzz_rig()
    rig.sim.line.on_transmit = lambda tx: None
    silent, asking = rig.connect(), rig.connect()
    asked = blocks = 0
    for number in range(STREAMS // len(SHARES)):
        rig._on_uart(streams.uart_stream(chance))
        if number % 4 == 0:
            rig.run(chance.choice((0.0, 0.001, 0.02, 0.2)))
        if number % 12 == 0:
            asked += asking.request(16, 0x10 + chance.randrange(METERS), bytes.fromhex("C001C100080000010000FF0200"))
        if number == STREAMS // len(SHARES) // 4:
            blocks = sys.getallocatedblocks()
    grown = sys.getallocatedblocks() - blocks
    assert len(asking.replies) <= asked and silent.replies == []
    rig.run(300)
    settle(rig)
    assert grown < 5000 + 100 * asked, grown
    ledger.attach(rig)
    assert_all_readable(ledger, METERS, tries=6)
    counters = rig.segment.counters
    print(asked, len(asking.replies), {name: counters.named(name) for name in counters.names if counters.named(name)})


def test_the_streams_are_not_all_refused_at_the_door():
    """Fuzz that never gets past the first check tests nothing."""
    chance = chances(SEED)
    rig, _ = fuzz_rig()
    rig.sim.line.on_transmit = lambda tx: None
    for number in range(2000):
        connection(rig, chance, 1000 + number)
        rig._on_uart(streams.uart_stream(chance))
        rig.run(0.1)
    names = ("requests-forwarded", "replies-delivered", "refused-unknown-sap", "refused-bad-prefix", "dropped-stale")
    for name in names:
        assert rig.forwarder.counters.named(name) > 5, name
    for name in ("rx_frames", "rx_bad_llc", "ciase_bad", "reports", "confirm_stray", "frame_bad_sum", "garbage_octet"):
        assert rig.segment.counters.named(name) > 5, name
    assert HEADROOM == rig.slab.headroom
