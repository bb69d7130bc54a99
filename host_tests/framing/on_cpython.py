# SPDX-License-Identifier: MIT
"""Runs the conformance suite on CPython: lib/ through the shim, the rest as it is.

`python -m host_tests.framing.on_cpython <arguments of conformance.py>`
"""

from __future__ import annotations

import runpy
from pathlib import Path

from host_tests import shim

if __name__ == "__main__":
    shim.install()
    runpy.run_path(str(Path(__file__).with_name("conformance.py")), run_name="__main__")
