# SPDX-License-Identifier: MIT
"""Gateway SAPs: the wPorts under which a head-end finds the meters (design/behaviour.md).

row r of the registration table  <->  SAP 0x0010 + r, one more from 0x007F on, which is the
broadcast SAP. Law: arithmetic only, so that a SAP cannot move while its row does not.
"""

from micropython import const

FIRST_SAP = const(0x0010)
BROADCAST_SAP = const(0x007F)
_BROADCAST_ROW = const(0x6F)  # 0x7F - 0x10: rows from here on have their SAP one higher


def sap_of(row: int) -> int:
    """Gateway SAP of a row: 0x0010 upwards, never 0x007F."""
    return FIRST_SAP + row + (1 if row >= _BROADCAST_ROW else 0)


def row_of(sap: int) -> int:
    """Row a gateway SAP stands for; negative when it is below 0x0010 or the broadcast SAP."""
    if sap == BROADCAST_SAP:
        return -1
    return sap - FIRST_SAP - (1 if sap > BROADCAST_SAP else 0)
