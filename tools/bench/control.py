# SPDX-License-Identifier: MIT
"""How long a control request takes while three head-ends keep the line full of bulk.

The fourth head-end asks a meter every 7 s as the client that means control; three meters on S-FSK,
ten on G3, near and far. Its time from the gateway's socket to the answer is held against its own exchange
and those that were on the line when it came, each in full: what a gateway that interrupts nothing must need.
On G3 these contend for the line with it, so that it can take longer; it is said how often.
"""

from __future__ import annotations

import statistics
from typing import NamedTuple

from tools.bench import worlds
from tools.bench.head_end import HeadEnd, spread, total
from tools.bench.report import Report
from tools.rig import Rig

_METERS = 60
_BULK_WINDOW = 5
_BULK_WANT = 200
_REQUEST_LEN, _HEAD_LEN = 13, 15
_EVERY_S = 7.3
_SETTLE_S = 200  # on G3 the ways to all meters are known by then
_WAN_US = 20_000
_CONTROL_CLIENT = 1
_CLASSES = ["control client 1", "bulk client 16"]
_ROWS = {"sfsk": range(0, _METERS, 20), "g3": range(0, _METERS, 6)}
_EACH = 40


class Wait(NamedTuple):
    """Seconds of one control request: until the medium had it, until its modem had sent it, in all."""

    queued: float
    sent: float
    whole: float
    bound: float


class Bench:
    """One rig under bulk load and the head-end that switches."""

    def __init__(self, medium: str, row: int) -> None:
        self._rig = worlds.WORLDS[medium](_METERS, gateway={"classes": _CLASSES})
        saps = worlds.saps(self._rig, _METERS)
        self._row = row
        self._bulk = spread(self._rig, saps[:row] + saps[row + 1 :], 3, 600_000, window=_BULK_WINDOW, want=_BULK_WANT)
        self._rig.run(_SETTLE_S)
        self._control = HeadEnd(self._rig, saps[row : row + 1], _WAN_US, window=0)
        self._control.client_sap = _CONTROL_CLIENT
        self._control.is_on = False

    def waits(self, count: int) -> list[Wait]:
        """So many control requests, one after the other."""
        found = [self._ask() for _ in range(count)]
        assert total([*self._bulk, self._control]) and not self._control.refused
        return found

    def _ask(self) -> Wait:
        rig, control = self._rig, self._control
        rig.run(_EVERY_S)
        control.ask()
        rig.run(_WAN_US / 2e6)  # it is with the gateway
        began_ms = rig.kernel.now_us // 1000
        bound = self._bound_s(rig)
        slots = rig.forwarder.exchanges.slots
        exchange = next(one for one in slots if one.client_sap == _CONTROL_CLIENT and one.session)
        answered = control.answers + control.refused
        rig.run_until(lambda: control.answers + control.refused > answered, 120)
        queued = (exchange.on_air_at - began_ms & (1 << 30) - 1) / 1000
        whole = (control.waits_us[-1] - _WAN_US) / 1e6
        return Wait(queued, queued + exchange.confirm_ms / 1000, whole, bound)

    def _bound_s(self, rig: Rig) -> float:
        others = [row for row in range(_METERS) if row != self._row and rig.forwarder.exchanges.on_line(row)]
        own_s = worlds.THINK_S + worlds.exchange_of_s(rig, self._row, _REQUEST_LEN, _HEAD_LEN)
        return own_s + sum(worlds.exchange_of_s(rig, row, _REQUEST_LEN, _HEAD_LEN + _BULK_WANT) for row in others)


def run(report: Report) -> None:
    """Both media."""
    for medium, rows in _ROWS.items():
        waits = [wait for row in rows for wait in Bench(medium, row).waits(_EACH)]
        name = "control-latency-%s-" % medium
        bound = statistics.mean(wait.bound for wait in waits)
        what = "own exchange and those under way"
        report.add(name + "median", statistics.median(wait.whole for wait in waits), "s", bound, what)
        longest = max(waits, key=lambda wait: wait.whole)
        report.add(name + "95-percent", sorted(wait.whole for wait in waits)[len(waits) * 95 // 100], "s", bound, what)
        report.add(name + "longest", longest.whole, "s", longest.bound, what)
        beyond = sum(wait.whole > wait.bound for wait in waits)
        report.add(name + "beyond-that", beyond, "requests", len(waits), "asked")
        report.add(name + "until-the-modem-has-it", statistics.mean(wait.queued for wait in waits), "s")
        report.add(name + "until-it-has-sent", statistics.mean(wait.sent for wait in waits), "s")
