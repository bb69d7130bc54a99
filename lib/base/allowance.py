# SPDX-License-Identifier: MIT
"""So many at once, and one more every so often: bounds log records of what strangers can provoke.

Counted in seconds of uptime, which never wrap and which nobody can set. Law: whoever is refused is counted
elsewhere; an allowance that is used up is back after a rest.
"""


class Allowance:
    """`most` at once; one comes back every `refill_s` seconds."""

    def __init__(self, most: int, refill_s: int) -> None:
        self._most = most
        self._refill_s = refill_s
        self._left = most
        self._refilled_s = 0

    def take(self, now_s: int) -> bool:
        """One is used up now; False: there is none left."""
        earned = (now_s - self._refilled_s) // self._refill_s
        if earned > 0:
            self._left = min(self._left + earned, self._most)
            self._refilled_s += earned * self._refill_s
        if not self._left:
            return False
        self._left -= 1
        return True
