# SPDX-License-Identifier: MIT
"""The device on CPython: modules as the firmware sees them, and nothing the device lacks.

`install()` makes `import base`, `import plc.sfsk` ... load from lib/ under guard: their
`import time` is the shim's, their `import enum` fails as on the device. Everybody else (tests,
pytest, libraries) keeps CPython's own modules. `device` is the one simulated board: clock,
flash, modem wires, watchdog; `device.power_on()` gives a fresh one.
"""

from host_tests.shim.board import Device, DeviceReset, device
from host_tests.shim.files import FileSystem, every_cut
from host_tests.shim.guard import install, load, run_main
from host_tests.shim.store import PowerCut

__all__ = ("Device", "DeviceReset", "FileSystem", "PowerCut", "device", "every_cut", "install", "load", "run_main")
