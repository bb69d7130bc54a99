# SPDX-License-Identifier: MIT
"""Signature of the running application (1-0:0.2.8.255): SHA-256 of its files, computed in small steps after start.

Law: a step reads at most 8 kB, so that forwarding never waits for a hash of half a megabyte.
"""

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNKS_PER_STEP = const(16)  # of 512 octets


class Signature:
    """`octets`: 32 when it is known; empty before, where the code is frozen, or when a file cannot be read."""

    def __init__(self, steps: "Iterator[bytes]") -> None:
        self._steps: "Iterator[bytes] | None" = steps
        self.octets = b""

    def on_deadline(self, now: int) -> None:
        """The step of this second."""
        for _ in range(_CHUNKS_PER_STEP):
            if self._steps is None:
                return
            try:
                self.octets = next(self._steps)
            except (StopIteration, OSError):
                self._steps = None
