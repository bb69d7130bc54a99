# SPDX-License-Identifier: MIT
"""The shim offers no name that the real interpreter lacks: compared with MicroPython itself."""

import json
import subprocess

import pytest

from host_tests.shim import builtin, guard

MICROPYTHON = guard.ROOT / "build" / "micropython" / "micropython-unix"
# What the stm32 port has and the unix port has not; from its module tables, not from this interpreter.
STM32_ONLY = {
    "errno": {"ENOTCONN"},
    "micropython": {"native", "alloc_emergency_exception_buf"},
    "os": {"sync"},
    "socket": {"IPPROTO_TCP", "TCP_NODELAY"},
    "vfs": set(),
}
STM32_MODULES = {"machine", "network"}


def ask(code, *arguments):
    """What MicroPython prints for `code`, as JSON."""
    command = [str(MICROPYTHON), "-c", code, *arguments]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def real_names(module):
    """dir() of a module, found without reading what -c does with arguments."""
    code = f"import json, {module}; print(json.dumps(dir({module})))"
    names = set(ask(code))
    if module == "asyncio":  # loads its parts on first use, dir() does not show them
        names |= set(ask("import asyncio, json; print(json.dumps(list(asyncio._attrs)))"))
        names |= {"Loop", "Task", "TaskQueue", "CancelledError", "TimeoutError", "Stream", "Server", "StreamReader"}
    return names


@pytest.mark.parametrize("module", sorted(set(guard.DEVICE_MODULES) - STM32_MODULES))
def test_every_name_of_a_module_exists_on_micropython(module):
    offered = {name for name in vars(guard.DEVICE_MODULES[module]) if not name.startswith("__")}
    assert offered - real_names(module) - STM32_ONLY.get(module, set()) == set()


def test_every_builtin_exists_on_micropython():
    assert set(builtin.NAMES) - set(ask("import builtins, json; print(json.dumps(dir(builtins)))")) == set()
