# SPDX-License-Identifier: MIT
"""S-FSK classes 50, 51, 52, 53, 55 and 56 as the initiator shows them (facts sfsk 5).

All data, no logic: rows as dlms.cosem.rows takes them, key = class.
"""

from dlms.cosem.rows import objects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.cosem.object import CosemObject
    from dlms.cosem.rows import RowSource

CLASSES = (
    # S-FSK Phy&MAC set-up: 2 initiator_electrical_phase, 3 delta_electrical_phase, 4 max_receiving_gain,
    # 5 max_transmitting_gain, 6 search_initiator_threshold, 7 frequencies (mark, space), 8 mac_address,
    # 9 mac_group_addresses, 10 repeater, 11 repeater_status, 12 min_delta_credit, 13 initiator_mac_address,
    # 14 synchronization_locked, 15 transmission_speed
    (50, 50, 1, b"\x00\x00\x1a\x00\x00\xff", "", "e e B:m B:m B:m II:m H:m [H e ? B H ? e:m"),
    # active initiator: 2 title, MAC, L-SAP; method reset_NEW_not_synchronized
    (51, 51, 0, b"\x00\x00\x1a\x01\x00\xff", "-", "oHB"),
    # MAC synchronization timeouts: 2 search_initiator, 3 synchronization_confirmation, 4 time_out_not_addressed,
    # 5 time_out_frame_not_OK
    (52, 52, 0, b"\x00\x00\x1a\x02\x00\xff", "", "H:m H:m H:m H:m"),
    # MAC counters: 2 synchronization_register (MAC, count), 3 desynchronization_listing, 4 broadcast_frames_counter
    # (MAC, count), 5 repetitions, 6 transmissions, 7 CRC_OK, 8 CRC_NOK; method reset
    (53, 53, 0, b"\x00\x00\x1a\x03\x00\xff", "-", "[HI IIIII [HI I I I I"),
    # IEC 61334-4-32 LLC: 2 max_frame_length, 3 reply_status_list (L-SAP, length)
    (55, 55, 1, b"\x00\x00\x1a\x05\x00\xff", "", "H:m [BB"),
    # reporting system list: 2 system titles
    (56, 56, 0, b"\x00\x00\x1a\x06\x00\xff", "", "[o"),
)


def sfsk_objects(source: "RowSource") -> "list[CosemObject]":
    """The six objects 0-0:26.x.0.255."""
    return objects(CLASSES, source)
