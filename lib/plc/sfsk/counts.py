# SPDX-License-Identifier: MIT
"""Why something was dropped, refused, repeated or reset on the S-FSK side, by name.

One set per segment (`Segment.counters`), read over DLMS, in the log and by tests.
Append only: the order is visible to readers.
"""

from micropython import const

# Host interface: octets and local frames.
GARBAGE_OCTET = const(0)
FRAME_BAD_SUM = const(1)
FRAME_BAD_LENGTH = const(2)
FRAME_GAP = const(3)
FRAME_UNKNOWN = const(4)
ACK_STRAY = const(5)
STATUS_STRAY = const(6)
POLL_SILENT = const(7)
ACK_SILENT = const(8)
COMMAND_NAK = const(9)
BUSY_WAIT = const(10)
# Commands.
CONFIRM_STRAY = const(11)
CONFIRM_LATE = const(12)
CONFIRM_LOST = const(13)
CONFIRM_MISMATCH = const(14)
COMMAND_ERROR = const(15)
SYNTAX_ERROR = const(16)
# Modem life.
MODEM_DEATHS = const(17)
MODEM_SPONTANEOUS_RESET = const(18)
RESET_SOFT = const(19)
RESET_LINE = const(20)
RESET_POWER = const(21)
MODEM_FAILED = const(22)
CONFIG_MISMATCH = const(23)
CONFIG_REFUSED = const(24)
SYNC_LOST = const(25)
SYNC_TIMEOUT = const(26)
# Data service.
TX_FRAMES = const(27)
TX_BUSY = const(28)
TX_BUSY_GIVEN_UP = const(29)
TX_SYNTAX = const(30)
TX_NOT_ALLOWED = const(31)
TX_UNKNOWN_STATUS = const(32)
RX_FRAMES = const(33)
RX_BAD_CRC = const(34)
RX_BAD_PAD = const(35)
RX_BAD_LLC = const(36)
RX_UNKNOWN_SA = const(37)
RX_NOT_FOR_US = const(38)
RX_OVERSIZED = const(39)
CIASE_BAD = const(40)
CIASE_UNEXPECTED = const(41)
NO_REPLY = const(42)
UPLINK_UNASKED = const(43)
# Initiator.
DISCOVER_ROUNDS = const(44)
REPORTS = const(45)
REPORTS_DUPLICATE = const(46)
REPORTS_OVERFLOW = const(47)
REPORTS_REGISTERED = const(48)
REGISTERED = const(49)
REGISTER_REFUSED = const(50)
PING_SENT = const(51)
PING_FAILED = const(52)
PING_WRONG_TITLE = const(53)
NODES_LOST = const(54)
NODES_BACK = const(55)
REPEATER_CALLS = const(56)
WATCH_FULL = const(57)
TX_BROADCAST = const(58)
REGISTER_NOT_ALLOWED = const(59)

NAMES = (
    "garbage_octet",
    "frame_bad_sum",
    "frame_bad_length",
    "frame_gap",
    "frame_unknown",
    "ack_stray",
    "status_stray",
    "poll_silent",
    "ack_silent",
    "command_nak",
    "busy_wait",
    "confirm_stray",
    "confirm_late",
    "confirm_lost",
    "confirm_mismatch",
    "command_error",
    "syntax_error",
    "modem_deaths",
    "modem_spontaneous_reset",
    "reset_soft",
    "reset_line",
    "reset_power",
    "modem_failed",
    "config_mismatch",
    "config_refused",
    "sync_lost",
    "sync_timeout",
    "tx_frames",
    "tx_busy",
    "tx_busy_given_up",
    "tx_syntax",
    "tx_not_allowed",
    "tx_unknown_status",
    "rx_frames",
    "rx_bad_crc",
    "rx_bad_pad",
    "rx_bad_llc",
    "rx_unknown_sa",
    "rx_not_for_us",
    "rx_oversized",
    "ciase_bad",
    "ciase_unexpected",
    "no_reply",
    "uplink_unasked",
    "discover_rounds",
    "reports",
    "reports_duplicate",
    "reports_overflow",
    "reports_registered",
    "registered",
    "register_refused",
    "ping_sent",
    "ping_failed",
    "ping_wrong_title",
    "nodes_lost",
    "nodes_back",
    "repeater_calls",
    "watch_full",
    "tx_broadcast",
    "register_not_allowed",
)
