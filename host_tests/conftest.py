# SPDX-License-Identifier: MIT
"""Installs the shim before any test is collected, makes properties repeatable, gives each test a fresh board.

`from base.ring import Ring` in a test loads lib/base/ring.py under guard. Files under
host_tests/both are loaded under guard themselves and run on MicroPython as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from host_tests import shim

shim.install()

# The same examples in every run, and a slow PC is no finding.
settings.register_profile("house", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

from host_tests.shim import both  # noqa: E402 - after install, like every test


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect host_tests/both/test_*.py as modules of the device."""
    if module_path.parent.name == "both":
        return both.BothModule.from_parent(parent, path=module_path)
    return None


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Nothing but tests in these."""
    return True if collection_path.name in ("shim", "micropython") else None


@pytest.fixture(autouse=True)
def device() -> Iterator[shim.Device]:
    """The board, fresh: virtual clock, empty flash, no modem."""
    shim.device.power_on()
    yield shim.device
    shim.device.power_on()


@pytest.fixture
def flash() -> Iterator[shim.FileSystem]:
    """An empty flash, which the stores of this test are on."""
    fs = shim.device.fs
    shim.device.fs = shim.FileSystem()
    yield shim.device.fs
    shim.device.fs = fs
