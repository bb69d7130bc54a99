# SPDX-License-Identifier: MIT
"""The shim refuses what the device cannot do, and leaves everybody else alone."""

import asyncio
import time

import pytest

from host_tests import shim
from host_tests.shim.dialect import DialectError, find


@pytest.fixture
def run_source(tmp_path):
    """Runs source text as a firmware module; the module."""

    def run(source):
        path = tmp_path / "piece.py"
        path.write_text(source)
        return shim.load(path, "piece")

    return run


@pytest.mark.parametrize(
    "name",
    "enum typing dataclasses logging functools contextlib threading abc itertools subprocess pathlib hmac queue"
    " asyncio.queues os.path collections.abc numpy pytest host_tests tools".split(),
)
def test_a_module_the_device_lacks_cannot_be_imported(run_source, name):
    with pytest.raises(ImportError, match="on the device"):
        run_source(f"import {name}")


@pytest.mark.parametrize(
    "line",
    [
        "from asyncio import Queue",
        "from asyncio import shield",
        "from collections import Counter",
        "from struct import Struct",
        "from os import path",
        "from os import getenv",
        "from time import monotonic",
        "from socket import SO_KEEPALIVE",
        "from hashlib import sha512",
        "from micropython import nothing",
    ],
)
def test_a_name_the_device_lacks_cannot_be_imported(run_source, line):
    with pytest.raises(ImportError, match="has no"):
        run_source(line)


@pytest.mark.parametrize(
    "line",
    [
        "import time; time.perf_counter()",
        "import asyncio; asyncio.timeout(1)",
        "import asyncio; asyncio.TaskGroup()",
        "import hashlib; hashlib.sha256(b'').hexdigest()",
        "bytearray(3).clear()",
        "bytearray(3).pop()",
        "bytearray(b'abc').insert(0, 1)",
    ],
)
def test_an_attribute_the_device_lacks_is_missing(run_source, line):
    with pytest.raises((AttributeError, DialectError)):
        run_source(line)


@pytest.mark.parametrize("name", ["TimeoutError", "ConnectionResetError", "FileNotFoundError", "vars", "ascii"])
def test_a_builtin_the_device_lacks_is_undefined(run_source, name):
    with pytest.raises(NameError):
        run_source(name)


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("match 1:\n case 1: pass", "match"),
        ("def f(a, /): pass", "positional-only"),
        ("async def f():\n yield 1", "asynchronous generator"),
        ("x = bytearray(4)\ndel x[0:2]", "del of a slice"),
        ("x = b'abcd'[::2]", "step"),
        ("class A(metaclass=type): pass", "metaclass"),
        ("x = {**{}}", "dict display"),
        ("x = [*b'a']", "display"),
        ("x = (5).bit_length()", "bit_length"),
        ("x = memoryview(b'').tobytes()", "tobytes"),
        ("x = '1'.zfill(2)", "zfill"),
        ("x = (1).to_bytes(2, 'big', signed=True)", "signed"),
        ("isinstance(1, int | str)", "union"),
        ("class A:\n def __del__(self): pass", "__del__"),
    ],
)
def test_the_dialect_is_refused_before_anything_runs(run_source, source, what):
    with pytest.raises(DialectError, match=what):
        run_source(source)


def test_a_generator_inside_a_coroutine_is_not_an_asynchronous_generator():
    assert not list(find("async def f():\n def g():\n  yield 1\n return g", "x.py"))


def test_what_the_device_has_passes(run_source):
    piece = run_source(
        "import struct, time, asyncio, os, json\n"
        "from micropython import const\n"
        "from base.ring import Ring\n"
        "if (n := const(3)) and f'{n}': ring = Ring(n)\n"
        "a, *b = [1, 2, 3]\n"
        "buf = bytearray(b'abc'); buf.append(1); buf[1:2] = b''\n"
        "try:\n struct.unpack('>H', b'1')\nexcept ValueError: wrong = True\n"
    )
    assert (piece.ring.capacity, piece.b, bytes(piece.buf), piece.wrong) == (3, [2, 3], b"ac\x01", True)


def test_a_bytearray_of_a_test_is_a_bytearray_for_the_firmware(run_source):
    piece = run_source("def is_buffer(x): return isinstance(x, bytearray)\nmine = bytearray(b'xy')")
    assert piece.is_buffer(bytearray(1)) and piece.is_buffer(piece.mine) and not piece.is_buffer(b"")
    assert isinstance(piece.mine, bytearray) and bytes(memoryview(piece.mine)[1:]) == b"y"


def test_tests_and_libraries_keep_their_own_modules():
    import base.ticks

    assert hasattr(time, "monotonic") and hasattr(asyncio, "Queue")
    assert base.ticks.ticks_add((1 << 30) - 1, 2) == 1


def test_firmware_modules_exist_once():
    import base.ring
    from base.ring import Ring

    assert base.ring.Ring is Ring
    assert "__import__" in base.ring.__builtins__ and "vars" not in base.ring.__builtins__
