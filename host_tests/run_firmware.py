# SPDX-License-Identifier: MIT
"""Runs the firmware on CPython in real time: `python -m host_tests.run_firmware main.py`.

GW_UART is the modem: host:port of the simulator, or any pyserial URL (/dev/ttyUSB0,
socket://…, rfc2217://…). GW_STATE is the directory that is the board's flash. machine.reset()
and a starving watchdog start this program again, with the cause for machine.reset_cause(); with
GW_RESTART=exit they end it with code 64 + cause, and whoever started it does (tools.sim).
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from pathlib import Path

import serial

from host_tests import shim
from host_tests.shim import board
from host_tests.shim.clock import RealClock

_CAUSE = "GW_RESET_CAUSE"
_EXIT_BASE = 64


def modem_url(text: str) -> str:
    """pyserial URL of GW_UART: `host:port` is the simulator, the rest is passed on."""
    return f"modem://{text}" if re.fullmatch(r"[\w.-]+:\d+", text) else text


def restart(cause: int) -> None:
    """Start this program again, as a reset does."""
    sys.stdout.flush()
    if os.environ.get("GW_RESTART") == "exit":
        os._exit(_EXIT_BASE + cause)  # not sys.exit: also from the watchdog's thread
    os.environ[_CAUSE] = str(cause)
    os.execv(sys.executable, [sys.executable, "-m", "host_tests.run_firmware", *sys.argv[1:]])


def _watch(device: board.Device) -> None:
    while True:
        time.sleep(0.1)
        deadline_us = device.watchdog_deadline_us
        if deadline_us is not None and device.clock.us > deadline_us:
            restart(board.WDT_RESET)


def power_on() -> board.Device:
    """The board with the real clock, the state directory and the modem from the environment."""
    shim.install()
    device = shim.device
    state = Path(os.environ.get("GW_STATE", "build/state"))
    cause = int(os.environ.pop(_CAUSE, str(board.PWRON_RESET)))
    device.power_on(RealClock(), shim.FileSystem(state), cause)
    device.modem_url = modem_url(os.environ.get("GW_UART", ""))
    threading.Thread(target=_watch, args=(device,), daemon=True).start()
    return device


def main() -> None:
    """Run the file named on the command line."""
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    power_on()
    try:
        shim.run_main(Path(sys.argv[1]).resolve())
    except shim.DeviceReset as reset:
        restart(reset.cause)
    except serial.SerialException as error:
        sys.exit("the modem's serial port (GW_UART): %s" % error)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
