# SPDX-License-Identifier: MIT
"""A meter on the line: LLC, CIASE server and a DLMS server behind it (sfsk.md 2, 3).

NEW (FFE) until registered, locked to the initiator that registered it, NEW again when nobody
addresses it for time_out_not_addressed. One DLMS request at a time; what comes meanwhile is dropped.
"""

import random
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from tools.sim import node_ciase
from tools.sim.line import Line, Transmission
from tools.sim.mac_frame import ADDR_NEW, LLC_CONTROL, MAX_M_SDU, MacFrame
from tools.sim.node_uplink import Uplink, UplinkQueue
from tools.sim.options import NodeOptions
from tools.sim.server import DlmsServer

if TYPE_CHECKING:
    from tools.sim.kernel import Timer

_HEADER_LEN = 3
_PUSH_BACKOFF_SLOTS = 8  # pushes of several meters after one event should not all collide


def llc(dsap: int, ssap: int, l_sdu: bytes) -> bytes:
    """LLC frame: 90, DSAP, SSAP, L_sdu."""
    return bytes((LLC_CONTROL, dsap, ssap)) + l_sdu


class Node:
    """One meter; `server` answers its APDUs. `tap(dir, node, (client_sap, server_sap), apdu)` sees them."""

    def __init__(self, line: Line, title: bytes, server: DlmsServer, options: NodeOptions) -> None:
        self.line, self.title, self.server, self.options = line, bytes(title), server, options
        self.depth = options.depth
        self.mac_addr = ADDR_NEW
        self.groups: set[int] = set()
        self.is_muted = False
        self.is_repeater = False
        self.initiator_title = b""
        self.initiator_mac = 0
        self.counters: Counter = Counter()
        self.random = random.Random("%s/node/%s" % (line.options.seed, self.title.hex()))
        self.on_change: "Callable[[Node], object]" = lambda node: None
        self.tap: "Callable[[str, Node, tuple[int, int], bytes], object]" = lambda *event: None
        self.uplink = UplinkQueue(self, line, self.counters, min(options.max_m_sdu, MAX_M_SDU))
        self.uplink.on_answered = self._finish
        self._credit = 0
        self._addressed_us = 0
        self._watch: "Timer | None" = None
        self._epoch = 0
        self._is_busy = False
        self._busy_timer: "Timer | None" = None
        server.on_push = self.push
        line.attach(self)

    # --- registration ---

    @property
    def is_new(self) -> bool:
        """True while it has no individual MAC address."""
        return self.mac_addr == ADDR_NEW

    @property
    def is_hearing(self) -> bool:
        """Muted nodes and nodes that are sending hear nothing."""
        return not self.is_muted and not self.uplink.is_sending

    def register(self, initiator: bytes, source: int, mac_addr: int) -> None:
        """RegisterRequest that names this node; ignored from a foreign initiator."""
        if not 0 < mac_addr < self.options.fima:
            self.counters["register_bad_mac"] += 1
            return
        if not self.is_new and (initiator, source) != (self.initiator_title, self.initiator_mac):
            self.counters["foreign_initiator"] += 1
            return
        self.counters["registered"] += 1
        self.initiator_title, self.initiator_mac = initiator, source
        self._touch()
        self._move(mac_addr)

    def reset(self) -> None:
        """Back to NEW: registration, groups, open exchange and queue are gone."""
        self.groups.clear()
        self.initiator_title, self.initiator_mac = b"", 0
        self.uplink.clear()
        self._epoch += 1
        self._finish()
        self.server.reset()
        self._move(ADDR_NEW)

    def _move(self, mac_addr: int) -> None:
        old, self.mac_addr = self.mac_addr, mac_addr
        if old != mac_addr:
            self.line.moved(self, old)
            self.on_change(self)

    def _touch(self) -> None:
        """Addressed just now; one timer looks after time_out_not_addressed."""
        self._addressed_us = self.line.kernel.now_us
        limit_us = round(self.options.time_out_not_addressed_min * 60e6)
        if limit_us and self._watch is None:
            self._watch = self.line.kernel.call_later(limit_us, self._check_addressed, limit_us)

    def _check_addressed(self, limit_us: int) -> None:
        self._watch = None
        if self.is_new:
            return
        left_us = self._addressed_us + limit_us - self.line.kernel.now_us
        if left_us > 0:
            self._watch = self.line.kernel.call_later(left_us, self._check_addressed, limit_us)
            return
        self.counters["not_addressed"] += 1
        self.reset()

    # --- hearing ---

    def on_frame(self, frame: MacFrame, copy: int, end_slot: int) -> None:
        """The line: a frame for this node was heard; its repetitions end before `end_slot`."""
        if not self.is_new and frame.source != self.initiator_mac:
            self.counters["foreign_initiator"] += 1
            return
        if frame.dest == self.mac_addr and not self.is_new:
            self._touch()
        m_sdu = frame.m_sdu
        if len(m_sdu) <= _HEADER_LEN or m_sdu[0] != LLC_CONTROL:
            self.counters["llc_ignored"] += 1
        elif m_sdu[1] == self.options.ciase_sap:
            node_ciase.handle(self, frame, m_sdu[_HEADER_LEN:], end_slot)
        elif not self.is_new:
            self._request(frame, m_sdu[2], m_sdu[1])

    def _request(self, frame: MacFrame, client_sap: int, server_sap: int) -> None:
        apdu = frame.m_sdu[_HEADER_LEN:]
        is_unicast = frame.dest == self.mac_addr
        if self._is_busy and is_unicast:
            self.counters["dropped_busy"] += 1
            return
        self.counters["requests" if is_unicast else "broadcasts"] += 1
        self.tap("down", self, (client_sap, server_sap), apdu)
        if not is_unicast:
            self.server.request(client_sap, server_sap, apdu, lambda answer: None)
            return
        self._credit = frame.ic
        self._start()
        epoch = self._epoch

        def reply(answer: bytes | None) -> None:
            if epoch == self._epoch:
                self._reply(client_sap, server_sap, answer)

        self.server.request(client_sap, server_sap, apdu, reply)

    def _reply(self, client_sap: int, server_sap: int, apdu: bytes | None) -> None:
        if apdu is None:
            if not self.uplink.has_answer:
                self._finish()
            return
        if not self._is_busy:
            self.counters["late_answers"] += 1
        self.tap("up", self, (client_sap, server_sap), apdu)
        uplink = Uplink(llc(client_sap, server_sap, apdu), self._reply_credit, is_answer=True)
        self.uplink.put(uplink, self.options.think_us)

    def _start(self) -> None:
        self._is_busy = True
        # NOTE: measured from the end of think time, or a slow meter would look idle while it thinks
        limit_us = self.options.think_us + self.options.busy_limit_us
        self._busy_timer = self.line.kernel.call_later(limit_us, self._finish)

    def _finish(self) -> None:
        self._is_busy = False
        if self._busy_timer is not None:
            self._busy_timer.cancel()
            self._busy_timer = None

    # --- sending ---

    @property
    def _reply_credit(self) -> int:
        fixed = self.options.reply_credit
        return self._credit if fixed is None else fixed

    def answer(self, frame: MacFrame, pdu: bytes) -> None:
        """Answer a CIASE request with its credit, SAPs swapped."""
        fixed = self.options.reply_credit
        credit = frame.ic if fixed is None else fixed
        self.uplink.put(Uplink(llc(frame.m_sdu[2], frame.m_sdu[1], pdu), credit), 0)

    def push(self, client_sap: int, server_sap: int, apdu: bytes) -> bool:
        """Send an unsolicited APDU; False when the node is not registered or cannot send."""
        if self.is_new or self.is_muted:
            self.counters["push_refused"] += 1
            return False
        self.counters["pushes"] += 1
        self.tap("up", self, (client_sap, server_sap), apdu)
        backoff = self.random.randrange(_PUSH_BACKOFF_SLOTS)
        uplink = Uplink(llc(client_sap, server_sap, apdu), self._reply_credit, backoff=backoff)
        self.uplink.put(uplink, self.options.think_us)
        return True

    def on_first_sent(self, tx: Transmission) -> None:
        """The line: the first transmission is over."""

    def on_sent(self, tx: Transmission) -> None:
        """The line: all repetitions are over."""
        self.uplink.on_sent(tx)

    # --- faults ---

    def set_muted(self, is_muted: bool) -> None:
        """Neither hear nor send, but stay registered."""
        self.is_muted = is_muted
        if is_muted:
            self.uplink.stop()

    def leave(self) -> None:
        """Taken off the line; forgets its registration."""
        self.line.detach(self)
        self.uplink.clear()
        self.uplink.stop()
        self.reset()

    def join(self) -> None:
        """Put on the line again, NEW."""
        self.line.attach(self)
