# SPDX-License-Identifier: MIT
"""Which leaf this machine has: the one place that asks what it runs on."""

import sys

if sys.platform == "linux":
    from hal import unix as leaf
else:
    from hal import board as leaf

__all__ = ("leaf",)
