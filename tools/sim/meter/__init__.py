# SPDX-License-Identifier: MIT
"""The DLMS meter built into the simulator; `Meter` is all that others use."""

from tools.sim.meter.meter import BROADCAST_SAP, TEST_AUTHENTICATION_KEY, TEST_ENCRYPTION_KEY, Meter

__all__ = ["BROADCAST_SAP", "TEST_AUTHENTICATION_KEY", "TEST_ENCRYPTION_KEY", "Meter"]
