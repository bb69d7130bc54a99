# SPDX-License-Identifier: MIT
"""Collects a test file written for both lanes: here under the shim, on MicroPython by runner.py.

Such a file is firmware: it imports what the device has, its tests are plain functions
`test_*` without arguments and with plain asserts; `async def` tests run on the shim's loop.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest
from _pytest.assertion import rewrite

from host_tests.shim import aio, guard

BOTH = guard.ROOT / "host_tests" / "both"
_FOR_PYTEST = ("builtins", "_pytest.assertion.rewrite")


_BESIDE = guard.ROOT / "host_tests" / "both"
_loaded: dict[str, ModuleType] = {}


def _import(name: str, *args: Any) -> ModuleType:
    """The guard, and what pytest's rewritten asserts need, and files beside the tests."""
    if name in _FOR_PYTEST:
        return importlib.__import__(name, *args)
    path = _BESIDE / f"{name}.py"
    if not path.is_file():
        return guard.guarded_import(name, *args)
    if name not in _loaded:
        _loaded[name] = guard.load(path, name, RULES)
    return _loaded[name]


def _compile_with_asserts(source: bytes, path: str) -> CodeType:
    tree = ast.parse(source, path)
    rewrite.rewrite_asserts(tree, source, path, None)
    return compile(tree, path, "exec", dont_inherit=True)


def _open(path: Any, mode: str = "r") -> Any:
    """Vectors beside the tests are on the host; every other file is on the board's flash."""
    if mode in ("r", "rb") and Path(path).is_relative_to(guard.ROOT / "host_tests"):
        return Path(path).open(mode)
    return guard.device.fs.open(path, mode)


RULES = guard.Rules(_import, _open, _compile_with_asserts)


class BothModule(pytest.File):
    """One file of host_tests/both."""

    def collect(self) -> Iterator[pytest.Item]:
        """A test per function test_*."""
        module = guard.load(self.path, self.path.stem, RULES)
        for name, function in sorted(vars(module).items()):
            if name.startswith("test_") and inspect.isfunction(function):
                yield BothItem.from_parent(self, name=name, function=function)


class BothItem(pytest.Item):
    """One test function."""

    def __init__(self, *, function: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._function = function

    def runtest(self) -> None:
        """Run it on a fresh board."""
        guard.device.power_on()
        outcome = self._function()
        if inspect.iscoroutine(outcome):
            aio.run(outcome)

    def reportinfo(self) -> tuple[Any, int, str]:
        """Where it stands."""
        return self.path, self._function.__code__.co_firstlineno - 1, self.name

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        """The failure without the way there."""
        excinfo.traceback = excinfo.traceback.cut(path=self.path)
        return super().repr_failure(excinfo, style="long")
