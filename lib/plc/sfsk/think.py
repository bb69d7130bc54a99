# SPDX-License-Identifier: MIT
"""How long a meter takes to answer: measured, and turned into the reply window.

Source: sfsk.md 1.5. Think time = indication - end of our repetitions - airtime of the reply
(up to the copy heard) - its time on the UART. The table keeps it per row, rising at once and
falling slowly. Until it is known, and after a silence, the configured `think_ms` holds.
"""

from micropython import const

from base.ticks import ticks_diff

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.contract import Nodes
    from plc.sfsk.airtime import Airtime
    from plc.sfsk.host_link import HostLink
    from plc.sfsk.llc import Indication
    from plc.sfsk.settings import Settings

_LATEST_MS = const(15000)  # what comes later than this is no answer any more
_UART_MARGIN_MS = const(100)
_FRAME_LEN = const(252)


class Think:
    """Think times and reply windows of one segment."""

    def __init__(self, nodes: "Nodes", air: "Airtime", settings: "Settings", link: "HostLink") -> None:
        self._nodes = nodes
        self._air = air
        self._link = link
        self._first_ms = settings["think_ms"]
        self._margin_ms = settings["think_margin_ms"]
        self._widen = settings["uart_widen"]
        self._max_msdu = settings.max_msdu
        self._missed_row = -1
        self._missed_from = 0

    def of(self, row: int) -> int:
        """Expected think time, ms."""
        return self._nodes.think_ms(row) or self._first_ms

    def window_ms(self, row: int, credit: int) -> int:
        """From the end of our repetitions until the longest reply has been indicated."""
        measured = self._nodes.think_ms(row) if row >= 0 else 0
        think_ms = measured + measured // 4 + self._margin_ms if measured else self._first_ms
        if row == self._missed_row:
            think_ms = max(think_ms, self._first_ms)
        slots_ms = self._air.slots_ms(2) + self._air.tx_ms(self._max_msdu, credit)
        return slots_ms + think_ms + self._link.uart_ms(_FRAME_LEN) + _UART_MARGIN_MS * self._widen

    def learn(self, now: int, row: int, repeated_at: int, ind: "Indication") -> None:
        """The reply `ind` came at `now` to a request repeated until `repeated_at`."""
        if row == self._missed_row:
            self._missed_row = -1
        spent_ms = ticks_diff(now, repeated_at)
        think_ms = spent_ms - self._air.slots_ms(ind.airtime_slots()) - self._link.uart_ms(ind.msdu_len)
        if 0 <= spent_ms <= _LATEST_MS:
            self._nodes.note_think(row, max(think_ms, 0))

    def missed(self, row: int, repeated_at: int) -> None:
        """No reply within the window; a late one may still teach us."""
        self._missed_row = row
        self._missed_from = repeated_at

    def late(self, now: int, row: int, ind: "Indication") -> None:
        """A frame of `row` outside any exchange: if it is the late reply, learn from it."""
        if row == self._missed_row:
            self.learn(now, row, self._missed_from, ind)
