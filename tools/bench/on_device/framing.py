# SPDX-License-Identifier: MIT
"""Framing jobs for counting instructions: `micropython framing.py <python|user> <job> <times>`.

A job is what one frame of the longest kind costs: called by tools/bench/framing.py under
callgrind with two counts, whose difference is the job alone.
"""

import sys

sys.path.insert(0, "lib")

from base import framing_py, framing_words  # noqa: E402

LOCAL_DATA, USI_DATA, PIECE = 247, 1100, 32


def pieces(length: int) -> "list":
    """(start, end) of each piece of a stream."""
    return [(off, min(off + PIECE, length)) for off in range(0, length, PIECE)]


class Bench:
    """Buffers and the jobs on them."""

    def __init__(self, core: "object") -> None:
        self._core = core
        self._dst = bytearray(2400)
        self._frame = bytearray(framing_words.USI_MAX_FRAME)
        self._state = bytearray(4)
        self._ghash = bytearray(framing_words.GHASH_STATE_LEN)
        self._payload = bytes([1 + i % 120 for i in range(USI_DATA)])
        self._local = bytearray(252)
        self._local[3:250] = self._payload[:LOCAL_DATA]
        framing_py.encode_into(self._local, 0, 0x50, LOCAL_DATA)
        size = framing_py.usi_encode_into(self._dst, 0, 0x25, self._payload, 0, USI_DATA)
        self._usi = bytes(self._dst[:size])
        self._local_pieces, self._usi_pieces = pieces(len(self._local)), pieces(size)

    def local_encode(self) -> None:
        """Close the longest local frame."""
        self._core.encode_into(self._local, 0, 0x50, LOCAL_DATA)

    def local_deframe(self) -> None:
        """Take the longest local frame in pieces, as a UART gives them."""
        deframe, state, frame, local = self._core.deframe, self._state, self._frame, self._local
        for off, end in self._local_pieces:
            while off < end:
                off = deframe(state, frame, 4, local, off, end)
        if state[1] != 1:
            raise ValueError("no frame")

    def usi_encode(self) -> None:
        """Make a USI frame of 1100 octets."""
        self._core.usi_encode_into(self._dst, 0, 0x25, self._payload, 0, USI_DATA)

    def usi_deframe(self) -> None:
        """Take a USI frame of 1100 octets in pieces."""
        deframe, state, frame, usi = self._core.usi_deframe, self._state, self._frame, self._usi
        for off, end in self._usi_pieces:
            while off < end:
                off = deframe(state, frame, usi, off, end)
        if state[1] != framing_words.USI_FRAME:
            raise ValueError("no frame")

    def fcs16(self) -> None:
        """HDLC check sequence over 247 octets."""
        self._core.fcs16(self._local, 0, LOCAL_DATA)

    def ghash(self) -> None:
        """Hash of a key, 17 octets of additional data and 256 of ciphertext."""
        core, state = self._core, self._ghash
        core.ghash_start(state, self._payload, 0)
        core.ghash_update(state, self._payload, 0, 17)
        core.ghash_text(state)
        core.ghash_update(state, self._payload, 0, 256)
        core.ghash_finish(state, self._dst, 0)

    def wpdu_scan(self) -> None:
        """Look at one wrapper header."""
        self._core.wpdu_scan(self._local, 0, 8, 2000)


def main() -> None:
    """Run a job so many times."""
    if sys.argv[1] == "user":
        import _framing as core
    else:
        core = framing_py
    job = getattr(Bench(core), sys.argv[2])
    for _ in range(int(sys.argv[3])):
        job()


main()
