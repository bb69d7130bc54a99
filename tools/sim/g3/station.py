# SPDX-License-Identifier: MIT
"""What modem and nodes have in common on the line: addresses, group keys, frame counters, links (g3.md 1.2).

A frame is sealed per hop with the sender's active key and next frame counter. A receiver acknowledges
before it looks at the seal, so a frame with a wrong key or an old counter is lost without a trace on air.
"""

from collections import Counter, OrderedDict
from typing import NamedTuple

from tools.sim.g3.codes import NO_ADDR
from tools.sim.g3.line import G3Line


class Seal(NamedTuple):
    """Security of one frame; key None = the sender has none at its active index."""

    key_index: int
    key: bytes | None
    counter: int


class Station:
    """Base of G3Modem's MAC and of G3Node."""

    def __init__(self, line: G3Line, eui64: bytes, device_table: int) -> None:
        self.line, self.kernel, self.eui64 = line, line.kernel, bytes(eui64)
        self.links: "dict[Station, int]" = {}
        self.hops = 0
        self.pan_id = NO_ADDR
        self.short_addr = NO_ADDR
        self.keys: dict[int, bytes] = {}
        self.active_key = 0
        self.frame_counter = 0
        self.checks_frame_counter = True
        self.counters: Counter = Counter()
        self._replay: "OrderedDict[bytes, int]" = OrderedDict()
        self._device_table = device_table

    @property
    def is_hearing(self) -> bool:
        """True when it would notice a frame now."""
        return True

    @property
    def is_member(self) -> bool:
        """It has a short address of a PAN."""
        return self.short_addr != NO_ADDR

    def seal(self) -> Seal:
        """Security of the next frame sent."""
        self.frame_counter += 1
        return Seal(self.active_key, self.keys.get(self.active_key), self.frame_counter)

    def accepts(self, sender: "Station", seal: Seal) -> bool:
        """Check a sealed frame and note its counter."""
        if seal.key is None or self.keys.get(seal.key_index) != seal.key:
            self.counters["rx_unknown_key"] += 1
            return False
        known = self._replay.get(sender.eui64, -1)
        if self.checks_frame_counter and seal.counter <= known:
            self.counters["rx_wrong_frame_counter"] += 1
            return False
        self._replay[sender.eui64] = seal.counter
        self._replay.move_to_end(sender.eui64)
        if len(self._replay) > self._device_table:
            self._replay.popitem(last=False)
            self.counters["device_table_recycled"] += 1
        return True

    def forget_counters(self) -> None:
        """Empty the replay table."""
        self._replay.clear()

    def replay_rows(self) -> list[tuple[bytes, int]]:
        """The replay table: (EUI-64, last frame counter)."""
        return list(self._replay.items())

    def hears(self, other: "Station") -> bool:
        """Both are members of one PAN and the other would hear us now."""
        return other in self.links and other.is_hearing and other.is_member and other.pan_id == self.pan_id

    def shares_key(self, other: "Station") -> bool:
        """Each understands what the other seals now; without that no routing frame passes between them either."""
        ours, theirs = self.keys.get(self.active_key), other.keys.get(other.active_key)
        understands = ours == other.keys.get(self.active_key) and theirs == self.keys.get(other.active_key)
        return understands and None not in (ours, theirs)

    # --- what arrives; overridden ---

    def on_data(self, packet: bytes, path: "list[Station]") -> None:
        """An IPv6 packet for this station; path = stations it passed, origin first."""

    def on_lbp(self, nsdu: bytes, origin: "Station") -> None:
        """A secured LBP frame for this station, or to be relayed by it."""

    def on_path_request(self) -> None:
        """A path request for this station."""

    def on_bare_lbp(self, nsdu: bytes, sender: "Station") -> None:
        """An unsecured LBP frame from a station one hop away."""
