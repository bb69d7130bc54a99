# SPDX-License-Identifier: MIT
"""Live values of the COSEM classes 90, 91 and 92 of this segment, and of its node list.

Source: g3.md 1.4 (classes), 2.6-2.8 (attributes, row layouts). Offers `value`, `count`,
`generation` by (class, attribute) as plc.sfsk.cosem_values does; numbers come from the pulse,
arrays from `tables`. Keys are never shown: the key table is empty.
"""

from micropython import const

from plc.g3 import pib, tables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.g3.modem import Modem
    from plc.g3.tables import Tables

_COUNTERS = const(90)
_MAC = const(91)
_ADP = const(92)
_SPACES = {_COUNTERS: pib.SPACE_MAC, _MAC: pib.SPACE_MAC, _ADP: pib.SPACE_ADP}

# class << 8 | attribute -> attribute of the modem, read by the pulse
_NUMBERS = {
    _COUNTERS << 8 | 2: pib.MAC_TX_DATA,
    _COUNTERS << 8 | 3: pib.MAC_RX_DATA,
    _COUNTERS << 8 | 4: pib.MAC_TX_CMD,
    _COUNTERS << 8 | 5: pib.MAC_RX_CMD,
    _COUNTERS << 8 | 6: pib.MAC_CSMA_FAIL,
    _COUNTERS << 8 | 7: pib.MAC_CSMA_NO_ACK,
    _COUNTERS << 8 | 8: pib.MAC_BAD_CRC,
    _COUNTERS << 8 | 9: pib.MAC_TX_BROADCAST,
    _COUNTERS << 8 | 10: pib.MAC_RX_BROADCAST,
    _MAC << 8 | 3: pib.MAC_RC_COORD,
    _MAC << 8 | 8: pib.MAC_TMR_TTL,
    _MAC << 8 | 9: pib.MAC_MAX_FRAME_RETRIES,
    _MAC << 8 | 10: pib.MAC_POS_TTL,
    _MAC << 8 | 12: pib.MAC_HIGH_PRIORITY_WINDOW,
    _MAC << 8 | 13: pib.MAC_CSMA_FAIRNESS,
    _MAC << 8 | 14: pib.MAC_BEACON_WINDOW,
    _MAC << 8 | 15: pib.MAC_A,
    _MAC << 8 | 16: pib.MAC_K,
    _MAC << 8 | 17: pib.MAC_MIN_CW,
    _MAC << 8 | 20: pib.MAC_MAX_BE,
    _MAC << 8 | 21: pib.MAC_MAX_CSMA_BACKOFFS,
    _MAC << 8 | 22: pib.MAC_MIN_BE,
    _MAC << 8 | 23: pib.MAC_BROADCAST_MAX_CW,
    _MAC << 8 | 24: pib.MAC_TRANSMIT_ATTEN,
    _MAC << 8 | 26: pib.MAC_DUPLICATE_TTL,
    _ADP << 8 | 2: pib.MAX_HOPS,
    _ADP << 8 | 3: pib.WEAK_LQI,
    _ADP << 8 | 4: pib.SECURITY_LEVEL,
    _ADP << 8 | 7: pib.BROADCAST_LOG_TTL,
    _ADP << 8 | 13: pib.MAX_JOIN_WAIT,
    _ADP << 8 | 14: pib.PATH_DISCOVERY_TIME,
    _ADP << 8 | 16: pib.METRIC_TYPE,
    _ADP << 8 | 17: pib.COORD_SHORT_ADDRESS,
    _ADP << 8 | 18: pib.DISABLE_DEFAULT_ROUTING,
    _ADP << 8 | 19: pib.DEVICE_TYPE,
    _ADP << 8 | 20: pib.DEFAULT_COORD_ROUTE,
    _ADP << 8 | 22: pib.LOW_LQI,
    _ADP << 8 | 23: pib.HIGH_LQI,
}
# Fields of routing_configuration (class 92 attribute 6), in the order of the Blue Book (UNCONFIRMED).
_ROUTING_FIELDS = (
    pib.NET_TRAVERSAL_TIME,
    pib.ROUTING_TTL,
    pib.KR,
    pib.KM,
    pib.KC,
    pib.KQ,
    pib.KH,
    pib.KRT,
    pib.RREQ_RETRIES,
    pib.RREQ_WAIT,
    pib.BLACKLIST_TTL,
    pib.UNICAST_RREQ,
    pib.RLC_ENABLED,
    pib.ADD_REV_LINK_COST,
)
# class << 8 | attribute -> (table, octets of each field of a row)
_ARRAYS = {
    _MAC << 8 | 11: (tables.NEIGHBOUR, (2, 3, 1, 1, 1, 6, 1, 1, 1, 2)),
    _MAC << 8 | 25: (tables.POS, (2, 1, 1)),
    _ADP << 8 | 5: (tables.PREFIX, (1, 1, 1, 4, 4, 16)),
    _ADP << 8 | 8: (tables.ROUTING, (2, 2, 2, 1, 1, 2)),
    _ADP << 8 | 9: (tables.CONTEXT, (2, 1, 1, 16)),
    _ADP << 8 | 10: (tables.BLACKLIST, (2, 1, 2)),
    _ADP << 8 | 11: (tables.BROADCAST_LOG, (2, 1, 2)),
    _ADP << 8 | 12: (tables.GROUP, (2, 1)),
    _ADP << 8 | 21: (tables.DESTINATIONS, (2,)),
}
_NUMBER_MAX = const(4)  # octets; longer fields are octet strings


