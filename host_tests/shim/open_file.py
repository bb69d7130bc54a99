# SPDX-License-Identifier: MIT
"""Open files of the device: what is written is pending, in order, until flush or close.

Each write and each flush is a step of the file system, which may cut the power in it.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from host_tests.shim.store import PowerCut

if TYPE_CHECKING:
    from host_tests.shim.files import FileSystem


class File:
    """An open binary file: reads see the pending writes, the flash does not until flush."""

    def __init__(self, fs: FileSystem, name: str, mode: str) -> None:
        self._fs, self._name, self._boot = fs, name, fs.boot
        kind = mode.replace("b", "").replace("+", "")
        if kind not in ("r", "w", "a") or fs.store.is_dir(name):
            raise OSError(errno.EINVAL if kind not in ("r", "w", "a") else errno.EISDIR, "")
        if kind == "r":
            fs.need(name)
        self._can_write = kind != "r" or "+" in mode
        self._pending: list[tuple[int, bytes]] = []
        self._image = bytearray(b"" if kind == "w" or not fs.store.exists(name) else fs.store.read(name))
        self._pos = len(self._image) if kind == "a" else 0
        self._is_open = True
        if kind == "w" or not fs.store.exists(name):
            self._pending.append((-1, b""))

    def _check(self) -> None:
        if self._boot != self._fs.boot or self._fs.is_dead:
            raise PowerCut("the power was cut while this file was open")
        if not self._is_open:
            raise OSError(errno.EINVAL, "")

    def _units(self) -> int:
        return sum(len(chunk) or 1 for _, chunk in self._pending)

    def _persist(self, units: int) -> None:
        for off, chunk in self._pending:
            if units <= 0:
                return
            if off < 0:
                self._fs.store.create(self._name)
            else:
                self._fs.store.patch(self._name, off, chunk[:units])
            units -= len(chunk) or 1

    def write(self, buf: Any) -> int:
        """Write `buf` at the position; pending until flush."""
        self._check()
        if not self._can_write:
            raise OSError(errno.EBADF, "")
        chunk = bytes(buf)
        if not chunk:
            return 0
        self._pending.append((self._pos, chunk))
        self._fs.step("write", self._name, self._units(), self._persist)
        end = self._pos + len(chunk)
        if self._pos > len(self._image):
            self._image.extend(bytes(self._pos - len(self._image)))
        self._image[self._pos : end] = chunk
        self._pos = end
        return len(chunk)

    def flush(self) -> None:
        """Make everything written durable."""
        self._check()
        if not self._pending:
            return
        units = self._units()
        self._fs.step("flush", self._name, units, self._persist)
        self._persist(units)
        self._pending.clear()

    def close(self) -> None:
        """Flush and close; a second close does nothing."""
        if self._is_open:
            self.flush()
            self._is_open = False

    def read(self, size: int = -1) -> bytes:
        """Up to `size` octets, all the rest when negative."""
        self._check()
        end = len(self._image) if size is None or size < 0 else self._pos + size
        chunk = bytes(self._image[self._pos : end])
        self._pos += len(chunk)
        return chunk

    def readinto(self, buf: Any) -> int:
        """Fill `buf` from the position; the number of octets read."""
        chunk = self.read(len(buf))
        buf[: len(chunk)] = chunk
        return len(chunk)

    def readline(self) -> bytes:
        """Up to and with the next newline."""
        self._check()
        end = self._image.find(b"\n", self._pos)
        return self.read(-1 if end < 0 else end + 1 - self._pos)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move the position; its new value."""
        self._check()
        self._pos = max(0, offset + (0, self._pos, len(self._image))[whence])
        return self._pos

    def tell(self) -> int:
        """The position."""
        return self._pos

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def __enter__(self) -> File:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._fs.is_dead:
            self.close()


class TextFile:
    """A File of UTF-8 text."""

    def __init__(self, binary: File) -> None:
        self._binary = binary

    def read(self, size: int = -1) -> str:
        """All the rest as text (or `size` octets of ASCII)."""
        return self._binary.read(size).decode()

    def readline(self) -> str:
        """Up to and with the next newline."""
        return self._binary.readline().decode()

    def write(self, text: str) -> int:
        """Write `text`; number of characters."""
        self._binary.write(text.encode())
        return len(text)

    def __iter__(self) -> Iterator[str]:
        return iter(self.readline, "")

    def __getattr__(self, name: str) -> Any:
        if name in ("flush", "close", "seek", "tell"):
            return getattr(self._binary, name)
        raise AttributeError(name)

    def __enter__(self) -> TextFile:
        return self

    def __exit__(self, *args: object) -> None:
        self._binary.__exit__(*args)
