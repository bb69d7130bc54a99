# SPDX-License-Identifier: MIT
"""The device's importable modules, by name: each has the names MicroPython 1.25 has, no more.

The lists were read from the interpreter itself (`dir(module)` on the unix port, minus what
stm32 leaves out); host_tests/test_shim_names.py compares them with it on every run.
"""

from __future__ import annotations

import array
import binascii
import collections
import errno
import gc
import hashlib
import heapq
import io
import json
import math
import os
import random
import re
import struct
import sys
import traceback
from types import ModuleType, SimpleNamespace
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from host_tests.shim import aio, clock, files, hardware, sockets, streams
from host_tests.shim.board import device


class Facade(ModuleType):
    """A module that says what it lacks."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"the device's module '{self.__name__}' has no '{name}'")


def facade(name: str, names: dict[str, Any]) -> Facade:
    """A module `name` with exactly `names`."""
    module = Facade(name)
    module.__dict__.update(names)
    return module


def _pick(module: ModuleType, words: str) -> dict[str, Any]:
    return {word: getattr(module, word) for word in words.split()}


def _value_error(function: Any) -> Any:
    """The device raises ValueError where CPython has struct.error."""

    def wrapped(*args: Any) -> Any:
        try:
            return function(*args)
        except struct.error as error:
            raise ValueError(str(error)) from None

    return wrapped


class _Hash:
    """update() and one digest(); the device has no hexdigest() and cannot digest twice."""

    def __init__(self, name: str, first: Any = b"") -> None:
        self._hash: Any = hashlib.new(name, first)

    def update(self, chunk: Any) -> None:
        """Add `chunk`."""
        self._live().update(chunk)

    def digest(self) -> bytes:
        """The hash; the object is used up."""
        digest: bytes = self._live().digest()
        self._hash = None
        return digest

    def _live(self) -> Any:
        if self._hash is None:
            raise ValueError("hash is final")
        return self._hash


class _Aes:
    """aes(key, mode[, IV]): 1 = ECB, 2 = CBC; one object encrypts or decrypts, not both, as on the device."""

    def __init__(self, key: Any, mode: int, iv: Any = None) -> None:
        if mode not in (1, 2):
            raise ValueError("mode")
        if len(key) not in (16, 32):
            raise ValueError("key")
        self._cipher = Cipher(algorithms.AES(bytes(key)), modes.ECB() if mode == 1 else modes.CBC(bytes(iv)))
        self._use: Any = None

    def encrypt(self, octets: Any, out: Any = None) -> Any:
        """Whole blocks; into `out` when it is given."""
        return self._run(octets, "encryptor", out)

    def decrypt(self, octets: Any, out: Any = None) -> Any:
        """Whole blocks; into `out` when it is given."""
        return self._run(octets, "decryptor", out)

    def _run(self, octets: Any, kind: str, out: Any) -> Any:
        if len(octets) % 16:
            raise ValueError("blksize % 16")
        if self._use is None:
            self._use = (kind, getattr(self._cipher, kind)())
        if self._use[0] != kind:
            raise ValueError("can't encrypt & decrypt")
        if out is not None and len(out) < len(octets):
            raise ValueError("output too small")
        changed: bytes = self._use[1].update(bytes(octets))
        if out is None:
            return changed
        out[: len(changed)] = changed
        return out


class _Deque(collections.deque[Any]):
    """deque(iterable, maxlen, flags=0): the length is not optional; flag 1 raises IndexError when full."""

    def __init__(self, iterable: Any, maxlen: int, flags: int = 0) -> None:
        super().__init__(iterable, maxlen)
        self._flags = flags

    def _check(self) -> None:
        if self._flags and len(self) == self.maxlen:
            raise IndexError("full")

    def append(self, item: Any) -> None:
        """At the right end; drops the left one, or raises, when full."""
        self._check()
        super().append(item)

    def appendleft(self, item: Any) -> None:
        """At the left end."""
        self._check()
        super().appendleft(item)

    def _absent(self, *_: Any) -> Any:
        raise AttributeError("the device's deque lacks this")

    clear = copy = count = index = insert = remove = reverse = rotate = _absent


def _print_exception(error: BaseException, file: Any = None) -> None:
    text = "".join(traceback.format_exception(error))
    (file or sys.stderr).write(text)


def _sys_names() -> dict[str, Any]:
    implementation = SimpleNamespace(name="micropython", version=(1, 25, 0, ""), _machine="shim", _mpy=0x1F06)
    return {
        **_pick(sys, "stdin stdout stderr exit byteorder"),
        "path": ["", "/flash", "/flash/lib", "lib"],
        "modules": {},
        "argv": [],
        "platform": "pyboard",
        "maxsize": 0x7FFFFFFF,
        "version": "3.4.0; MicroPython v1.25.0 (shim)",
        "version_info": (3, 4, 0),
        "implementation": implementation,
        "print_exception": _print_exception,
    }


def _os_names() -> dict[str, Any]:
    words = "remove rename mkdir rmdir listdir ilistdir stat statvfs chdir getcwd".split()
    # Looked up at each call: device.power_on() replaces the file system.
    calls = {word: lambda *args, _word=word: getattr(device.fs, _word)(*args) for word in words}
    return {**calls, "unlink": calls["remove"], "sync": lambda: None, "sep": "/", "urandom": os.urandom}


def _gc_names() -> dict[str, Any]:
    free = 400_000  # what a board of this class has; CPython has no such number
    return {
        "collect": gc.collect,
        "mem_free": lambda: free,
        "mem_alloc": lambda: 100_000,
        "threshold": lambda amount=None: -1 if amount is None else None,
        **_pick(gc, "enable disable isenabled"),
    }


def _small_modules() -> dict[str, dict[str, Any]]:
    structs = _pick(struct, "pack pack_into unpack unpack_from calcsize")
    errors = "EACCES EADDRINUSE EAGAIN EALREADY EBADF ECONNABORTED ECONNREFUSED ECONNRESET EEXIST EHOSTUNREACH"
    errors += " EINPROGRESS EINVAL EIO EISDIR ENOBUFS ENODEV ENOENT ENOMEM ENOTCONN EOPNOTSUPP EPERM ETIMEDOUT"
    return {
        "struct": {name: _value_error(function) for name, function in structs.items()},
        "binascii": _pick(binascii, "hexlify unhexlify a2b_base64 b2a_base64 crc32"),
        "json": _pick(json, "load loads dump dumps"),
        "hashlib": {"sha256": lambda first=b"": _Hash("sha256", first), "sha1": lambda first=b"": _Hash("sha1", first)},
        "array": {"array": array.array},
        "collections": {**_pick(collections, "OrderedDict namedtuple"), "deque": _Deque},
        "cryptolib": {"aes": _Aes},
        "errno": _pick(errno, errors),
        "heapq": _pick(heapq, "heappush heappop heapify"),
        "math": _pick(math, "ceil cos e exp fabs floor fmod isfinite isinf isnan log log2 pi pow sin sqrt tan trunc"),
        "random": _pick(random, "choice getrandbits randint random randrange seed uniform"),
        "re": _pick(re, "compile match search sub"),
    }


def make_modules() -> dict[str, ModuleType]:
    """All modules the device has, by the name they are imported with."""
    tables = {
        **_small_modules(),
        "asyncio": {**aio.names(), **streams.asyncio_names()},
        "gc": _gc_names(),
        "io": {**files.io_names(lambda: device.fs), **_pick(io, "StringIO BytesIO")},
        "machine": hardware.machine_names(),
        "micropython": hardware.micropython_names(),
        "network": hardware.network_names(),
        "os": _os_names(),
        "select": sockets.select_names(),
        "socket": sockets.socket_names(),
        "sys": _sys_names(),
        "time": clock.time_names(lambda: device.clock),
        "vfs": {"mount": lambda *_, **__: None, "umount": lambda *_: None},
    }
    return {name: facade(name, names) for name, names in tables.items()}
