# SPDX-License-Identifier: MIT
"""pyserial handler of `modem://host:port`: the simulator's modem over TCP.

Octets as on the chip's UART, 0xFF doubled, and the control lines in band as the SET-CONTROL
subset of RFC 2217 (IAC SB COM-PORT 5 value IAC SE), sent without waiting for an answer,
which pyserial's own rfc2217 client does for up to 3 s per line.
"""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

import serial

_IAC, _SB, _SE = 0xFF, 0xFA, 0xF0
_COM_PORT, _SET_CONTROL = 44, 5
_BREAK_ON, _BREAK_OFF, _DTR_ON, _DTR_OFF, _RTS_ON, _RTS_OFF = 5, 6, 8, 9, 11, 12


class Unescape:
    """Takes telnet escapes out of a stream, at any split."""

    def __init__(self) -> None:
        self._state = self._plain

    def feed(self, raw: bytes) -> bytes:
        """The data octets in `raw`."""
        out = bytearray()
        for octet in raw:
            self._state = self._state(octet, out)
        return bytes(out)

    def _plain(self, octet: int, out: bytearray) -> Any:
        if octet == _IAC:
            return self._command
        out.append(octet)
        return self._plain

    def _command(self, octet: int, out: bytearray) -> Any:
        if octet == _IAC:
            out.append(octet)
            return self._plain
        if octet == _SB:
            return self._inside
        return self._option if 0xFB <= octet <= 0xFE else self._plain

    def _option(self, octet: int, out: bytearray) -> Any:
        return self._plain

    def _inside(self, octet: int, out: bytearray) -> Any:
        return self._inside_iac if octet == _IAC else self._inside

    def _inside_iac(self, octet: int, out: bytearray) -> Any:
        return self._plain if octet == _SE else self._inside


class Serial(serial.SerialBase):
    """The serial port; `in_waiting`, `read`, `write` never wait."""

    BAUDRATES = (9600, 19200, 38400, 57600, 115200)

    def open(self) -> None:
        """Connect to the simulator."""
        target = urlsplit(str(self.portstr))
        self._rx = b""
        self._unescape = Unescape()
        self._has_ended = False
        try:
            self._sock = socket.create_connection((str(target.hostname), target.port), timeout=10)
        except OSError as error:
            raise serial.SerialException(f"modem at {self.portstr}: {error}") from error
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock.setblocking(False)
        self.is_open = True

    def close(self) -> None:
        """Hang up."""
        if self.is_open:
            self.is_open = False
            self._sock.close()

    def fileno(self) -> int:
        """For an event loop to wait on; data may already be in `in_waiting`."""
        return self._sock.fileno()

    @property
    def in_waiting(self) -> int:
        """Octets that can be read now."""
        self._pull()
        return len(self._rx)

    def _pull(self) -> None:
        while not self._has_ended:
            try:
                raw = self._sock.recv(4096)
            except BlockingIOError:
                return
            if not raw:
                self._has_ended = True
                raise serial.SerialException("the simulator has closed the modem line")
            self._rx += self._unescape.feed(raw)

    def read(self, size: int = 1) -> bytes:
        """Up to `size` octets of what is there."""
        self._pull()
        chunk, self._rx = self._rx[:size], self._rx[size:]
        return chunk

    def write(self, data: Any) -> int:
        """Send `data`; waits only while the socket is full."""
        self._send(bytes(data).replace(b"\xff", b"\xff\xff"))
        return len(data)

    def _send(self, raw: bytes) -> None:
        self._sock.settimeout(10)
        try:
            self._sock.sendall(raw)
        finally:
            self._sock.setblocking(False)

    def _control(self, value: int) -> None:
        if self.is_open:
            self._send(bytes((_IAC, _SB, _COM_PORT, _SET_CONTROL, value, _IAC, _SE)))

    def _reconfigure_port(self) -> None:
        """The line's settings mean nothing over TCP."""

    def _update_rts_state(self) -> None:
        self._control(_RTS_ON if self.rts else _RTS_OFF)

    def _update_dtr_state(self) -> None:
        self._control(_DTR_ON if self.dtr else _DTR_OFF)

    def _update_break_state(self) -> None:
        self._control(_BREAK_ON if self.break_condition else _BREAK_OFF)
