# SPDX-License-Identifier: MIT
"""COSEM objects made of a table: a row per class, types per attribute, live values from one source.

class = (id, version, D group, methods, attributes from 2 on); attribute = (is_array, element
types): one type = the value itself, more = a structure; None = not in this device. The source:
  value(class_id, attribute, field, item) -> int or octets
      `field` counts the elements of a structure from 0, `item` those of an array
  count(class_id, attribute) -> elements of an array
  generation(class_id, attribute) -> changes whenever such an array changes
"""

from micropython import const

from dlms.axdr import BIT_STRING, OCTET_STRING
from dlms.cosem.object import CosemObject, obis
from dlms.cosem.values import Array, Encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from dlms.axdr import Writer
    from dlms.cosem.values import Value

    AttributeRow = tuple[bool, tuple[int, ...]] | None
    ClassRow = tuple[int, int, int, int, tuple[AttributeRow, ...]]

    class RowSource(Protocol):
        def value(self, class_id: int, attribute: int, field: int, item: int) -> "int | bytes": ...
        def count(self, class_id: int, attribute: int) -> int: ...
        def generation(self, class_id: int, attribute: int) -> int: ...


_BITS = const(24)  # of the only bit-string there is, a tone map


class _Attribute:
    """One attribute of one class: what to ask the source and how to encode it."""

    def __init__(self, source: "RowSource", class_id: int, attribute: int, types: "tuple[int, ...]") -> None:
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
            elif types[field] == BIT_STRING:
                writer.bit_string(value, _BITS)  # type: ignore[arg-type]
            else:
                writer.number(types[field], value)  # type: ignore[arg-type]


def objects(classes: "tuple[ClassRow, ...]", c_group: int, source: "RowSource") -> "list[CosemObject]":
    """The objects 0-0:c.d.0.255 of a table."""
    found = []
    for class_id, version, d_group, method_cnt, attributes in classes:
        values: "list[Value | None]" = []
        for row in attributes:
            if row is None:
                values.append(None)
                continue
            attribute = _Attribute(source, class_id, 2 + len(values), row[1])
            values.append(Array(attribute) if row[0] else Encoded(attribute.encode))
        found.append(CosemObject(class_id, version, obis(0, 0, c_group, d_group, 0), values, method_cnt))
    return found
