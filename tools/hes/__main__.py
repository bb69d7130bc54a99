# SPDX-License-Identifier: MIT
"""`python -m tools.hes`."""

import sys

from tools.hes.command import main

if __name__ == "__main__":
    sys.exit(main())
