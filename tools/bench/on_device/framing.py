# SPDX-License-Identifier: MIT
"""Framing jobs for counting instructions: `micropython framing.py <python|user> <job> <times>`.

A job is what one frame of the longest kind costs: called by tools/bench/framing.py under
callgrind with two counts, whose difference is the job alone.
"""

import sys

sys.path.insert(0, "lib")

from base import framing_py, framing_words  # noqa: E402

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

LOCAL_DATA, USI_DATA, PIECE = 247, 1100, 32


def pieces(length: int) -> "list":
    """(start, end) of each piece of a stream."""
    return [(off, min(off + PIECE, length)) for off in range(0, length, PIECE)]


class Bench:
    """Buffers and the jobs on them."""

    def __init__(self, core: "ModuleType") -> None:
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

    # NOTE: each job is one call for all repetitions: a call of a function with many locals takes heap for
    # its frame, which would be counted for the core.

    def local_encode(self, times: int) -> None:
        """Close the longest local frame."""
        encode_into, local = self._core.encode_into, self._local
        for _ in range(times):
            encode_into(local, 0, 0x50, LOCAL_DATA)

    def local_deframe(self, times: int) -> None:
        """Take the longest local frame in pieces, as a UART gives them."""
        deframe, state, frame, local = self._core.deframe, self._state, self._frame, self._local
        for _ in range(times):
            for off, end in self._local_pieces:
                while off < end:
                    off = deframe(state, frame, 4, local, off, end)
        if state[1] != 1:
            raise ValueError("no frame")

    def local_deframe_harness(self, times: int) -> None:
        """The loops of `local_deframe` without the core."""
        for _ in range(times):
            for off, end in self._local_pieces:
                while off < end:
                    off = end

    def usi_encode(self, times: int) -> None:
        """Make a USI frame of 1100 octets."""
        usi_encode_into, dst, payload = self._core.usi_encode_into, self._dst, self._payload
        for _ in range(times):
            usi_encode_into(dst, 0, 0x25, payload, 0, USI_DATA)

    def usi_deframe(self, times: int) -> None:
        """Take a USI frame of 1100 octets in pieces."""
        deframe, state, frame, usi = self._core.usi_deframe, self._state, self._frame, self._usi
        for _ in range(times):
            for off, end in self._usi_pieces:
                while off < end:
                    off = deframe(state, frame, usi, off, end)
        if state[1] != framing_words.USI_FRAME:
            raise ValueError("no frame")

    def usi_deframe_harness(self, times: int) -> None:
        """The loops of `usi_deframe` without the core."""
        for _ in range(times):
            for off, end in self._usi_pieces:
                while off < end:
                    off = end

    def fcs16(self, times: int) -> None:
        """HDLC check sequence over 247 octets."""
        fcs16, local = self._core.fcs16, self._local
        for _ in range(times):
            fcs16(local, 0, LOCAL_DATA)

    def ghash(self, times: int) -> None:
        """Hash of a key, 17 octets of additional data and 256 of ciphertext."""
        core, state = self._core, self._ghash
        for _ in range(times):
            core.ghash_start(state, self._payload, 0)
            core.ghash_update(state, self._payload, 0, 17)
            core.ghash_text(state)
            core.ghash_update(state, self._payload, 0, 256)
            core.ghash_finish(state, self._dst, 0)

    def wpdu_scan(self, times: int) -> None:
        """Look at one wrapper header."""
        wpdu_scan, local = self._core.wpdu_scan, self._local
        for _ in range(times):
            wpdu_scan(local, 0, 8, 2000)


def main() -> None:
    """Run a job so many times."""
    core = framing_py if sys.argv[1] == "python" else __import__("_framing")
    getattr(Bench(core), sys.argv[2])(int(sys.argv[3]))


main()
