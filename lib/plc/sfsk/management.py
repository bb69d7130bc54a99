# SPDX-License-Identifier: MIT
"""What management may ask of an S-FSK segment: plc.contract.Management.

Own policy. Law: everything asked for here waits for air nobody else wants, however long that
takes, and there is one of a kind at a time; a second one is refused as busy, never queued.
"""

from plc.medium import ASK_BUSY, ASK_REFUSED, ASK_STARTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from plc.contract import Nodes
    from plc.sfsk.initiator import Initiator
    from plc.sfsk.segment import Segment


class Management:
    """One per segment. `on_pinged(now, row, ms)`: round trip in ms, -1 = no answer."""

    def __init__(self, segment: "Segment", nodes: "Nodes") -> None:
        self.on_pinged: "Callable[[int, int, int], None] | None" = None
        self._segment = segment
        self._initiator: "Initiator" = segment.initiator
        self._nodes = nodes
        segment.initiator.watch.on_ping_over = self._ping_over

    def ping(self, now: int, row: int) -> int:
        """CIASE Ping to the node of `row`; `on_pinged` tells. ASK_*."""
        if row < 0 or not self._may_ask() or self._nodes.row_of_addr(self._nodes.addr(row)) != row:
            return ASK_REFUSED
        if self._initiator.asked_row >= 0:
            return ASK_BUSY
        self._initiator.ask(now, row)
        return ASK_STARTED

    def drop_ping(self) -> None:
        """Nobody waits for the ping any more; one on the air ends by itself."""
        self._initiator.asked_row = -1

    def discover(self, now: int) -> int:
        """A burst of discovery rounds, whatever the period says. ASK_*."""
        if not self._may_ask():
            return ASK_REFUSED
        return ASK_STARTED if self._initiator.discovery.ask(now) else ASK_BUSY

    def call_repeaters(self, now: int) -> int:
        """One RepeaterCall, also when the setting is off. ASK_*; refused without nodes."""
        if not self._may_ask() or not self._nodes.count():
            return ASK_REFUSED
        return ASK_STARTED if self._initiator.ask_repeaters(now) else ASK_BUSY

    def release(self, now: int, row: int) -> bool:
        """plc.contract.Management.release; False while a frame to the node or its answer is on the air.

        What the node sends afterwards comes from an unknown address: dropped and counted.
        """
        if self._segment.node_on_air == row or self._initiator.watch.row == row:
            return False
        self._ping_over(now, row, -1)
        return True

    def _may_ask(self) -> bool:
        return self._segment.is_up and self._segment.is_open

    def _ping_over(self, now: int, row: int, ms: int) -> None:
        if row != self._initiator.asked_row:
            return
        self._initiator.asked_row = -1
        if self.on_pinged is not None:
            self.on_pinged(now, row, ms)
