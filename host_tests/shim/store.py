# SPDX-License-Identifier: MIT
"""Where durable octets are: in memory (tests) or in a directory of the host (runs).

Paths are absolute and plain ("/a/b"). Everything done here is durable at once; what is
pending is the business of files.py.
"""

from __future__ import annotations

import os
from pathlib import Path


class PowerCut(SystemExit):
    """The power ended in the middle of a step. A SystemExit, so that no `except Exception` survives it."""


class MemoryStore:
    """A tree in memory."""

    def __init__(self) -> None:
        self._files: dict[str, bytearray] = {}
        self._dirs = {"/"}

    def exists(self, name: str) -> bool:
        """True for a file or a directory."""
        return name in self._files or name in self._dirs

    def is_dir(self, name: str) -> bool:
        """True for a directory."""
        return name in self._dirs

    def size(self, name: str) -> int:
        """Octets in the file."""
        return len(self._files[name])

    def read(self, name: str) -> bytes:
        """The whole file."""
        return bytes(self._files[name])

    def create(self, name: str) -> None:
        """Make the file, empty."""
        self._files[name] = bytearray()

    def patch(self, name: str, off: int, chunk: bytes) -> None:
        """Overwrite from `off`, filling a gap with zeros."""
        image = self._files[name]
        image.extend(bytes(max(0, off - len(image))))
        image[off : off + len(chunk)] = chunk

    def remove(self, name: str) -> None:
        """Remove the file."""
        del self._files[name]

    def rename(self, old: str, new: str) -> None:
        """Move the file, replacing."""
        self._files[new] = self._files.pop(old)

    def mkdir(self, name: str) -> None:
        """Make the directory."""
        self._dirs.add(name)

    def rmdir(self, name: str) -> None:
        """Remove the directory."""
        self._dirs.remove(name)

    def names(self, name: str) -> list[str]:
        """Names in the directory, sorted."""
        stem = name.rstrip("/") + "/"
        inside = [entry[len(stem) :] for entry in (*self._files, *self._dirs) if entry.startswith(stem)]
        return sorted(entry for entry in inside if entry and "/" not in entry)


class DirStore:
    """A directory of the host."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)

    def _path(self, name: str) -> Path:
        return self._root / name.lstrip("/")

    def exists(self, name: str) -> bool:
        """True for a file or a directory."""
        return self._path(name).exists()

    def is_dir(self, name: str) -> bool:
        """True for a directory."""
        return self._path(name).is_dir()

    def size(self, name: str) -> int:
        """Octets in the file."""
        return self._path(name).stat().st_size

    def read(self, name: str) -> bytes:
        """The whole file."""
        return self._path(name).read_bytes()

    def create(self, name: str) -> None:
        """Make the file, empty."""
        self._path(name).write_bytes(b"")

    def patch(self, name: str, off: int, chunk: bytes) -> None:
        """Overwrite from `off`, filling a gap with zeros."""
        descriptor = os.open(self._path(name), os.O_WRONLY)
        try:
            os.pwrite(descriptor, chunk, off)
        finally:
            os.close(descriptor)

    def remove(self, name: str) -> None:
        """Remove the file."""
        self._path(name).unlink()

    def rename(self, old: str, new: str) -> None:
        """Move the file, replacing."""
        self._path(old).replace(self._path(new))

    def mkdir(self, name: str) -> None:
        """Make the directory."""
        self._path(name).mkdir()

    def rmdir(self, name: str) -> None:
        """Remove the directory."""
        self._path(name).rmdir()

    def names(self, name: str) -> list[str]:
        """Names in the directory, sorted."""
        return sorted(entry.name for entry in self._path(name).iterdir())
