# SPDX-License-Identifier: MIT
"""Who sends next: CIFS, the wait of normal traffic, random backoffs that freeze while others send (g3.md 1.2).

Counted in slots from the end of CIFS. Normal frames wait 1 + 7 slots first, then count down; frames of high
priority count down within those seven. Frames whose count ends in the same slot collide.
"""

import heapq
import random

from tools.sim.g3.transfer import Transfer

_HIGH_WINDOW = 7
_NORMAL_WAIT = 1 + _HIGH_WINDOW


class Contention:
    """Frames that wait for the channel, by the slot their backoff ends in."""

    def __init__(self, rnd: random.Random) -> None:
        self._random = rnd
        self._normal: list[tuple[int, int, Transfer]] = []
        self._high: list[tuple[int, int, Transfer]] = []
        self._progress = 0  # slots counted down by normal frames so far
        self._order = 0

    def __len__(self) -> int:
        return len(self._normal) + len(self._high)

    def put(self, transfer: Transfer, since_slots: int) -> None:
        """A frame joins, `since_slots` after the counting began (0 when it did not)."""
        self._order += 1
        if transfer.is_high:
            backoff = since_slots + self._random.randrange(_HIGH_WINDOW)
            heapq.heappush(self._high, (backoff, self._order, transfer))
            return
        backoff = self._random.randrange(1 << transfer.be)
        heapq.heappush(self._normal, (self._progress + since_slots + backoff, self._order, transfer))

    def first_slot(self) -> int:
        """Slot in which the next frame goes."""
        slots = [self._normal[0][0] - self._progress + _NORMAL_WAIT] if self._normal else []
        slots += [self._high[0][0]] if self._high else []
        return max(0, min(slots))

    def take(self) -> list[Transfer]:
        """The frame or frames of the next slot."""
        slot = self.first_slot()
        winners = []
        while self._high and self._high[0][0] <= slot:
            winners.append(heapq.heappop(self._high)[2])
        while self._normal and self._normal[0][0] - self._progress + _NORMAL_WAIT <= slot:
            winners.append(heapq.heappop(self._normal)[2])
        self._progress += max(0, slot - _NORMAL_WAIT)
        return winners
