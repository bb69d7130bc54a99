# SPDX-License-Identifier: MIT
"""The application's own files, to be hashed: boot.py, main.py and all below lib/, as far as they are files.

Code that is frozen into the interpreter is no file; what it is, the interpreter's version says.
"""

import os
from hashlib import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK_LEN = 512
_DIRECTORY = 0x4000
_KINDS = (".py", ".mpy")


def _files(root: str, folder: str) -> "Iterator[str]":
    """Paths below `root`, in the order of their names, each folder's files and folders together."""
    for entry in sorted(os.ilistdir(root + "/" + folder)):
        path = folder + "/" + entry[0]
        if entry[1] == _DIRECTORY:
            yield from _files(root, path)
        elif path.endswith(_KINDS):
            yield path


def _paths(root: str) -> "Iterator[str]":
    try:
        os.stat(root + "/lib")
    except OSError:
        return
    for name in ("boot.py", "main.py"):
        try:
            os.stat(root + "/" + name)
        except OSError:
            continue
        yield name
    yield from _files(root, "lib")


def signature_of(root: str) -> "Iterator[bytes]":
    """SHA-256 over path, 00, contents of each file: b"" after every 512 octets read, the 32 octets at the end.

    b"" at the end as well when there are no files. OSError when one cannot be read.
    """
    whole = sha256()
    chunk = bytearray(_CHUNK_LEN)
    count = 0
    for path in _paths(root):
        count += 1
        whole.update(path.encode() + b"\x00")
        with open(root + "/" + path, "rb") as file:
            n = file.readinto(chunk)
            while n:
                whole.update(memoryview(chunk)[:n])
                yield b""
                n = file.readinto(chunk)
    yield whole.digest() if count else b""
