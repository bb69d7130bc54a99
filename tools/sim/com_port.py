# SPDX-License-Identifier: MIT
"""The in-band subset of RFC 2217 on the modem's TCP link; data octets FF are doubled.

`FF FA 2C 05 v FF F0`: v = 0B/0C T_REQ asserted/released, 08/09 run/RESET held, 05/06 power off/on.
Other telnet commands are skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

IAC, SB, SE = 0xFF, 0xFA, 0xF0
COM_PORT, SET_CONTROL = 0x2C, 0x05
BREAK_ON, BREAK_OFF, DTR_ON, DTR_OFF, RTS_ON, RTS_OFF = 5, 6, 8, 9, 11, 12
_OPTION_COMMANDS = (0xFB, 0xFC, 0xFD, 0xFE)  # WILL, WONT, DO, DONT: one octet follows
_MAX_SUBNEGOTIATION = 64


def escape(octets: bytes) -> bytes:
    """Data for the link."""
    return octets.replace(b"\xff", b"\xff\xff")


State = Callable[[int], "State"]


class ComPortReader:
    """Splits the link's octets into data (bytes) and controls (int), in order, at any split."""

    def __init__(self) -> None:
        self._state: State = self._plain
        self._out: list[bytes | int] = []
        self._run = bytearray()
        self._sub = bytearray()

    def feed(self, octets: bytes) -> "Iterator[bytes | int]":
        """Data and controls in `octets`, as far as they are complete."""
        for octet in octets:
            self._state = self._state(octet)
        self._flush()
        out, self._out = self._out, []
        return iter(out)

    def _flush(self) -> None:
        if self._run:
            self._out.append(bytes(self._run))
            self._run = bytearray()

    def _plain(self, octet: int) -> State:
        if octet == IAC:
            return self._command
        self._run.append(octet)
        return self._plain

    def _command(self, octet: int) -> State:
        if octet == IAC:
            self._run.append(octet)
            return self._plain
        if octet == SB:
            self._sub = bytearray()
            return self._inside
        return self._option if octet in _OPTION_COMMANDS else self._plain

    def _option(self, octet: int) -> State:
        return self._plain

    def _inside(self, octet: int) -> State:
        if octet == IAC:
            return self._inside_command
        if len(self._sub) < _MAX_SUBNEGOTIATION:
            self._sub.append(octet)
        return self._inside

    def _inside_command(self, octet: int) -> State:
        if octet != SE:
            self._sub.append(octet)
            return self._inside
        if len(self._sub) == 3 and self._sub[0] == COM_PORT and self._sub[1] == SET_CONTROL:
            self._flush()
            self._out.append(self._sub[2])
        return self._plain
