# SPDX-License-Identifier: MIT
"""machine, network and micropython of the board.

The modem hangs on one serial line, `device.modem_url` (any pyserial URL, or `modem://`):
every UART opens it, and three pins are its control lines (`device.wires` says which):
T_REQ low = RTS on, RESET low = DTR off, power enable low = BREAK on.
"""

from __future__ import annotations

import calendar
import time as host_time
from collections.abc import Callable
from typing import Any

import serial

from host_tests.shim import board, clock
from host_tests.shim.board import DeviceReset, device

_PARITY = {None: serial.PARITY_NONE, 0: serial.PARITY_EVEN, 1: serial.PARITY_ODD}
if "host_tests.shim.serial_url" not in serial.protocol_handler_packages:
    serial.protocol_handler_packages.append("host_tests.shim.serial_url")


def _modem() -> Any:
    """The open serial line of the modem; OSError(ENODEV) when the board has none."""
    if device.modem is None:
        if not device.modem_url:
            raise OSError(19, "")
        device.modem = serial.serial_for_url(device.modem_url, timeout=0)
    return device.modem


class UART:
    """machine.UART; reads never block (timeout=0 is all the firmware uses)."""

    def __init__(self, uart_id: int | str, baudrate: int = 9600, **settings: Any) -> None:
        self._serial = _modem()
        self.init(baudrate, **settings)

    def init(self, baudrate: int = 9600, bits: int = 8, parity: int | None = None, stop: int = 1, **queue: int) -> None:
        """Set the line up. `timeout`, `timeout_char`, `rxbuf`, `txbuf`, `flow` are accepted; timeout must be 0."""
        unknown = set(queue) - {"timeout", "timeout_char", "rxbuf", "txbuf", "flow"}
        if unknown or queue.get("timeout", 0):
            raise ValueError(f"not on this UART: {unknown or 'a blocking timeout'}")
        self._serial.baudrate, self._serial.bytesize = baudrate, bits
        self._serial.parity, self._serial.stopbits = _PARITY[parity], stop

    def deinit(self) -> None:
        """Turn the UART off; the line stays open for the pins."""

    def any(self) -> int:
        """Octets that can be read now."""
        return int(self._serial.in_waiting)

    def read(self, size: int = -1) -> bytes | None:
        """Up to `size` octets; None when there is none."""
        waiting = self.any()
        return self._serial.read(waiting if size < 0 else min(size, waiting)) or None

    def readinto(self, buf: Any, size: int = -1) -> int | None:
        """Read into `buf` what is there; None when there is nothing."""
        chunk = self.read(len(buf) if size < 0 else min(size, len(buf)))
        if chunk is None:
            return None
        buf[: len(chunk)] = chunk
        return len(chunk)

    def write(self, buf: Any) -> int:
        """Octets written: all of them."""
        self._serial.write(buf)
        return len(buf)

    def __getattr__(self, name: str) -> Any:
        if name == "fileno" and hasattr(self._serial, "fileno"):
            return self._serial.fileno
        raise AttributeError(f"'UART' object has no attribute '{name}'")


def _set_t_req(level: int) -> None:
    _modem().rts = not level


def _set_reset(level: int) -> None:
    _modem().dtr = bool(level)


def _set_power(level: int) -> None:
    _modem().break_condition = not level


_DRIVERS: dict[str, Callable[[int], None]] = {"t_req": _set_t_req, "reset": _set_reset, "power": _set_power}


class Pin:
    """machine.Pin by name; the modem's three reach its serial line, others are only remembered."""

    IN, OUT, OPEN_DRAIN = 0, 1, 17
    PULL_UP, PULL_DOWN = 1, 2

    def __init__(self, name: Any, mode: int = -1, pull: int = -1, *, value: int | None = None) -> None:
        self._name = str(name)
        if value is not None:
            self.value(value)

    def value(self, level: int | None = None) -> int | None:
        """Level of the pin, or set it."""
        if level is None:
            return device.pins.get(self._name, 1)
        device.pins[self._name] = int(bool(level))
        if self._name in device.wires:
            _DRIVERS[device.wires[self._name]](int(bool(level)))
        return None

    __call__ = value

    def on(self) -> None:
        """High."""
        self.value(1)

    def off(self) -> None:
        """Low."""
        self.value(0)

    high, low = on, off


