# SPDX-License-Identifier: MIT
"""Where the airtime goes by the gateway's own ledger: four head-ends, 60 meters, two of them silent.

Shares of ten saturated minutes. On G3 they may add up to more than 1: answers to several meters
overlap with the thinking of others, and their airtime is computed (docs/airtime.md).
"""

from __future__ import annotations

from tools.bench import worlds
from tools.bench.head_end import spread
from tools.bench.report import Report
from tools.rig import Rig  # before anything of lib/: it installs the shim

from gateway import ledger as books  # isort: skip

_METERS, _SILENT = 60, 2
_MINUTES = 10
_COLUMNS = (("used", books.USED), ("lost", books.LOST), ("late", books.LATE), ("orphaned", books.ORPHANED))


def share(rig: Rig, column: int) -> float:
    """Part of the last full minutes."""
    account = rig.forwarder.ledger
    return sum(account.in_minute(ago, column) for ago in range(1, _MINUTES + 1)) / (_MINUTES * books.MINUTE_MS)


def run(report: Report) -> None:
    """Both media."""
    for medium in ("sfsk", "g3"):
        rig = worlds.WORLDS[medium](_METERS)
        for row in range(_SILENT):
            rig.sim.nodes[rig.table.title(row * 7)].server.is_dumb = True
        spread(rig, worlds.saps(rig, _METERS), 4, 600_000, window=4, want=100)
        rig.run(60 * (_MINUTES + 2))
        for name, column in _COLUMNS:
            report.add("ledger-%s-%s" % (medium, name), share(rig, column), "of the time")
        report.add("ledger-%s-housekeeping" % medium, share(rig, books.OWN), "of the time")
        idle = sum(rig.forwarder.ledger.idle_ms(ago) for ago in range(1, _MINUTES + 1))
        report.add("ledger-%s-idle" % medium, idle / (_MINUTES * books.MINUTE_MS), "of the time")
