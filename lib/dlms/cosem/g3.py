# SPDX-License-Identifier: MIT
"""G3-PLC classes 90, 91 and 92 as the coordinator shows them (facts g3 1.4).

All data, no logic, as dlms.cosem.rows takes them. The rows of tables are the modem's (facts
g3 2.7): their fields and types are UNCONFIRMED against the Blue Book. Keys are never shown.
"""

from dlms.axdr import BIT_STRING, BOOLEAN, ENUM, INT8, OCTET_STRING, UINT8, UINT16, UINT32
from dlms.cosem.rows import objects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.cosem.object import CosemObject
    from dlms.cosem.rows import RowSource

_U8 = (False, (UINT8,))
_U16 = (False, (UINT16,))
_U32 = (False, (UINT32,))
_FLAG = (False, (BOOLEAN,))
_ENUM = (False, (ENUM,))

CLASSES = (
    (90, 1, 0, 1, (_U32,) * 9),  # 2.. TxData, RxData, TxCmd, RxCmd, CSMAFail, CSMANoAck, BadCrc, broadcasts sent, heard
    (91, 3, 1, 2, (
        _U16,  # 2 short_address
        _U16,  # 3 RC_coord
        _U16,  # 4 PAN_id
        (True, (UINT8, OCTET_STRING)),  # 5 key_table: empty
        _U32,  # 6 frame_counter
        None,  # 7 tone_mask
        _U8,  # 8 TMR_TTL
        _U8,  # 9 max_frame_retries
        _U8,  # 10 neighbour_table_entry_TTL
        # 11 neighbour_table: address, tone map, modulation, gain, its step, coefficients, LQI, phase, two life times
        (True, (UINT16, BIT_STRING, ENUM, INT8, ENUM, OCTET_STRING, UINT8, INT8, UINT8, UINT16)),
        _U8,  # 12 high_priority_window_size
        _U8,  # 13 CSMA_fairness_limit
        _U8,  # 14 beacon_randomization_window_length
        _U8,  # 15 A
        _U8,  # 16 K
        _U8,  # 17 min_CW_attempts
        None,  # 18 CENELEC_legacy_mode
        None,  # 19 FCC_legacy_mode
        _U8,  # 20 max_BE
        _U8,  # 21 max_CSMA_backoffs
        _U8,  # 22 min_BE
        _FLAG,  # 23 broadcast_max_CW_enabled
        _U8,  # 24 transmit_atten
        (True, (UINT16, UINT8, UINT8)),  # 25 POS_table: address, LQI, life time
        _U8,  # 26 duplicate_detection_TTL
    )),
    (92, 3, 2, 0, (
        _U8,  # 2 max_hops
        _U8,  # 3 weak_LQI_value
        _U8,  # 4 security_level
        (True, (UINT8, BOOLEAN, BOOLEAN, UINT32, UINT32, OCTET_STRING)),  # 5 prefix_table
        # 6 routing_configuration: traversal time, TTL, Kr, Km, Kc, Kq, Kh, Krt, RREQ retries and wait, blacklist TTL,
        # unicast RREQ, RLC, reverse link cost
        (True, (UINT8, UINT16) + (UINT8,) * 8 + (UINT16, BOOLEAN, BOOLEAN, UINT8)),
        _U16,  # 7 broadcast_log_table_entry_TTL
        # 8 routing_table: destination, next hop, cost, hops and weak links as two nibbles, flags, life time
        (True, (UINT16, UINT16, UINT16, UINT8, UINT8, UINT16)),
        (True, (UINT16, UINT8, UINT8, OCTET_STRING)),  # 9 context_information_table
        (True, (UINT16, UINT8, UINT16)),  # 10 blacklist_table: neighbour, medium, life time
        (True, (UINT16, UINT8, UINT16)),  # 11 broadcast_log_table: source, sequence number, life time
        (True, (UINT16, BOOLEAN)),  # 12 group_table: group, valid
        _U16,  # 13 max_join_wait_time
        _U8,  # 14 path_discovery_time
        _U8,  # 15 active_key_index
        _U8,  # 16 metric_type
        _U16,  # 17 coord_short_address
        _FLAG,  # 18 disable_default_routing
        _ENUM,  # 19 device_type
        _FLAG,  # 20 default_coord_route_enabled
        (True, (UINT16,)),  # 21 destination_address_set
        _U8,  # 22 low_LQI
        _U8,  # 23 high_LQI
    )),
)  # fmt: skip


def g3_objects(source: "RowSource") -> "list[CosemObject]":
    """The three objects 0-0:29.x.0.255."""
    return objects(CLASSES, 29, source)
