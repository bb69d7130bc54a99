# SPDX-License-Identifier: MIT
"""Which session holds which association: (node, client SAP) pairs, bounded.

A pair belongs to a session from its AARQ until release, refusal, time-out or the session's
end (design/behaviour.md). The association itself lives in the meter; this only keeps two
head-ends from talking into one.
"""

from micropython import const

from base.ticks import ticks_add, ticks_diff

_NOBODY = None
_PURGE_MS = const(300000)
_SHARE = const(4)


class Ownership:
    """At most `capacity` pairs; a pair unused for `timeout_ms` is nobody's again."""

    def __init__(self, capacity: int, timeout_ms: int) -> None:
        self._index: "dict[int, int]" = {}
        self._session: "list[object | None]" = [_NOBODY] * capacity
        self._until = [0] * capacity
        self._free = list(range(capacity))
        self._timeout_ms = timeout_ms
        self._purged_at = 0

    def __len__(self) -> int:
        return len(self._index)

    def owner(self, now: int, node: int, client_sap: int) -> "object | None":
        """The session that holds the pair, None when nobody does (any more)."""
        slot = self._index.get(node << 16 | client_sap, -1)
        if slot < 0:
            return _NOBODY
        if ticks_diff(self._until[slot], now) <= 0:
            self._drop(node << 16 | client_sap)
            return _NOBODY
        return self._session[slot]

    def is_with_others(self, now: int, client_sap: int, session: object) -> bool:
        """Another session than this one holds a pair with this client SAP, whatever the node."""
        for key, slot in self._index.items():
            if key & 0xFFFF == client_sap and self._session[slot] is not session:
                if ticks_diff(self._until[slot], now) > 0:
                    return True
        return False

    def take(self, now: int, node: int, client_sap: int, session: object) -> bool:
        """Give the pair to `session` (or keep it there); False when the table is full.

        Who has less than a quarter of a full table gets a place: who holds most gives up his longest unused pair.
        """
        key = node << 16 | client_sap
        slot = self._index.get(key, -1)
        if slot < 0:
            self._purge(now)
            if not self._free and not self._make_room(session):
                return False
            slot = self._free.pop()
            self._index[key] = slot
        self._session[slot] = session
        self._until[slot] = ticks_add(now, self._timeout_ms)
        return True

    def refresh(self, now: int, node: int, client_sap: int) -> None:
        """The pair was used; its time-out starts again."""
        slot = self._index.get(node << 16 | client_sap, -1)
        if slot >= 0:
            self._until[slot] = ticks_add(now, self._timeout_ms)

    def release(self, node: int, client_sap: int, session: "object | None") -> None:
        """The association of `session` ended; nothing happens when the pair is not, or no longer, its own.

        NOTE: B's RLRQ on the air, A's AARQ takes the pair nobody had, B's RLRE: A keeps it.
        """
        slot = self._index.get(node << 16 | client_sap, -1)
        if slot >= 0 and self._session[slot] is session:
            self._drop(node << 16 | client_sap)

    def release_session(self, session: object) -> None:
        """The session ended: all its pairs are free."""
        for key in [k for k, slot in self._index.items() if self._session[slot] is session]:
            self._drop(key)

    def _make_room(self, session: object) -> bool:
        """NOTE: a head-end that reads meter after meter and never releases would keep all others out."""
        held: "dict[int, int]" = {}
        for holder in self._session:
            held[id(holder)] = held.get(id(holder), 0) + 1
        if held.get(id(session), 0) >= len(self._session) // _SHARE:
            return False
        most = max(held.values())
        victim = -1
        for key, slot in self._index.items():
            if held[id(self._session[slot])] < most:
                continue
            if victim < 0 or ticks_diff(self._until[slot], self._until[self._index[victim]]) < 0:
                victim = key
        self._drop(victim)
        return True

    def _drop(self, key: int) -> None:
        slot = self._index.pop(key)
        self._session[slot] = _NOBODY
        self._free.append(slot)

    def on_deadline(self, now: int) -> None:
        """About once a second: drop what has timed out, every few minutes.

        NOTE: a pair left for 6 days would look young again, because ticks wrap.
        """
        if not 0 <= ticks_diff(now, self._purged_at) < _PURGE_MS:
            self._purge(now)

    def _purge(self, now: int) -> None:
        """Drop every pair that has timed out."""
        self._purged_at = now
        for key in [k for k, slot in self._index.items() if ticks_diff(self._until[slot], now) <= 0]:
            self._drop(key)
