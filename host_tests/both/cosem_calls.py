# SPDX-License-Identifier: MIT
"""Setters, methods and selections of COSEM objects called directly, and a small decoder of A-XDR of its own."""

from base.errors import RemoteError
from dlms.axdr import Reader, Writer

NOW = 77


def reader_of(octets):
    """A Reader at the front of `octets`."""
    reader = Reader()
    reader.open(memoryview(octets), 0, len(octets))
    return reader


def put(made, index, octets, role):
    """Result of a SET as the server does it: "denied", "type", or the Data-Access-Result."""
    if not made.access(index, role) & 2:
        return "denied"
    reader = reader_of(octets)
    try:
        result = made.setter(index)(NOW, reader)
    except RemoteError:
        return "type"
    assert result or not reader.left
    return result


def call(made, index, octets, role):
    """Result of an ACTION as the server does it; `octets` None = no parameter."""
    if not made.may_call(index, role):
        return "denied"
    writer = Writer()
    writer.open(bytearray(64), 0, 64)
    try:
        return made.method(index)(NOW, None if octets is None else reader_of(octets), writer)
    except RemoteError:
        return "type"


def encoded(value):
    """All octets of a Value."""
    out, writer = bytearray(2048), Writer()
    writer.open(out, 0, len(out))
    mark = value.begin()
    for chunk in range(value.chunk_cnt(mark)):
        assert value.is_intact(mark, chunk)
        value.encode_chunk(chunk, writer, mark)
    assert not writer.lost_cnt
    return bytes(out[: writer.off])


def parsed(octets):
    """What Data octets say: lists, bytes and ints."""
    value, rest = _parse(octets)
    assert rest == b""
    return value


def read(made, index):
    """Attribute `index`, parsed."""
    return parsed(encoded(made.value(index)))


def _parse(octets):
    tag, rest = octets[0], octets[1:]
    if tag in (1, 2):
        n, rest = _count(rest)
        items = []
        for _ in range(n):
            item, rest = _parse(rest)
            items.append(item)
        return items, rest
    if tag in (9, 10, 4):
        n, rest = _count(rest)
        n = (n + 7) // 8 if tag == 4 else n
        return rest[:n], rest[n:]
    n = {0: 0, 3: 1, 5: 4, 6: 4, 15: 1, 16: 2, 17: 1, 18: 2, 22: 1}[tag]
    value = int.from_bytes(rest[:n], "big")
    if tag in (5, 15, 16) and value >> (8 * n - 1):
        value -= 1 << (8 * n)
    return value, rest[n:]


def _count(octets):
    if octets[0] < 128:
        return octets[0], octets[1:]
    n = octets[0] & 0x7F
    return int.from_bytes(octets[1 : 1 + n], "big"), octets[1 + n :]
