# SPDX-License-Identifier: MIT
"""What must survive a power cut for the network to stay one: PAN id, group keys, frame counter.

Source: g3.md 1.2 (a counter that goes back is dropped), 2.10, 10. One record, replaced as a
whole through the injected store. Law: the stored frame counter is always ahead of the modem's
by up to the margin, so that starting from it never repeats a value; group keys come from the
real random source and are never one of those published in sample code.
"""

import struct
from binascii import crc32

from micropython import const

from base.errors import LocalError
from plc.g3 import counts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from plc.g3.contract import RecordStore
    from plc.g3.shared import Shared

KEY_LEN = const(16)
_VERSION = const(1)
_HEAD = ">BBBBHI"  # version, keys held (bit per index), active index, rekeying, PAN id, frame counter
_HEAD_LEN = const(10)
_LEN = const(46)  # head, two keys, CRC-32
_COUNTER_MAX = const(0xFFFFFFFF)
_TRIES = const(4)
# First octets of the group keys published with sample code (g3.md 6.7): AF4D6DCC.., 01020304...
_PUBLISHED = (b"\xaf\x4d\x6d\xcc", b"\x01\x02\x03\x04")


class NetworkRecord:
    """RAM copy of the record; every setter that matters saves at once."""

    def __init__(self, store: "RecordStore", random_octets: "Callable[[int], bytes]", shared: "Shared") -> None:
        self.pan_id = 0  # 0: no network formed yet
        self.active = 0
        self.is_rekeying = False
        self.frame_counter = 0
        self._held = 0
        self._keys = memoryview(bytearray(2 * KEY_LEN))
        self._store = store
        self._random = random_octets
        self._counters = shared.counters
        self._margin = shared.settings["frame_counter_margin"]

    def load(self) -> None:
        """Read the record; without a whole one everything starts new (counted when there was a bad one)."""
        raw = self._store.load()
        if not raw:
            return
        if len(raw) != _LEN or raw[0] != _VERSION or crc32(raw[:-4]) != struct.unpack(">I", raw[-4:])[0]:
            self._counters.inc(counts.RECORD_BAD)
            return
        _, self._held, self.active, rekeying, self.pan_id, self.frame_counter = struct.unpack(_HEAD, raw[:_HEAD_LEN])
        self.is_rekeying = bool(rekeying)
        self._keys[:] = raw[_HEAD_LEN:-4]

    def save(self) -> bool:
        """Write the record; False (counted) when the store refused."""
        octets = bytearray(_LEN)
        head = (_VERSION, self._held, self.active, int(self.is_rekeying), self.pan_id, self.frame_counter)
        struct.pack_into(_HEAD, octets, 0, *head)
        octets[_HEAD_LEN:-4] = self._keys
        struct.pack_into(">I", octets, _LEN - 4, crc32(memoryview(octets)[:-4]))
        if self._store.save(octets):
            return True
        self._counters.inc(counts.RECORD_REFUSED)
        return False

    # --- group keys ---

    @property
    def other(self) -> int:
        """The key index that is not active."""
        return 1 - self.active

    def has_key(self, index: int) -> bool:
        """There is a group key at `index`."""
        return bool(self._held & 1 << index)

    def key(self, index: int) -> memoryview:
        """The 16 octets of the group key at `index`; ours, not to be kept."""
        return self._keys[index * KEY_LEN : (index + 1) * KEY_LEN]

    def draw_key(self, index: int) -> None:
        """A new group key at `index`; not saved. LocalError when the random source is broken."""
        for _ in range(_TRIES):
            fresh = self._random(KEY_LEN)
            if _is_plausible(fresh):
                self._keys[index * KEY_LEN : (index + 1) * KEY_LEN] = fresh
                self._held |= 1 << index
                return
        raise LocalError("random source")

    def drop_key(self, index: int) -> None:
        """Forget the key at `index`; not saved."""
        for i in range(KEY_LEN):
            self._keys[index * KEY_LEN + i] = 0
        self._held &= ~(1 << index)

    def nonsense(self) -> bytes:
        """16 octets nobody knows."""
        return self._random(KEY_LEN)

    def ensure_key(self) -> None:
        """Make and save a group key if there is none."""
        if not self.has_key(self.active):
            self.draw_key(self.active)
            self.save()

    # --- frame counter ---

    def counter_to_set(self, modem_counter: int) -> int:
        """What the modem must start from, -1 when its own counter is ahead of ours; reserves the margin."""
        start = max(modem_counter, self.frame_counter)
        self._reserve(start)
        return start if start > modem_counter else -1

    def counter_seen(self, modem_counter: int) -> None:
        """The modem's counter is `modem_counter` now: save before the reserve is used up."""
        if modem_counter + self._margin // 2 > self.frame_counter:
            self._reserve(modem_counter)

    def _reserve(self, counter: int) -> None:
        self.frame_counter = min(counter + self._margin, _COUNTER_MAX)
        self.save()


def _is_plausible(key: bytes) -> bool:
    """16 octets that are neither all alike nor a published key."""
    if len(key) != KEY_LEN or key[:4] in _PUBLISHED:
        return False
    for octet in key:
        if octet != key[0]:
            return True
    return False
