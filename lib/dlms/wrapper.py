# SPDX-License-Identifier: MIT
"""WPDU wrapper of the TCP/UDP profile (IEC 62056-4-7, Green Book 7.3).

Eight octets, big-endian: version 0x0001 | source wPort | destination wPort | APDU length.
Law: octets of the APDU go from the socket straight into the caller's buffer; the reader
holds nothing but one header and never asks for an octet beyond the WPDU it is in, so the
next one waits in the socket until there is a buffer for it (that is the back-pressure).
"""

import struct

from micropython import const

from base.errors import LocalError, RemoteError

HEADER_LEN = const(8)
MAX_APDU_LEN = const(0xFFFF)
_VERSION = const(1)

# What `WpduReader.advance` answers.
WPDU_MORE = const(0)  # read on
WPDU_HEADER = const(1)  # header complete and valid: `give` a buffer before reading on
WPDU_READY = const(2)  # the APDU is complete in the given buffer

_IN_HEADER = const(0)
_WANTS_BUFFER = const(1)
_IN_APDU = const(2)
_BROKEN = const(3)


def encode_header_into(dst: "bytearray | memoryview", off: int, source: int, destination: int, length: int) -> int:
    """Write the 8-octet header for an APDU of `length` octets at `dst[off]`; returns 8.

    Raises LocalError for an empty APDU (never sent: facts 1) or one over 65535 octets.
    Allocates nothing.
    """
    if not 0 < length <= MAX_APDU_LEN:
        raise LocalError("APDU of %d octets in a WPDU" % length)
    struct.pack_into(">HHHH", dst, off, _VERSION, source, destination, length)
    return HEADER_LEN


class WpduReader:
    """Cuts one TCP stream into WPDUs; one per connection, used for its whole life.

    Loop: `n = readinto(reader.target())`, then `reader.advance(n)`. After WPDU_HEADER the
    wPorts and `length` are valid and `give(view, off)` must follow before the next
    `target()`; after WPDU_READY the buffer is the caller's again and the reader stands at
    the next header. `source`, `destination`, `length` stay valid until the next header is
    complete. `max_apdu` (octets, <= 65535) is the most that is accepted.

    Allocates one memoryview slice per `target()` inside an APDU (64 octets on a 64-bit
    build, 32 on the device), nothing else.
    """

    def __init__(self, max_apdu: int) -> None:
        self._header = bytearray(HEADER_LEN)
        whole = memoryview(self._header)
        self._header_tails = [whole[i:] for i in range(HEADER_LEN)]
        self._max_apdu = max_apdu
        self._phase = _IN_HEADER
        self._filled = 0
        self._view: "memoryview | None" = None
        self._off = 0
        self.version = _VERSION
        self.source = 0
        self.destination = 0
        self.length = 0

    @property
    def is_partial(self) -> bool:
        """The peer owes octets of a WPDU it has begun (for the idle timer).

        False while the reader waits for a buffer: that delay is ours, not the peer's.
        """
        return self._phase == _IN_APDU or (self._phase == _IN_HEADER and self._filled > 0)

    @property
    def wants_buffer(self) -> bool:
        """A header is complete and `give` has not been called yet."""
        return self._phase == _WANTS_BUFFER

    def target(self) -> memoryview:
        """Where the next octets belong; never longer than what is missing of this part.

        Raises LocalError when a buffer must be given first, or after a RemoteError (a
        stream cannot be resynchronised: close the connection).
        """
        if self._phase == _IN_HEADER:
            return self._header_tails[self._filled]
        if self._phase != _IN_APDU or self._view is None:
            raise LocalError("WPDU reader: no target in phase %d" % self._phase)
        return self._view[self._off + self._filled : self._off + self.length]

    def advance(self, n: int) -> int:
        """Account for `n` octets just read into `target()`; WPDU_MORE, _HEADER or _READY.

        Raises RemoteError for another version, length 0 or over `max_apdu` (`version` and
        `length` tell which; close the connection) and LocalError when `n` is out of range
        or no target was due.
        """
        if self._phase != _IN_HEADER and self._phase != _IN_APDU:
            raise LocalError("WPDU reader: advance in phase %d" % self._phase)
        whole = HEADER_LEN if self._phase == _IN_HEADER else self.length
        if not 0 <= n <= whole - self._filled:
            raise LocalError("WPDU reader: advance by %d" % n)
        self._filled += n
        if self._filled < whole:
            return WPDU_MORE
        self._filled = 0
        if self._phase == _IN_HEADER:
            self._accept_header()
            return WPDU_HEADER
        self._phase = _IN_HEADER
        self._view = None
        return WPDU_READY

    def give(self, view: memoryview, off: int) -> None:
        """Lend `view` until WPDU_READY; the APDU goes to `view[off : off + length]`.

        Raises LocalError when no header waits for a buffer or the APDU does not fit.
        """
        if self._phase != _WANTS_BUFFER:
            raise LocalError("WPDU reader: buffer given in phase %d" % self._phase)
        if off + self.length > len(view):
            raise LocalError("WPDU reader: APDU does not fit the buffer")
        self._view = view
        self._off = off
        self._phase = _IN_APDU

    def _accept_header(self) -> None:
        header = self._header
        self.version = header[0] << 8 | header[1]
        self.source = header[2] << 8 | header[3]
        self.destination = header[4] << 8 | header[5]
        self.length = header[6] << 8 | header[7]
        if self.version == _VERSION and 0 < self.length <= self._max_apdu:
            self._phase = _WANTS_BUFFER
            return
        self._phase = _BROKEN
        if self.version != _VERSION:
            raise RemoteError("wrapper version")
        raise RemoteError("wrapper length")
