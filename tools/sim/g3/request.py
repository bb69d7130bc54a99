# SPDX-License-Identifier: MIT
"""Reads a request as the modem does: without looking at its length (g3.md 2.10).

What a short request lacks is read from where the request before it lay in the same buffer.
"""


class Request:
    """One host request; reads on past its end."""

    def __init__(self, payload: bytes, stale: bytes) -> None:
        self._octets = payload + stale[len(payload) :]
        self._len = len(payload)
        self._at = 1
        self.command = payload[0]

    @property
    def is_short(self) -> bool:
        """More was read than the host sent."""
        return self._at > self._len

    @property
    def rest(self) -> bytes:
        """What the host sent and nobody read."""
        return self._octets[self._at : self._len]

    def octets(self, count: int) -> bytes:
        """The next octets."""
        found = self._octets[self._at : self._at + count]
        self._at += count
        return found + bytes(count - len(found))

    def number(self, size: int) -> int:
        """Big-endian, `size` octets."""
        return int.from_bytes(self.octets(size), "big")
