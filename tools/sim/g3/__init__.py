# SPDX-License-Identifier: MIT
"""Twin of a G3-PLC segment: the modem on its USI/ADP host interface, the PAN line, nodes that join and serve DLMS.

Written from the fact sheet (facts/g3.md) only; shares no encoder with the firmware in lib/.
"""