class WDT:
    """The watchdog: cannot be stopped, starves into a reset."""

    def __init__(self, id: int = 0, timeout: int = 5000) -> None:
        self._timeout_ms = timeout
        device.feed(timeout)

    def feed(self) -> None:
        """Start the time-out again; too late is DeviceReset."""
        device.feed(self._timeout_ms)


class RTC:
    """machine.RTC: sets the wall clock of the device; its weekday counts from 1 = Monday."""

    def datetime(self, moment: tuple[int, ...] | None = None) -> tuple[int, ...] | None:
        """(year, month, day, weekday, hour, minute, second, subseconds)."""
        if moment is None:
            now = host_time.gmtime(device.clock.wall_ns() // 1_000_000_000 + clock.EPOCH_2000_S)
            return (*now[:3], now[6] + 1, *now[3:6], 0)
        year, month, day, _, hour, minute, second, _ = moment
        wanted = calendar.timegm((year, month, day, hour, minute, second)) - clock.EPOCH_2000_S
        device.clock.wall_shift_ns += wanted * 1_000_000_000 - device.clock.wall_ns()
        return None


def _reset(cause: int) -> Any:
    raise DeviceReset(cause)


def machine_names() -> dict[str, Any]:
    """What `import machine` offers the firmware."""
    causes = ("PWRON_RESET", "HARD_RESET", "WDT_RESET", "DEEPSLEEP_RESET", "SOFT_RESET")
    return {
        **{cause: getattr(board, cause) for cause in causes},
        "UART": UART,
        "Pin": Pin,
        "WDT": WDT,
        "RTC": RTC,
        "unique_id": lambda: device.unique_id,
        "reset_cause": lambda: device.reset_cause,
        "reset": lambda: _reset(board.HARD_RESET),
        "soft_reset": lambda: _reset(board.SOFT_RESET),
        "idle": lambda: host_time.sleep(0),
        "disable_irq": lambda: 0,
        "enable_irq": lambda state=0: None,
    }


class LAN:
    """network.LAN: wired, up as long as `device.link_is_up`; addresses are the host's loopback."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self._is_active = False
        self._address = ("127.0.0.1", "255.0.0.0", "127.0.0.1", "127.0.0.1")

    def active(self, on: bool | None = None) -> bool:
        """Switch on or off; whether it is on."""
        if on is not None:
            self._is_active = bool(on)
        return self._is_active

    def isconnected(self) -> bool:
        """On, link up and an address there."""
        return self._is_active and device.link_is_up

    def status(self) -> int:
        """3 with an address, 0 without a link."""
        return 3 if self.isconnected() else 0

    def ifconfig(self, address: Any = None) -> Any:
        """(address, mask, gateway, name server); setting it is remembered only."""
        if address is None:
            return self._address
        self._address = self._address if address == "dhcp" else tuple(address)
        return None

    def config(self, name: str = "", **settings: Any) -> Any:
        """The MAC address; settings are accepted."""
        if name == "mac":
            return bytes.fromhex("020000000001")
        if name:
            raise ValueError("unknown config param")
        return None


def network_names() -> dict[str, Any]:
    """What `import network` offers the firmware."""
    return {"LAN": LAN, "hostname": lambda name=None: name or "gateway", "country": lambda code=None: code or "XX"}


def _heap_lock(by: int) -> int:
    device.heap_lock_depth = max(0, device.heap_lock_depth + by)
    return device.heap_lock_depth


def _schedule(function: Callable[[Any], Any], argument: Any) -> None:
    device.loop.call_soon_threadsafe(function, argument)


def micropython_names() -> dict[str, Any]:
    """What `import micropython` offers; heap_lock counts, CPython cannot refuse to allocate."""
    return {
        "const": lambda value: value,
        "native": lambda function: function,
        "heap_lock": lambda: _heap_lock(1),
        "heap_unlock": lambda: _heap_lock(-1),
        "opt_level": lambda level=None: 0 if level is None else None,
        "schedule": _schedule,
        "alloc_emergency_exception_buf": lambda size: None,
        "mem_info": lambda verbose=0: None,
    }
