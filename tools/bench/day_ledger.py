# SPDX-License-Identifier: MIT
"""Where the line's time went, minute by minute, as the line itself saw it: the twin, not the gateway.

used = frames of exchanges whose answer reached a head-end; wasted = those of exchanges that had none;
upkeep = everything else somebody sent (discovery, registration, pings, paths, G3 joins and retries).
Idle is the rest of the minute.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tools.bench.worlds import SLOT_S
from tools.rig import Rig
from tools.sim.g3 import airtime, mesh
from tools.sim.g3.segment import G3Segment

_MINUTE_US = 60_000_000
_LLC_CIASE = 0


class Minute(NamedTuple):
    """Seconds of airtime in one minute."""

    used: float
    wasted: float
    upkeep: float


class LineLedger:
    """Books each frame on the meter it belongs to until it is known what it was good for."""

    def __init__(self, rig: Rig) -> None:
        self.minutes: list[Minute] = []
        self._rig = rig
        self._pending: dict[int, float] = {}
        self._used = self._wasted = 0.0
        self._is_g3 = isinstance(rig.sim, G3Segment)
        self._busy_before = self._busy_s()
        if self._is_g3:
            rig.sim.line.on_packet = self._on_packet
        else:
            rig.sim.line.on_transmit = self._on_transmit
        rig.kernel.call_later(_MINUTE_US, self._minute)

    def answered(self, sap: int) -> None:
        """An answer of this meter reached a head-end."""
        self._used += self._pending.pop(sap, 0.0)

    def _asked(self, row: int, seconds: float) -> None:
        sap = self._rig.table.sap(row)
        self._wasted += self._pending.pop(sap, 0.0)
        self._pending[sap] = seconds

    def _spoke(self, row: int, seconds: float) -> None:
        sap = self._rig.table.sap(row)
        if sap in self._pending:
            self._pending[sap] += seconds

    def _minute(self) -> None:
        busy_s = self._busy_s()
        spent = busy_s - self._busy_before
        self._busy_before = busy_s
        # NOTE: an exchange is booked in the minute it ends in; the frames of one may belong to the minute before
        self.minutes.append(Minute(self._used, self._wasted, max(0.0, spent - self._used - self._wasted)))
        self._used = self._wasted = 0.0
        self._rig.kernel.call_later(_MINUTE_US, self._minute)

    def _busy_s(self) -> float:
        report = self._rig.sim.line.report()
        return report["busy_us"] / 1e6 if self._is_g3 else report["busy_slots"] * SLOT_S

    # --- S-FSK ---

    def _on_transmit(self, tx: Any) -> None:
        frame = tx.frame
        if _LLC_CIASE in frame.m_sdu[1:3]:
            return
        is_down = tx.sender is self._rig.sim.chip.mac
        mac = frame.dest if is_down else frame.source
        book: Callable[[int, float], None] = self._asked if is_down else self._spoke
        if 0 < mac <= self._rig.table.end():
            book(mac - 1, frame.all_slots * SLOT_S)

    # --- G3 ---

    def _on_packet(self, direction: str, station: Any, packet: bytes) -> None:
        if packet[6] != 17:  # an echo is upkeep
            return
        is_down = direction == "down"
        short_addr = int.from_bytes(packet[38:40], "big") if is_down else station.short_addr
        row = self._rig.table.row_of_addr(short_addr)
        if row < 0:
            return
        node = self._rig.sim.nodes[bytes(self._rig.table.title(row))]
        (self._asked if is_down else self._spoke)(row, self._path_s(node, packet))

    def _path_s(self, node: Any, packet: bytes) -> float:
        line, total_us = self._rig.sim.line, 0.0
        path = node.route or mesh.climb(node, self._rig.sim.chip.mac) or []
        for here, there in zip(path, path[1:], strict=False):
            modulation = line.modulation(here, there)
            total_us += sum(airtime.msdu_us(line.band, modulation, size) for size in airtime.ipv6_lens(packet))
        return total_us / 1e6
