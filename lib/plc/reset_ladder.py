# SPDX-License-Identifier: MIT
"""How hard to hit a modem chip that does not do its work: one rung harder each time.

Own policy: soft reset - reset line - power - FAILED. FAILED rests and goes on with the reset
line. Stable operation takes the ladder down. The rest is short enough that a chip which comes
to its senses is in service within 15 s, however long it was gone.
"""

from micropython import const

# Rungs.
NONE = const(-1)
SOFT_RESET = const(0)
RESET_LINE = const(1)
POWER_CYCLE = const(2)
GIVEN_UP = const(3)

_REST_MS = const(5000)
_REST_MAX_MS = const(8000)


class ResetLadder:
    """The rung stood on, and how long to rest on top."""

    def __init__(self) -> None:
        self.rung = NONE
        self._rest_ms = _REST_MS

    def climb(self) -> int:
        """Go one rung up; returns it."""
        self.rung = min(self.rung + 1, GIVEN_UP)
        return self.rung

    def skip_soft(self) -> None:
        """A silent chip cannot be reset by a command."""
        self.rung = max(self.rung, SOFT_RESET)

    def rest_ms(self) -> int:
        """How long to rest this time."""
        rest_ms = self._rest_ms
        self._rest_ms = min(2 * rest_ms, _REST_MAX_MS)
        return rest_ms

    def restart(self) -> None:
        """The rest is over: the next rung is the reset line."""
        self.rung = SOFT_RESET

    def relapse(self) -> None:
        """It had come up, and is down again soon: begin with what helped the last time."""
        self.rung = max(self.rung - 1, NONE)

    def calm(self) -> None:
        """It has worked for a while."""
        self.rung = NONE
        self._rest_ms = _REST_MS
