# SPDX-License-Identifier: MIT
"""Leaf for MicroPython's unix port: the modem behind a TCP byte stream, files in a folder.

The stream carries the chip's octets with the in-band control of RFC 2217 (IAC doubled,
SET-CONTROL for RTS = T_REQ, DTR = RESET, BREAK = power off), so that one socket keeps the
order of lines and octets. GW_UART=host:port and GW_STATE=folder come from the environment.
"""

import asyncio
import os
import socket
import sys
from errno import ECONNRESET

from micropython import const

from hal.net import no_delay
from hal.store import FileStore

_IAC = const(0xFF)
_SB = const(0xFA)
_SE = const(0xF0)
# IAC SB COM-PORT-OPTION SET-CONTROL value IAC SE (RFC 2217)
_CONTROL = (_IAC, _SB, 44, 5, 0, _IAC, _SE)
_RTS_ON, _RTS_OFF = const(11), const(12)
_DTR_ON, _DTR_OFF = const(8), const(9)
_BREAK_ON, _BREAK_OFF = const(5), const(6)
_MAX_WRITE = const(600)  # octets handed to the kernel at once; a longer frame goes in parts


CODE_DIR = "."  # whoever starts the process does so beside main.py


class TcpModemPort:
    """Implements plc.contract.ModemPort over TCP; `readinto` is awaited by one pump."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.socket()
        self._socket.connect(socket.getaddrinfo(host, port)[0][-1])
        no_delay(self._socket)
        self._socket.setblocking(False)
        self._stream = asyncio.StreamReader(self._socket)
        self._out = bytearray(_MAX_WRITE)
        self._control = bytearray(_CONTROL)
        self._is_escaped = False
        self.dropped_writes = 0

    async def readinto(self, mv: memoryview) -> int:
        """Wait for octets, take the escapes out; raises OSError when the peer closes."""
        while True:
            n = await self._stream.readinto(mv)
            if n is None:  # woken for nothing
                continue
            if not n:
                raise OSError(ECONNRESET)
            n = self._unescape(mv, n)
            if n:
                return n

    def write(self, mv: "bytes | bytearray | memoryview") -> None:
        """Send octets at once; what the kernel does not take is lost, as on a wire."""
        n = 0
        for octet in mv:
            if n >= _MAX_WRITE - 1:
                self._send(memoryview(self._out)[:n])
                n = 0
            self._out[n] = octet
            n += 1
            if octet == _IAC:
                self._out[n] = octet
                n += 1
        self._send(memoryview(self._out)[:n])

    def t_req(self, asserted: bool) -> None:
        """Pull T_REQ low (True) or let it go up."""
        self._set_control(_RTS_ON if asserted else _RTS_OFF)

    def reset(self, asserted: bool) -> None:
        """Hold the chip in reset (True) or let it run."""
        self._set_control(_DTR_OFF if asserted else _DTR_ON)

    def power(self, on: bool) -> None:
        """Switch the chip's supply."""
        self._set_control(_BREAK_OFF if on else _BREAK_ON)

    def _set_control(self, value: int) -> None:
        self._control[4] = value
        self._send(self._control)

    def _send(self, mv: "bytearray | memoryview") -> None:
        try:
            if self._socket.send(mv) != len(mv):
                self.dropped_writes += 1
        except OSError:
            self.dropped_writes += 1

    def _unescape(self, mv: memoryview, n: int) -> int:
        kept = 0
        for i in range(n):
            octet = mv[i]
            if octet == _IAC and not self._is_escaped:
                self._is_escaped = True
                continue
            self._is_escaped = False
            mv[kept] = octet
            kept += 1
        return kept


class NoWatchdog:
    """Stands where the hardware watchdog would; counts the feeds."""

    feeds = 0

    def feed(self) -> None:
        """As machine.WDT.feed."""
        self.feeds += 1


def modem_port(settings: "dict[str, object]", baud: int) -> TcpModemPort:
    """The port named by GW_UART=host:port; `settings` and `baud` matter on a board only."""
    host, port = (os.getenv("GW_UART") or "127.0.0.1:4058").rsplit(":", 1)
    return TcpModemPort(host, int(port))


def store() -> FileStore:
    """The folder named by GW_STATE."""
    return FileStore(os.getenv("GW_STATE") or "state")


def serial_number() -> bytes:
    """A fixed number in the place of the MCU's unique id (12 octets)."""
    return b"SIMGATEWAY01"


def random_octets(n: int) -> bytes:
    """From the operating system's random source."""
    return os.urandom(n)


def reset_cause() -> int:
    """Always a power-on here."""
    return 0


def set_rtc(moment: "tuple[int, ...]") -> bool:
    """False: a PC's clock is not ours to set."""
    return False


def watchdog(timeout_ms: int) -> NoWatchdog:
    """No hardware watchdog on a PC."""
    return NoWatchdog()


def reset() -> None:
    """The process ends; whoever started it starts it again."""
    sys.exit(3)


def network_facts() -> "tuple[str, str, str, str, bytes, int]":
    """The loopback interface: nothing else of a PC is ours."""
    return "127.0.0.1", "255.0.0.0", "0.0.0.0", "0.0.0.0", bytes(6), 0


async def network_up() -> None:
    """The PC's network is up already."""
