# SPDX-License-Identifier: MIT
"""The APDUs in the air: handed to the modem as its buffers allow, matched with what comes back.

Source: g3.md 2.4 (DATA_REQUEST, DATA_CONFIRM), 2.10, 1.3. At most `handles` requests await
their confirm, at most `flights` exchanges are open, one per node. Law: every accepted submit
ends with exactly one on_done; only what certainly never left is handed in again.
"""

import struct

from micropython import const

from base.errors import LocalError
from base.ticks import earliest, ticks_add, ticks_diff
from plc.g3 import adp, counts
from plc.g3 import echo as ec
from plc.g3 import flight as fl
from plc.g3.datagram import ECHO, HEAD_LEN, MULTICAST, Datagram
from plc.g3.echo import Echo
from plc.g3.flight import Flight
from plc.g3.modem import CAUSE_HUNG
from plc.medium import BROADCAST, DONE_NO_REPLY, UPLINK_LAST, UPLINK_MORE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.contract import MediumSink, Nodes
    from plc.g3.modem import Modem
    from plc.g3.shared import Shared
    from plc.g3.watch import Watch
    from plc.g3.window import Window

_REQUEST_HEAD = const(6)  # command, handle, discover route, qos, length 2
_HANDLES = const(255)
# No frame takes so long to its confirm: the modem looks for a route, up to 20 s, and takes others' requests meanwhile.
_SEARCHES_MS = const(3000)
_MOST_SEARCHES = const(2)  # each floods the network; control requests go all the same
# Each has waited `confirm_ms` (a minute), two at a time by default.
_MOST_UNCONFIRMED = const(4)

# By adp.fate: event, counter.
_EVENTS = (
    (fl.CONFIRMED, counts.TX_SENT),
    (fl.CONFIRMED, counts.TX_UNCERTAIN),
    (fl.NO_ROOM, counts.TX_NO_ROOM),
    # NOTE: over, not "not sent": the route known fails after the first hop heard it but was not heard, no other is
    # found, ROUTE_ERROR; handed in again, a meter could switch twice.
    (fl.OVERDUE, counts.TX_NO_ROUTE),
    (fl.NOT_SENT, counts.TX_REFUSED),
)


