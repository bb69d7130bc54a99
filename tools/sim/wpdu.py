# SPDX-License-Identifier: MIT
"""Wrapper PDUs of IEC 62056-4-7 (dlms.md 1), for the simulator's own sockets and trace.

Header: version 0001, source wPort, destination wPort, length; all 16 bit, big-endian.
"""

import struct

_HEADER = struct.Struct(">HHHH")
HEADER_LEN = _HEADER.size
VERSION = 1


class WpduError(ValueError):
    """The stream is not WPDUs, or not any more."""


def build(source: int, dest: int, apdu: bytes) -> bytes:
    """One WPDU."""
    return _HEADER.pack(VERSION, source, dest, len(apdu)) + apdu


class WpduReader:
    """Cuts a stream into (source, destination, APDU), whatever the pieces it comes in."""

    def __init__(self) -> None:
        self._buf = b""

    def feed(self, octets: bytes) -> list[tuple[int, int, bytes]]:
        """All WPDUs that are complete now; WpduError on a wrong version."""
        self._buf += octets
        found = []
        while len(self._buf) >= HEADER_LEN:
            version, source, dest, length = _HEADER.unpack_from(self._buf)
            if version != VERSION:
                raise WpduError("version %04X" % version)
            end = HEADER_LEN + length
            if len(self._buf) < end:
                break
            found.append((source, dest, self._buf[HEADER_LEN:end]))
            self._buf = self._buf[end:]
        return found
