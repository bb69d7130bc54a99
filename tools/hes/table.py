# SPDX-License-Identifier: MIT
"""Tables and the progress bar on the terminal; the bar shows only where somebody looks."""

import sys
from collections.abc import Iterable

from tqdm import tqdm

_GAP = "  "


def printable(said: str) -> str:
    """What came from the network, with nothing in it that a terminal would obey."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in said)


def text(heads: "list[str]", rows: "list[list[str]]", right: "frozenset[int]" = frozenset()) -> str:
    """A table with a rule under the heads; the columns numbered in `right` are aligned right."""
    widths = [max(len(line[column]) for line in [heads, *rows]) for column in range(len(heads))]
    lines = [heads, ["-" * width for width in widths], *rows]
    return "\n".join(_GAP.join(
        cell.rjust(width) if column in right else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(line, widths, strict=True))).rstrip() for line in lines)


def progress(items: Iterable, total: int, what: str) -> Iterable:
    """The same items, with a bar on standard error while they come, if that is a terminal."""
    return tqdm(items, total=total, desc=what, unit="meter", leave=False, disable=not sys.stderr.isatty())
