# SPDX-License-Identifier: MIT
"""How long an answer may take: airtime by hops and link quality, think time, route discovery.

Source: g3.md 7.1 (airtime, up to netTraversalTime 20 s when a route must be found). The think
time is measured per node (rises at once, falls slowly); other exchanges in the air share the
line and stretch the window. How much of the line an exchange needs is judged by the quietest
answers of all nodes, so that waiting for a full line is not taken for thinking.
"""

from micropython import const

from base.ticks import ticks_diff
from plc.g3 import airtime
from plc.g3.airtime import Airtime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.contract import Nodes
    from plc.g3.links import Links
    from plc.g3.settings import Settings

_MARGIN_MS = const(250)
_USUAL_LEN = const(128)
_PATH_LEN = const(20)  # octets of a path request with a few hops in it
_SHARED = const(2)
_WHOLE = const(100)  # percent of the line
_FALL, _RISE = const(4), const(32)  # part of the difference taken over: the quiet ones count


class Window:
    """Computes; keeps what answers are like: `_gap_ms` from a request's last hop to its answer's first."""

    def __init__(self, nodes: "Nodes", links: "Links", settings: "Settings") -> None:
        self._nodes = nodes
        self.links = links
        self._air = Airtime(settings["band"], settings["time_scale"])
        self._settings = settings
        self._gap_ms = 0  # not known: who is on the line has all of it
        self._reply_len = _USUAL_LEN
        self._slack_ms = settings.timeout_ms("slack_ms")
        self._route_ms = settings.timeout_ms("route_ms")

    def reply_ms(self, row: int, request_len: int, others: int) -> int:
        """From the confirm until the longest answer is here; `others` exchanges share the air."""
        settings = self._settings
        line_ms = self.one_way_ms(row, request_len) + self.one_way_ms(row, settings.max_apdu)
        measured = self._nodes.think_ms(row)
        think_ms = measured + measured // 4 + _MARGIN_MS if measured else settings["think_ms"]
        if self.links.is_doubtful(row):
            think_ms = max(think_ms, settings["think_ms"]) + self._route_ms
        return line_ms * (1 + others) + think_ms + self._slack_ms

    def exchange_ms(self, row: int, request_len: int, response_len: int) -> int:
        """Expected time of an exchange."""
        if row < 0:
            return self.one_way_ms(row, request_len)
        think_ms = self._nodes.think_ms(row) or self._settings["think_ms"]
        return self.one_way_ms(row, request_len) + think_ms + self.one_way_ms(row, response_len)

    def usual_ms(self, row: int, request_len: int) -> int:
        """From the confirm until an answer is here that comes as this node's last one did, on a shared line."""
        return _SHARED * max(self.links.rtt_ms(row), self.exchange_ms(row, request_len, _USUAL_LEN))

    def one_way_ms(self, row: int, length: int) -> int:
        """An APDU to or from `row` (any node: row -1)."""
        hops = self.links.hops(row) if row >= 0 else 0
        return self._air.one_way_ms(length, hops or self._settings["hops_unknown"], self._mode(row))

    def path_ms(self, row: int) -> int:
        """Line time of a path discovery for `row` (-1: any node), there and back, in the slowest modulation."""
        hops = self.links.hops(row) if row >= 0 else 0
        return 2 * self._air.one_way_ms(_PATH_LEN, hops or self._settings["hops_unknown"], airtime.ROBO)

    def learn(self, now: int, row: int, request_len: int, reply_len: int, sent_at: int) -> None:
        """An answer of `reply_len` octets came."""
        spent_ms = max(ticks_diff(now, sent_at), 0)
        self.links.note_rtt(row, spent_ms)
        down_ms, up_ms = self.one_way_ms(row, request_len), self.one_way_ms(row, reply_len)
        self._nodes.note_think(row, max(spent_ms - down_ms - up_ms, 1))
        self._reply_len += (reply_len - self._reply_len) // _FALL
        if self.links.hops(row) == 1:  # of a longer way it is not known well enough which modulation each hop has
            change = spent_ms - up_ms - self._gap_ms
            self._gap_ms += max(change // _RISE, 1) if change > 0 else max(change // _FALL, -self._gap_ms)

    def load(self, row: int, request_len: int) -> int:
        """Percent of the line an exchange needs while it lasts, alone: it is silent while the meter thinks."""
        if row < 0 or not self._gap_ms:
            return _WHOLE
        air_ms = self.one_way_ms(row, request_len) + self.one_way_ms(row, self._reply_len)
        return _WHOLE * air_ms // (air_ms + self._gap_ms)

    def _mode(self, row: int) -> int:
        lqi = self.links.lqi(row) if row >= 0 else 0
        if lqi >= self._settings["lqi_qpsk"]:
            return airtime.QPSK
        return airtime.BPSK if lqi >= self._settings["lqi_bpsk"] else airtime.ROBO
