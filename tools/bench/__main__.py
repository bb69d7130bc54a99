# SPDX-License-Identifier: MIT
"""`make bench`: all benchmarks, or those named; figures go to the screen and to a JSON-lines file."""

import argparse
from pathlib import Path

from tools.bench import (
    boot,
    channel,
    collection,
    control,
    forwarding,
    framing,
    g3_join,
    ledger,
    registration,
    sap_list,
)
from tools.bench.report import DEFAULT_FILE, Report

BENCHES = {
    "forwarding": forwarding.run,
    "collection": collection.run,
    "registration": registration.run,
    "g3-join": g3_join.run,
    "channel": channel.run,
    "control": control.run,
    "ledger": ledger.run,
    "sap-list": sap_list.run,
    "boot": boot.run,
    "framing": framing.run,
}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="tools.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="any of: %s (default: all)" % ", ".join(BENCHES))
    parser.add_argument("--json", type=Path, default=DEFAULT_FILE, help="file to append to (default: %(default)s)")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in BENCHES]
    if unknown:
        parser.error("no benchmark called %s" % ", ".join(unknown))
    report = Report(options.json)
    for name in options.names or BENCHES:
        BENCHES[name](report)


if __name__ == "__main__":
    main()
