# SPDX-License-Identifier: MIT
"""Memory budgets, on 32-bit ARM with the firmware frozen in: `python -m tools.check_budget`.

Full gateway (1,200 nodes, 4 sessions, 32 open exchanges) in a 256 KiB heap, with the default settings and on G3
in 320 KiB (docs/memory.md); at most 300 octets of heap per forwarded APDU; no growth over many. Exit code 1 with the
figure that is over.
"""

import re
import subprocess
import sys

from tools.bench.report import ROOT

_ARM = ("qemu-arm-static", "-L", "/usr/arm-linux-gnueabihf")
_HEAP = 256 * 1024
_LARGE_HEAP = 320 * 1024
_LEAST_FREE = 24 * 1024  # for sockets, tasks, the serial port and a second's garbage
_PER_APDU = 300
_EXCHANGES = 2000
_WEIGHED = 20


def figures(heap: int, script: str, *arguments: str) -> dict[str, int]:
    """Run a script of tools/bench/on_device on ARM; the numbers it prints."""
    binary = str(ROOT / "build" / "micropython" / "micropython-arm-frozen")
    command = [*_ARM, binary, "-X", "heapsize=%d" % heap, "tools/bench/on_device/" + script, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit("%s\n%s" % (" ".join(command), done.stdout + done.stderr))
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", done.stdout)}


def main() -> None:
    """All budgets, one line each."""
    full = figures(_HEAP, "budget.py")
    defaults = figures(_LARGE_HEAP, "budget.py", "defaults")
    g3 = figures(_LARGE_HEAP, "budget.py", "g3")
    weighed = figures(2 * _HEAP, "forward.py", str(_WEIGHED), "8", "weigh")
    long_run = figures(_HEAP, "forward.py", str(_EXCHANGES), "1200")
    per_apdu = weighed["taken"] / weighed["exchanges"]
    rows = (
        ("nodes in the full gateway", full["nodes"], full["nodes"] == 1200),
        ("sessions", full["sessions"], full["sessions"] == 4),
        ("open exchanges", full["exchanges"], full["exchanges"] == 32),
        ("heap free of %d" % _HEAP, full["free"], full["free"] >= _LEAST_FREE),
        ("with the default settings, of %d" % _LARGE_HEAP, defaults["free"], defaults["free"] >= _LEAST_FREE),
        ("nodes in the full gateway on G3", g3["nodes"], g3["nodes"] == 1200),
        ("heap free of %d on G3" % _LARGE_HEAP, g3["free"], g3["free"] >= _LEAST_FREE),
        ("heap per APDU", per_apdu, per_apdu <= _PER_APDU),
        ("growth over %d exchanges" % _EXCHANGES, long_run["grown"], long_run["grown"] == 0),
    )
    for name, value, is_good in rows:
        print("%-36s %8d %s" % (name, value, "ok" if is_good else "OVER BUDGET"))
    sys.exit(0 if all(row[2] for row in rows) else 1)


if __name__ == "__main__":
    main()
