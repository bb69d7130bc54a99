# SPDX-License-Identifier: MIT
"""What CPython 3.11 accepts in a source file and MicroPython 1.25 does not: refused by AST.

Syntax errors proper are found by mpy-cross too (`make test` compiles all of lib/); this check
also finds what compiles there and fails at run time. Applied to every module the shim loads.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

# Methods that CPython's str, bytes, bytearray, memoryview, int have and MicroPython's lack: the
# difference of dir() on both interpreters, without words that classes of ours may well use.
_ABSENT_METHODS = frozenset(
    "bit_length bit_count as_integer_ratio removeprefix removesuffix zfill ljust rjust casefold swapcase expandtabs"
    " isalnum isascii isdecimal isnumeric isidentifier isprintable istitle translate maketrans format_map"
    " tobytes tolist cast toreadonly nbytes hexdigest".split()
)
_ABSENT_KEYWORDS = frozenset(("signed", "strict"))
_ABSENT_NODES: dict[type[ast.AST], str] = {
    ast.Match: "match statement",
    ast.TryStar: "except*",
}


class DialectError(SyntaxError):
    """The file uses what the device's Python lacks."""


def _check_function(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> Iterator[str]:
    if node.args.posonlyargs:
        yield "positional-only parameters"
    if isinstance(node, ast.FunctionDef) and node.name == "__del__":
        yield "__del__ is never called"
    if isinstance(node, ast.AsyncFunctionDef) and any(isinstance(inner, ast.Yield) for inner in _own_nodes(node)):
        yield "asynchronous generator"


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """Nodes of a function without those of functions inside it."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield child
            yield from _own_nodes(child)


def _check_node(node: ast.AST) -> Iterator[str]:
    if type(node) in _ABSENT_NODES:
        yield _ABSENT_NODES[type(node)]
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        yield from _check_function(node)
    elif isinstance(node, ast.ClassDef) and node.keywords:
        yield "class keyword (metaclass)"
    elif isinstance(node, ast.Delete):
        if any(isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Slice) for target in node.targets):
            yield "del of a slice"
    elif isinstance(node, ast.Slice) and node.step is not None:
        yield "slice with a step"
    elif isinstance(node, ast.Dict) and None in node.keys:
        yield "** in a dict display"
    elif isinstance(node, (ast.List, ast.Tuple, ast.Set)) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        if any(isinstance(item, ast.Starred) for item in node.elts):
            yield "* in a display"
    elif isinstance(node, ast.comprehension) and node.is_async:
        yield "asynchronous comprehension"
    elif isinstance(node, ast.Call):
        yield from _check_call(node)


def _check_call(node: ast.Call) -> Iterator[str]:
    if isinstance(node.func, ast.Attribute) and node.func.attr in _ABSENT_METHODS:
        yield f".{node.func.attr}()"
    for keyword in node.keywords:
        if keyword.arg in _ABSENT_KEYWORDS:
            yield f"keyword {keyword.arg}="
    if isinstance(node.func, ast.Name) and node.func.id in ("isinstance", "issubclass"):
        if any(isinstance(argument, ast.BinOp) for argument in node.args):
            yield "union of types in isinstance"


def find(source: bytes | str, path: str) -> Iterator[str]:
    """One line `path:line: what` per use of what the device lacks."""
    for node in ast.walk(ast.parse(source, path)):
        for what in _check_node(node):
            yield f"{path}:{getattr(node, 'lineno', 0)}: not in MicroPython: {what}"


def check(source: bytes | str, path: str) -> None:
    """Raise DialectError for the first finding in `source`."""
    for finding in find(source, path):
        raise DialectError(finding)
