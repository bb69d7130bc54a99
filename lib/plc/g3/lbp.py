# SPDX-License-Identifier: MIT
"""LBP frames and the configuration parameters in them (bootstrapping protocol of G3).

Source: g3.md 3.1, 3.3. Octet 0: type and code in the high nibble, hybrid bits below (copied back
in answers), octet 1 reserved, then the EUI-64 of the node, then the bootstrapping data, whose
first octet's bit 0 tells a configuration parameter (1) from an EAP packet (0).
"""

import struct

from micropython import const

from base.errors import RemoteError

JOINING = const(0x10)
KICK_FROM_LBD = const(0x40)
ACCEPTED = const(0x90)
CHALLENGE = const(0xA0)
DECLINE = const(0xB0)
KICK_TO_LBD = const(0xC0)

HEAD_LEN = const(10)
_CODE = const(0xF0)
_HYBRID = const(0x0F)
_PARAMETER = const(0x01)

_SHORT_ADDRESS = const(0x1D)
_GMK = const(0x27)
_GMK_ACTIVATION = const(0x2B)
_KEY_LEN = const(16)


class Frame:
    """A parsed LBP frame; borrowed views."""

    def __init__(self) -> None:
        self.code = 0
        self.hybrid = 0
        self.eui64 = memoryview(b"")
        self.body = memoryview(b"")

    def parse(self, nsdu: memoryview) -> None:
        """Read a frame of a device; RemoteError when it is none."""
        if len(nsdu) < HEAD_LEN:
            raise RemoteError("lbp")
        self.code = nsdu[0] & _CODE
        self.hybrid = nsdu[0] & _HYBRID
        self.eui64 = nsdu[2:HEAD_LEN]
        self.body = nsdu[HEAD_LEN:]
        if self.code not in (JOINING, KICK_FROM_LBD) or (self.code == KICK_FROM_LBD and len(self.body)):
            raise RemoteError("lbp")

    @property
    def is_parameter(self) -> bool:
        """The data is a configuration parameter, not an EAP packet."""
        return len(self.body) > 0 and bool(self.body[0] & _PARAMETER)


def frame(code: int, hybrid: int, eui64: "bytes | memoryview", body: bytes = b"") -> bytes:
    """A frame of the server."""
    return bytes([code | hybrid, 0]) + bytes(eui64) + body


def join_parameters(short_addr: int, index: int, gmk: "bytes | memoryview") -> bytes:
    """Short address, group key and its activation: what a joining node must get."""
    return struct.pack(">BBH", _SHORT_ADDRESS, 2, short_addr) + key_parameters(index, gmk) + activation(index)


def key_parameters(index: int, gmk: "bytes | memoryview") -> bytes:
    """A group key alone: what a rekey distributes."""
    return bytes([_GMK, 1 + _KEY_LEN, index]) + bytes(gmk)


def activation(index: int) -> bytes:
    """Use the group key `index`."""
    return bytes([_GMK_ACTIVATION, 1, index])


def is_result_ok(parameters: "bytes | memoryview") -> bool:
    """A parameter-result of success.

    NOTE: which of its two octets is which is disputed (g3.md 3.3); success is 00 00 in both readings.
    """
    return bytes(parameters[:4]) == b"\x31\x02\x00\x00"
