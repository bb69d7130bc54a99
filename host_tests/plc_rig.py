# SPDX-License-Identifier: MIT
"""The firmware's S-FSK segment on the chip twin, both in virtual time, with a sink that records.

    rig = Rig(SegmentOptions(meters=8)); rig.run_until(lambda: rig.is_all_up(), 60)
The adapter does what app/pumps.py does: octets to `feed`, `on_deadline` when it is due.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from base.log import DEBUG, Log
from base.ticks import ticks_diff
from gateway.journal import Journal
from gateway.registration import Table
from plc.medium import (
    BROADCAST,
    NODE_BACK_EVENT,
    NODE_LOST_EVENT,
    NODE_ONLINE,
    NODE_UP_EVENT,
    UPLINK_FOREIGN,
    UPLINK_LAST,
    UPLINK_MORE,
)
from plc.sfsk.segment import Segment
from plc.sfsk.settings import Settings
from tools.sim import segment as sim
from tools.sim.kernel import Timer
from tools.sim.options import SegmentOptions

TICKS = 1 << 30
APDU_OFF = 16


class NoFlash:
    """Store of a journal that is never read back."""

    def append(self, name: str, mv: Any, is_last: bool = True) -> None:
        """Durable, supposedly."""

    def load(self, name: str, mv: Any, off: int) -> int:
        return 0


class Port:
    """plc.contract.ModemPort on the twin's pins; `log` keeps what the host wrote."""

    def __init__(self, chip: Any) -> None:
        self.chip = chip
        self.log: list[bytes] = []

    def write(self, mv: Any) -> None:
        self.log.append(bytes(mv))
        self.chip.host_write(bytes(mv))

    def t_req(self, asserted: bool) -> None:
        self.chip.set_t_req(asserted)

    def reset(self, asserted: bool) -> None:
        self.chip.set_reset(asserted)

    def power(self, on: bool) -> None:
        self.chip.set_power(on)


class Sink:
    """plc.contract.MediumSink: a queue of requests per arrival, and everything that came back."""

    is_held = False

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.queue: list[tuple[int, bytes, bool]] = []
        self.open: tuple[int, bytes] | None = None
        self.sent: list[int] = []
        self.done: list[tuple[int, int, int]] = []  # (tick, node, outcome)
        self.uplinks: list[tuple[int, int, int, int, bytes]] = []
        self.replies: list[tuple[int, bytes, bytes]] = []  # (node, request, reply)
        self.nodes: list[tuple[int, int, int]] = []
        self.links: list[bool] = []
        self.verdict: Callable[[int, bytes], int] | None = None
        self.client_sap = 0x10

    def request(self, node: int, apdu: bytes, expects_reply: bool = True) -> None:
        self.queue.append((node, apdu, expects_reply))
        self.on_free(self.rig.now)

    def is_control_waiting(self) -> bool:
        return False

    def on_free(self, now: int) -> None:
        if not self.queue or self.open is not None:
            return
        node, apdu, expects_reply = self.queue[0]
        buf = bytearray(APDU_OFF + len(apdu) + 2)
        buf[APDU_OFF:-2] = apdu
        saps = (self.client_sap, 1)
        if self.rig.segment.submit(now, node, saps, memoryview(buf), APDU_OFF, len(apdu), expects_reply):
            self.queue.pop(0)
            self.open = (node, apdu)

    def on_sent(self, now: int, node: int) -> None:
        assert self.open is not None and self.open[0] == node
        self.sent.append(node)

    def on_uplink(self, now: int, node: int, client: int, server: int, mv: Any, off: int, length: int) -> int:
        apdu = bytes(mv[off : off + length])
        self.uplinks.append((node, client, server, now, apdu))
        if self.open is None or self.open[0] != node or client != self.client_sap:
            return UPLINK_FOREIGN
        if self.verdict is not None:
            return self.verdict(node, apdu)
        self.replies.append((node, self.open[1], apdu))
        return UPLINK_LAST

    def on_done(self, now: int, node: int, outcome: int) -> None:
        assert self.open is not None and self.open[0] == node, "on_done without an open submit"
        self.open = None
        self.done.append((now, node, outcome))

    def on_node(self, now: int, node: int, event: int) -> None:
        self.nodes.append((now, node, event))

    def on_link(self, now: int, is_up: bool) -> None:
        self.links.append(is_up)

    def events(self, event: int) -> list[int]:
        return [node for _, node, what in self.nodes if what == event]


