# SPDX-License-Identifier: MIT
"""A failed end-to-end test shows the last lines of the simulator and of the gateway it ran against."""

from collections.abc import Iterator

import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> "Iterator[None]":
    """Add the console of the fixture `stack` to the report."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    stack = getattr(item, "funcargs", {}).get("stack")
    if report.failed and stack is not None:
        report.sections.append(("simulator and gateway", stack.last_lines()))
