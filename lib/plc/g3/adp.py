# SPDX-License-Identifier: MIT
"""Words of the modem's serial interface: protocols, commands, statuses and what they mean.

Source: g3.md 2.3-2.5 (Microchip USI, ADP serialization). Numbers only; both dialects share
them, what only one of them has says so. Law: a status decides one thing, whether the APDU
may have gone on the air; only what certainly did not may be handed in again.
"""

from micropython import const

PROTOCOL_ADP = const(0x25)

# Host to modem.
INITIALIZE = const(10)
DATA_REQUEST = const(11)
DISCOVERY = const(12)
NETWORK_START = const(13)
RESET = const(16)
SET = const(17)
GET = const(18)
LBP_REQUEST = const(19)  # L
ROUTE_DISCOVERY = const(20)
PATH_DISCOVERY = const(21)
MAC_SET = const(22)
MAC_GET = const(23)
LBP_SET = const(60)  # H, from here on
KICK_DEVICE = const(62)
REKEY = const(63)
SET_REKEY_PHASE = const(64)
ACTIVATE_NEW_KEY = const(65)
SHORT_ADDRESS_ASSIGN = const(66)

# Modem to host.
STATUS = const(0)
DATA_CONFIRM = const(30)
DATA_INDICATION = const(31)
NETWORK_STATUS_IND = const(32)
DISCOVERY_CONFIRM = const(33)
NETWORK_START_CONFIRM = const(34)
RESET_CONFIRM = const(38)
SET_CONFIRM = const(39)
GET_CONFIRM = const(40)
LBP_CONFIRM = const(41)  # L
LBP_INDICATION = const(42)  # L
ROUTE_DISCOVERY_CONFIRM = const(43)
PATH_DISCOVERY_CONFIRM = const(44)
MAC_SET_CONFIRM = const(45)
MAC_GET_CONFIRM = const(46)
BUFFER_INDICATION = const(47)
DISCOVERY_INDICATION = const(48)
PREQ_INDICATION = const(49)
UPDATE_NON_VOLATILE_IND = const(50)  # L
ROUTE_NOT_FOUND_IND = const(51)
LBP_SET_CONFIRM = const(70)  # H, from here on
JOIN_REQUEST_IND = const(71)
JOIN_COMPLETE_IND = const(72)
LEAVE_IND = const(73)

# Request -> confirm, where there is one.
CONFIRM_OF = {
    DISCOVERY: DISCOVERY_CONFIRM,
    NETWORK_START: NETWORK_START_CONFIRM,
    RESET: RESET_CONFIRM,
    SET: SET_CONFIRM,
    GET: GET_CONFIRM,
    ROUTE_DISCOVERY: ROUTE_DISCOVERY_CONFIRM,
    PATH_DISCOVERY: PATH_DISCOVERY_CONFIRM,
    MAC_SET: MAC_SET_CONFIRM,
    MAC_GET: MAC_GET_CONFIRM,
    LBP_SET: LBP_SET_CONFIRM,
    INITIALIZE: STATUS,
}

# Status of the serial interface itself (STATUS message).
STATUS_OK = const(0)
STATUS_NOT_ALLOWED = const(1)  # the stack is not initialised

# ADP and MAC statuses.
SUCCESS = const(0x00)
ALTERNATE_PANID = const(0x80)
NO_BEACON = const(0xA9)
BUSY = const(0xB3)

# What a DATA_CONFIRM says about the APDU.
SENT = const(0)  # left the coordinator
MAYBE = const(1)  # nobody knows: it must not be sent again
RETRY = const(2)  # the modem had no room: it never left, hand it in again
NO_ROUTE = const(3)  # the node cannot be reached now; it may have left on a route that broke, and nobody says so
REFUSED = const(4)  # it never left and never will

# status -> (name, meaning for a data request)
STATUSES = {
    0x00: ("success", SENT),
    0x80: ("alternate_panid", MAYBE),
    0xA1: ("invalid_request", REFUSED),
    0xA2: ("failed", MAYBE),
    0xA3: ("invalid_ipv6_frame", REFUSED),
    0xA4: ("not_permitted", REFUSED),
    0xA5: ("route_error", NO_ROUTE),
    0xA6: ("timeout", MAYBE),
    0xA7: ("invalid_index", REFUSED),
    0xA8: ("invalid_parameter", REFUSED),
    0xA9: ("no_beacon", REFUSED),
    0xB0: ("read_only", REFUSED),
    0xB1: ("unsupported_attribute", REFUSED),
    0xB2: ("incomplete_path", NO_ROUTE),
    0xB3: ("busy", RETRY),
    0xB4: ("no_buffers", RETRY),
    0xB5: ("trickle_redundant", SENT),
    0xD0: ("mac_queue_full", RETRY),
    0xDB: ("mac_counter_error", MAYBE),
    0xDF: ("mac_unsupported_security", REFUSED),
    0xE1: ("mac_channel_access_failure", MAYBE),
    0xE2: ("mac_denied", REFUSED),
    0xE4: ("mac_security_error", REFUSED),
    0xE5: ("mac_frame_too_long", REFUSED),
    0xE7: ("mac_invalid_handle", REFUSED),
    0xE8: ("mac_invalid_parameter", REFUSED),
    0xE9: ("mac_no_ack", MAYBE),  # the first hop may have it, its acknowledgement lost
    0xEC: ("mac_no_short_address", REFUSED),
    0xF1: ("mac_transaction_overflow", RETRY),
    0xF3: ("mac_unavailable_key", REFUSED),
    0xF4: ("mac_unsupported_attribute", REFUSED),
    0xF9: ("mac_invalid_index", REFUSED),
    0xFA: ("mac_limit_reached", REFUSED),
    0xFB: ("mac_read_only", REFUSED),
    0xFF: ("internal_error", MAYBE),
}
_UNKNOWN = ("unknown", MAYBE)


def status_name(status: int) -> str:
    """The name of an ADP or MAC status."""
    return STATUSES.get(status, _UNKNOWN)[0]


def fate(status: int) -> int:
    """SENT .. REFUSED for the APDU of a DATA_CONFIRM with `status`; MAYBE for an unknown one."""
    return STATUSES.get(status, _UNKNOWN)[1]
