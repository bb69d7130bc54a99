# SPDX-License-Identifier: MIT
"""S-FSK classes 50, 51, 52, 53, 55 and 56 as the initiator shows them (facts sfsk 5).

All data, no logic: a row per class, a type per attribute, as dlms.cosem.rows takes them.
"""

from dlms.axdr import BOOLEAN, ENUM, OCTET_STRING, UINT8, UINT16, UINT32
from dlms.cosem.rows import objects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.cosem.object import CosemObject
    from dlms.cosem.rows import RowSource

_PHASE = (False, (ENUM,))
_U8 = (False, (UINT8,))
_U16 = (False, (UINT16,))
_U32 = (False, (UINT32,))
_FLAG = (False, (BOOLEAN,))
_COUNT_PER_MAC = (True, (UINT16, UINT32))

# class id, version, D group of the logical name, methods, attributes from 2 on
CLASSES = (
    (50, 1, 0, 0, (
        _PHASE,  # 2 initiator_electrical_phase
        _PHASE,  # 3 delta_electrical_phase
        _U8,  # 4 max_receiving_gain
        _U8,  # 5 max_transmitting_gain
        _U8,  # 6 search_initiator_threshold
        (False, (UINT32, UINT32)),  # 7 frequencies: mark, space
        _U16,  # 8 mac_address
        (True, (UINT16,)),  # 9 mac_group_addresses
        (False, (ENUM,)),  # 10 repeater
        _FLAG,  # 11 repeater_status
        _U8,  # 12 min_delta_credit
        _U16,  # 13 initiator_mac_address
        _FLAG,  # 14 synchronization_locked
        (False, (ENUM,)),  # 15 transmission_speed
    )),
    (51, 0, 1, 1, (
        (False, (OCTET_STRING, UINT16, UINT8)),  # 2 active_initiator: title, MAC, L-SAP
    )),
    (52, 0, 2, 0, (
        _U16,  # 2 search_initiator_timeout
        _U16,  # 3 synchronization_confirmation_timeout
        _U16,  # 4 time_out_not_addressed
        _U16,  # 5 time_out_frame_not_OK
    )),
    (53, 0, 3, 1, (
        _COUNT_PER_MAC,  # 2 synchronization_register
        (False, (UINT32,) * 5),  # 3 desynchronization_listing
        _COUNT_PER_MAC,  # 4 broadcast_frames_counter
        _U32,  # 5 repetitions_counter
        _U32,  # 6 transmissions_counter
        _U32,  # 7 CRC_OK_frames_counter
        _U32,  # 8 CRC_NOK_frames_counter
    )),
    (55, 1, 5, 0, (
        _U16,  # 2 max_frame_length
        (True, (UINT8, UINT8)),  # 3 reply_status_list: L-SAP, length
    )),
    (56, 0, 6, 0, (
        (True, (OCTET_STRING,)),  # 2 reporting_system_list: system titles
    )),
)  # fmt: skip


def sfsk_objects(source: "RowSource") -> "list[CosemObject]":
    """The six objects 0-0:26.x.0.255."""
    return objects(CLASSES, 26, source)
