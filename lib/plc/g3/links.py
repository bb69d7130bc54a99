# SPDX-License-Identifier: MIT
"""What is known of the way to each node: hops, link quality, parent, round trip, failed paths.

One 12-octet row per registration row in one bytearray. Source of the values: path discovery
(g3.md 2.4; which of its octets is the link quality is UNCONFIRMED: `mrx` is taken) and the LQI
of every packet. RAM only: it is learned again.
"""

import struct

from micropython import const

_ROW_LEN = const(12)
_HOPS = const(0)
_LQI = const(1)
_PARENT = const(2)
_RTT = const(4)
_ASKED = const(6)  # uptime second of the last path discovery
_FAILS = const(10)
_FLAGS = const(11)
_MISSED = const(1)

_PATH_HEAD = const(8)  # status 1, dst 2, orig 2, metric 1, forward 1, reverse 1
_HOP_LEN = const(7)
_HOP_MRX = const(5)
_MAX_HOPS = const(14)


class Links:
    """Rows 0..capacity-1."""

    def __init__(self, capacity: int) -> None:
        self._rows = bytearray(capacity * _ROW_LEN)

    def clear(self, row: int) -> None:
        """The node of `row` is new."""
        for i in range(_ROW_LEN):
            self._rows[row * _ROW_LEN + i] = 0

    def hops(self, row: int) -> int:
        """Hops of the last path found, 0 = not known."""
        return self._rows[row * _ROW_LEN + _HOPS]

    def lqi(self, row: int) -> int:
        """Link quality of the last packet's last hop, or the worst one on the last path; 0 = not known."""
        return self._rows[row * _ROW_LEN + _LQI]

    def note_lqi(self, row: int, lqi: int) -> None:
        """A packet came with this link quality."""
        self._rows[row * _ROW_LEN + _LQI] = lqi

    def parent(self, row: int) -> int:
        """Short address of the last node before this one; 0 = the coordinator, or not known."""
        return self._get16(row, _PARENT)

    def rtt_ms(self, row: int) -> int:
        """Round trip of the last exchange or path discovery, ms; 0 = not known."""
        return self._get16(row, _RTT)

    def note_rtt(self, row: int, ms: int) -> None:
        """An exchange or path discovery took so long."""
        struct.pack_into("<H", self._rows, row * _ROW_LEN + _RTT, min(max(ms, 1), 0xFFFF))

    def asked_s(self, row: int) -> int:
        """Uptime second of the last path discovery, 0 = none."""
        return struct.unpack_from("<I", self._rows, row * _ROW_LEN + _ASKED)[0]  # type: ignore[no-any-return]

    def note_asked(self, row: int, now_s: int) -> None:
        """A path discovery begins."""
        struct.pack_into("<I", self._rows, row * _ROW_LEN + _ASKED, now_s)

    def fails(self, row: int) -> int:
        """Path discoveries and routes failed in a row."""
        return self._rows[row * _ROW_LEN + _FAILS]

    def failed(self, row: int) -> int:
        """One more; returns how many."""
        fails = min(self.fails(row) + 1, 0xFF)
        self._rows[row * _ROW_LEN + _FAILS] = fails
        return fails

    def well(self, row: int) -> None:
        """A sign of life."""
        self._rows[row * _ROW_LEN + _FAILS] = 0
        self._rows[row * _ROW_LEN + _FLAGS] = 0

    def missed(self, row: int) -> None:
        """An answer did not come: the route may be gone."""
        self._rows[row * _ROW_LEN + _FLAGS] = _MISSED

    def is_doubtful(self, row: int) -> bool:
        """The route may have to be found first."""
        is_known = self.hops(row) or self.rtt_ms(row)
        return bool(self._rows[row * _ROW_LEN + _FLAGS] & _MISSED) or not is_known

    def take_path(self, row: int, mv: memoryview, off: int, n: int) -> bool:
        """Learn from a successful PATH_DISCOVERY_CONFIRM (status first); False when it is malformed."""
        if n < _PATH_HEAD:
            return False
        forward, reverse = mv[off + 6], mv[off + 7]
        if not 0 < forward <= _MAX_HOPS or n < _PATH_HEAD + _HOP_LEN * (forward + reverse):
            return False
        first = off + _PATH_HEAD
        worst = 0xFF
        for i in range(forward):
            worst = min(worst, mv[first + i * _HOP_LEN + _HOP_MRX])
        base = row * _ROW_LEN
        self._rows[base + _HOPS] = forward
        if worst:
            self._rows[base + _LQI] = worst
        before = first + (forward - 2) * _HOP_LEN
        parent = mv[before] << 8 | mv[before + 1] if forward > 1 else 0
        struct.pack_into("<H", self._rows, base + _PARENT, parent)
        return True

    def _get16(self, row: int, field: int) -> int:
        return struct.unpack_from("<H", self._rows, row * _ROW_LEN + field)[0]  # type: ignore[no-any-return]
