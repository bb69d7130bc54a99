# SPDX-License-Identifier: MIT
"""COSEM objects made of a row in flash; values, writes and calls go to one source (duck type RowSource).

row = (key, class id, version, logical name, methods, attributes from 2 on). Attributes are words:
type letters of LETTERS, one = the value itself, more = a structure, "[" in front = an array of them,
"-" = not in this device, "*" in front = read as a Value the source has, "*3" that one with access selectors
1 and 2; ":" + letter at the end = roles that may write it. Methods: a letter of roles each, "-" = not callable.
Law: an object costs a few words of RAM; everything else is made when it is asked for.
"""

from micropython import const

from base.errors import LocalError
from dlms.axdr import BIT_STRING, OCTET_STRING, VISIBLE_STRING
from dlms.cosem.object import (
    ACCESS_NONE,
    ACCESS_READ,
    ACCESS_WRITE,
    ROLE_FIRMWARE,
    ROLE_MANAGEMENT,
    ROLE_NONE,
    ROLE_READ_WRITE,
    CosemObject,
)
from dlms.cosem.values import octets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from dlms.axdr import Reader, Writer
    from dlms.cosem.object import Method, Selector, Setter
    from dlms.cosem.values import Value

    Row = tuple[int, int, int, bytes, str, str]

    class RowSource(Protocol):
        """`field` counts the elements of a structure from 0, `item` those of an array."""

        def value(self, key: int, attribute: int, field: int, item: int) -> "int | bytes": ...

    class FullSource(RowSource, Protocol):
        """What sources of rows with "[", "*", "*3", ":" or methods have besides."""

        def count(self, key: int, attribute: int) -> int:
            """Elements of an array."""

        def generation(self, key: int, attribute: int) -> int:
            """Changes whenever such an array changes."""

        def special(self, key: int, attribute: int) -> "Value": ...
        def select(self, key: int, attribute: int, selector: int, reader: "Reader") -> "Value | None":
            """As Selector of dlms.cosem.object."""

        def put(self, now: int, key: int, attribute: int, fields: "list[int | bytes]") -> int:
            """Data-Access-Result of writing `fields`, whose types are the row's."""

        def call(self, now: int, key: int, method: int, reader: "Reader | None", writer: "Writer") -> int:
            """Action-Result; as Method of dlms.cosem.object."""


# ? boolean, b B h H i I q Q integers as in struct, e enum, o octet-string, s visible-string, t bit-string of 24
_LETTERS = "?bBhHiIqQeost"
_TAGS = b"\x03\x0f\x11\x10\x12\x05\x06\x14\x15\x16\x09\x0a\x04"
_BITS = const(24)  # of the only bit-string in a row, a tone map
# Letters of roles: management; management and read-write; management and firmware.
_ROLE_LETTERS = "mwf"
_ROLES = (ROLE_MANAGEMENT, ROLE_MANAGEMENT | ROLE_READ_WRITE, ROLE_MANAGEMENT | ROLE_FIRMWARE)


def _word(words: str, index: int) -> str:
    """Word `index`, from 0."""
    start = 0
    for _ in range(index):
        start = words.index(" ", start) + 1
    end = words.find(" ", start)
    return words[start:] if end < 0 else words[start:end]


def _roles(letter: str) -> int:
    at = _ROLE_LETTERS.find(letter) if letter else -1
    return ROLE_NONE if at < 0 else _ROLES[at]


def _letters_of(word: str) -> str:
    """The types in a word."""
    return word.partition(":")[0].lstrip("[*3")


def _tag(letter: str) -> int:
    return _TAGS[_LETTERS.index(letter)]


class RowValue:
    """One attribute while it is read: an array is sent element by element, anything else in one piece."""

    def __init__(self, source: "RowSource", key: int, attribute: int, word: str) -> None:
        self._source = source
        self._key = key
        self._attribute = attribute
        self._is_array = word[0] == "["
        self._letters = _letters_of(word)

    def begin(self) -> int:
        """The generation of an array."""
        return self._source.generation(self._key, self._attribute) if self._is_array else 0  # type: ignore[attr-defined]

    def chunk_cnt(self, mark: int) -> int:
        """Head and elements of an array, else one."""
        return 1 + self._source.count(self._key, self._attribute) if self._is_array else 1  # type: ignore[attr-defined]

    def is_intact(self, mark: int, chunk: int) -> bool:
        """The array has not changed since `begin`."""
        return self.begin() == mark

    def encode_chunk(self, chunk: int, writer: "Writer", mark: int) -> None:
        """Head of an array, or element `chunk` - 1, or the value."""
        if not self._is_array:
            self._encode(0, writer)
        elif chunk:
            self._encode(chunk - 1, writer)
        else:
            writer.array(self._source.count(self._key, self._attribute))  # type: ignore[attr-defined]

    def _encode(self, item: int, writer: "Writer") -> None:
        letters = self._letters
        if len(letters) > 1:
            writer.structure(len(letters))
        for field in range(len(letters)):
            value = self._source.value(self._key, self._attribute, field, item)
            _write(writer, _tag(letters[field]), value)


def _write(writer: "Writer", tag: int, value: "int | bytes") -> None:
    if tag == OCTET_STRING or tag == VISIBLE_STRING:
        writer.string(tag, value)  # type: ignore[arg-type]
    elif tag == BIT_STRING:
        writer.bit_string(value, _BITS)  # type: ignore[arg-type]
    else:
        writer.number(tag, value)  # type: ignore[arg-type]


