# SPDX-License-Identifier: MIT
"""Failed authentications: who has to wait, and for how long.

A pair (client SAP, peer address) that fails waits `first_ms`, then twice as long each time, at most
`longest_ms`. For a client SAP the failures of all peers together only slow down strangers: after
each of them, for at most `slow_ms`, peers that never authenticated are refused. Law: a peer that
once authenticated is held up by nobody's failures but those from its own address, and never for
longer than `longest_ms`. Rows are fixed: the one used longest ago makes room, proven ones last.

Why it is enough: a tag has 96 bits, so guessing is hopeless; this bounds what it costs us, and shows it.
Ticks: `on_deadline` must be called by `next_deadline`, so no row lives long enough for them to wrap.
"""

from struct import pack_into, unpack_from

from micropython import const

from base.ticks import earliest, ticks_add, ticks_diff

PEER_LEN = const(16)  # an IPv6 address; a shorter one is filled with zeros, a longer one cut
MAX_MS = const(86400000)  # ticks are good for 6 days
_SAP = const(0)  # 0 = free row
_FAILS = const(1)
_FLAGS = const(2)
_UNTIL = const(4)
_USED = const(8)
_PEER = const(12)
_ROW_LEN = const(28)
_PROVEN = const(1)
_WAITING = const(2)
_MOST_FAILS = const(255)
NONE = const(-1)


class Lockout:
    """`row_cnt` pairs are remembered. Times in milliseconds, at most MAX_MS. Client SAPs are those of keyed
    clients (1 to 127), peers their addresses as octets."""

    def __init__(self, row_cnt: int, first_ms: int, longest_ms: int, slow_ms: int) -> None:
        self._rows = bytearray(_ROW_LEN * row_cnt)
        self._first_ms = min(first_ms, MAX_MS)
        self._longest_ms = min(longest_ms, MAX_MS)
        self._slow_ms = min(slow_ms, MAX_MS)
        self._slow: "dict[int, int]" = {}  # client SAP -> ticks until which strangers wait

    def left_ms(self, now: int, client_sap: int, peer: bytes) -> int:
        """How long this peer still has to wait before it may try as this client; 0 = it may."""
        off = self._find(client_sap, peer)
        left = 0
        if off != NONE and self._rows[off + _FLAGS] & _WAITING:
            left = ticks_diff(self._until(off), now)
        if (off == NONE or not self._rows[off + _FLAGS] & _PROVEN) and client_sap in self._slow:
            left = max(left, ticks_diff(self._slow[client_sap], now))
        return max(left, 0)

    def failed(self, now: int, client_sap: int, peer: bytes) -> int:
        """Note a failed authentication; how long the pair has to wait now."""
        off = self._find(client_sap, peer)
        if off == NONE:
            off = self._take_row(now, client_sap, peer)
        rows = self._rows
        fails = min(rows[off + _FAILS] + 1, _MOST_FAILS)
        wait = self._first_ms
        for _ in range(1, fails):
            wait = min(wait * 2, self._longest_ms)
            if wait == self._longest_ms:
                break
        rows[off + _FAILS] = fails
        rows[off + _FLAGS] |= _WAITING
        pack_into(">II", rows, off + _UNTIL, ticks_add(now, wait), now)
        if not rows[off + _FLAGS] & _PROVEN:
            self._slow[client_sap] = ticks_add(now, min(self._slow_ms, wait))
        return wait

    def succeeded(self, now: int, client_sap: int, peer: bytes) -> None:
        """Note a success: the pair is proven and its failures are forgotten."""
        off = self._find(client_sap, peer)
        if off == NONE:
            off = self._take_row(now, client_sap, peer)
        self._rows[off + _FAILS] = 0
        self._rows[off + _FLAGS] = _PROVEN
        pack_into(">I", self._rows, off + _USED, now)

    def next_deadline(self) -> "int | None":
        """Ticks when something is to be forgotten; None = nothing is."""
        deadline = None
        for off in range(0, len(self._rows), _ROW_LEN):
            if self._rows[off + _FLAGS] & _WAITING:
                deadline = earliest(deadline, self._forget_at(off))
        for until in self._slow.values():
            deadline = earliest(deadline, until)
        return deadline

    def on_deadline(self, now: int) -> None:
        """Forget failures `longest_ms` after the wait for the last one ended."""
        for off in range(0, len(self._rows), _ROW_LEN):
            if self._rows[off + _FLAGS] & _WAITING and ticks_diff(now, self._forget_at(off)) >= 0:
                self._calm(off)
        for client_sap in [sap for sap in self._slow if ticks_diff(now, self._slow[sap]) >= 0]:
            del self._slow[client_sap]

    def _calm(self, off: int) -> None:
        rows = self._rows
        rows[off + _FAILS] = 0
        rows[off + _FLAGS] &= _PROVEN
        if not rows[off + _FLAGS]:
            rows[off + _SAP] = 0

    def _forget_at(self, off: int) -> int:
        return ticks_add(self._until(off), self._longest_ms)

    def _until(self, off: int) -> int:
        until: int = unpack_from(">I", self._rows, off + _UNTIL)[0]
        return until

    def _find(self, client_sap: int, peer: bytes) -> int:
        rows = self._rows
        for off in range(0, len(rows), _ROW_LEN):
            if rows[off + _SAP] == client_sap and self._is_peer(off, peer):
                return off
        return NONE

    def _is_peer(self, off: int, peer: bytes) -> bool:
        for i in range(PEER_LEN):
            if self._rows[off + _PEER + i] != (peer[i] if i < len(peer) else 0):
                return False
        return True

    def _take_row(self, now: int, client_sap: int, peer: bytes) -> int:
        """A free row, else the stranger's, else the proven one's used longest ago."""
        rows = self._rows
        best, best_age, best_is_proven = 0, -1, True
        for off in range(0, len(rows), _ROW_LEN):
            if not rows[off + _SAP]:
                best = off
                break
            age = max(ticks_diff(now, unpack_from(">I", rows, off + _USED)[0]), 0)
            is_proven = bool(rows[off + _FLAGS] & _PROVEN)
            if best_is_proven and not is_proven or best_is_proven == is_proven and age > best_age:
                best, best_age, best_is_proven = off, age, is_proven
        for i in range(_ROW_LEN):
            rows[best + i] = 0
        rows[best + _SAP] = client_sap
        for i in range(min(PEER_LEN, len(peer))):
            rows[best + _PEER + i] = peer[i]
        return best
