# SPDX-License-Identifier: MIT
"""`make bench`: all benchmarks, or those named; figures go to the screen and to a JSON-lines file."""

import argparse
from collections.abc import Callable
from pathlib import Path

from tools.bench import (
    blackout,
    boot,
    channel,
    collection,
    control,
    day,
    forwarding,
    framing,
    g3_join,
    gain,
    ledger,
    pipe,
    registration,
    sap_list,
    soak,
)
from tools.bench.report import DEFAULT_FILE, Report

BENCHES: "dict[str, Callable[[Report], object]]" = {
    "forwarding": forwarding.run,
    "collection": collection.run,
    "registration": registration.run,
    "g3-join": g3_join.run,
    "g3-blackout": blackout.run,
    "channel": channel.run,
    "gain": gain.run,
    "control": control.run,
    "ledger": ledger.run,
    "sap-list": sap_list.run,
    "boot": boot.run,
    "pipe": pipe.run,
    "framing": framing.run,
    "day": day.run,
    "soak": soak.run,
}
ONLY_BY_NAME = ("soak",)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="tools.bench", description=__doc__)
    names = ", ".join(BENCHES)
    parser.add_argument("names", nargs="*", metavar="NAME", help="any of: %s (default: all but soak)" % names)
    parser.add_argument("--json", type=Path, default=DEFAULT_FILE, help="file to append to (default: %(default)s)")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in BENCHES]
    if unknown:
        parser.error("no benchmark called %s" % ", ".join(unknown))
    report = Report(options.json)
    for name in options.names or [name for name in BENCHES if name not in ONLY_BY_NAME]:
        BENCHES[name](report)


if __name__ == "__main__":
    main()
