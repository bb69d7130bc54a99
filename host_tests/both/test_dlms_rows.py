# SPDX-License-Identifier: MIT
"""Objects made of rows: what a row's words mean for reading, writing and calling, and what an object costs."""

import gc
import sys

from base.errors import LocalError, RemoteError
from dlms.axdr import Reader, Writer
from dlms.cosem.object import (
    ACCESS_READ,
    ACCESS_WRITE,
    ROLE_FIRMWARE,
    ROLE_KEYED,
    ROLE_MANAGEMENT,
    ROLE_PUBLIC,
    ROLE_READ_ONLY,
    ROLE_READ_WRITE,
)
from dlms.cosem.rows import objects
from dlms.cosem.values import number

NAME = b"\x00\x00\x80\x63\x00\xff"
ROW = (7, 999, 3, NAME, "-mwf", "B:m ho [Is - * ?:w s:f HoB:m")


class Source:
    """Answers with what it was asked; remembers what it was told."""

    def __init__(self):
        self.told = []
        self.changes = 0

    def value(self, key, attribute, field, item):
        if (attribute, field) in ((3, 1), (4, 1), (9, 0)):
            return b"%d.%d" % (attribute, item)
        return key + attribute + field + item

    def count(self, key, attribute):
        return 2

    def generation(self, key, attribute):
        return self.changes

    def special(self, key, attribute):
        return number(17, 10 * key + attribute)

    def put(self, now, key, attribute, fields):
        self.told.append((now, key, attribute, fields))
        return 250

    def call(self, now, key, method, reader, writer):
        self.told.append((now, key, method, reader))
        writer.null()
        return 2


def _made():
    source = Source()
    return objects((ROW,), source, ROLE_KEYED)[0], source


def _reader(octets):
    reader = Reader()
    reader.open(memoryview(octets), 0, len(octets))
    return reader


def _encoded(value):
    out, writer = bytearray(100), Writer()
    writer.open(out, 0, 100)
    mark = value.begin()
    for chunk in range(value.chunk_cnt(mark)):
        assert value.is_intact(mark, chunk)
        value.encode_chunk(chunk, writer, mark)
    return bytes(out[: writer.off])


def test_an_object_has_what_its_row_says():
    made, _ = _made()
    assert (made.class_id, made.version, made.logical_name) == (999, 3, NAME)
    assert (made.attribute_cnt, made.method_cnt) == (9, 4)
    assert [made.has(index) for index in range(11)] == [
        False,
        True,
        True,
        True,
        True,
        False,
        True,
        True,
        True,
        True,
        False,
    ]
    try:
        made.value(5)
    except LocalError:
        return
    raise AssertionError("attribute 5 is not there")


def test_each_word_is_encoded_by_its_letters():
    made, source = _made()
    assert _encoded(made.value(1)) == b"\x09\x06" + NAME
    assert _encoded(made.value(2)) == b"\x11\x09"
    assert _encoded(made.value(3)) == b"\x02\x02\x10\x00\x0a\x09\x033.0"
    assert (
        _encoded(made.value(4))
        == b"\x01\x02" + b"\x02\x02\x06\x00\x00\x00\x0b\x0a\x034.0" + b"\x02\x02\x06\x00\x00\x00\x0c\x0a\x034.1"
    )
    assert _encoded(made.value(6)) == b"\x11\x4c"
    array = made.value(4)
    mark = array.begin()
    source.changes += 1
    assert not array.is_intact(mark, 1)


def test_rights_are_those_of_the_row():
    made, _ = _made()
    both = ACCESS_READ | ACCESS_WRITE
    assert [made.access(index, ROLE_MANAGEMENT) for index in range(1, 10)] == [1, both, 1, 1, 0, 1, both, both, both]
    assert [made.access(index, ROLE_READ_WRITE) for index in range(1, 10)] == [1, 1, 1, 1, 0, 1, both, 1, 1]
    assert [made.access(index, ROLE_READ_ONLY) for index in range(1, 10)] == [1, 1, 1, 1, 0, 1, 1, 1, 1]
    assert [made.access(index, ROLE_PUBLIC) for index in range(1, 10)] == [0] * 9
    assert [made.may_call(index, ROLE_MANAGEMENT) for index in range(6)] == [False, False, True, True, True, False]
    assert [made.may_call(index, ROLE_FIRMWARE) for index in range(6)] == [False, False, False, False, True, False]
    assert not made.is_seen_by(ROLE_PUBLIC) and made.is_seen_by(ROLE_READ_ONLY)
    made.readers = 0
    assert made.is_seen_by(ROLE_FIRMWARE) and not made.is_seen_by(ROLE_READ_ONLY)


def test_a_write_reaches_the_source_typed_and_only_when_it_is_of_the_type():
    made, source = _made()
    assert made.setter(2)(5, _reader(b"\x11\x2a")) == 250
    assert made.setter(9)(6, _reader(b"\x02\x03\x12\x01\x00\x09\x02ab\x11\x07")) == 250
    assert source.told == [(5, 7, 2, [42]), (6, 7, 9, [256, b"ab", 7])]
    wrong = (
        (2, b"\x12\x00\x2a"), (2, b"\x11"), (2, b""), (7, b"\x11\x01"), (8, b"\x09\x01a"), (8, b"\x0a\x05a"),
        (9, b"\x02\x02\x12\x01\x00\x09\x00"), (9, b"\x01\x03\x12\x01\x00\x09\x00\x11\x07"),
        (9, b"\x02\x84\xff\xff\xff\xff"),
    )  # fmt: skip
    for index, octets in wrong:
        try:
            made.setter(index)(7, _reader(octets))
        except RemoteError:
            continue
        raise AssertionError((index, octets))
    assert len(source.told) == 2
    try:
        made.setter(3)
    except LocalError:
        return
    raise AssertionError("attribute 3 has no setter")


def test_a_call_reaches_the_source():
    made, source = _made()
    writer = Writer()
    writer.open(bytearray(4), 0, 4)
    assert made.method(3)(9, None, writer) == 2
    assert source.told == [(9, 7, 3, None)] and writer.off == 1


def test_what_is_added_to_an_object_comes_beside_its_row():
    made, _ = _made()
    made.writable(3, ROLE_READ_ONLY, lambda now, reader: 0)
    made.callable(1, ROLE_READ_ONLY, lambda now, reader, writer: 0)
    assert made.access(3, ROLE_READ_ONLY) == ACCESS_READ | ACCESS_WRITE
    assert made.setter(3)(0, _reader(b"")) == 0
    assert made.may_call(1, ROLE_READ_ONLY) and made.method(1)(0, None, Writer()) == 0


def test_an_object_of_a_row_costs_less_than_200_octets_of_heap():
    source = Source()
    if sys.implementation.name != "micropython":
        assert len(objects((ROW,) * 20, source)) == 20
        return
    gc.collect()
    before = gc.mem_alloc()
    kept = objects((ROW,) * 20, source)
    used = gc.mem_alloc() - before
    assert used < 20 * 200, used  # of the 64-bit build; half of it on a board
    assert len(kept) == 20
