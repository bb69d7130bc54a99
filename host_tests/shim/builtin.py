# SPDX-License-Identifier: MIT
"""Builtins of a firmware module: what MicroPython 1.25 has, and a bytearray that cannot shrink."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

# dir(builtins) on the interpreter; host_tests/test_shim_names.py compares.
NAMES = """
ArithmeticError AssertionError AttributeError BaseException EOFError Ellipsis Exception GeneratorExit ImportError
IndentationError IndexError KeyError KeyboardInterrupt LookupError MemoryError NameError NotImplementedError OSError
OverflowError RuntimeError StopIteration SyntaxError SystemExit TypeError ValueError ZeroDivisionError NotImplemented
StopAsyncIteration UnicodeError abs all any bool bytes callable chr classmethod dict dir divmod eval exec getattr
globals hasattr hash id int isinstance issubclass iter len list locals map next object ord pow print range
repr round set setattr sorted staticmethod str sum super tuple type zip __build_class__ bin compile complex delattr
enumerate filter float frozenset help hex input max memoryview min oct property reversed slice
""".split()


class _AnyBytearray(type):
    """Makes isinstance() accept CPython's own bytearrays too: tests hand them in."""

    def __instancecheck__(cls, thing: Any) -> bool:
        return isinstance(thing, builtins.bytearray)


class bytearray(builtins.bytearray, metaclass=_AnyBytearray):  # the name the firmware sees
    """A bytearray that refuses what MicroPython's lacks."""

    def _absent(self, *_: Any) -> Any:
        raise AttributeError("the device's bytearray has only append, extend and assignment")

    clear = pop = insert = remove = reverse = copy = _absent

    def __delitem__(self, _: Any) -> None:
        raise TypeError("'bytearray' object doesn't support item deletion")

    def __reduce__(self) -> Any:
        return builtins.bytearray, (bytes(self),)


def device_builtins(guarded_import: Callable[..., Any], open_file: Callable[..., Any]) -> dict[str, Any]:
    """The `__builtins__` of one firmware module."""
    names = {name: getattr(builtins, name) for name in NAMES if hasattr(builtins, name)}
    extra = {"__import__": guarded_import, "open": open_file, "bytearray": bytearray, "__debug__": True}
    return {**names, **extra, "None": None, "True": True, "False": False}
