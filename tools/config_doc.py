# SPDX-License-Identifier: MIT
"""Prints docs/configuration.md from lib/app/schema.py: `python -m tools.config_doc > docs/configuration.md`.

A test compares the committed page with this output, so the page cannot lag behind.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

LIB = Path(__file__).resolve().parents[1] / "lib"
PAGE = LIB.parent / "docs" / "configuration.md"
HEAD = """# Configuration

Printed from `lib/app/schema.py` by `python -m tools.config_doc`; edit that, not this.

`config.json` lies in the gateway's state folder (`/flash/state` on the board, `--state-dir` of the
simulator) and is merged over the defaults below. Settings may be nested by the dots of their
names: `{"wan": {"port": 4059}}`.

A file with any error is not used at all; every error is named on the console. The gateway then
runs with the last file that worked (`config.good.json`), else with the defaults. So it does after two
starts with a new file that ended before everything was made (too much for the heap, say). Rows marked
UNCONFIRMED stand for facts that no readable source settles.

A change takes effect at the next start; one made over DLMS (docs/management.md) at once where the
row says *live*. Changes over DLMS replace `config.json` by what then differs from the defaults.
"""


def allowed(kind: str, low: Any, high: Any) -> str:
    """What a value may be, in words."""
    if kind == "integer":
        return f"{low} .. {high}"
    if kind == "one of":
        return " ".join(f"`{json.dumps(choice)}`" for choice in low)
    if kind in ("HH:MM", "true or false"):
        return kind
    if kind.startswith("text"):
        return f"text, {low} .. {high} octets"
    return f"{kind}, {low} .. {high}"


def _section(path: str) -> str:
    return path.partition(".")[0] if "." in path else "general"


def page(schema: tuple[tuple[Any, ...], ...], live: tuple[str, ...]) -> str:
    """The whole page."""
    lines = [HEAD.rstrip()]
    section = None
    names = [_section(row[0]) for row in schema]
    for path, kind, low, high, default, meaning in sorted(schema, key=lambda row: names.index(_section(row[0]))):
        name = _section(path)
        if name != section:
            section = name
            lines += ["", f"## {section}", "", "| setting | allowed | default | meaning |", "|---|---|---|---|"]
        words = meaning + "; *live*" * (path in live)
        cells = (f"`{path}`", allowed(kind, low, high), f"`{json.dumps(default)}`", words)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    from host_tests import shim

    shim.install()
    from app.schema import LIVE, SCHEMA

    sys.stdout.write(page(SCHEMA, LIVE))
