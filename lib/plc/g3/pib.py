# SPDX-License-Identifier: MIT
"""Attributes of the modem (ADP, MAC, LBP information bases) as data: id, octets, name.

Source: g3.md 2.4, 2.6-2.8. Octets 0 = a structure or table row; its layout stands with its
reader. An attribute is addressed by (space, id): the space picks the request that reads or
writes it. Law: nothing is written that this table does not know (the modem checks no lengths).
"""

import struct

from micropython import const

from base.errors import LocalError
from plc.g3 import adp

SPACE_ADP = const(0)
SPACE_MAC = const(1)
SPACE_LBP = const(2)  # dialect H, write only

_SETS = (adp.SET, adp.MAC_SET, adp.LBP_SET)
_GETS = (adp.GET, adp.MAC_GET, -1)

# ADP
SECURITY_LEVEL = const(0x00)
PREFIX_TABLE = const(0x01)
BROADCAST_LOG_TTL = const(0x02)
METRIC_TYPE = const(0x03)
LOW_LQI = const(0x04)
HIGH_LQI = const(0x05)
RREP_WAIT = const(0x06)
CONTEXT_TABLE = const(0x07)
COORD_SHORT_ADDRESS = const(0x08)
RLC_ENABLED = const(0x09)
ADD_REV_LINK_COST = const(0x0A)
BROADCAST_LOG_TABLE = const(0x0B)
ROUTING_TABLE = const(0x0C)
UNICAST_RREQ = const(0x0D)
GROUP_TABLE = const(0x0E)
MAX_HOPS = const(0x0F)
DEVICE_TYPE = const(0x10)
NET_TRAVERSAL_TIME = const(0x11)
ROUTING_TTL = const(0x12)
KR = const(0x13)
KM = const(0x14)
KC = const(0x15)
KQ = const(0x16)
KH = const(0x17)
RREQ_RETRIES = const(0x18)
RREQ_WAIT = const(0x19)
WEAK_LQI = const(0x1A)
KRT = const(0x1B)
SOFT_VERSION = const(0x1C)
BLACKLIST_TABLE = const(0x1E)
BLACKLIST_TTL = const(0x1F)
MAX_JOIN_WAIT = const(0x20)
PATH_DISCOVERY_TIME = const(0x21)
ACTIVE_KEY_INDEX = const(0x22)
DESTINATION_ADDRESS_SET = const(0x23)
DEFAULT_COORD_ROUTE = const(0x24)
DISABLE_DEFAULT_ROUTING = const(0xF0)
ROUTING_COUNT = const(0x080000C8)
# MAC
MAC_MAX_BE = const(0x47)
MAC_MAX_CSMA_BACKOFFS = const(0x4E)
MAC_MIN_BE = const(0x4F)
MAC_PAN_ID = const(0x50)
MAC_SHORT_ADDRESS = const(0x53)
MAC_MAX_FRAME_RETRIES = const(0x59)
MAC_KEY_TABLE = const(0x71)
MAC_FRAME_COUNTER = const(0x77)
MAC_DUPLICATE_TTL = const(0x78)
MAC_HIGH_PRIORITY_WINDOW = const(0x100)
MAC_TX_DATA = const(0x101)
MAC_RX_DATA = const(0x102)
MAC_TX_CMD = const(0x103)
MAC_RX_CMD = const(0x104)
MAC_CSMA_FAIL = const(0x105)
MAC_CSMA_NO_ACK = const(0x106)
MAC_RX_BROADCAST = const(0x107)
MAC_TX_BROADCAST = const(0x108)
MAC_BAD_CRC = const(0x109)
MAC_NEIGHBOUR_TABLE = const(0x10A)
MAC_CSMA_FAIRNESS = const(0x10C)  # UNCONFIRMED: not in the sheet; G.9903 numbering
MAC_TMR_TTL = const(0x10D)
MAC_POS_TTL = const(0x10E)
MAC_RC_COORD = const(0x10F)
MAC_TONE_MASK = const(0x110)
MAC_BEACON_WINDOW = const(0x111)
MAC_A = const(0x112)
MAC_K = const(0x113)
MAC_MIN_CW = const(0x114)
MAC_BROADCAST_MAX_CW = const(0x11E)
MAC_TRANSMIT_ATTEN = const(0x11F)
MAC_POS_TABLE = const(0x120)
MAC_EUI64 = const(0x08000001)
# LBP
LBP_ID_S = const(0)
LBP_PSK = const(2)
LBP_GMK = const(3)
LBP_REKEY_GMK = const(4)
LBP_MSG_TIMEOUT = const(6)

