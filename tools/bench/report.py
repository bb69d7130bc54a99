# SPDX-License-Identifier: MIT
"""One line per figure on standard output, and one JSON object per figure appended to a file."""

import json
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_FILE = ROOT / "build" / "bench.jsonl"


class Report:
    """Prints `name value unit (ratio to: X)`; remembers when and at which commit."""

    def __init__(self, file: Path = DEFAULT_FILE) -> None:
        self._file = file
        self._commit = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
        ).stdout.strip()

    def add(self, name: str, value: float, unit: str, bound: "float | None" = None, what: str = "") -> None:
        """One figure; with `bound` also value/bound, and `what` the bound is."""
        shown = "%d" % value if float(value).is_integer() else "%.3f" % value
        line = "%-44s %12s %s" % (name, shown, unit)
        row: dict[str, object] = {"name": name, "value": value, "unit": unit, "commit": self._commit}
        row["at"] = time.strftime("%Y-%m-%dT%H:%M:%S")
        if bound is not None:
            line += "  (%.2f x %s of %.6g %s)" % (value / bound, what, bound, unit)
            row.update(bound=bound, ratio=value / bound, ratio_to=what)
        print(line, flush=True)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a") as out:
            out.write(json.dumps(row) + "\n")
