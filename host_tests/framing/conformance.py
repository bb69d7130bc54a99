# SPDX-License-Identifier: MIT
"""The one conformance suite of the framing core, on CPython and MicroPython, for every build of it.

`<interpreter> conformance.py <lib> <python|user|module file> <kind> <build id>` prints one line
per test. Tests take the core under test; where it is not the Python twin itself, the twin is
what it is compared with: results, state octets and buffers. Seeds are fixed and in the names.
"""

import sys

HERE = __file__.replace("\\", "/").rpartition("/")[0] or "."
sys.path[:0] = [sys.argv[1], HERE]

import suite_bounds  # noqa: E402
import suite_golden  # noqa: E402
import suite_heap  # noqa: E402
import suite_pick  # noqa: E402
import suite_stream  # noqa: E402


def load(what: str) -> "object":
    """The core under test: a module of lib/, one built in, or a file."""
    if what == "python":
        from base import framing_py

        return framing_py
    if what == "user":
        import _framing

        return _framing
    folder, _, name = what.rpartition("/")
    sys.path.insert(0, folder)
    return __import__(name.split(".")[0])


def tests_of(module: "object") -> "list":
    """(name, function) of the module's tests."""
    return [(name, getattr(module, name)) for name in sorted(dir(module)) if name.startswith("test_")]


def main() -> int:
    """Run all; the exit code."""
    core = load(sys.argv[2])
    from base import framing_py

    if (core.kind(), core.build_id()) != (sys.argv[3], sys.argv[4]):
        print("not the core to be tested:", core.kind(), core.build_id())
        return 1
    failed = passed = 0
    for module in (suite_golden, suite_stream, suite_bounds, suite_heap, suite_pick):
        for name, function in tests_of(module):
            try:
                function(core, framing_py)
            except Exception as error:  # noqa: BLE001 - any failure is one
                failed += 1
                print("FAIL", name, repr(error))
                getattr(sys, "print_exception", print)(error)
            else:
                passed += 1
                print("ok  ", name)
    print("%s %s: %d passed, %d failed" % (core.kind(), sys.implementation.name, passed, failed))
    return 1 if failed or not passed else 0


sys.exit(main())
