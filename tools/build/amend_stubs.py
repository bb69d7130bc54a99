# SPDX-License-Identifier: MIT
"""Adds to the device's type stubs the calls that MicroPython 1.25 has and they leave out.

`python tools/build/amend_stubs.py <stub folder>`; called by setup.sh after installing them.
"""

from __future__ import annotations

import sys
from pathlib import Path

READ_EXACTLY = "    async def readexactly(self, n: int) -> bytes: ...\n"
READ_INTO = "    async def readinto(self, buf: bytearray | memoryview) -> int: ...\n"
LAN_STATUS = "    def isconnected(self) -> bool: ...\n"
WAIT_FOR_MS = "\n\nasync def wait_for_ms(aw: Coroutine[Any, Any, Any], timeout: int) -> Any: ...\n"


def amend(stubs: Path) -> None:
    """Amend the stubs under `stubs` (the folder that holds stdlib/) in place."""
    streams = stubs / "stdlib" / "asyncio" / "streams.pyi"
    text = streams.read_text()
    if READ_EXACTLY not in text:
        sys.exit(f"{streams}: not the stubs this was written for")
    streams.write_text(text.replace(READ_EXACTLY, READ_EXACTLY + READ_INTO))
    network = stubs / "network.pyi"
    head, lan, tail = network.read_text().partition("class LAN:\n")
    network.write_text(head + lan + LAN_STATUS + tail)
    package = stubs / "stdlib" / "asyncio" / "__init__.pyi"
    package.write_text(package.read_text() + WAIT_FOR_MS)


if __name__ == "__main__":
    amend(Path(sys.argv[1]))
