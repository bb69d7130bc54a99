# SPDX-License-Identifier: MIT
"""What management may ask of a G3 segment: plc.contract.Management.

Nodes of a PAN come by themselves and find their own ways, so there is nothing to discover
and nobody to call; a ping is the ICMPv6 echo of plc.g3.echo, which gives way to everybody.
"""

from plc.medium import ASK_BUSY, ASK_REFUSED, ASK_STARTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from plc.contract import Nodes
    from plc.g3.segment import Segment


class Management:
    """One per segment. `on_pinged(now, row, ms)`: round trip in ms, -1 = no answer."""

    def __init__(self, segment: "Segment", nodes: "Nodes") -> None:
        self.on_pinged: "Callable[[int, int, int], None] | None" = None
        self._segment = segment
        self._nodes = nodes
        segment.probes.on_ping_over = self._ping_over

    def ping(self, now: int, row: int) -> int:
        """An echo to the node of `row`; `on_pinged` tells within a minute or so. ASK_*."""
        if row < 0 or not self._segment.is_up or self._nodes.row_of_addr(self._nodes.addr(row)) != row:
            return ASK_REFUSED
        return ASK_STARTED if self._segment.probes.ping(now, row) else ASK_BUSY

    def drop_ping(self) -> None:
        """Nobody waits for it any more; the echo ends by itself."""

    def discover(self, now: int) -> int:
        """Not on this medium."""
        return ASK_REFUSED

    def call_repeaters(self, now: int) -> int:
        """Not on this medium."""
        return ASK_REFUSED

    def release(self, now: int, row: int) -> bool:
        """Expel the node; False while the modem is down."""
        return self._segment.kick(now, row)

    def _ping_over(self, now: int, row: int, ms: int) -> None:
        if self.on_pinged is not None:
            self.on_pinged(now, row, ms)
