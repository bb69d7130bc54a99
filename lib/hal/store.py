# SPDX-License-Identifier: MIT
"""Small files on flash, safe against a power cut at any write.

Relies on what littlefs and POSIX both give: what was written is durable after flush, and a
rename replaces the old file in one step. Law: when `append` or `commit` has returned, the
octets are on flash; when it has not, the old contents are.
"""

import os
from errno import ENOENT

from base.errors import LocalError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO


_CHUNK_LEN = 256
_IS_FOLDER = 0x4000


def _are_equal(a: "BinaryIO", b: "BinaryIO") -> bool:
    """Both files, from where they stand, have the same octets to the end."""
    while True:
        ours, theirs = a.read(_CHUNK_LEN), b.read(_CHUNK_LEN)
        if ours != theirs:
            return False
        if not ours:
            return True


class FileStore:
    """Files by plain name in the folder `root` (made if missing). Every call may raise OSError."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._reading: "BinaryIO | None" = None
        self._reading_name = ""
        self._appending: "BinaryIO | None" = None
        self._appending_name = ""
        self._new: "BinaryIO | None" = None
        self._new_name = ""
        try:
            os.mkdir(root)
        except OSError:
            os.listdir(root)  # it exists, or this says why not

    def _path(self, name: str) -> str:
        return self._root + "/" + name

    def load(self, name: str, mv: memoryview, off: int) -> int:
        """Read up to len(mv) octets at offset `off`; 0 at the end or when there is no such file."""
        if self._reading is None or self._reading_name != name:
            self._close_all()
            self._reading = self._open_existing(name)
            self._reading_name = name
        if self._reading is None:
            return 0
        self._reading.seek(off)
        return self._reading.readinto(mv) or 0  # type: ignore[attr-defined]

    def read_text(self, name: str, max_len: int = 16384) -> "str | None":
        """The whole file as text, None when it is not there. ValueError when it is no text or too long."""
        file = self._open_existing(name)
        if file is None:
            return None
        try:
            length = os.stat(self._path(name))[6]
            raw = file.read(min(length, max_len + 1))  # its own length: a read of the limit would allocate that
        finally:
            file.close()
        if length > max_len:
            raise ValueError("over %d octets" % max_len)
        return str(raw, "utf-8")

    def append(self, name: str, mv: "bytes | bytearray | memoryview", is_last: bool = True) -> None:
        """Add octets to the end of a file; durable on return, all before included, when `is_last`. Keeps it open."""
        if self._appending is None or self._appending_name != name:
            self._close_all()
            self._appending = open(self._path(name), "ab")
            self._appending_name = name
        self._appending.write(mv)
        if is_last:  # NOTE: a file system that copies on write erases a block for each flush
            self._appending.flush()

    def open_in_place(self, name: str, mode: str) -> "BinaryIO":
        """A file of its own, to be read and written anywhere ("r+b", "w+b"); whoever opens it closes it."""
        return open(self._path(name), mode)  # type: ignore[return-value]

    def begin(self, name: str) -> None:
        """Start a new version of a file beside the old one."""
        self._close_all()
        self._new = open(self._path(name + ".new"), "wb")
        self._new_name = name

    def write(self, mv: "bytes | bytearray | memoryview") -> None:
        """Add octets to the new version. Any call but `write` and `commit` abandons it."""
        if self._new is None:
            raise LocalError("store: write without begin")
        self._new.write(mv)

    def commit(self) -> None:
        """Make the new version the file; atomic."""
        if self._new is None:
            raise LocalError("store: commit without begin")
        self._new.flush()
        self._close_all()
        os.rename(self._path(self._new_name + ".new"), self._path(self._new_name))

    def copy(self, name: str, other: str) -> None:
        """Make `other` a copy of `name`, atomically; nothing is written when it is one. Needs 512 octets."""
        source = self._open_existing(name)
        if source is None:
            raise OSError(ENOENT, name)
        old = None
        try:
            old = self._open_existing(other)
            if old is not None and _are_equal(source, old):
                return
            source.seek(0)
            self.begin(other)
            chunk = source.read(_CHUNK_LEN)
            while chunk:
                self.write(chunk)
                chunk = source.read(_CHUNK_LEN)
            self.commit()
        finally:
            source.close()
            if old is not None:
                old.close()

    def names(self) -> "list[str]":
        """Every file of the folder; folders in it are not named."""
        return [entry[0] for entry in os.ilistdir(self._root) if not entry[1] & _IS_FOLDER]

    def remove(self, name: str) -> bool:
        """Take a file away; durable on return. False: the file system does not let it go."""
        self._close_all()
        try:
            os.remove(self._path(name))
        except OSError:
            return False
        return True

    def _open_existing(self, name: str) -> "BinaryIO | None":
        """The file for reading; None when there is no such file, OSError when it cannot be read."""
        try:
            return open(self._path(name), "rb")  # type: ignore[no-any-return]
        except OSError as error:
            if ENOENT not in error.args:  # NOTE: taken for "no file", the journal would be begun anew
                raise
            return None

    def _close_all(self) -> None:
        files = (self._reading, self._appending, self._new)
        # NOTE: forgotten first: a close that fails must not be tried for ever after.
        self._reading = self._appending = self._new = None
        for file in files:
            if file is not None:
                file.close()
