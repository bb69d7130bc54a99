# SPDX-License-Identifier: MIT
"""`python -m tools.sim`: a simulated PLC segment with the gateway firmware on it."""

import sys

from tools.sim.runner import main

if __name__ == "__main__":
    sys.exit(main())