class Traffic:
    """All flights of one segment; one request buffer, filled anew for each. `echo` goes when they leave room."""

    def __init__(
        self, modem: "Modem", nodes: "Nodes", sink: "MediumSink", watch: "Watch", window: "Window", shared: "Shared"
    ) -> None:
        settings = shared.settings
        self.flights = [Flight() for _ in range(settings["flights"])]
        self.packets = Datagram(settings["udp_port"], settings["hop_limit"])
        self._modem = modem
        self._nodes = nodes
        self._sink = sink
        self._watch = watch
        self._window = window
        self._shared = shared
        self._counters = shared.counters
        self._settings = settings
        self._mv = memoryview(bytearray(_REQUEST_HEAD + settings["max_packet"]))
        self._handle = 0
        self._unconfirmed = 0  # requests in a row that were never confirmed
        self.echo = Echo(modem, self.packets, window, settings.timeout_ms("confirm_ms"))

    # --- down ---

    def count(self, state: int) -> int:
        """Flights in `state`."""
        return fl.count(self.flights, state)

    def has_capacity(self, apdu_len: int = 1) -> bool:
        """One more APDU of so many octets would be taken for a node without a flight."""
        if not self._modem.is_up or self.count(fl.WAITING) or self._handles_full():
            return False
        return self.count(fl.FREE) > 0 and self._modem.has_room(HEAD_LEN + apdu_len)

    def has_spare(self) -> bool:
        """Not only the last flight is free, and another exchange would not crowd the line.

        NOTE: all stations share one line: an exchange more fills the gaps in which meters think, but where
        there are no gaps left frames collide. Who is late is not coming, most likely, and crowds nobody.
        """
        if len(self.flights) == 1:
            return True
        if self.count(fl.FREE) <= 1 or fl.searching(self.flights) >= _MOST_SEARCHES:
            return False
        return fl.load(self.flights) < self._settings["load_percent"]

    def is_idle(self) -> bool:
        """Nobody's frames are on the line, as far as one knows here."""
        return not fl.load(self.flights) and self.echo.state == ec.IDLE

    def of(self, row: int) -> "Flight | None":
        """The flight of a node."""
        for flight in self.flights:
            if flight.state != fl.FREE and flight.row == row:
                return flight
        return None

    def submit(
        self, now: int, row: int, saps: "tuple[int, int]", mv: memoryview, off: int, length: int
    ) -> "Flight | None":
        """Take an APDU and hand it to the modem; None when there is no capacity for it now."""
        if not self.has_capacity(length) or self.of(row) is not None:
            return None
        flight = self._free()
        flight.row = row
        flight.client_sap, flight.server_sap = saps
        flight.buf, flight.off, flight.length = mv, off, length
        flight.since = now
        flight.load = self._window.load(row, length)
        return flight

    def ping(self, now: int) -> None:
        """Everybody's APDUs were offered room: the echo that is wanted goes if there is some left."""
        if self.echo.state == ec.WANTED and self.has_capacity() and not self.count(fl.REQUESTED):
            self.echo.go(now, self._nodes.addr(self.echo.row))

    def give(self, now: int, flight: "Flight") -> None:
        """Hand the flight's APDU to the modem."""
        self._handle = self._handle % _HANDLES + 1
        flight.handle = self._handle
        flight.is_sought = True
        if flight.row == BROADCAST:
            self._counters.inc(counts.TX_BROADCAST)
            dst = MULTICAST + self._settings["broadcast_group"]
        else:
            dst = self._nodes.addr(flight.row)
            # None was found lately: one more search would flood the network for nothing.
            flight.is_sought = not self._watch.links.fails(flight.row)
        mv = self._mv
        at = _REQUEST_HEAD + HEAD_LEN
        mv[at : at + flight.length] = flight.buf[flight.off : flight.off + flight.length]
        saps = (flight.client_sap, flight.server_sap)
        length = self.packets.put(mv, _REQUEST_HEAD, dst, saps, flight.length)
        priority = self._settings["high_priority"]
        struct.pack_into(">BBBBH", mv, 0, adp.DATA_REQUEST, flight.handle, flight.is_sought, priority, length)
        flight.fire(fl.GIVEN)
        flight.is_late = False
        flight.late_at = ticks_add(now, _SEARCHES_MS)
        flight.deadline = ticks_add(now, self._settings.timeout_ms("confirm_ms"))
        if not self._modem.link.send(adp.PROTOCOL_ADP, mv, _REQUEST_HEAD + length):
            # NOTE: with its escapes it does not fit the modem's buffer and never will. It ends as
            # refused at the next deadline, which is now: submit must not call the sink.
            flight.fire(fl.NO_ROOM)
            flight.since = ticks_add(now, -self._settings.timeout_ms("busy_ms"))
            flight.deadline = now

    def on_confirm(self, now: int, status: int, handle: int) -> None:
        """DATA_CONFIRM."""
        if handle == ec.HANDLE:
            return self.echo.on_confirm(now, status)
        for flight in self.flights:
            if flight.state == fl.REQUESTED and flight.handle == handle:
                event, counter = _EVENTS[adp.fate(status)]
                if event != fl.NO_ROOM:
                    self._unconfirmed = 0
                    self._modem.bringup.worked()
                self._counters.inc(counter)
                self._confirmed(now, flight, event)
                if flight.row >= 0:
                    self._doubt(now, flight, counter)
                return None
        return self._counters.inc(counts.CONFIRM_STRAY)

    def _doubt(self, now: int, flight: "Flight", counter: int) -> None:
        """What a confirm says about the node.

        NOTE: a search in vain, then two requests that were told not to search: lost within a second, and kept out.
        """
        if counter == counts.TX_NO_ROUTE and flight.is_sought:
            self._watch.no_route(now, flight.row)
        elif counter in (counts.TX_NO_ROUTE, counts.TX_UNCERTAIN):
            self._watch.suspect(now, flight.row)

    def _confirmed(self, now: int, flight: "Flight", event: int) -> None:
        if event == fl.NO_ROOM:
            flight.deadline = ticks_add(now, self._settings["busy_gap_ms"])
            if ticks_diff(now, flight.since) >= self._settings.timeout_ms("busy_ms"):
                event = fl.NOT_SENT
        if event == fl.CONFIRMED:
            flight.sent_at = now
            if flight.row >= 0:
                self._nodes.addressed(flight.row, self._shared.seconds(now))
                others = self.count(fl.AIR)
                window_ms = self._window.reply_ms(flight.row, flight.length, others)
                flight.expect(now, window_ms, self._window.usual_ms(flight.row, flight.length))
            self._sink.on_sent(now, flight.row)
        self._fire(now, flight, event)

    # --- up ---

    def on_packet(self, now: int, lqi: int, mv: memoryview, off: int, n: int) -> None:
        """A packet arrived: check it, tell the sink, end the exchange it answers."""
        packet = self.packets
        wrong = packet.parse(mv, off, n)
        if wrong > 0:
            return self._counters.inc(wrong)
        row = self._nodes.row_of_addr(packet.src)
        if row < 0:
            return self._counters.inc(counts.RX_UNKNOWN_SRC)
        self._watch.heard(now, row, lqi)
        if wrong == ECHO:
            return self.echo.on_reply(now, row, packet.ident)
        self._counters.inc(counts.RX_APDU)
        client_sap, server_sap, length = packet.client_sap, packet.server_sap, packet.apdu_len
        verdict = self._sink.on_uplink(now, row, client_sap, server_sap, mv, packet.apdu_off, length)
        flight = self.of(row)
        if flight is None or flight.state != fl.AIR:
            return self._counters.inc(counts.UPLINK_UNASKED)
        return self._answered(now, flight, verdict, length)

    def _answered(self, now: int, flight: "Flight", verdict: int, length: int) -> None:
        if verdict not in (UPLINK_LAST, UPLINK_MORE):
            return self._counters.inc(counts.UPLINK_UNASKED)
        if not flight.is_answering:  # of an answer that streams only the first block tells how long the meter thinks
            flight.is_answering = True
            self._window.learn(now, flight.row, flight.length, length, flight.sent_at)
        if verdict == UPLINK_LAST:
            return self._fire(now, flight, fl.ANSWERED)
        window_ms = self._window.reply_ms(flight.row, 0, self.count(fl.AIR) - 1)
        return flight.expect(now, window_ms, self._window.usual_ms(flight.row, flight.length))

    # --- time ---

    def on_room(self, now: int) -> None:
        """Buffers came free: what waits goes first."""
        for flight in self.flights:
            if flight.state == fl.WAITING:
                flight.deadline = now
        self.on_deadline(now)

    def on_deadline(self, now: int) -> None:
        """Act on what is due."""
        self.echo.on_deadline(now)
        for flight in self.flights:
            if flight.state >= fl.REQUESTED and ticks_diff(now, flight.late_at) >= 0:
                flight.is_late = True
            if flight.state == fl.FREE or ticks_diff(now, flight.deadline) < 0:
                continue
            if flight.state != fl.WAITING:
                if flight.state == fl.REQUESTED:
                    self._counters.inc(counts.CONFIRM_LOST)
                    self._unconfirmed += 1
                self._fire(now, flight, fl.OVERDUE)
            elif ticks_diff(now, flight.since) >= self._settings.timeout_ms("busy_ms"):
                self._fire(now, flight, fl.OVERDUE)
            elif self._may_give(flight):
                self.give(now, flight)
            else:
                flight.deadline = ticks_add(now, self._settings["busy_gap_ms"])
        if self._unconfirmed >= _MOST_UNCONFIRMED:
            self._unconfirmed = 0
            self._modem.die(now, CAUSE_HUNG)

    def next_deadline(self) -> "int | None":
        """Soonest deadline of a flight, or of the echo."""
        due = self.echo.next_deadline()
        for flight in self.flights:
            if flight.state != fl.FREE:
                due = earliest(due, flight.deadline)
            if flight.state >= fl.REQUESTED and not flight.is_late:
                due = earliest(due, flight.late_at)
        return due

    def modem_down(self, now: int) -> None:
        """Everything in the air ends."""
        self.echo.modem_down(now)
        for flight in self.flights:
            if flight.state != fl.FREE:
                self._fire(now, flight, fl.DOWN)

    # --- inside ---

    def _handles_full(self) -> bool:
        requested = self.count(fl.REQUESTED) - fl.searching(self.flights) + self.echo.has_handle()
        return requested >= self._settings["handles"]

    def _may_give(self, flight: "Flight") -> bool:
        return not self._handles_full() and self._modem.has_room(HEAD_LEN + flight.length)

    def _free(self) -> "Flight":
        for flight in self.flights:
            if flight.state == fl.FREE:
                return flight
        raise LocalError("no flight: ask has_capacity first")

    def _fire(self, now: int, flight: "Flight", event: int) -> None:
        row = flight.row
        outcome = flight.fire(event)
        if outcome < 0:
            return
        if outcome == DONE_NO_REPLY:
            self._counters.inc(counts.NO_REPLY)
            self._watch.missed(now, row)
        self._sink.on_done(now, row, outcome)
