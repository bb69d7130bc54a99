# SPDX-License-Identifier: MIT
"""The firmware's G3 segment on the modem twin, both in virtual time, with a sink that records.

    rig = Rig(G3Options(meters=8)); rig.run_until(rig.is_all_up, 600)
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from base.log import DEBUG, Log
from base.ticks import ticks_diff
from gateway.journal import Journal
from gateway.registration import Table
from host_tests.plc_rig import TICKS, NoFlash, Port
from plc.g3.outside import Outside
from plc.g3.psks import LocalPsks
from plc.g3.segment import Segment
from plc.g3.settings import Settings
from plc.medium import NODE_ONLINE, UPLINK_FOREIGN, UPLINK_LAST
from tools.sim.g3.options import G3Options
from tools.sim.g3.segment import G3Segment
from tools.sim.kernel import Timer


class Store:
    """plc.g3.contract.RecordStore."""

    def __init__(self) -> None:
        self.octets: bytes | None = None

    def load(self) -> bytes | None:
        return self.octets

    def save(self, octets: bytes) -> bool:
        self.octets = bytes(octets)
        return True


class Sink:
    """plc.contract.MediumSink: requests in order, one open per node, everything kept."""

    is_held = False

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.queue: deque[tuple[int, bytes, bool]] = deque()
        self.open: dict[int, bytes] = {}
        self.sent: set[int] = set()
        self.most_open = 0
        self.done: list[tuple[int, int]] = []  # (node, outcome)
        self.replies: list[tuple[int, bytes, bytes]] = []  # (node, request, reply)
        self.pushes: list[tuple[int, int, int, bytes]] = []
        self.nodes: list[tuple[int, int]] = []
        self.links: list[bool] = []
        self.client_sap = 0x10

    def request(self, node: int, apdu: bytes, expects_reply: bool = True) -> None:
        self.queue.append((node, apdu, expects_reply))
        self.on_free(self.rig.now)
        self.rig.arm()

    def is_control_waiting(self) -> bool:
        return False

    def on_free(self, now: int) -> None:
        for _ in range(len(self.queue)):
            node, apdu, expects_reply = self.queue.popleft()
            saps = (self.client_sap, 1)
            mv = memoryview(bytearray(apdu))
            taken = node not in self.open and self.rig.segment.submit(now, node, saps, mv, 0, len(apdu), expects_reply)
            if not taken:
                self.queue.append((node, apdu, expects_reply))
                continue
            self.open[node] = apdu
            self.most_open = max(self.most_open, len(self.open))

    def on_sent(self, now: int, node: int) -> None:
        assert node in self.open and node not in self.sent
        self.sent.add(node)

    def on_uplink(self, now: int, node: int, client: int, server: int, mv: Any, off: int, length: int) -> int:
        apdu = bytes(mv[off : off + length])
        # As app.forwarder does, by what an echo shows: a copy or a late answer meets nobody.
        if node not in self.sent or client != self.client_sap or apdu[1:] != self.open[node][1:]:
            self.pushes.append((node, client, server, apdu))
            return UPLINK_FOREIGN
        self.replies.append((node, self.open[node], apdu))
        return UPLINK_LAST

    def on_done(self, now: int, node: int, outcome: int) -> None:
        assert node in self.open, "on_done without an open submit"
        del self.open[node]
        self.sent.discard(node)
        self.done.append((node, outcome))

    def on_node(self, now: int, node: int, event: int) -> None:
        self.nodes.append((node, event))

    def on_link(self, now: int, is_up: bool) -> None:
        self.links.append(is_up)


def encrypt_block(key: bytes, block: bytes) -> bytes:
    """AES-128 of one block."""
    encryptor = Cipher(algorithms.AES(bytes(key)), modes.ECB()).encryptor()
    return encryptor.update(bytes(block)) + encryptor.finalize()


class Rig:
    """Kernel, twin, segment under test, table, sink. `settings` are the g3 section."""

    def __init__(
        self,
        options: G3Options | None = None,
        settings: dict[str, Any] | None = None,
        psks: Any = None,
        store: Store | None = None,
        twin: G3Segment | None = None,
        table: Any = None,
        make_server: Any = None,
    ) -> None:
        args = {"make_server": make_server} if make_server else {}
        self.sim = twin or G3Segment(options or G3Options(), **args)
        self.kernel = self.sim.kernel
        self.events: list[tuple[int, bytes, int]] = []
        self.settings = Settings({"eui64": "0004253500000001", "discovery_s": 2, **(settings or {})})
        self.table = table or Table(self.sim.options.meters + 16, 8, Journal(NoFlash()), 0, 3600)
        self.sink = Sink(self)
        self.store = store or Store()
        source = random.Random(self.sim.options.line.seed)
        known = b"".join(bytes.fromhex(eui64 + psk) for eui64, psk in self.sim.psks().items())
        outside = Outside(self.store, source.randbytes, psks or LocalPsks(known))
        outside.encrypt_block = encrypt_block
        outside.on_event = lambda now, kind, eui64, number: self.events.append((kind, bytes(eui64), number))
        self.log = Log(512, DEBUG)
        self.segment = Segment(self.settings, Port(self.sim.chip), self.table, self.sink, outside, self.log)
        self.sim.chip.on_output = self._feed
        self._timer: Timer | None = None
        self._timer_due: int | None = None

    @property
    def now(self) -> int:
        return (self.kernel.now_us // 1000 + TICKS - 5000) % TICKS

    def start(self) -> Rig:
        self.segment.start(self.now)
        self.arm()
        return self

    def run(self, seconds: float) -> None:
        """So many seconds of virtual time."""
        self.arm()
        self.kernel.run_for(int(seconds * 1e6))

    def run_until(self, is_done: Callable[[], bool], limit_s: float) -> float:
        """Until it is so; the seconds it took. Fails after `limit_s`."""
        start_us = self.kernel.now_us
        self.arm()
        while not is_done():
            assert self.kernel.now_us - start_us < limit_s * 1e6, f"not so after {limit_s} s"
            assert self.kernel.step()
        return (self.kernel.now_us - start_us) / 1e6

    def count(self, name: str) -> int:
        return self.segment.counters.named(name)

    def online(self) -> list[int]:
        return [row for row in range(self.table.end()) if self.table.state(row) == NODE_ONLINE]

    def is_all_up(self) -> bool:
        return len(self.online()) == len(list(self.sim.honest()))

    def kinds(self) -> set[int]:
        return {event[0] for event in self.events}

    def node(self, row: int) -> Any:
        return self.sim.nodes[self.table.title(row)]

    def cut(self) -> None:
        """The gateway loses power; the twin goes on."""
        self.sim.chip.on_output = lambda octets: None
        if self._timer is not None:
            self._timer.cancel()

    def _feed(self, octets: bytes) -> None:
        self.segment.feed(self.now, memoryview(octets), len(octets))
        self.arm()

    def _fire(self) -> None:
        self._timer = self._timer_due = None
        self.segment.on_deadline(self.now)
        self.arm()

    def arm(self) -> None:
        due = self.segment.next_deadline()
        if due == self._timer_due and self._timer is not None:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_due = None, due
        if due is None:
            return
        wait_ms = max(ticks_diff(due, self.now), 0)
        at_us = (self.kernel.now_us // 1000 + wait_ms) * 1000
        self._timer = self.kernel.call_at(max(at_us, self.kernel.now_us), self._fire)
