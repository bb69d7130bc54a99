# SPDX-License-Identifier: MIT
"""AES-GCM (NIST SP 800-38D) in place: IV = system title | invocation counter, tag of 12 octets.

AES comes from outside, one GHASH step from base.framing. Key streams are made eight blocks at
a time in buffers that exist from the start; per APDU nothing is allocated, per change of key one
cipher object. Law: an APDU is deciphered only after its tag was found good.
"""

from micropython import const

from base.constant_time import is_equal_at
from base.errors import LocalError
from base.framing import ghash_finish, ghash_start, ghash_text, ghash_update
from base.framing_words import GHASH_STATE_LEN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    Octets = bytes | bytearray | memoryview

    class Cipher(Protocol):
        """AES in ECB mode under one key: whole blocks, in either direction but not both."""

        def encrypt(self, in_buf: "Octets", out_buf: "bytearray | memoryview") -> object: ...

        def decrypt(self, in_buf: "Octets", out_buf: "bytearray | memoryview") -> object: ...

    MakeAes = Callable[[Octets], Cipher]

TAG_LEN = const(12)
_BLOCK = const(16)
_TITLE_LEN = const(8)
_SPAN = const(128)  # eight blocks of key stream at once: four times fewer calls than two, 256 octets of RAM
_MAX_BLOCKS = const(0xFFFF)  # the counter of blocks is kept in two octets: 1 MiB, and no APDU is near it


class Gcm:
    """One message at a time: `start`, `add` as often as needed, then `seal` or `open`."""

    def __init__(self, make_aes: "MakeAes") -> None:
        self._make_aes = make_aes
        self._aes: "Cipher | None" = None
        self._key = bytearray(32)
        self._key_len = 0
        self._hash_key = bytearray(_BLOCK)
        self._state = bytearray(GHASH_STATE_LEN)
        self._counters = bytearray(_SPAN)
        self._stream = bytearray(_SPAN)
        self._mask = bytearray(_BLOCK)
        self._tag = bytearray(_BLOCK)
        self._number = 0
        self._used = 0

    def start(self, key: "Octets", title: "Octets", counter: int) -> None:
        """Begin a message under `key` (16 or 32 octets), system title (8) and invocation counter (32 bits)."""
        if len(title) != _TITLE_LEN:
            raise LocalError("system title of %d octets" % len(title))
        self._use(key)
        ghash_start(self._state, self._hash_key, 0)
        blocks = self._counters
        for at in range(0, _SPAN, _BLOCK):
            for i in range(_TITLE_LEN):
                blocks[at + i] = title[i]
            blocks[at + 8] = counter >> 24 & 0xFF
            blocks[at + 9] = counter >> 16 & 0xFF
            blocks[at + 10] = counter >> 8 & 0xFF
            blocks[at + 11] = counter & 0xFF
            blocks[at + 12] = blocks[at + 13] = 0
        self._number = 1
        self._refill()
        for i in range(_BLOCK):
            self._mask[i] = self._stream[i]
        self._used = _BLOCK

    def add(self, mv: "Octets", off: int, length: int) -> None:
        """Additional data: authenticated, not encrypted. Before `seal` or `open`."""
        ghash_update(self._state, mv, off, length)

    def seal(self, mv: "bytearray | memoryview", off: int, length: int, tag_off: int) -> None:
        """Encrypt `mv[off : off + length]` in place and write the tag (12 octets) at `tag_off`."""
        self._crypt(mv, off, length)
        self._make_tag(mv, off, length)
        for i in range(TAG_LEN):
            mv[tag_off + i] = self._tag[i]

    def open(self, mv: "bytearray | memoryview", off: int, length: int, tag_off: int) -> bool:
        """Decrypt in place when the tag at `mv[tag_off]` is right; False = it is not, and nothing was changed."""
        self._make_tag(mv, off, length)
        if not is_equal_at(self._tag, 0, mv, tag_off, TAG_LEN):
            return False
        self._crypt(mv, off, length)
        return True

    def forget(self) -> None:
        """Wipe the key and what was made from it."""
        self._aes = None
        self._key_len = 0
        for buffer in (self._key, self._hash_key, self._state, self._stream, self._mask):
            for i in range(len(buffer)):
                buffer[i] = 0

    def _use(self, key: "Octets") -> None:
        if self._aes is not None and self._is_in_use(key):
            return
        length = len(key)
        if length not in (16, 32):
            raise LocalError("AES key of %d octets" % length)
        self._aes = self._make_aes(key)
        for i in range(length):
            self._key[i] = key[i]
        self._key_len = length
        for i in range(_BLOCK):
            self._hash_key[i] = 0
        self._aes.encrypt(self._hash_key, self._hash_key)

    def _is_in_use(self, key: "Octets") -> bool:
        return len(key) == self._key_len and is_equal_at(key, 0, self._key, 0, self._key_len)

    def _refill(self) -> None:
        """The next eight blocks of the key stream."""
        number = self._number
        if number > _MAX_BLOCKS:
            raise LocalError("GCM: message too long")
        blocks = self._counters
        for at in range(_BLOCK - 2, _SPAN, _BLOCK):
            blocks[at] = number >> 8 & 0xFF
            blocks[at + 1] = number & 0xFF
            number += 1
        self._number = number
        self._used = 0
        if self._aes is not None:
            self._aes.encrypt(blocks, self._stream)

    def _crypt(self, mv: "bytearray | memoryview", off: int, length: int) -> None:
        stream = self._stream
        end = off + length
        while off < end:
            if self._used == _SPAN:
                self._refill()
            step = min(_SPAN - self._used, end - off)
            at = self._used - off
            for i in range(off, off + step):
                mv[i] ^= stream[at + i]
            off += step
            self._used += step

    def _make_tag(self, mv: "Octets", off: int, length: int) -> None:
        ghash_text(self._state)
        ghash_update(self._state, mv, off, length)
        ghash_finish(self._state, self._tag, 0)
        for i in range(_BLOCK):
            self._tag[i] ^= self._mask[i]
