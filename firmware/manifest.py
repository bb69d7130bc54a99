# SPDX-License-Identifier: MIT
# ruff: noqa: F821
# Frozen manifest of the board image: the packages of lib/, boot.py and main.py.
# Executed by MicroPython's makemanifest.py (FROZEN_MANIFEST=<this file>), which provides the functions called here.
# `tools/check_freeze.py` freezes it in `make test` and compares the result with what is in lib/.
include("$(MPY_DIR)/extmod/asyncio")

for _package in ("base", "dlms", "plc", "gateway", "hal", "app"):
    package(_package, base_path="../lib", opt=2)  # asserts out, line numbers of tracebacks kept

module("boot.py", base_path="..", opt=2)
module("main.py", base_path="..", opt=2)
