# SPDX-License-Identifier: MIT
"""The power line: slots, repetitions with credits, collisions, losses (sfsk.md 1.2-1.5).

A transmission takes N slots, IC repetitions follow at once; a station at depth d hears copy d or a
later one. Transmissions of which any slot overlaps spoil each other's copies there. A station that
finds the line taken by an earlier frame waits for its last repetition; two that start in the same
slot collide. Every random choice comes from the seed, one stream per kind of fault.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from tools.sim.kernel import Kernel
from tools.sim.mac_frame import ADDR_ALL, ADDR_CONFIGURED, ADDR_FIMA, ADDR_NEW, MacFrame
from tools.sim.options import LineOptions
from tools.sim.station import ModemStation, NodeStation, Station

_SLOT_BITS = 360


@dataclass
class LineStats:
    """Counts since the start; slots are those of the grid."""

    frames: int = 0
    copies: int = 0
    busy_slots: int = 0
    collisions: int = 0
    lost: int = 0
    corrupt: int = 0
    dup: int = 0
    deferred: int = 0
    aborted: int = 0
    delivered: int = 0


class Transmission:
    """One frame with its repetitions; start..end are slots, end exclusive."""

    __slots__ = ("sender", "frame", "start", "end", "is_dead", "waiting", "clashes")

    def __init__(self, sender: Station, frame: MacFrame, start: int) -> None:
        self.sender = sender
        self.frame = frame
        self.move(start)
        self.is_dead = False
        self.waiting: list[Station] = []
        self.clashes: list[tuple[int, int]] = []

    def move(self, start: int) -> None:
        """Start in another slot."""
        self.start = start
        self.end = start + self.frame.all_slots

    def is_spoilt(self, copy: int) -> bool:
        """True when copy number `copy` overlapped another transmission."""
        first = self.start + copy * self.frame.slots
        last = first + self.frame.slots
        return any(first < end and start < last for start, end in self.clashes)


class Line:
    """One segment with one modem and any number of nodes."""

    def __init__(self, kernel: Kernel, options: LineOptions | None = None) -> None:
        self.kernel = kernel
        self.options = options or LineOptions()
        scale = self.options.time_scale
        real_us = _SLOT_BITS * 1e6 / self.options.baud
        self.slot_us = max(1.0, real_us / scale) if scale > 0 else 1.0
        self.stats = LineStats()
        self.on_transmit: "Callable[[Transmission], object]" = lambda tx: None
        self.nodes: list[NodeStation] = []
        self._by_mac: dict[int, list[NodeStation]] = {}
        self._modem: ModemStation | None = None
        self._active: list[Transmission] = []
        self._occupied_end = 0
        self._counted_end = 0
        seed = self.options.seed
        kinds = ("loss", "dup", "delay", "capture")
        self._random = {kind: random.Random("%s/%s" % (seed, kind)) for kind in kinds}

    # --- stations ---

    def attach_modem(self, modem: ModemStation) -> None:
        """The initiator's modem."""
        self._modem = modem

    def attach(self, node: NodeStation) -> None:
        """Put a node on the line."""
        self.nodes.append(node)
        self._by_mac.setdefault(node.mac_addr, []).append(node)

    def detach(self, node: NodeStation) -> None:
        """Take a node off the line."""
        self.nodes.remove(node)
        self._by_mac[node.mac_addr].remove(node)

    def moved(self, node: NodeStation, old_mac: int) -> None:
        """A node has another MAC address now."""
        if node in self._by_mac.get(old_mac, ()):
            self._by_mac[old_mac].remove(node)
            self._by_mac.setdefault(node.mac_addr, []).append(node)

    # --- slots ---

    @property
    def slot_now(self) -> int:
        """Number of the slot that is running."""
        return int((self.kernel.now_us + 0.75) / self.slot_us)

    def slot_at_us(self, slot: int) -> int:
        """Instant at which a slot begins."""
        return round(slot * self.slot_us)

    @property
    def free_slot(self) -> int:
        """First slot in which nothing that has begun is on the line any more."""
        ends = [tx.end for tx in self._active]
        return max(ends + [self._occupied_end, self.slot_now])

    @property
    def is_busy(self) -> bool:
        """True while a frame or one of its repetitions is on the line."""
        return self.free_slot > self.slot_now

    def idle_slots(self) -> int:
        """Slots since the start in which nothing was sent."""
        return max(0, self.slot_now - self.stats.busy_slots)

    def occupy(self, slots: int) -> None:
        """Signals that are not frames (alarm, repeater call) take the next slots."""
        self._occupied_end = max(self._occupied_end, self.slot_now + 1 + slots)
        self._count(self.slot_now + 1, self._occupied_end)

    def uplink_delay_us(self) -> int:
        """How long to hold back the next uplink (option delay_ms)."""
        limit = self.options.delay_ms
        return round(self._random["delay"].random() * limit * 1000) if limit else 0

    def report(self) -> dict:
        """Statistics as a plain dict."""
        return dict(asdict(self.stats), slots=self.slot_now, idle_slots=self.idle_slots())

    # --- sending ---

    def send(self, sender: Station, frame: MacFrame, at_slot: int = 0) -> Transmission:
        """Send in the next slot, or in `at_slot` if that is later; waits for a frame before it.

        sender.on_first_sent(tx) and sender.on_sent(tx) follow.
        """
        tx = Transmission(sender, frame, max(self.slot_now + 1, at_slot))
        self.kernel.call_at(self.slot_at_us(tx.start), self._begin, tx)
        return tx

    def abort(self, tx: Transmission) -> None:
        """The sender died: copies that are not over are not heard."""
        tx.is_dead = True
        if tx in self._active:
            self._active.remove(tx)
            self.stats.aborted += 1

    def _begin(self, tx: Transmission) -> None:
        if tx.is_dead:
            return
        taken = [a.end for a in self._active if a.start < tx.start < a.end]
        taken_until = max(taken + [self._occupied_end])
        if taken_until > tx.start:
            self.stats.deferred += 1
            tx.move(taken_until)
            self.kernel.call_at(self.slot_at_us(tx.start), self._begin, tx)
            return
        self._clash(tx)
        self._active.append(tx)
        self._count(tx.start, tx.end)
        self.stats.frames += 1
        tx.waiting = list(self._receivers(tx))
        self.on_transmit(tx)
        self._schedule_copy(tx, 0)

    def _count(self, start: int, end: int) -> None:
        self.stats.busy_slots += max(0, end - max(start, self._counted_end))
        self._counted_end = max(self._counted_end, end)

    def _clash(self, tx: Transmission) -> None:
        for other in self._active:
            if other.end <= tx.start:
                continue
            self.stats.collisions += 1
            common = (tx.start, min(tx.end, other.end))
            victims = [tx, other]
            if self._random["capture"].random() < self.options.capture:
                victims = [self._random["capture"].choice(victims)]
            for victim in victims:
                victim.clashes.append(common)

    def _receivers(self, tx: Transmission) -> "Sequence[Station]":
        """Nodes hear the modem, the modem hears nodes; nodes take no notice of each other."""
        if tx.sender is not self._modem:
            return [self._modem] if self._modem is not None else []
        dest = tx.frame.dest
        if dest == ADDR_ALL:
            return self.nodes
        if dest == ADDR_CONFIGURED:
            return [node for node in self.nodes if node.mac_addr != ADDR_NEW]
        if ADDR_FIMA < dest < ADDR_CONFIGURED:
            return [node for node in self.nodes if dest in node.groups]
        return self._by_mac.get(dest, [])

    def _schedule_copy(self, tx: Transmission, copy: int) -> None:
        end = tx.start + (copy + 1) * tx.frame.slots
        self.kernel.call_at(self.slot_at_us(end), self._copy_over, tx, copy)

    def _copy_over(self, tx: Transmission, copy: int) -> None:
        if tx.is_dead:
            return
        self.stats.copies += 1
        is_last = copy == tx.frame.ic
        if is_last:
            self._active.remove(tx)
        else:
            self._schedule_copy(tx, copy + 1)
        if copy == 0:
            tx.sender.on_first_sent(tx)
        if tx.waiting:
            self._deliver(tx, copy)
        if is_last:
            tx.sender.on_sent(tx)

    # --- hearing ---

    def _deliver(self, tx: Transmission, copy: int) -> None:
        is_spoilt = bool(tx.clashes) and tx.is_spoilt(copy)
        waiting, tx.waiting = tx.waiting, []
        loss, rnd = self.options.loss, self._random["loss"]
        for station in waiting:
            if copy < max(station.depth, tx.sender.depth):
                tx.waiting.append(station)
            elif is_spoilt or (loss and rnd.random() < loss):
                tx.waiting.append(station)
                self._missed(tx, copy, station, is_spoilt)
            else:
                self._hear(tx, copy, station)

    def _missed(self, tx: Transmission, copy: int, station: Station, is_spoilt: bool) -> None:
        if not is_spoilt:
            self.stats.lost += 1
        modem = self._modem
        if modem is None or station is not modem or not modem.is_hearing:
            return
        if is_spoilt or self._random["loss"].random() < self.options.corrupt_share:
            self.stats.corrupt += 1
            modem.on_bad_frame(tx.frame, copy)

    def _hear(self, tx: Transmission, copy: int, station: Station) -> None:
        if not station.is_hearing:
            return
        self.stats.delivered += 1
        if self.options.dup and self._random["dup"].random() < self.options.dup:
            self.stats.dup += 1
            later_us = self.slot_at_us(tx.end + 1)
            self.kernel.call_at(later_us, self._hear_again, tx, copy, station)
        station.on_frame(tx.frame, copy, tx.end)

    def _hear_again(self, tx: Transmission, copy: int, station: Station) -> None:
        if station.is_hearing:
            station.on_frame(tx.frame, copy, tx.end + 1)
