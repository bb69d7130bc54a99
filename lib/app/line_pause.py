# SPDX-License-Identifier: MIT
"""A pause on the line for what stops the loop: a step of a TLS handshake may take most of a second.

Nobody reads the UART meanwhile, so no new request goes out first and what is on the line ends, or
has had its time. Law: the line is given back, whatever happens.
"""

import asyncio

from micropython import const

from base.ticks import ticks_diff

TYPE_CHECKING = False
if TYPE_CHECKING:
    from app.forwarder import Forwarder

_LOOK_MS = const(10)


class LinePause:
    """At most `wait_ms` for what is on the line."""

    def __init__(self, forwarder: "Forwarder", clock: "object", wait_ms: int) -> None:
        self._forwarder = forwarder
        self._clock = clock
        self._wait_ms = wait_ms

    async def begin(self) -> None:
        """Returns when the line is at rest, or will not be in time; `end` must follow."""
        self._forwarder.hold()
        try:
            began = self._clock.ticks_ms()  # type: ignore[attr-defined]
            while self._forwarder.is_on_line():
                if not 0 <= ticks_diff(self._clock.ticks_ms(), began) < self._wait_ms:  # type: ignore[attr-defined]
                    return
                await asyncio.sleep_ms(_LOOK_MS)
        except BaseException:  # cancelled while it waited: nobody will call `end`
            self.end()
            raise

    def end(self) -> None:
        """The line goes on."""
        self._forwarder.let_go(self._clock.ticks_ms())  # type: ignore[attr-defined]
