# SPDX-License-Identifier: MIT
"""Loads firmware modules under guard: dialect checked, imports and builtins as on the device.

A finder in front of sys.meta_path serves the packages of lib/. Each module gets its own
`__builtins__`, whose `__import__` knows the device's modules and the firmware's packages
and nothing else. Test modules under host_tests/both are loaded the same way.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NamedTuple

from host_tests.shim import builtin, dialect, modules
from host_tests.shim.board import device

ROOT = Path(__file__).resolve().parents[2]
LIB = ROOT / "lib"
PACKAGES = ("base", "dlms", "plc", "gateway", "update", "hal", "app")
DEVICE_MODULES = modules.make_modules()
Compiler = Callable[[bytes, str], CodeType]


def _compile(source: bytes, path: str) -> CodeType:
    return compile(source, path, "exec", dont_inherit=True)


def guarded_import(
    name: str, globals: Any = None, locals: Any = None, fromlist: Sequence[str] = (), level: int = 0
) -> ModuleType:
    """`import` as a firmware module gets it."""
    if level or name.partition(".")[0] in PACKAGES:
        return importlib.__import__(name, globals, locals, fromlist, level)
    if name in DEVICE_MODULES:
        module = DEVICE_MODULES[name]
        missing = [word for word in fromlist or () if word != "*" and word not in module.__dict__]
        if missing:
            raise ImportError(f"the device's module '{name}' has no '{missing[0]}'")
        return module
    raise ImportError(f"no module named '{name}' on the device")


def _open(*args: Any, **kwargs: Any) -> Any:
    return device.fs.open(*args, **kwargs)


class Rules(NamedTuple):
    """What a file is loaded with; tests of both lanes differ in all three."""

    importer: Callable[..., Any] = guarded_import
    open_file: Callable[..., Any] = _open
    compiler: Compiler = _compile


FIRMWARE = Rules()


class _Loader(importlib.abc.Loader):
    """Executes one file of the firmware under guard."""

    def __init__(self, path: Path, rules: Rules) -> None:
        self._path, self._rules = path, rules

    def create_module(self, spec: Any) -> None:
        """The default module object."""

    def exec_module(self, module: ModuleType) -> None:
        """Check, compile, run."""
        source = self._path.read_bytes()
        dialect.check(source, str(self._path))
        module.__dict__["__builtins__"] = builtin.device_builtins(self._rules.importer, self._rules.open_file)
        module.__dict__["__file__"] = str(self._path)
        exec(self._rules.compiler(source, str(self._path)), module.__dict__)

    def get_source(self, name: str) -> str:
        """For tracebacks."""
        return self._path.read_text()


class FirmwareFinder(importlib.abc.MetaPathFinder):
    """Finds the packages of lib/ for everybody, so that there is one copy of each module."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """Spec of a firmware module; None for all others."""
        if name.partition(".")[0] not in PACKAGES:
            return None
        stem = LIB.joinpath(*name.split("."))
        package, plain = stem / "__init__.py", stem.with_suffix(".py")
        found = package if package.is_file() else plain
        if not found.is_file():
            return None
        locations = [str(stem)] if found is package else None
        loader = _Loader(found, FIRMWARE)
        return importlib.util.spec_from_file_location(name, found, loader=loader, submodule_search_locations=locations)


def install() -> None:
    """Serve lib/ under guard from now on; idempotent."""
    if not any(isinstance(finder, FirmwareFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, FirmwareFinder())


def load(path: Path, name: str, rules: Rules = FIRMWARE) -> ModuleType:
    """Load the file at `path` as firmware module `name` (main.py, a test of both lanes)."""
    loader = _Loader(path, rules)
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def run_main(path: Path) -> None:
    """Run boot.py or main.py as the device does."""
    load(path, "__main__")
