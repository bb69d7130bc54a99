# SPDX-License-Identifier: MIT
"""Carries packets over several hops: sealed per hop, each hop with its own contention and retries.

The sender learns how the first hop ended (`on_first`), as DATA_CONFIRM does; a break further on is reported
by `on_break`. Paths are lists of stations; a station that has another short address by now does not answer.
"""

from collections.abc import Callable

from tools.sim.g3.airtime import ROBO
from tools.sim.g3.codes import OK
from tools.sim.g3.station import Station
from tools.sim.g3.transfer import Transfer

_LBP_HEADERS_LEN = 7  # mesh header 5, ESC dispatch 2
_BEACON_LEN, _BEACON_REQUEST_LEN = 10, 1


def climb(node: Station, top: Station, limit: int = 16) -> list[Station] | None:
    """Stations from `node` up to the coordinator over the best links that are alive; None when there is no way.

    A route request is sealed as any frame is: it finds no way over a station with other keys. Each step goes to
    a station nearer to the coordinator (`hops`).
    """
    if node is top:
        return [node]
    if limit <= 0:
        return None
    nearer = [other for other in node.links if other.hops < node.hops]
    for other in sorted(nearer, key=lambda other: -node.links[other]):
        if other.is_hearing and other.is_member and other.pan_id == top.pan_id and other.shares_key(node):
            rest = climb(other, top, limit - 1)
            if rest is not None:
                return [node, *rest]
    return None


class Journey:
    """One datagram on its way along `path`; start() once."""

    def __init__(self, path: list[Station], lens: tuple[int, ...], arrive: "Callable[[list[Station]], object]") -> None:
        self.path, self.lens, self.arrive = path, lens, arrive
        self.line = path[0].line
        self.is_high = False
        self.on_first: "Callable[[int], object]" = lambda status: None
        self.on_break: "Callable[[Station], object]" = lambda station: None
        self._addrs = [station.short_addr for station in path]

    def start(self) -> None:
        """Send the first hop."""
        self._hop(0)

    def _hop(self, index: int) -> None:
        sender, receiver = self.path[index], self.path[index + 1]
        transfer = Transfer(sender, receiver, self.lens, self.line.modulation(sender, receiver))
        transfer.is_high = self.is_high and (not index or self.line.options.relays_keep_priority)
        pan_id = sender.pan_id
        transfer.is_wanted = lambda: receiver.pan_id == pan_id and receiver.short_addr == self._addrs[index + 1]
        transfer.done = lambda status: self._hop_over(index, status)
        self.line.send(transfer)

    def _hop_over(self, index: int, status: int) -> None:
        sender, receiver = self.path[index], self.path[index + 1]
        seal = sender.seal()  # NOTE: now, not when queued: counters must rise in the order of delivery
        if index == 0:
            self.on_first(status)
        if status != OK:
            if index:
                self.on_break(sender)
            return
        if not receiver.accepts(sender, seal):
            return
        if index + 2 < len(self.path):
            self._hop(index + 1)
            return
        self.arrive(self.path)
        if self.line.is_duplicated():
            self.line.counters["dup"] += 1
            self.line.kernel.call_later(self.line.timer_us(0.05), self.arrive, self.path)


def send_bare(
    sender: Station, receiver: Station, nsdu: bytes, done: "Callable[[int], object]", pan_id: int | None = None
) -> None:
    """An unsecured LBP frame on one hop, from or to a station that has not joined.

    `pan_id`: the receiver must be in that PAN to take it.
    """
    transfer = Transfer(sender, receiver, lbp_lens(nsdu), sender.line.modulation(sender, receiver))

    def over(status: int) -> None:
        if status == OK:
            receiver.on_bare_lbp(nsdu, sender)
        done(status)

    transfer.is_wanted = lambda: pan_id in (None, receiver.pan_id)
    transfer.done = over
    sender.line.send(transfer)


def lbp_lens(nsdu: bytes) -> tuple[int, ...]:
    """MSDU length of an LBP frame."""
    return (len(nsdu) + _LBP_HEADERS_LEN,)


def ask_beacons(asker: Station, window_us: int, heard: "Callable[[Station], object]") -> None:
    """Broadcast a beacon request; members that hear it answer at a random instant of the window."""
    line = asker.line
    rnd = line.random["access"]

    def answer(other: Station) -> None:
        if other.is_hearing and other.is_member:
            beacon = Transfer(other, None, (_BEACON_LEN,), ROBO)
            beacon.done = lambda status: heard(other) if status == OK and line.hears_broadcast() else None
            line.send(beacon)

    def asked(status: int) -> None:
        for other in list(asker.links) if status == OK else ():
            if other.is_hearing and other.is_member and line.hears_broadcast():
                line.kernel.call_later(rnd.randrange(max(1, window_us)), answer, other)

    request = Transfer(asker, None, (_BEACON_REQUEST_LEN,), ROBO)
    request.done = asked
    line.send(request)


class Flood:
    """A broadcast: every member hears it at most once, members with others behind them repeat it."""

    def __init__(self, origin: Station, lens: tuple[int, ...], arrive: "Callable[[Station], object]") -> None:
        self._lens, self._arrive, self._line = lens, arrive, origin.line
        self._seen = {origin}
        self.on_first: "Callable[[int], object]" = lambda status: None
        self._origin = origin

    def start(self) -> None:
        """Send it."""
        self._repeat(self._origin)

    def _repeat(self, sender: Station) -> None:
        transfer = Transfer(sender, None, self._lens, ROBO)
        transfer.done = lambda status: self._sent(sender, status)
        self._line.send(transfer)

    def _sent(self, sender: Station, status: int) -> None:
        seal = sender.seal()
        if sender is self._origin:
            self.on_first(status)
        if status != OK:
            return
        for receiver in [other for other in sender.links if sender.hears(other) and other not in self._seen]:
            if self._line.hears_broadcast() and receiver.accepts(sender, seal):
                self._seen.add(receiver)
                self._arrive(receiver)
                if any(other.hops > receiver.hops and receiver.hears(other) for other in receiver.links):
                    self._repeat(receiver)
