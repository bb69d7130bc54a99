# SPDX-License-Identifier: MIT
"""Local frame of the chip's host interface: 02, length, command, data, 16-bit sum (sfsk.md 4.3).

Length counts command, data and sum (3..250); the sum runs over length, command and data and is
sent low octet first. `FrameReader` is the chip's receiver: octet by octet with arrival times.
"""

from tools.sim.chips import STX

MIN_LENGTH = 3
MAX_LENGTH = 250


def checksum(octets: bytes | bytearray) -> bytes:
    """The two sum octets over `octets` (length, command, data)."""
    return (sum(octets) & 0xFFFF).to_bytes(2, "little")


def build(command: int, payload: bytes = b"") -> bytes:
    """A whole local frame; payload at most 247 octets."""
    if len(payload) + 3 > MAX_LENGTH:
        raise ValueError("local frame of %d data octets" % len(payload))
    body = bytes((len(payload) + 3, command)) + payload
    return bytes((STX,)) + body + checksum(body)


def split(frame: bytes) -> tuple[int, bytes]:
    """Command and data of a whole, valid local frame; ValueError when it is not one."""
    if len(frame) < 5 or frame[0] != STX or frame[1] + 2 != len(frame):
        raise ValueError("not a local frame: " + frame.hex())
    if checksum(frame[1:-2]) != frame[-2:]:
        raise ValueError("wrong sum: " + frame.hex())
    return frame[2], frame[3:-2]


class FrameReader:
    """Collects one frame from the host.

    feed() returns None while more is needed, True when a valid frame is in `command`/`payload`,
    False when length or sum are wrong. The caller ends a frame on a gap longer than tIC.
    """

    def __init__(self) -> None:
        self._buf = bytearray()
        self.command = 0
        self.payload = b""

    def clear(self) -> None:
        """Forget what was collected."""
        self._buf = bytearray()

    @property
    def is_complete(self) -> bool:
        """True when as many octets have come as a valid length announced."""
        buf = self._buf
        return len(buf) > 2 and len(buf) == buf[1] + 2

    def feed(self, octet: int) -> bool | None:
        """One octet of the frame, the first one being STX."""
        buf = self._buf
        buf.append(octet)
        if len(buf) < 2:
            return None
        if not MIN_LENGTH <= buf[1] <= MAX_LENGTH:
            return False
        if len(buf) < buf[1] + 2:
            return None
        if checksum(buf[1:-2]) != buf[-2:]:
            return False
        self.command, self.payload = buf[2], bytes(buf[3:-2])
        return True
