# SPDX-License-Identifier: MIT
"""S-FSK classes 50, 51, 52, 53, 55 and 56 as the initiator shows them (facts sfsk 5).

All data, no logic: a row per class, a type per attribute. Live values come from one source:
  value(class_id, attribute, field, item) -> int or octets
      `field` counts the elements of a structure from 0, `item` those of an array
  count(class_id, attribute) -> elements of an array
  generation(class_id, attribute) -> changes whenever such an array changes
"""

from dlms.axdr import BOOLEAN, ENUM, OCTET_STRING, UINT8, UINT16, UINT32
from dlms.cosem.object import CosemObject, obis
from dlms.cosem.values import Array, Encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from dlms.axdr import Writer
    from dlms.cosem.values import Value

    class SfskSource(Protocol):
        def value(self, class_id: int, attribute: int, field: int, item: int) -> "int | bytes": ...
        def count(self, class_id: int, attribute: int) -> int: ...
        def generation(self, class_id: int, attribute: int) -> int: ...


# An attribute is (is_array, element types): one type = the value itself, more = a structure.
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


class _Attribute:
    """One attribute of one class: what to ask the source and how to encode it."""

    def __init__(self, source: "SfskSource", class_id: int, attribute: int, types: "tuple[int, ...]") -> None:
        self._source = source
        self._class_id = class_id
        self._attribute = attribute
        self._types = types

    @property
    def generation(self) -> int:
        return self._source.generation(self._class_id, self._attribute)

    def count(self) -> int:
        return self._source.count(self._class_id, self._attribute)

    def encode(self, writer: "Writer") -> None:
        self.encode_item(0, writer)

    def encode_item(self, index: int, writer: "Writer") -> None:
        types = self._types
        if len(types) > 1:
            writer.structure(len(types))
        for field in range(len(types)):
            value = self._source.value(self._class_id, self._attribute, field, index)
            if types[field] == OCTET_STRING:
                writer.octets(value)  # type: ignore[arg-type]
            else:
                writer.number(types[field], value)  # type: ignore[arg-type]


def sfsk_objects(source: "SfskSource") -> "list[CosemObject]":
    """The six objects 0-0:26.x.0.255."""
    objects = []
    for class_id, version, d_group, method_cnt, attributes in CLASSES:
        values: "list[Value | None]" = []
        for is_array, types in attributes:
            attribute = _Attribute(source, class_id, 2 + len(values), types)
            values.append(Array(attribute) if is_array else Encoded(attribute.encode))
        objects.append(CosemObject(class_id, version, obis(0, 0, 26, d_group, 0), values, method_cnt))
    return objects