class Rig:
    """Kernel, twin, segment under test, table, sink. `settings` are the sfsk section."""

    def __init__(
        self,
        options: SegmentOptions | None = None,
        settings: dict[str, Any] | None = None,
        capacity: int = 64,
        tick_offset: int = TICKS - 5000,
        table: Any = None,
        make_server: Any = None,
    ) -> None:
        args = {"make_server": make_server} if make_server else {}
        self.sim = sim.Segment(options or SegmentOptions(), **args)
        self.kernel = self.sim.kernel
        self._offset = tick_offset  # the tick counter wraps soon after the start
        self.settings = Settings(settings)
        self.log = Log(512, DEBUG)
        self.table = table or Table(capacity, self.settings["title_len"], Journal(NoFlash()), 0, 3600)
        self.sink = Sink(self)
        self.port = Port(self.sim.chip)
        self.segment = Segment(self.settings, self.port, self.table, self.sink, self.log)
        self.sim.chip.on_output = self._feed
        self._timer: Timer | None = None
        self._timer_due: int | None = None
        self.deadline_calls = 0

    @property
    def now(self) -> int:
        return (self.kernel.now_us // 1000 + self._offset) % TICKS

    @property
    def seconds(self) -> float:
        return self.kernel.now_us / 1e6

    def start(self) -> Rig:
        self.segment.start(self.now)
        self._arm()
        return self

    def run(self, seconds: float) -> None:
        """So many seconds of virtual time."""
        self._arm()
        self.kernel.run_for(int(seconds * 1e6))

    def run_until(self, is_done: Callable[[], bool], limit_s: float) -> float:
        """Until it is so; the seconds it took. Fails after `limit_s`."""
        start_us = self.kernel.now_us
        self._arm()
        while not is_done():
            assert self.kernel.now_us - start_us < limit_s * 1e6, f"not so after {limit_s} s"
            assert self.kernel.step()
        return (self.kernel.now_us - start_us) / 1e6

    def count(self, name: str) -> int:
        return self.segment.counters.named(name)

    def online(self) -> list[int]:
        return [row for row in range(self.table.end()) if self.table.state(row) == NODE_ONLINE]

    def row(self, number: int) -> int:
        """Row of built-in meter `number` (from 1)."""
        return self.table.find(sim.meter_title(number, self.settings["title_len"]))

    def node(self, number: int) -> Any:
        return self.sim.nodes[sim.meter_title(number, self.settings["title_len"])]

    def _feed(self, octets: bytes) -> None:
        self.segment.feed(self.now, memoryview(octets), len(octets))
        self._arm()

    def _fire(self) -> None:
        self._timer = self._timer_due = None
        self.deadline_calls += 1
        self.segment.on_deadline(self.now)
        self._arm()

    def _arm(self) -> None:
        due = self.segment.next_deadline()
        if due == self._timer_due and self._timer is not None:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_due = None, due
        if due is None:
            return
        wait_ms = max(ticks_diff(due, self.now), 0)
        # NOTE: ticks are whole milliseconds; firing at the next whole one keeps `now >= due` true.
        at_us = (self.kernel.now_us // 1000 + wait_ms) * 1000
        self._timer = self.kernel.call_at(max(at_us, self.kernel.now_us), self._fire)


__all__ = ("BROADCAST", "NODE_BACK_EVENT", "NODE_LOST_EVENT", "NODE_UP_EVENT", "UPLINK_MORE", "Rig", "Sink")
