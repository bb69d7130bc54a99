# SPDX-License-Identifier: MIT
"""`python tools/check_dialect.py`: lib/, boot.py and main.py use only what MicroPython 1.25 has.

The rules are the shim's (host_tests/shim/dialect.py); here they see every file, loaded by a test or not.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from host_tests.shim import dialect  # noqa: E402
from tools.check_layers import firmware_files  # noqa: E402


def main() -> int:
    """Check; 1 when something was found."""
    files = firmware_files()
    findings = [line for path in files for line in dialect.find(path.read_bytes(), path.relative_to(ROOT).as_posix())]
    print("\n".join(findings) if findings else f"dialect: {len(files)} files clean")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
