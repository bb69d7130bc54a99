# SPDX-License-Identifier: MIT
"""Why something was dropped, refused, repeated or reset on the G3 side, by name.

One set per segment (`Segment.counters`), read over DLMS, in the log and by tests.
Append only: the order is visible to readers. 0 is no counter: `Datagram.parse` uses it for "right".
"""

from micropython import const

UNUSED = const(0)
GARBAGE = const(1)
FRAME_BAD_CRC = const(2)
FRAME_BAD_LENGTH = const(3)
FRAME_BAD_ESCAPE = const(4)
FRAME_TOO_LONG = const(5)
FRAME_BAD_PROTOCOL = const(6)
FRAME_FOREIGN = const(7)
MESSAGE_SHORT = const(8)
MESSAGE_UNKNOWN = const(9)
RX_FRAMES = const(10)
TX_FRAMES = const(11)
TX_OVERSIZED = const(12)
STATUS_STRAY = const(13)
COMMAND_REFUSED = const(14)
CONFIRM_STRAY = const(15)
CONFIRM_LOST = const(16)
MODEM_DEATHS = const(17)
MODEM_RESTARTED = const(18)
RESET_SOFT = const(19)
RESET_LINE = const(20)
RESET_POWER = const(21)
MODEM_FAILED = const(22)
CONFIG_FAILED = const(23)
CONFIG_REFUSED = const(24)
START_FAILED = const(25)
RECORD_BAD = const(26)
RECORD_REFUSED = const(27)
COUNTER_RESTORED = const(28)
BEACONS = const(29)
PAN_CONFLICTS = const(30)
PAN_FOREIGN = const(31)
NETWORK_STATUS_OTHER = const(32)
ROOM_GONE = const(33)
ROOM_STALLED = const(34)
ROUTE_NOT_FOUND = const(35)
TX_SENT = const(36)
TX_UNCERTAIN = const(37)
TX_NO_ROOM = const(38)
TX_NO_ROUTE = const(39)
TX_REFUSED = const(40)
TX_BROADCAST = const(41)
RX_APDU = const(42)
RX_NOT_UDP = const(43)
RX_BAD_LENGTH = const(44)
RX_BAD_CHECKSUM = const(45)
RX_NOT_FOR_US = const(46)
RX_OTHER_PORT = const(47)
RX_BAD_WRAPPER = const(48)
RX_UNKNOWN_SRC = const(49)
UPLINK_UNASKED = const(50)
NO_REPLY = const(51)
PATHS_FOUND = const(52)
PATHS_FAILED = const(53)
NODES_LOST = const(54)
NODES_BACK = const(55)
WATCH_FULL = const(56)
JOIN_REQUESTS = const(57)
JOIN_REFUSED_REKEY = const(58)
JOIN_REFUSED_LIST = const(59)
JOIN_UNKNOWN = const(60)
JOIN_REFUSED_FULL = const(61)
JOIN_TIMEOUT = const(62)
JOIN_MISMATCH = const(63)
JOINED = const(64)
LEFT = const(65)
KICKED = const(66)
REKEYS = const(67)
REKEY_RETRIES = const(68)
REKEY_MISSED = const(69)
LBP_MALFORMED = const(70)
LBP_REFUSED = const(71)
LBP_NO_SLOT = const(72)
LBP_TIMEOUT = const(73)
LBP_REPLAY = const(74)
AUTH_BAD_MAC_P = const(75)
AUTH_BAD_TAG = const(76)
AUTH_REFUSED = const(77)
NONCE_ODD = const(78)

NAMES = (
    "unused",
    "garbage",
    "frame_bad_crc",
    "frame_bad_length",
    "frame_bad_escape",
    "frame_too_long",
    "frame_bad_protocol",
    "frame_foreign",
    "message_short",
    "message_unknown",
    "rx_frames",
    "tx_frames",
    "tx_oversized",
    "status_stray",
    "command_refused",
    "confirm_stray",
    "confirm_lost",
    "modem_deaths",
    "modem_restarted",
    "reset_soft",
    "reset_line",
    "reset_power",
    "modem_failed",
    "config_failed",
    "config_refused",
    "start_failed",
    "record_bad",
    "record_refused",
    "counter_restored",
    "beacons",
    "pan_conflicts",
    "pan_foreign",
    "network_status_other",
    "room_gone",
    "room_stalled",
    "route_not_found",
    "tx_sent",
    "tx_uncertain",
    "tx_no_room",
    "tx_no_route",
    "tx_refused",
    "tx_broadcast",
    "rx_apdu",
    "rx_not_udp",
    "rx_bad_length",
    "rx_bad_checksum",
    "rx_not_for_us",
    "rx_other_port",
    "rx_bad_wrapper",
    "rx_unknown_src",
    "uplink_unasked",
    "no_reply",
    "paths_found",
    "paths_failed",
    "nodes_lost",
    "nodes_back",
    "watch_full",
    "join_requests",
    "join_refused_rekey",
    "join_refused_list",
    "join_unknown",
    "join_refused_full",
    "join_timeout",
    "join_mismatch",
    "joined",
    "left",
    "kicked",
    "rekeys",
    "rekey_retries",
    "rekey_missed",
    "lbp_malformed",
    "lbp_refused",
    "lbp_no_slot",
    "lbp_timeout",
    "lbp_replay",
    "auth_bad_mac_p",
    "auth_bad_tag",
    "auth_refused",
    "nonce_odd",
)
