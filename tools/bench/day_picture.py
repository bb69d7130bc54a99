# SPDX-License-Identifier: MIT
"""The airtime ledger of a simulated day as SVG: `python -m tools.bench.day_picture` after both days have run.

One panel a medium; each column is five minutes, stacked: used, wasted, upkeep; what is white was idle.
"""

from __future__ import annotations

import json

from tools.bench.day import DAY_FILE
from tools.bench.report import ROOT

PICTURE = ROOT / "docs" / "airtime-day.svg"
_COLUMN_MIN = 5
_WIDTH, _HEIGHT = 864, 150
_LEFT, _TOP, _GAP = 48, 34, 62
_HOURS = 24
_KINDS = (("used", "#2a7f62"), ("wasted", "#c0392b"), ("upkeep", "#d9a441"))
_TITLES = {"sfsk": "S-FSK, 2400 baud", "g3": "G3, CENELEC-A"}


def columns(minutes: list[list[float]]) -> list[list[float]]:
    """Shares of the line per column, by kind; never more than 1 together."""
    found = []
    for start in range(0, len(minutes), _COLUMN_MIN):
        part = minutes[start : start + _COLUMN_MIN]
        shares = [sum(minute[kind] for minute in part) / (60.0 * len(part)) for kind in range(len(_KINDS))]
        found.append([share / max(1.0, sum(shares)) for share in shares])
    return found


def _panel(minutes: list[list[float]], top: int, title: str) -> list[str]:
    base = top + _HEIGHT
    lines = ['<text x="%d" y="%d" class="t">%s</text>' % (_LEFT, top - 8, title)]
    lines.append('<rect x="%d" y="%d" width="%d" height="%d" class="f"/>' % (_LEFT, top, _WIDTH, _HEIGHT))
    shares = columns(minutes)
    step = _WIDTH / (_HOURS * 60 / _COLUMN_MIN)
    below = [0.0] * len(shares)
    for kind, (_, colour) in enumerate(_KINDS):
        path = []
        for index, share in enumerate(shares):
            height = share[kind] * _HEIGHT
            if height >= 0.05:
                left, upper = _LEFT + index * step, base - below[index] - height
                path.append("M%.1f %.1fh%.1fv%.1fh-%.1fz" % (left, upper, step, height, step))
            below[index] += height
        lines.append('<path d="%s" fill="%s"/>' % ("".join(path), colour))
    return lines + _scales(base)


def _scales(base: int) -> list[str]:
    lines = []
    for hour in range(0, _HOURS + 1, 3):
        left = _LEFT + hour * _WIDTH / _HOURS
        lines.append('<text x="%.1f" y="%d" class="m">%02d:00</text>' % (left, base + 16, hour))
    for percent in (0, 50, 100):
        top = base - percent * _HEIGHT / 100 + 4
        lines.append('<text x="%d" y="%.1f" class="e">%d %%</text>' % (_LEFT - 6, top, percent))
    return lines


def draw(days: dict[str, list[list[float]]]) -> str:
    """The whole picture; `days`: medium -> minutes of (used, wasted, upkeep) seconds."""
    height = _TOP + len(days) * (_HEIGHT + _GAP)
    lines = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d">' % (_WIDTH + _LEFT + 24, height)]
    lines.append("<style>text{font:12px sans-serif;fill:#333}.t{font-weight:bold}.m{text-anchor:middle}"
                 ".e{text-anchor:end}.f{fill:#fff;stroke:#999}</style>")  # fmt: skip
    lines.append('<rect width="100%" height="100%" fill="#fff"/>')
    top = _TOP
    for medium, minutes in days.items():
        lines += _panel(minutes, top, _TITLES[medium])
        top += _HEIGHT + _GAP
    for index, (name, colour) in enumerate(_KINDS):
        left = _LEFT + 300 + index * 110
        lines.append('<rect x="%d" y="14" width="12" height="12" fill="%s"/>' % (left, colour))
        lines.append('<text x="%d" y="24">%s</text>' % (left + 18, name))
    return "\n".join([*lines, "</svg>", ""])


def main() -> None:
    """Draw what the last runs of tools.bench.day left."""
    days = {}
    for medium in _TITLES:
        file = DAY_FILE.parent / (DAY_FILE.name % medium)
        days[medium] = json.loads(file.read_text())["minutes"]
    PICTURE.write_text(draw(days))
    print(PICTURE.relative_to(ROOT))


if __name__ == "__main__":
    main()
