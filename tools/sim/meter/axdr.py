# SPDX-License-Identifier: MIT
"""A-XDR data of the built-in meter: octets <-> COSEM data (IEC 62056-6-2 4.1.5).

Written from the fact sheet and shares nothing with `lib/dlms`, so that one
misreading cannot pass on both sides of a test.  The law: reading never goes
outside the octets given and never recurses without bound; whatever is wrong
raises `Malformed` and nothing else.
"""

import struct
from typing import NamedTuple

NULL, ARRAY, STRUCTURE, BOOLEAN, BIT_STRING = 0, 1, 2, 3, 4
INT32, UINT32, OCTET_STRING, VISIBLE_STRING, UTF8_STRING = 5, 6, 9, 10, 12
BCD, INT8, INT16, UINT8, UINT16, INT64, UINT64, ENUM = 13, 15, 16, 17, 18, 20, 21, 22
FLOAT32, FLOAT64, DATE_TIME, DATE, TIME = 23, 24, 25, 26, 27

_MAX_DEPTH = 8  # deeper nesting than any COSEM attribute or parameter has
_INTEGERS = {
    BOOLEAN: ">B", INT32: ">i", UINT32: ">I", BCD: ">b", INT8: ">b", INT16: ">h",
    UINT8: ">B", UINT16: ">H", INT64: ">q", UINT64: ">Q", ENUM: ">B",
}
_FIXED = {FLOAT32: 4, FLOAT64: 8, DATE_TIME: 12, DATE: 5, TIME: 4}
_STRINGS = (OCTET_STRING, VISIBLE_STRING, UTF8_STRING)


class Malformed(ValueError):
    """The peer's octets are not what the standard says they are."""


class Data(NamedTuple):
    """One decoded COSEM value: its type tag and an int, bytes, list or None."""

    tag: int
    value: "int | bytes | list[Data] | None"


class Reader:
    """A cursor over received octets; every read past the end is `Malformed`."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._pos = 0

    def take(self, count: int) -> bytes:
        """The next `count` octets."""
        end = self._pos + count
        if end > len(self._octets):
            raise Malformed("truncated")
        taken = self._octets[self._pos:end]
        self._pos = end
        return taken

    def number(self, size: int) -> int:
        """An unsigned big-endian number of `size` octets."""
        return int.from_bytes(self.take(size), "big")

    def length(self) -> int:
        """A length field: one octet, or 0x81..0x84 and that many octets."""
        first = self.number(1)
        if first < 0x80:
            return first
        if not 0x81 <= first <= 0x84:
            raise Malformed("length of length")
        return self.number(first & 0x7F)

    def octets(self) -> bytes:
        """A length field and as many octets."""
        return self.take(self.length())

    def rest(self) -> bytes:
        """All octets not read yet."""
        return self.take(len(self._octets) - self._pos)

    def end(self) -> None:
        """Raise `Malformed` unless everything has been read."""
        if self._pos != len(self._octets):
            raise Malformed("trailing octets")


def decode(reader: Reader, depth: int = 0) -> Data:
    """The next COSEM value."""
    tag = reader.number(1)
    if tag in (ARRAY, STRUCTURE):
        return Data(tag, _decode_items(reader, depth))
    if tag == NULL:
        return Data(tag, None)
    if tag in _INTEGERS:
        form = _INTEGERS[tag]
        return Data(tag, struct.unpack(form, reader.take(struct.calcsize(form)))[0])
    if tag in _STRINGS:
        return Data(tag, reader.octets())
    if tag == BIT_STRING:
        return Data(tag, reader.take((reader.length() + 7) // 8))
    if tag in _FIXED:
        return Data(tag, reader.take(_FIXED[tag]))
    raise Malformed("data type %d" % tag)


def _decode_items(reader: Reader, depth: int) -> "list[Data]":
    if depth >= _MAX_DEPTH:
        raise Malformed("nesting")
    return [decode(reader, depth + 1) for _ in range(reader.length())]


def decode_whole(octets: bytes) -> Data:
    """The one value that `octets` hold, with nothing after it."""
    reader = Reader(octets)
    value = decode(reader)
    reader.end()
    return value


def fields(value: "Data | None", *tags: int) -> list:
    """The plain values of a structure whose members have exactly these tags; `Malformed` otherwise."""
    if value is None or value.tag != STRUCTURE or not isinstance(value.value, list):
        raise Malformed("structure expected")
    if tuple(member.tag for member in value.value) != tags:
        raise Malformed("structure members")
    return [member.value for member in value.value]


def length(count: int) -> bytes:
    """A length field, in its shortest form."""
    if count < 0x80:
        return bytes((count,))
    size = (count.bit_length() + 7) // 8
    return bytes((0x80 | size,)) + count.to_bytes(size, "big")


def integer(tag: int, value: int) -> bytes:
    """An encoded integer type (also boolean and enum)."""
    return bytes((tag,)) + struct.pack(_INTEGERS[tag], value)


def octet_string(octets: bytes) -> bytes:
    """An encoded octet-string."""
    return bytes((OCTET_STRING,)) + length(len(octets)) + octets


def bit_string(bits: "list[bool]") -> bytes:
    """An encoded bit-string, first bit = most significant of the first octet."""
    packed = bytearray((len(bits) + 7) // 8)
    for index, bit in enumerate(bits):
        packed[index >> 3] |= 0x80 >> (index & 7) if bit else 0
    return bytes((BIT_STRING,)) + length(len(bits)) + bytes(packed)


def array(items: "list[bytes]") -> bytes:
    """An encoded array of encoded items."""
    return bytes((ARRAY,)) + length(len(items)) + b"".join(items)


def structure(*items: bytes) -> bytes:
    """An encoded structure of encoded members."""
    return bytes((STRUCTURE,)) + length(len(items)) + b"".join(items)
