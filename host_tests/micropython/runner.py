# SPDX-License-Identifier: MIT
"""Runs one test file of host_tests/both on MicroPython: `micropython runner.py <lib> <file>`.

Calls every function `test_*` of the file, by name; prints one line each and `N passed, M failed`
at the end. Exit code 1 when one failed or there was none.
"""

import asyncio
import gc
import sys


def run_one(name: str, function: "object") -> bool:
    """True when the test passed; prints its line, and the traceback when it failed."""
    gc.collect()
    try:
        outcome = function()
        if hasattr(outcome, "send"):
            asyncio.new_event_loop()
            asyncio.run(outcome)
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - a test may raise anything
        print("FAIL", name)
        sys.print_exception(error)
        return False
    print("ok  ", name)
    return True


def run_file(path: str) -> int:
    """Run the file's tests; the exit code."""
    folder, _, file_name = path.rpartition("/")
    sys.path.insert(0, folder)
    module = __import__(file_name[:-3])
    names = sorted(name for name in dir(module) if name.startswith("test_"))
    passed = sum(run_one(name, getattr(module, name)) for name in names)
    print("%d passed, %d failed" % (passed, len(names) - passed))
    return 0 if names and passed == len(names) else 1


sys.path.insert(0, sys.argv[1])
__import__("base.framing")  # first, as in main.py: compiled at the end of a chain of imports it overflows the stack
sys.exit(run_file(sys.argv[2]))