def read_fields(reader: "Reader", letters: str) -> "list[int | bytes]":
    """The value of one type, or the elements of a structure of several. RemoteError: not of these types."""
    if len(letters) > 1:
        reader.elements(2, len(letters), len(letters))
    fields: "list[int | bytes]" = []
    for letter in letters:
        tag = _tag(letter)
        if tag == OCTET_STRING or tag == VISIBLE_STRING:
            fields.append(reader.string(tag, reader.left))
        else:
            fields.append(reader.number(tag))
    return fields


class RowObject(CosemObject):
    """The object of one row. What `writable`, `callable` and `selective` add comes before the row."""

    def __init__(self, row: "Row", source: "RowSource") -> None:
        # NOTE: not super().__init__(): it would make the list of values that this class is there to save.
        self._row = row
        self._source = source

    # NOTE: looked up, not kept: seventy objects of four numbers more each are 2 kB.

    @property
    def class_id(self) -> int:  # type: ignore[override]
        """Of the interface class."""
        return self._row[1]

    @property
    def version(self) -> int:  # type: ignore[override]
        """Of the interface class."""
        return self._row[2]

    @property
    def logical_name(self) -> bytes:  # type: ignore[override]
        """OBIS code, 6 octets."""
        return self._row[3]

    @property
    def method_cnt(self) -> int:  # type: ignore[override]
        """Number of methods of the class."""
        return len(self._row[4])

    @property
    def attribute_cnt(self) -> int:
        """Number of attributes of the class, logical name included."""
        return 2 + self._row[5].count(" ")

    def _at(self, index: int) -> str:
        return _word(self._row[5], index - 2)

    def has(self, index: int) -> bool:
        """Attribute `index` exists in this device."""
        return index == 1 or 2 <= index <= self.attribute_cnt and self._at(index) != "-"

    def value(self, index: int) -> "Value":
        """Made anew each time. LocalError when `has(index)` is false."""
        if index == 1:
            return octets(self.logical_name)
        if not self.has(index):
            raise LocalError("attribute %d of class %d" % (index, self.class_id))
        word = self._at(index)
        if word[0] == "*":
            return self._source.special(self._row[0], index)  # type: ignore[attr-defined,no-any-return]
        return RowValue(self._source, self._row[0], index, word)

    def _writers(self, index: int) -> int:
        """Roles that may write attribute `index` by its row."""
        return _roles(self._at(index).partition(":")[2]) if 2 <= index <= self.attribute_cnt else ROLE_NONE

    def access(self, index: int, role: int) -> int:
        """ACCESS_READ and ACCESS_WRITE, or neither, of attribute `index` for clients of `role`."""
        granted = super().access(index, role)
        return granted | ACCESS_WRITE if self._writers(index) & role else granted

    def rights(self, role: int) -> "bytes | bytearray":
        """As CosemObject.rights; the row is cut into words once, not once per attribute."""
        words = self._row[5].split(" ")
        may_read = ACCESS_READ if self.readers & role else ACCESS_NONE
        modes = bytearray([may_read] * (1 + len(words)))
        for at in range(len(words)):
            word = words[at]
            if word == "-":
                modes[1 + at] = ACCESS_NONE
            elif ":" in word and _roles(word.partition(":")[2]) & role:
                modes[1 + at] |= ACCESS_WRITE
        for index in self.hidden:
            modes[index - 1] &= ACCESS_WRITE
        for index in self._setters or ():
            modes[index - 1] |= self.access(index, role)
        return modes

    def setter(self, index: int) -> "Setter":
        """Of an attribute with ACCESS_WRITE."""
        if not self._writers(index):
            return super().setter(index)
        key, letters = self._row[0], _letters_of(self._at(index))
        return lambda now, reader: self._source.put(now, key, index, read_fields(reader, letters))  # type: ignore[attr-defined]

    def may_call(self, index: int, role: int) -> bool:
        """Method `index` may be called by `role`."""
        by_row = 1 <= index <= self.method_cnt and _roles(self._row[4][index - 1]) & role
        return bool(by_row) or super().may_call(index, role)

    def method(self, index: int) -> "Method":
        """Of a method that may be called."""
        if not _roles(self._row[4][index - 1]):
            return super().method(index)
        key = self._row[0]
        return lambda now, reader, writer: self._source.call(now, key, index, reader, writer)  # type: ignore[attr-defined]

    def is_seen_by(self, role: int) -> bool:
        """It stands in the object list of `role`."""
        if super().is_seen_by(role):
            return True
        writers = [word[0] for word in self._row[5].split(":")[1:]]
        return any([_roles(letter) & role for letter in writers]) or any(
            [_roles(letter) & role for letter in self._row[4]]
        )

    def selection(self, index: int) -> "tuple[int, Selector | None]":
        """(mask of access selectors, who makes the selection) of an attribute; (0, None) = none."""
        if not self.has(index) or index == 1 or not self._at(index).startswith("*3"):
            return super().selection(index)
        key = self._row[0]
        return 3, lambda selector, reader: self._source.select(key, index, selector, reader)  # type: ignore[attr-defined]


def objects(rows: "tuple[Row, ...]", source: "RowSource", readers: int = 0) -> "list[CosemObject]":
    """The objects of a table; `readers` 0 = everybody."""
    found: "list[CosemObject]" = []
    for row in rows:
        item = RowObject(row, source)
        if readers:
            item.readers = readers
        found.append(item)
    return found
