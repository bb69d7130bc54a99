# SPDX-License-Identifier: MIT
"""An image on flash: one file written in place, wherever its blocks belong, and hashed in steps.

Not safe against a power cut by itself: whoever writes it keeps a record of what has been flushed.
"""

from errno import ENOENT
from hashlib import sha256

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from hal.store import FileStore

_CHUNK_LEN = const(512)
_CHUNKS_PER_STEP = const(32)  # 16 kB


class ImageFile:
    """The file `name` of `store`; False, or None, when the flash refuses. `step` bounds `hash_step`, in 512 octets."""

    def __init__(self, store: "FileStore", name: str) -> None:
        self._store = store
        self._name = name
        self._file: "BinaryIO | None" = None
        self._hash: "object | None" = None
        self._hashed = 0

    def begin(self) -> bool:
        """Empty the file."""
        try:
            self._close()
            self._file = self._store.open_in_place(self._name, "w+b")
        except OSError:
            return False
        return True

    def put(self, off: int, octets: bytes) -> bool:
        """Write octets at `off`; on flash after `flush`."""
        try:
            file = self._opened()
            file.seek(off)
            file.write(octets)
        except OSError:
            return False
        return True

    def flush(self) -> bool:
        """What was put is on flash."""
        try:
            self._opened().flush()
        except OSError:
            return False
        return True

    def hash_step(self, size: int) -> "bytes | None":
        """16 kB of the SHA-256 over `size` octets: b"" = go on, 32 octets = done, None = cannot be read."""
        try:
            return self._hash_some(size)
        except OSError:
            self._hash = None
            return None

    def _hash_some(self, size: int) -> "bytes | None":
        if self._hash is None:
            self._hash, self._hashed = sha256(), 0
        file = self._opened()
        file.seek(self._hashed)
        chunk = memoryview(bytearray(_CHUNK_LEN))
        for _ in range(_CHUNKS_PER_STEP):
            n = file.readinto(chunk[: min(_CHUNK_LEN, size - self._hashed)])  # type: ignore[attr-defined]
            if not n:
                break
            self._hash.update(chunk[:n])  # type: ignore[attr-defined]
            self._hashed += n
        if self._hashed < size and n:
            return b""
        whole, self._hash = self._hash, None
        return bytes(whole.digest()) if self._hashed == size else None  # type: ignore[attr-defined]

    def _opened(self) -> "BinaryIO":
        if self._file is None:
            try:
                self._file = self._store.open_in_place(self._name, "r+b")
            except OSError as error:
                if ENOENT not in error.args:
                    raise
                self._file = self._store.open_in_place(self._name, "w+b")
        return self._file

    def _close(self) -> None:
        file, self._file = self._file, None
        self._hash = None
        if file is not None:
            file.close()
