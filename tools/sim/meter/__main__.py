# SPDX-License-Identifier: MIT
"""One built-in meter on a TCP port: `python -m tools.sim.meter --title 4D4D4D0000000001 --port 4061`."""

import argparse
import threading

from tools.sim.cli import port_number
from tools.sim.meter import Meter
from tools.sim.meter.server import MeterServer


def _title(text: str) -> bytes:
    try:
        title = bytes.fromhex(text)
    except ValueError:
        title = b""
    if len(title) not in (6, 8):
        raise argparse.ArgumentTypeError("expected 16 (or 12) hex digits: " + text)
    return title


def parse(arguments: "list[str] | None" = None) -> argparse.Namespace:
    """The options; the port is the one after that of `tools.hes listen`."""
    parser = argparse.ArgumentParser(prog="tools.sim.meter", description=__doc__)
    parser.add_argument("--title", default="4D4D4D0000000001", type=_title, help="system title, 16 hex digits")
    parser.add_argument("--port", default=4061, type=port_number, help="TCP port on 127.0.0.1 (default 4061)")
    parser.add_argument("--max-pdu", default=220, type=int, help="longest APDU sent, octets (default 220)")
    return parser.parse_args(arguments)


def main() -> None:
    """Serve until Ctrl-C."""
    options = parse()
    meter = Meter(options.title, max_pdu=options.max_pdu)
    try:
        with MeterServer(meter.handle, options.port) as server:
            print(f"meter {options.title.hex().upper()} on 127.0.0.1:{server.port}", flush=True)
            threading.Event().wait()
    except KeyboardInterrupt:
        print("stopped")
    except OSError as error:
        raise SystemExit(f"cannot listen on 127.0.0.1:{options.port}: {error.strerror}") from error


if __name__ == "__main__":
    main()
