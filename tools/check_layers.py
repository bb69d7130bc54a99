# SPDX-License-Identifier: MIT
"""The import matrix of ARCHITECTURE.md, enforced: `python tools/check_layers.py`.

Each package of lib/ may import the packages and device modules of its row, nothing else.
Also refused in lib/: print(), a bare except, reading a clock outside hal and app.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# Modules that neither wait, nor read a clock, nor touch hardware.
PURE = frozenset("micropython struct binascii array errno json math heapq collections io deflate re".split())
CRYPTO = frozenset(("hashlib", "cryptolib"))
# The C framing core, built in or loaded as .mpy; base has the pure-Python twin beside it.
FRAMING = frozenset(("_framing",))
# Where the outside world comes in: hal alone.
HARDWARE = frozenset("machine network socket select os vfs ssl tls pyb stm lwip termios ffi uctypes".split())
CLOCK_AND_LOOP = frozenset(("time", "asyncio", "gc", "sys", "random"))

# package -> (packages it may import, device modules it may import)
MATRIX = {
    "base": ((), PURE | FRAMING),
    "dlms": (("base",), PURE | CRYPTO),
    "plc": (("base",), PURE | CRYPTO),
    "update": (("base",), PURE | CRYPTO),
    "gateway": (("base", "dlms", "plc"), PURE),
    "hal": (("base",), PURE | CRYPTO | CLOCK_AND_LOOP | HARDWARE),
    "app": (("base", "dlms", "plc", "gateway", "update", "hal"), PURE | CLOCK_AND_LOOP),
}
# boot.py and main.py put things together: everything of ours, hardware only through hal.
TOP_LEVEL = (tuple(MATRIX), PURE | CLOCK_AND_LOOP)
# The C framing core is imported in one place, which falls back on the Python twin.
FRAMING_FILE, FRAMING_MODULE = "lib/base/framing.py", "_framing"
# The one sans-I/O file that imports time, and all it may take from it: arithmetic, no clock.
TICKS_FILE, TICKS_NAMES = "lib/base/ticks.py", frozenset(("ticks_add", "ticks_diff"))


def _imported(tree: ast.Module) -> Iterator[tuple[int, str, frozenset[str]]]:
    """(line, module, names taken from it) of each import that is executed."""
    for node in _executed(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, frozenset()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or "", frozenset(alias.name for alias in node.names)


def _executed(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those under `if TYPE_CHECKING:`."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        yield child
        yield from _executed(child)


def _check_imports(path: str, tree: ast.Module) -> Iterator[str]:
    parts = path.split("/")
    package = parts[1] if parts[0] == "lib" else ""
    if package and package not in MATRIX:
        yield f"{path}:1: package '{package}' has no row in the import matrix"
        return
    packages, modules = MATRIX[package] if package else TOP_LEVEL
    for line, name, taken in _imported(tree):
        top = name.partition(".")[0]
        if top in (package, *packages) or name in modules:
            continue
        if path == TICKS_FILE and name == "time" and taken and taken <= TICKS_NAMES:
            continue
        if path == FRAMING_FILE and name == FRAMING_MODULE:
            continue
        yield f"{path}:{line}: {package or 'top level'} must not import {name}"


def _check_words(path: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield f"{path}:{node.lineno}: print() in the firmware; use the log"
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield f"{path}:{node.lineno}: bare except swallows cancellation"


def check(path: str, source: str) -> list[str]:
    """Findings in one file; `path` is relative to the project, with slashes."""
    tree = ast.parse(source, path)
    findings = list(_check_imports(path, tree))
    return findings + (list(_check_words(path, tree)) if path.startswith("lib/") else [])


def firmware_files() -> list[Path]:
    """Every Python file that goes on the device."""
    return [*sorted((ROOT / "lib").rglob("*.py")), ROOT / "boot.py", ROOT / "main.py"]


def main() -> int:
    """Check lib/, boot.py, main.py; 1 when something was found."""
    files = firmware_files()
    findings = [line for path in files for line in check(path.relative_to(ROOT).as_posix(), path.read_text())]
    print("\n".join(findings) if findings else f"layers: {len(files)} files clean")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
