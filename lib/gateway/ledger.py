# SPDX-License-Identifier: MIT
"""Where the airtime went: per minute, per node, per head-end, per client SAP, per hour of day.

Every millisecond of line an exchange took is entered once, when it ends: used, or wasted because
no answer came (lost), it came after its time (late), or its head-end had gone (orphaned). What the
segment's own traffic took is housekeeping; the rest of a minute is idle. Law: fixed size.
"""

from array import array

from micropython import const

from base.ticks import ticks_add, ticks_diff

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.exchange import Exchange
    from gateway.registration import Table

# Columns.
USED = const(0)
LOST = const(1)
LATE = const(2)
ORPHANED = const(3)
OWN = const(4)  # housekeeping
COLUMNS = const(5)

MINUTE_MS = const(60000)
CLIENTS = const(8)  # client SAPs with a row of their own; the row behind them is everybody else's
_DS = const(100)  # ms: what is kept for long is counted in tenths of a second
_DAY_S = const(86400)
_HOUR_S = const(3600)
_HOURS = const(24)
_MOST = const(0xFFFF)


class Ledger:
    """`minutes` are kept; `shares` head-ends are told apart (gateway.scheduler numbers them).

    `minute` counts the minutes since the first entry. Times in the ring are ms, at most 65535 in a
    minute; those in `totals`, `share_ds`, `client_ds` tenths of a second.
    """

    def __init__(self, table: "Table", minutes: int, shares: int) -> None:
        self._table = table
        self._ring = array("H", [0] * (COLUMNS * minutes))
        self.minutes_cnt = minutes
        self.minute = 0
        self._due = 0  # tick at which the running minute ends
        self._own_seen = 0
        self._is_begun = False
        self.totals = array("I", [0] * COLUMNS)
        self.share_ds = array("I", [0] * (2 * shares))  # used, wasted
        self.peers = bytearray(4 * shares)
        self.clients = array("H", [0] * (CLIENTS + 1))
        self.client_ds = array("I", [0] * (2 * (CLIENTS + 1)))
        self._hours = array("H", [0] * (2 * _HOURS))  # asked, answered
        self._hour = -1

    # --- entries ---

    def enter(self, now: int, exchange: "Exchange", column: int, air_ms: int) -> None:
        """`exchange` is over and took `air_ms` of the line; USED, LOST or ORPHANED."""
        self._roll(now)
        self._add(column, air_ms)
        tenths = (air_ms + _DS // 2) // _DS
        wasted = 0 if column == USED else 1
        if exchange.share >= 0:
            self.share_ds[2 * exchange.share + wasted] += tenths
        self.client_ds[2 * self._client(exchange.client_sap) + wasted] += tenths
        if exchange.node >= 0:
            self._table.note_air(exchange.node, wasted, tenths)
            is_answered = column == USED or exchange.heard_len > 0
            # NOTE: what the modem never sent says nothing of the node.
            if exchange.confirm_ms < 0 and not is_answered:
                return
            self._table.quality.note(exchange.node, self._table.wall_s, is_answered)
            self._note_hour(is_answered)

    def came_late(self, now: int, air_ms: int) -> None:
        """The answer to a LOST one of `air_ms` came after all, and in vain."""
        self._roll(now)
        at = self._base(0) + LOST
        self._ring[at] -= min(air_ms, self._ring[at])
        self._add(LATE, air_ms)

    def on_own_air(self, now: int, own_air_ms: int) -> None:
        """About once a second: line time of the segment's own traffic so far, wrapping at 2**30."""
        self._roll(now)
        spent_ms = own_air_ms - self._own_seen & 0x3FFFFFFF
        self._own_seen = own_air_ms
        self._add(OWN, spent_ms)

    def new_share(self, share: int, peer: "bytes | bytearray | memoryview") -> None:
        """Another head-end (IPv4 address, or empty) has `share` from now on."""
        self.share_ds[2 * share] = self.share_ds[2 * share + 1] = 0
        for i in range(4):
            self.peers[4 * share + i] = peer[i] if len(peer) == 4 else 0

    # --- what is read ---

    def in_minute(self, ago: int, column: int) -> int:
        """Milliseconds of the minute `ago` minutes before the running one (0 = that)."""
        return self._ring[self._base(ago) + column]

    def idle_ms(self, ago: int) -> int:
        """What nobody used of a full minute."""
        base = self._base(ago)
        taken = 0
        for column in range(COLUMNS):
            taken += self._ring[base + column]
        return max(MINUTE_MS - taken, 0)

    def channel_permille(self) -> int:
        """Share of the last full minute in which somebody had the line; 0 in the first one."""
        return (MINUTE_MS - self.idle_ms(1)) * 1000 // MINUTE_MS if self.kept() else 0

    def kept(self) -> int:
        """Full minutes that can be read: `ago` 1..kept."""
        return min(self.minute, self.minutes_cnt - 1)

    def in_hour(self, hour: int, is_answered: bool) -> int:
        """Exchanges asked, or answered, in that hour of the day (UTC), older days counting half each."""
        return self._hours[2 * hour + is_answered]

    # --- inside ---

    def _base(self, ago: int) -> int:
        return (self.minute - ago) % self.minutes_cnt * COLUMNS

    def _add(self, column: int, air_ms: int) -> None:
        at = self._base(0) + column
        self._ring[at] = min(self._ring[at] + air_ms, _MOST)

    def _roll(self, now: int) -> None:
        """End the minutes that are over."""
        if not self._is_begun:
            self._is_begun = True
            self._due = ticks_add(now, MINUTE_MS)
        over_ms = ticks_diff(now, self._due)
        if over_ms < 0:
            return
        for column in range(COLUMNS):
            self.totals[column] += (self._ring[self._base(0) + column] + _DS // 2) // _DS
        # NOTE: after a pause longer than the ring all of it is empty minutes, once is enough.
        for _ in range(min(over_ms // MINUTE_MS + 1, self.minutes_cnt)):
            self.minute += 1
            self._clear(self._base(0))
        self._due = ticks_add(now, MINUTE_MS - over_ms % MINUTE_MS)

    def _clear(self, base: int) -> None:
        for column in range(COLUMNS):
            self._ring[base + column] = 0

    def _client(self, sap: int) -> int:
        """Row of a client SAP; the first free one is taken; none left: the last."""
        for row in range(CLIENTS):
            if not self.clients[row]:
                self.clients[row] = sap
            if self.clients[row] == sap:
                return row
        return CLIENTS

    def _note_hour(self, is_answered: bool) -> None:
        """Only by a clock that is set."""
        if not self._table.wall_s:
            return
        hour = self._table.wall_s % _DAY_S // _HOUR_S
        if hour != self._hour:
            self._hour = hour
            self._hours[2 * hour] //= 2
            self._hours[2 * hour + 1] //= 2
        if self._hours[2 * hour] < _MOST:
            self._hours[2 * hour] += 1
            self._hours[2 * hour + 1] += is_answered
