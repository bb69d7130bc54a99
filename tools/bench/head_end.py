# SPDX-License-Identifier: MIT
"""Head-ends behind a WAN: they keep requests under way, look at every answer, count what went wrong.

A request that the gateway does not read now (no free buffer) waits in the socket, as with TCP.
`Gate` decides when a request that has arrived is given to the gateway: the shipped gateway takes
all there are; `OneOutstanding` is the reference policy that benchmarks compare with.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from host_tests.rig_support.meters import REFUSALS, answer_apdu, request_apdu
from tools.rig import Rig  # before anything of lib/: it installs the shim

from gateway.exchange import GUARD, QUEUED  # isort: skip

_AGAIN_US = 10_000
_GIVE_UP_US = 120_000_000  # longer than the gateway holds a request


class Gate:
    """The gateway as it is: everything that arrives goes in."""

    def offer(self, send: Callable[[], object]) -> None:
        """A request has arrived."""
        send()


class OneOutstanding(Gate):
    """A forwarder with one request outstanding, whoever asked; the others wait in their sockets.

    `wan_us` > 0: strictly one, end to end, as published pilots had it: the next request leaves the
    head-end when the answer is there, so that the line is silent for a round trip.
    """

    def __init__(self, rig: Rig, wan_us: int) -> None:
        self._rig, self._wan_us = rig, wan_us
        self._waiting: deque[Callable[[], object]] = deque()
        self._is_taken = False

    def offer(self, send: Callable[[], object]) -> None:
        """A request has arrived."""
        self._waiting.append(send)
        if not self._is_taken:
            self._next()

    def _next(self) -> None:
        self._is_taken = bool(self._waiting)
        if self._waiting:
            self._waiting.popleft()()
            self._look()

    def _look(self) -> None:
        # not while a silent node rests in guard time: that would be a handicap no plain forwarder has
        if any(QUEUED <= exchange.state < GUARD for exchange in self._rig.forwarder.exchanges.slots):
            self._rig.kernel.call_later(_AGAIN_US, self._look)
        else:
            self._rig.kernel.call_later(self._wan_us, self._next)


class Request:
    """One of a head-end's requests."""

    __slots__ = ("apdu", "at_us", "sap")

    def __init__(self, sap: int, apdu: bytes, at_us: int) -> None:
        self.sap, self.apdu, self.at_us = sap, apdu, at_us


class HeadEnd:
    """Reads its meters in turn for ever, `window` at a time, each over a round trip of `rtt_us`.

    `want`: octets of the answers beyond their head of 15. `is_on` False: only when `ask` is called.
    """

    def __init__(
        self, rig: Rig, saps: list[int], rtt_us: int, window: int = 1, want: int = 0, gate: Gate | None = None
    ) -> None:
        self.answers = self.refused = self.unanswered = self.wrong = 0
        self.waits_us: list[int] = []
        self.client_sap = 16
        self.is_on = True
        self._rig, self._rtt_us, self._want = rig, rtt_us, want
        self._gate = gate or Gate()
        self._idle = deque(saps)
        self._open: dict[int, Request] = {}
        self._number = 0
        self._hes = rig.connect()
        self._hes.on_reply = self._replied
        for _ in range(min(window, len(saps))):
            self.ask()

    def is_asking(self, sap: int) -> bool:
        """A request for it is under way."""
        return sap in self._open

    def ask(self, sap: int | None = None) -> None:
        """The next meter's turn, or that of `sap` (not asked now): its request leaves the head-end."""
        if sap is None:
            sap = self._idle.popleft()
        else:
            self._idle.remove(sap)
        self._number += 1
        # the session is part of the number: an answer that went to another head-end is seen
        number = self._hes.number << 24 | self._number & 0xFFFFFF
        request = Request(sap, request_apdu(number, want=self._want), self._rig.kernel.now_us)
        self._open[sap] = request
        self._rig.kernel.call_later(self._rtt_us // 2, self._gate.offer, lambda: self._arrive(request))
        self._rig.kernel.call_later(_GIVE_UP_US, self._give_up, request)

    def _arrive(self, request: Request) -> None:
        if self._open.get(request.sap) is not request:
            return
        if not self._hes.request(self.client_sap, request.sap, request.apdu):
            self._rig.kernel.call_later(_AGAIN_US, self._arrive, request)

    def _replied(self, source: int, destination: int, apdu: bytes) -> None:
        self._rig.kernel.call_later(self._rtt_us // 2, self._back, source, destination, apdu)

    def _back(self, source: int, destination: int, apdu: bytes) -> None:
        request = self._open.pop(source, None)
        if request is None or destination != self.client_sap:
            self.wrong += 1
            return
        if apdu in REFUSALS:
            self.refused += 1
        elif apdu == answer_apdu(request.apdu, self._title(source)):
            self.answers += 1
            self.waits_us.append(self._rig.kernel.now_us - request.at_us)
        else:
            self.wrong += 1
        self._idle.append(source)
        self._after()

    def _after(self) -> None:
        if self.is_on:
            self.ask()

    def _title(self, sap: int) -> bytes:
        return bytes(self._rig.table.title(sap - 0x10 - (sap > 0x7F)))

    def _give_up(self, request: Request) -> None:
        if self._open.get(request.sap) is request:
            del self._open[request.sap]
            self.unanswered += 1
            self._idle.append(request.sap)
            self._after()


def spread(
    rig: Rig, saps: list[int], head_ends: int, rtt_us: int, window: int = 1, want: int = 0, gate: Gate | None = None
) -> list[HeadEnd]:
    """`head_ends` that share the meters."""
    return [HeadEnd(rig, saps[first::head_ends], rtt_us, window, want, gate) for first in range(head_ends)]


def total(head_ends: list[HeadEnd]) -> int:
    """Answers so far; AssertionError when a wrong one was among them."""
    assert not any(hes.wrong for hes in head_ends)
    return sum(hes.answers for hes in head_ends)
