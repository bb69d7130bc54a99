# SPDX-License-Identifier: MIT
"""What four head-ends do on a day: conversations with meters over a WAN, retried as head-ends do.

An answer must be the one to the request that is open on that (meter, client) pair, octet for octet,
from that meter; everything else is `wrong`. A refusal or silence is tried again after a pause.
"""

from __future__ import annotations

from collections.abc import Callable

from host_tests.rig_support.meters import REFUSALS, Numbered, answer_apdu, request_apdu
from tools.rig import Rig
from tools.sim.server import Reply

AARQ = bytes.fromhex("601DA109060760857405080101BE10040E01000000065F1F040040121DFFFF")
AARE = bytes.fromhex("6129A109060760857405080101A203020100A305A103020100BE10040E0800065F1F040040121D00F00007")
RLRQ, RLRE = bytes.fromhex("6203800100"), bytes.fromhex("6303800100")
_PATIENCE_US = 60_000_000  # as long as the gateway keeps a request waiting for the air
_PAUSE_US = 10_000_000
_SOCKET_US = 10_000
_MOST_TRIES = 4


class DayMeter(Numbered):
    """Accepts every association; answers GETs as `Numbered` does, but remembers nothing."""

    def request(self, client_sap: int, server_sap: int, apdu: bytes, reply: Reply) -> None:
        """Answer at once."""
        if apdu[0] == AARQ[0]:
            reply(AARE)
        elif apdu[0] == RLRQ[0]:
            reply(RLRE)
        else:
            super().request(client_sap, server_sap, apdu, reply)
            self.asked.clear()


class Wan:
    """One head-end's connection to the gateway; `on_answer(sap)` when the gateway has one."""

    def __init__(self, rig: Rig, rtt_us: int, on_answer: Callable[[int], object]) -> None:
        self.rig, self.rtt_us = rig, rtt_us
        self.open: dict[tuple[int, int], Talk] = {}
        self.wrong = self.late = self.refused = self.unanswered = 0
        self._on_answer = on_answer
        self._number = 0
        self._hes = rig.connect()
        self._hes.on_reply = self._replied

    def next_request(self, want: int) -> bytes:
        """A GET that no other request of any head-end looks like."""
        self._number += 1
        return request_apdu(self._hes.number << 24 | self._number & 0xFFFFFF, want=want)

    def send(self, talk: Talk, apdu: bytes) -> None:
        """The request leaves the head-end."""
        self.rig.kernel.call_later(self.rtt_us // 2, self._arrive, talk, apdu)

    def _arrive(self, talk: Talk, apdu: bytes) -> None:
        if talk.is_open and not self._hes.request(talk.client_sap, talk.sap, apdu):
            self.rig.kernel.call_later(_SOCKET_US, self._arrive, talk, apdu)

    def _replied(self, source: int, destination: int, apdu: bytes) -> None:
        self._hes.replies.clear()
        self._hes.times_us.clear()
        if apdu not in REFUSALS:
            self._on_answer(source)
        self.rig.kernel.call_later(self.rtt_us // 2, self._back, source, destination, apdu)

    def _back(self, source: int, destination: int, apdu: bytes) -> None:
        talk = self.open.get((source, destination))
        if talk is None:
            self.late += 1  # the head-end has given up
        elif not talk.take(apdu):
            self.wrong += 1


class Talk:
    """One conversation: `apdus` one after the other, each answered before the next. on_end(talk, is_whole)."""

    def __init__(
        self,
        wan: Wan,
        sap: int,
        client_sap: int,
        apdus: list[bytes],
        on_end: Callable[[Talk, bool], object],
        tries: int = _MOST_TRIES,
    ) -> None:
        self.sap, self.client_sap = sap, client_sap
        self.is_open = True
        self.began_us = self._asked_us = wan.rig.kernel.now_us
        self.waits_us: list[int] = []
        self._wan, self._apdus, self._on_end = wan, apdus, on_end
        self._step = self._tries = 0
        self._most_tries = tries
        self._serial = 0
        wan.open[sap, client_sap] = self
        self._ask()

    def take(self, apdu: bytes) -> bool:
        """An answer for this pair; False when it is none to what was asked."""
        if apdu in REFUSALS:
            self._wan.refused += 1
            self._again()
            return True
        if not self._fits(self._apdus[self._step], apdu):
            return False
        self.waits_us.append(self._wan.rig.kernel.now_us - self._asked_us)
        self._step += 1
        self._tries = 0
        if self._step == len(self._apdus):
            self._end(True)
        else:
            self._ask()
        return True

    def _ask(self) -> None:
        self._serial += 1
        self._asked_us = self._wan.rig.kernel.now_us
        self._wan.send(self, self._apdus[self._step])
        self._wan.rig.kernel.call_later(_PATIENCE_US, self._missed, self._serial)

    def _missed(self, serial: int) -> None:
        if self.is_open and serial == self._serial:
            self._wan.unanswered += 1
            self._again()

    def _again(self) -> None:
        self._serial += 1
        self._tries += 1
        if self._tries == self._most_tries:
            self._end(False)
        else:
            self._wan.rig.kernel.call_later(_PAUSE_US, self._ask_again, self._serial)

    def _ask_again(self, serial: int) -> None:
        if self.is_open and serial == self._serial:
            self._ask()

    def _end(self, is_whole: bool) -> None:
        self.is_open = False
        del self._wan.open[self.sap, self.client_sap]
        self._on_end(self, is_whole)

    def _fits(self, request: bytes, answer: bytes) -> bool:
        if request == AARQ:
            return answer == AARE
        if request == RLRQ:
            return answer == RLRE
        row = self.sap - 0x10 - (self.sap > 0x7F)
        return answer == answer_apdu(request, bytes(self._wan.rig.table.title(row)))
