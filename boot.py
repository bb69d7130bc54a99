# SPDX-License-Identifier: MIT
"""First code after reset: makes the libraries findable. Never updated over the air.

The application slots and the count of trial boots come with the over-the-air update; until
then there is one application, and main.py arms the watchdog when it has built it.
"""

import sys

if "/flash/lib" not in sys.path:
    sys.path.append("/flash/lib")