class CosemValues:
    """`value` gives a number, or bytes for fields longer than four octets; 0 where there is nothing to tell."""

    def __init__(self, modem: "Modem", copies: "Tables") -> None:
        self._modem = modem
        self._tables = copies

    def value(self, class_id: int, attribute: int, field: int, item: int) -> "int | bytes":
        """Element `field` of entry `item` of an attribute."""
        key = class_id << 8 | attribute
        if key in _NUMBERS:
            return self._modem.heartbeat.value(_SPACES[class_id], _NUMBERS[key])
        if key in _ARRAYS:
            return self._of_row(_ARRAYS[key], field, item)
        own = _OWN.get(key)
        return 0 if own is None else own(self, field)

    def count(self, class_id: int, attribute: int) -> int:
        """Entries of an array."""
        key = class_id << 8 | attribute
        if key in _ARRAYS:
            return self._tables.count(_ARRAYS[key][0])
        return 1 if key == _ADP << 8 | 6 else 0

    def generation(self, class_id: int, attribute: int) -> int:
        """Changes whenever an array changes its length or order."""
        row = _ARRAYS.get(class_id << 8 | attribute)
        return self._tables.generation(row[0]) if row is not None else 0

    def _of_row(self, layout: "tuple[int, tuple[int, ...]]", field: int, item: int) -> "int | bytes":
        row = self._tables.row(layout[0], item)
        if not 0 <= field < len(layout[1]):
            return 0
        at = sum(layout[1][:field])
        octets = row[at : at + layout[1][field]]
        if layout[1][field] > _NUMBER_MAX:
            return bytes(octets)
        return pib.number(octets, 0, len(octets))

    def _short_address(self, field: int) -> int:
        return 0  # the coordinator's, g3.md 1.3

    def _pan_id(self, field: int) -> int:
        return self._modem.pan_id

    def _frame_counter(self, field: int) -> int:
        return self._modem.heartbeat.frame_counter

    def _active_key(self, field: int) -> int:
        return self._modem.active_key

    def _routing(self, field: int) -> int:
        if not 0 <= field < len(_ROUTING_FIELDS):
            return 0
        return self._modem.heartbeat.value(pib.SPACE_ADP, _ROUTING_FIELDS[field])


_C = CosemValues
# class << 8 | attribute: what needs no question to the modem
_OWN = {
    _MAC << 8 | 2: _C._short_address,
    _MAC << 8 | 4: _C._pan_id,
    _MAC << 8 | 6: _C._frame_counter,
    _ADP << 8 | 6: _C._routing,
    _ADP << 8 | 15: _C._active_key,
}