# id -> octets of the value, per space. 0 = a structure.
_ADP_OCTETS = {
    SECURITY_LEVEL: 1, PREFIX_TABLE: 0, BROADCAST_LOG_TTL: 2, METRIC_TYPE: 1, LOW_LQI: 1, HIGH_LQI: 1,
    RREP_WAIT: 1, CONTEXT_TABLE: 0, COORD_SHORT_ADDRESS: 2, RLC_ENABLED: 1, ADD_REV_LINK_COST: 1,
    BROADCAST_LOG_TABLE: 0, ROUTING_TABLE: 0, UNICAST_RREQ: 1, GROUP_TABLE: 0, MAX_HOPS: 1, DEVICE_TYPE: 1,
    NET_TRAVERSAL_TIME: 1, ROUTING_TTL: 2, KR: 1, KM: 1, KC: 1, KQ: 1, KH: 1, RREQ_RETRIES: 1, RREQ_WAIT: 1,
    WEAK_LQI: 1, KRT: 1, SOFT_VERSION: 6, BLACKLIST_TABLE: 0, BLACKLIST_TTL: 2, MAX_JOIN_WAIT: 2,
    PATH_DISCOVERY_TIME: 1, ACTIVE_KEY_INDEX: 1, DESTINATION_ADDRESS_SET: 2, DEFAULT_COORD_ROUTE: 1,
    DISABLE_DEFAULT_ROUTING: 1, ROUTING_COUNT: 4,
}  # fmt: skip
_MAC_OCTETS = {
    MAC_MAX_BE: 1, MAC_MAX_CSMA_BACKOFFS: 1, MAC_MIN_BE: 1, MAC_PAN_ID: 2, MAC_SHORT_ADDRESS: 2,
    MAC_MAX_FRAME_RETRIES: 1, MAC_KEY_TABLE: 16, MAC_FRAME_COUNTER: 4, MAC_DUPLICATE_TTL: 1,
    MAC_HIGH_PRIORITY_WINDOW: 1, MAC_TX_DATA: 4, MAC_RX_DATA: 4, MAC_TX_CMD: 4, MAC_RX_CMD: 4,
    MAC_CSMA_FAIL: 4, MAC_CSMA_NO_ACK: 4, MAC_RX_BROADCAST: 4, MAC_TX_BROADCAST: 4, MAC_BAD_CRC: 4,
    MAC_NEIGHBOUR_TABLE: 0, MAC_CSMA_FAIRNESS: 1, MAC_TMR_TTL: 1, MAC_POS_TTL: 1, MAC_RC_COORD: 2,
    MAC_TONE_MASK: 9, MAC_BEACON_WINDOW: 1, MAC_A: 1, MAC_K: 1, MAC_MIN_CW: 1, MAC_BROADCAST_MAX_CW: 1,
    MAC_TRANSMIT_ATTEN: 1, MAC_POS_TABLE: 0, MAC_EUI64: 8,
}  # fmt: skip
_LBP_OCTETS = {LBP_ID_S: 0, LBP_PSK: 16, LBP_GMK: 16, LBP_REKEY_GMK: 16, LBP_MSG_TIMEOUT: 2}
_OCTETS = (_ADP_OCTETS, _MAC_OCTETS, _LBP_OCTETS)

HEAD_LEN = const(7)  # command, attribute, index
VALUE_OFF = const(8)  # of the value in a SET request and, from its status on, in a GET confirm
_MAX_VALUE = const(255)


def octets(space: int, attribute: int) -> int:
    """Octets of the value, 0 for a structure; -1 when the attribute is not known."""
    return _OCTETS[space].get(attribute, -1)


def put_get(mv: memoryview, space: int, attribute: int, index: int) -> int:
    """Write a GET request; its octets."""
    struct.pack_into(">BIH", mv, 0, _GETS[space], attribute, index)
    return HEAD_LEN


def put_set(mv: memoryview, space: int, attribute: int, index: int, value: "bytes | bytearray | memoryview") -> int:
    """Write a SET request; its octets. LocalError for an unknown attribute or a wrong length."""
    length = octets(space, attribute)
    if length < 0 or (length and length != len(value)) or len(value) > _MAX_VALUE:
        raise LocalError("attribute %d/%x: %d octets" % (space, attribute, len(value)))
    struct.pack_into(">BIHB", mv, 0, _SETS[space], attribute, index, len(value))
    mv[VALUE_OFF : VALUE_OFF + len(value)] = value
    return VALUE_OFF + len(value)


def number(mv: memoryview, off: int, length: int) -> int:
    """Big-endian integer of `length` octets."""
    value = 0
    for i in range(length):
        value = value << 8 | mv[off + i]
    return value


def number_octets(value: int, length: int) -> bytes:
    """`value` as `length` octets, big-endian."""
    return value.to_bytes(length, "big")
