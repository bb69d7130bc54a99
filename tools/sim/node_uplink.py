# SPDX-License-Identifier: MIT
"""What a node sends: one queue in order, each entry not before its think time is over.

A DiscoverReport has its own slot and does not queue. Frames longer than the node's limit are
counted and dropped, never cut.
"""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.sim.line import Line, Transmission
from tools.sim.mac_frame import MacFrame

if TYPE_CHECKING:
    from tools.sim.node import Node


@dataclass
class Uplink:
    """One M_sdu for the initiator; `backoff` = slots to wait beyond the first free one."""

    m_sdu: bytes
    credit: int
    is_answer: bool = False
    backoff: int = 0
    ready_us: int = 0


class UplinkQueue:
    """The sending side of one node; on_answered() when no more answer APDU waits."""

    def __init__(self, node: "Node", line: Line, counters: Counter, max_m_sdu: int) -> None:
        self._node, self._line, self._counters = node, line, counters
        self._max_m_sdu = max_m_sdu
        self._queue: "deque[Uplink]" = deque()
        self._ready_us = 0
        self._uplink: Uplink | None = None
        self._tx: Transmission | None = None
        self._report: Transmission | None = None
        self.on_answered: "Callable[[], object]" = lambda: None

    @property
    def is_sending(self) -> bool:
        """True from the decision to send until the last repetition."""
        return self._tx is not None

    @property
    def has_answer(self) -> bool:
        """True while an answer APDU waits or is on the line."""
        on_line = self._tx is not None and self._uplink is not None and self._uplink.is_answer
        return on_line or any(uplink.is_answer for uplink in self._queue)

    def put(self, uplink: Uplink, think_us: int) -> None:
        """Send after `think_us` and everything queued before."""
        if len(uplink.m_sdu) > self._max_m_sdu:
            self._counters["too_long"] += 1
            self._sent(uplink)
            return
        think_us += self._line.uplink_delay_us()
        self._ready_us = max(self._ready_us, self._line.kernel.now_us + think_us)
        uplink.ready_us = self._ready_us
        self._queue.append(uplink)
        self._pump()

    def report(self, frame: MacFrame, at_slot: int) -> None:
        """Send a DiscoverReport in `at_slot`; replaces one not sent yet."""
        self._drop_report()
        self._report = self._line.send(self._node, frame, at_slot)

    def on_sent(self, tx: Transmission) -> None:
        """The line: the last repetition of `tx` is over."""
        if tx is self._tx and self._uplink is not None:
            self._tx = None
            self._counters["uplinks"] += 1
            self._sent(self._uplink)
        if tx is self._report:
            self._report = None

    def stop(self) -> None:
        """The transmitter is off: what is on the line is cut, a report is forgotten."""
        self._drop_report()
        if self._tx is not None and self._uplink is not None:
            self._line.abort(self._tx)
            self._tx = None
            self._sent(self._uplink)

    def clear(self) -> None:
        """Forget what waits."""
        self._queue.clear()
        self._ready_us = 0

    def _pump(self) -> None:
        if not self._queue or self._tx is not None:
            return
        uplink = self._queue[0]
        if uplink.ready_us > self._line.kernel.now_us:
            self._line.kernel.call_at(uplink.ready_us, self._pump)
            return
        self._queue.popleft()
        if self._node.is_muted:
            self._counters["not_sent"] += 1
            self._sent(uplink)
            return
        self._uplink = uplink
        frame = MacFrame(self._node.mac_addr, self._node.initiator_mac, uplink.credit, uplink.m_sdu)
        self._tx = self._line.send(self._node, frame, self._line.free_slot + uplink.backoff)

    def _sent(self, uplink: Uplink) -> None:
        if uplink.is_answer and not self.has_answer:
            self.on_answered()
        self._pump()

    def _drop_report(self) -> None:
        if self._report is not None:
            self._line.abort(self._report)
            self._report = None
