# SPDX-License-Identifier: MIT
"""Small files on flash, safe against a power cut at any write.

Relies on what littlefs and POSIX both give: what was written is durable after flush, and a
rename replaces the old file in one step. Law: when `append` or `commit` has returned, the
octets are on flash; when it has not, the old contents are.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO


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
            try:
                self._reading = open(self._path(name), "rb")
            except OSError:
                return 0
            self._reading_name = name
        self._reading.seek(off)
        return self._reading.readinto(mv) or 0

    def read_text(self, name: str) -> "str | None":
        """The whole file as text, None when it is not there. UnicodeError when it is not text."""
        try:
            with open(self._path(name), "rb") as file:
                raw = file.read()
        except OSError:
            return None
        return str(raw, "utf-8")

    def append(self, name: str, mv: "bytes | bytearray | memoryview") -> None:
        """Add octets to the end of a file; durable on return. Keeps the file open."""
        if self._appending is None or self._appending_name != name:
            self._close_all()
            self._appending = open(self._path(name), "ab")
            self._appending_name = name
        self._appending.write(mv)
        self._appending.flush()

    def begin(self, name: str) -> None:
        """Start a new version of a file beside the old one."""
        self._close_all()
        self._new = open(self._path(name + ".new"), "wb")
        self._new_name = name

    def write(self, mv: "bytes | bytearray | memoryview") -> None:
        """Add octets to the new version."""
        if self._new is not None:
            self._new.write(mv)

    def commit(self) -> None:
        """Make the new version the file; atomic."""
        if self._new is None:
            return
        self._new.flush()
        self._new.close()
        self._new = None
        os.rename(self._path(self._new_name + ".new"), self._path(self._new_name))

    def _close_all(self) -> None:
        for file in (self._reading, self._appending, self._new):
            if file is not None:
                file.close()
        self._reading = self._appending = self._new = None
