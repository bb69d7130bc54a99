# SPDX-License-Identifier: MIT
"""The model: who asked what, what went on the air, what came back; wrong things are kept in `wrong`.

Laws it holds the gateway to, request by request:
- a reply goes to the session that asked, from the SAP and to the client SAP it asked with, octet
  for octet as the meter said it, once, and only while the request is outstanding;
- an APDU is on the air at most once, and never when it was refused;
- a session that closed or never asked gets nothing.
"""

from __future__ import annotations

import random
from typing import Any

from host_tests.rig_support import meters
from host_tests.rig_support.meters import Numbered
from tools.rig import Hes, Rig
from tools.sim.g3.segment import G3Segment
from tools.sim.options import SegmentOptions
from tools.sim.segment import meter_title

OPEN, ANSWERED, REFUSED, GIVEN_UP, ABANDONED = range(5)
GIVE_UP_S = 150  # longer than the gateway holds any request: 60 s queue, 3 tries, the longest window
PUBLIC = 16
_UDP, _HEADERS_LEN = 17, 56  # IPv6 40, UDP 8, wrapper 8
_BURST_S = 120  # of discovery rounds after a start: they share the line with data


def sap_of(row: int) -> int:
    """SAP of the meter in a row (behaviour.md: 0x10 upwards, 0x7F left out)."""
    return 0x10 + row + (row >= 0x6F)


class Asked:
    """One request."""

    def __init__(self, number: int, hes: Hes, row: int, client_sap: int, apdu: bytes, at_us: int) -> None:
        self.number, self.hes, self.row, self.client_sap, self.apdu = number, hes, row, client_sap, apdu
        self.at_us = at_us
        self.done_us = 0
        self.state = OPEN
        self.sent_cnt = 0

    @property
    def took_s(self) -> float:
        """Virtual seconds from asking to the end."""
        return (self.done_us - self.at_us) / 1e6


