# SPDX-License-Identifier: MIT
"""G3-PLC classes 90, 91 and 92 as the coordinator shows them (facts g3 1.4).

All data, no logic: rows as dlms.cosem.rows takes them, key = class. The rows of tables are the modem's
(facts g3 2.7): their fields and types are UNCONFIRMED against the Blue Book. Keys are never shown.
"""

from dlms.cosem.rows import objects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.cosem.object import CosemObject
    from dlms.cosem.rows import RowSource

CLASSES = (
    # MAC counters, 2..10: TxData, RxData, TxCmd, RxCmd, CSMAFail, CSMANoAck, BadCrc, broadcasts sent, heard
    (90, 90, 1, b"\x00\x00\x1d\x00\x00\xff", "-", "I I I I I I I I I"),
    # MAC set-up: 2 short_address, 3 RC_coord, 4 PAN_id, 5 key_table (empty), 6 frame_counter, 7 tone_mask (not here),
    # 8 TMR_TTL, 9 max_frame_retries, 10 neighbour_table_entry_TTL, 11 neighbour_table (address, tone map, modulation,
    # gain, its step, coefficients, LQI, phase, two life times), 12 high_priority_window_size, 13 CSMA_fairness_limit,
    # 14 beacon_randomization_window_length, 15 A, 16 K, 17 min_CW_attempts, 18 CENELEC_legacy_mode and
    # 19 FCC_legacy_mode (not here), 20 max_BE, 21 max_CSMA_backoffs, 22 min_BE, 23 broadcast_max_CW_enabled,
    # 24 transmit_atten, 25 POS_table (address, LQI, life time), 26 duplicate_detection_TTL
    (91, 91, 3, b"\x00\x00\x1d\x01\x00\xff", "--",
     "H H H [Bo I - B B B [HtebeoBbBH B B B B B B - - B B B ? B [HBB B"),
    # adaptation layer: 2 max_hops, 3 weak_LQI_value, 4 security_level, 5 prefix_table, 6 routing_configuration
    # (traversal time, TTL, Kr, Km, Kc, Kq, Kh, Krt, RREQ retries and wait, blacklist TTL, unicast RREQ, RLC, reverse
    # link cost), 7 broadcast_log_table_entry_TTL, 8 routing_table (destination, next hop, cost, hops and weak links
    # as two nibbles, flags, life time), 9 context_information_table, 10 blacklist_table (neighbour, medium, life time),
    # 11 broadcast_log_table (source, sequence number, life time), 12 group_table (group, valid),
    # 13 max_join_wait_time, 14 path_discovery_time, 15 active_key_index, 16 metric_type, 17 coord_short_address,
    # 18 disable_default_routing, 19 device_type, 20 default_coord_route_enabled, 21 destination_address_set,
    # 22 low_LQI, 23 high_LQI
    (92, 92, 3, b"\x00\x00\x1d\x02\x00\xff", "",
     "B B B [B??IIo [BHBBBBBBBBH??B H [HHHBBH [HBBo [HBH [HBH [H? H B B B H ? e ? [H B B"),
)  # fmt: skip


def g3_objects(source: "RowSource") -> "list[CosemObject]":
    """The three objects 0-0:29.x.0.255."""
    return objects(CLASSES, source)
