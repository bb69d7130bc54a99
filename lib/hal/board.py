# SPDX-License-Identifier: MIT
"""The board's leaf (STM32H743 class): UART, lines to the modem chip, network, watchdog.

`machine` and `network` are imported here and nowhere else. The same file runs on a PC under
the shim, where a serial port stands in for the UART: RTS = T_REQ, DTR = RESET, BREAK = power.
"""

import asyncio
import os

import machine
import network

from hal.store import FileStore

STATE_DIR = "/flash/state"
CODE_DIR = "/flash"


class UartModemPort:
    """Implements plc.contract.ModemPort on machine.UART; `readinto` is awaited by one pump.

    `pins` = names of (T_REQ, RESET, power enable); T_REQ and RESET are active low.
    `uart.write` of a whole local frame (252 octets, 66 ms at 38400 baud) blocks on stm32: the
    chip is receiving then and sends nothing, so no 40 ms ACK window is open meanwhile.
    """

    def __init__(self, uart_id: int, baud: int, pins: "tuple[str, str, str]") -> None:
        self._uart = machine.UART(uart_id, baudrate=baud, bits=8, parity=None, stop=1, timeout=0, rxbuf=1024)
        self._stream = asyncio.StreamReader(self._uart)
        self._t_req = machine.Pin(pins[0], machine.Pin.OUT, value=1)
        self._reset = machine.Pin(pins[1], machine.Pin.OUT, value=1)
        self._power = machine.Pin(pins[2], machine.Pin.OUT, value=1)
        self._is_asking = False

    async def readinto(self, mv: memoryview) -> int:
        """Wait for octets and read what is there; never 0."""
        while True:
            n = await self._stream.readinto(mv)
            if n:
                return n

    def write(self, mv: "bytes | bytearray | memoryview") -> None:
        """Send a frame or an ACK; T_REQ goes up behind the first octet (facts/sfsk.md 4.2)."""
        view = memoryview(mv)
        self._uart.write(view[:1])
        if self._is_asking:
            self.t_req(False)
        if len(view) > 1:
            self._uart.write(view[1:])

    def t_req(self, asserted: bool) -> None:
        """Pull T_REQ low (True) or let it go up."""
        self._is_asking = asserted
        self._t_req.value(0 if asserted else 1)

    def reset(self, asserted: bool) -> None:
        """Hold the chip in reset (True) or let it run."""
        self._reset.value(0 if asserted else 1)

    def power(self, on: bool) -> None:
        """Switch the chip's supply."""
        self._power.value(1 if on else 0)


def modem_port(settings: "dict[str, object]", baud: int) -> UartModemPort:
    """The port to the modem; `settings` is the section `board` of the configuration."""
    pins = (str(settings["t_req_pin"]), str(settings["reset_pin"]), str(settings["power_pin"]))
    return UartModemPort(int(settings["uart"]), baud, pins)  # type: ignore[call-overload]


def store() -> FileStore:
    """The folder that keeps state across reboots."""
    return FileStore(STATE_DIR)


def serial_number() -> bytes:
    """The MCU's unique id, 12 octets on STM32."""
    return machine.unique_id()


def random_octets(n: int) -> bytes:
    """From the hardware's random source."""
    return os.urandom(n)


def reset_cause() -> int:
    """machine.reset_cause() as a number."""
    return machine.reset_cause()


def set_rtc(moment: "tuple[int, ...]") -> bool:
    """Set the real-time clock to (year, month, day, hour, minute, second, weekday 0 = Monday, …) UTC; it is ours."""
    machine.RTC().datetime(moment[:3] + (moment[6] + 1,) + moment[3:6] + (0,))
    return True


def watchdog(timeout_ms: int) -> "machine.WDT":
    """The hardware watchdog, running from now on; cannot be stopped."""
    return machine.WDT(timeout=timeout_ms)


def reset() -> None:
    """Restart the board."""
    machine.reset()


def network_facts() -> "tuple[str, str, str, str, bytes, int]":
    """(address, mask, gateway, name server, MAC address, 1 = by DHCP) of the Ethernet interface, as it is now."""
    lan = network.LAN()
    address, mask, gateway, dns = lan.ifconfig()  # type: ignore[attr-defined]
    return address, mask, gateway, dns, lan.config("mac"), 1  # type: ignore[attr-defined]


async def network_up() -> None:
    """Start Ethernet; returns at once when the link is there, else keeps waiting."""
    lan = network.LAN()
    lan.active(True)
    while not lan.isconnected():
        await asyncio.sleep_ms(200)