class Ledger:
    """Attach one to a rig whose meters are `Numbered`."""

    def __init__(self, rig: Rig) -> None:
        self.asked: list[Asked] = []
        self.open: dict[tuple[Hes, int, int], Asked] = {}
        self.wrong: list[str] = []
        self.on_end = lambda asked: None
        self.attach(rig)

    def attach(self, rig: Rig) -> None:
        """Follow another gateway on the same line (after a power cut)."""
        self.rig = rig
        if isinstance(rig.sim, G3Segment):
            rig.sim.line.on_packet = self._on_packet
        else:
            rig.sim.line.on_transmit = self._on_transmit

    def connect(self) -> Hes:
        """A head-end that is watched."""
        hes = self.rig.connect()
        hes.on_reply = lambda source, destination, apdu: self._on_reply(hes, source, destination, apdu)
        return hes

    def ask(
        self, hes: Hes, row: int, client_sap: int = PUBLIC, tag: int = meters.GET, length: int = 13, want: int = 0
    ) -> Asked | None:
        """Send the next request; None when the gateway would not read it or one is open on that pair."""
        key = (hes, row, client_sap)
        if key in self.open:
            return None
        number = len(self.asked)
        apdu = meters.request_apdu(number, tag, length, want)
        asked = Asked(number, hes, row, client_sap, apdu, self.rig.kernel.now_us)
        self.asked.append(asked)
        self.open[key] = asked
        if not hes.request(client_sap, sap_of(row), apdu):
            self._end(asked, ABANDONED)
            return None
        return asked

    def ask_and_wait(self, hes: Hes, row: int, limit_s: float = GIVE_UP_S, **what: int) -> Asked:
        """Ask, and run until it has ended or `limit_s` is over."""
        asked = self.ask(hes, row, **what)
        assert asked is not None
        until = self.rig.kernel.now_us + limit_s * 1e6
        while asked.state == OPEN and self.rig.kernel.now_us < until:
            self.rig.run(0.01)
        return asked

    def close(self, hes: Hes) -> None:
        """The head-end vanishes; whatever it asked is nobody's."""
        for asked in [asked for asked in self.open.values() if asked.hes is hes]:
            self._end(asked, ABANDONED)
        hes.close()

    def forget(self, asked: Asked) -> None:
        """The head-end waits for this one no longer: an answer to it would be stale."""
        self._end(asked, GIVEN_UP)

    def give_up(self, after_s: float = GIVE_UP_S) -> None:
        """Forget what has been open for so long; by default, longer than the gateway may hold it."""
        for asked in list(self.open.values()):
            if self.rig.kernel.now_us - asked.at_us > after_s * 1e6:
                self.forget(asked)

    def count(self, state: int) -> int:
        """Requests that ended so."""
        return sum(asked.state == state for asked in self.asked)

    def check(self) -> None:
        """Nothing has gone wrong so far."""
        assert not self.wrong, self.wrong[:5]

    # --- what happens ---

    def _end(self, asked: Asked, state: int) -> None:
        asked.state = state
        asked.done_us = self.rig.kernel.now_us
        self.open.pop((asked.hes, asked.row, asked.client_sap), None)
        self.on_end(asked)

    def _on_transmit(self, tx: Any) -> None:
        if not getattr(tx.sender, "is_modem", False) or tx.frame.m_sdu[1:2] == b"\x00":
            return
        return self._on_air(tx.frame.m_sdu[3:])

    def _on_packet(self, direction: str, station: Any, packet: bytes) -> None:
        if direction == "down" and packet[6] == _UDP:
            self._on_air(packet[_HEADERS_LEN:])

    def _on_air(self, apdu: bytes) -> None:
        number = meters.number_of(apdu)
        if number < 0 or number >= len(self.asked):
            return self._blame("on the air, asked by nobody: " + apdu.hex())
        asked = self.asked[number]
        asked.sent_cnt += 1
        if asked.sent_cnt > 1:
            self._blame("request %d was on the air %d times" % (number, asked.sent_cnt))
        if asked.state == REFUSED:
            self._blame("request %d was refused and then sent" % number)
        if apdu != asked.apdu:
            self._blame("request %d was changed" % number)
        return None

    def _on_reply(self, hes: Hes, source: int, destination: int, apdu: bytes) -> None:
        if apdu in meters.REFUSALS:
            return self._on_refusal(hes, source, destination)
        number = meters.number_of(apdu)
        if not 0 <= number < len(self.asked):
            return self._blame("no answer to anything: " + apdu.hex())
        asked = self.asked[number]
        if asked.hes is not hes or not hes.is_open:
            return self._blame("the answer to %d went to session %d" % (number, hes.number))
        if (source, destination) != (sap_of(asked.row), asked.client_sap):
            return self._blame("the answer to %d has ports %x %x" % (number, source, destination))
        title = self.rig.table.title(asked.row)
        if apdu != meters.answer_apdu(asked.apdu, title):
            return self._blame("the answer to %d was changed or is another meter's" % number)
        if asked.state != OPEN:
            return self._blame("a second or stale answer to %d (state %d)" % (number, asked.state))
        return self._end(asked, ANSWERED)

    def _on_refusal(self, hes: Hes, source: int, destination: int) -> None:
        row = source - 0x10 - (source > 0x7F)
        asked = self.open.get((hes, row, destination))
        if asked is None:
            return self._blame("refusal of nothing: %x %x" % (source, destination))
        if asked.sent_cnt:
            self._blame("request %d was sent and then refused" % asked.number)
        return self._end(asked, REFUSED)

    def _blame(self, text: str) -> None:
        self.wrong.append("%.3f s: %s" % (self.rig.kernel.now_us / 1e6, text))


def numbered_rig(count: int, **what: Any) -> tuple[Rig, Ledger]:
    """A rig with `count` Numbered meters, all registered, the discovery burst over; and its ledger."""
    options = what.pop("options", None) or SegmentOptions()
    options.meters = count
    rig = Rig(options, what.pop("make_server", Numbered), **what)
    rig.run_until_registered(count)
    rig.run(_BURST_S)
    return rig, Ledger(rig)


def server(rig: Rig, row: int) -> Any:
    """The Numbered server behind the meter in a row of the table."""
    return rig.sim.nodes[rig.table.title(row)].server


def assert_all_readable(ledger: Ledger, count: int, tries: int = 3) -> None:
    """Every meter answers a new head-end, within `tries` requests each."""
    hes = ledger.connect()
    for row in range(count):
        states: list[int] = []
        while len(states) < tries and ANSWERED not in states:
            states.append(ledger.ask_and_wait(hes, row).state)
        assert states[-1] == ANSWERED, (row, states)
    ledger.close(hes)


def assert_at_rest(rig: Rig) -> None:
    """Nothing is open and every buffer is back."""
    assert rig.slab.free_cnt == len(rig.slab._views)
    assert rig.forwarder.exchanges.open_cnt == 0


def chances(seed: object) -> random.Random:
    """A generator whose seed is printed (pytest shows it when a test fails)."""
    print("seed", seed)
    return random.Random(str(seed))


__all__ = (
    "ABANDONED", "ANSWERED", "GIVEN_UP", "OPEN", "REFUSED", "Asked", "Ledger", "assert_all_readable", "assert_at_rest",
    "chances", "meter_title", "numbered_rig", "sap_of", "server",
)  # fmt: skip
