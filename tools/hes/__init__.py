# SPDX-License-Identifier: MIT
"""A small head-end for people, on dlms-cosem: `python -m tools.hes list|read|watch|action`."""
