# SPDX-License-Identifier: MIT
"""Memory budgets, on 32-bit ARM with the firmware frozen in: `python -m tools.check_budget`.

The shipped main.py at work in a 256 KiB heap (1,200 nodes, four sessions that keep every exchange busy and read SAP 1),
with the default settings in 320 KiB; on G3 its objects only, in 320 KiB (docs/memory.md). At most 300 octets of
heap per forwarded APDU; no growth over many. Exit code 1 with the figure that is over.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.bench.report import ROOT

_ARM = ("qemu-arm-static", "-L", "/usr/arm-linux-gnueabihf")
_HEAP = 256 * 1024
_LARGE_HEAP = 320 * 1024
_LEAST_FREE = 8 * 1024  # at work: for sockets, a second's garbage, and that something may still be in one piece
_LEAST_FREE_AT_REST = 24 * 1024  # for sessions, tasks and the serial port besides
_NODES, _SESSIONS = 1200, 4
_EXCHANGES_OPEN = 28  # of 32: the last are for control requests
SMALL = {"gateway": {"nodes": _NODES, "node_quality": False}, "wan": {"buffers": 45}, "log_records": 256}
_READABLE = {"dlms": {"public_reads_all": True}}
_SCRIPT_ROOM = 48 * 1024  # work.py and its world, left out of the figures
_PER_APDU = 300
_EXCHANGES = 2000
_WEIGHED = 20


def figures(heap: int, script: str, *arguments: str, state: str = "") -> dict[str, int]:
    """Run a script of tools/bench/on_device on ARM with its files in `state`; the numbers it prints."""
    binary = str(ROOT / "build" / "micropython" / "micropython-arm-frozen")
    command = [*_ARM, binary, "-X", "heapsize=%d" % heap, "tools/bench/on_device/" + script, *arguments]
    environment = dict(os.environ, GW_STATE=state)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit("%s\n%s" % (" ".join(command), done.stdout + done.stderr))
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", done.stdout)}


def at_work(heap: int, config: dict[str, object]) -> dict[str, int]:
    """What main.py with this config.json leaves of `heap` while it works."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text(json.dumps({**config, **_READABLE}))
        figures(_LARGE_HEAP, "restore.py", folder, str(_NODES))
        return figures(heap + _SCRIPT_ROOM, "work.py", str(heap), state=folder)


def main() -> None:
    """All budgets, one line each."""
    full = at_work(_HEAP, SMALL)
    defaults = at_work(_LARGE_HEAP, {})
    g3 = figures(_LARGE_HEAP, "budget.py", "g3")
    weighed = figures(2 * _HEAP, "forward.py", str(_WEIGHED), "8", "weigh")
    long_run = figures(_HEAP, "forward.py", str(_EXCHANGES), "1200")
    per_apdu = weighed["taken"] / weighed["exchanges"]
    rows = (
        ("nodes in the full gateway", full["nodes"], full["nodes"] == _NODES),
        ("sessions at work", full["sessions"], full["sessions"] == _SESSIONS),
        ("open exchanges", full["exchanges"], full["exchanges"] == _EXCHANGES_OPEN),
        ("APDUs answered", full["answered"], full["answered"] >= _EXCHANGES_OPEN),
        ("attributes of SAP 1 read meanwhile", full["read"], full["read"] >= 2 * _SESSIONS),
        ("heap free of %d" % _HEAP, full["free"], full["free"] >= _LEAST_FREE),
        ("with the default settings, of %d" % _LARGE_HEAP, defaults["free"], defaults["free"] >= _LEAST_FREE),
        ("nodes in the full gateway on G3", g3["nodes"], g3["nodes"] == _NODES),
        ("at rest, of %d on G3" % _LARGE_HEAP, g3["free"], g3["free"] >= _LEAST_FREE_AT_REST),
        ("heap per APDU", per_apdu, per_apdu <= _PER_APDU),
        ("growth over %d exchanges" % _EXCHANGES, long_run["grown"], long_run["grown"] == 0),
    )
    for name, value, is_good in rows:
        print("%-36s %8d %s" % (name, value, "ok" if is_good else "OVER BUDGET"))
    sys.exit(0 if all(row[2] for row in rows) else 1)


if __name__ == "__main__":
    main()
