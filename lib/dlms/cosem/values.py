# SPDX-License-Identifier: MIT
"""Attribute values as the GET service reads them: in chunks, without ever being whole.

Every value has four calls: `begin()` gives a mark for the state it is in, `chunk_cnt(mark)`
how many pieces it has, `encode_chunk(i, writer, mark)` writes one of them (the same octets
every time while `is_intact(mark, i)`), so that a long value can be sent in blocks.
"""

from dlms.axdr import OCTET_STRING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Protocol

    from dlms.axdr import Writer

    class Value(Protocol):
        def begin(self) -> int: ...
        def chunk_cnt(self, mark: int) -> int: ...
        def is_intact(self, mark: int, chunk: int) -> bool: ...
        def encode_chunk(self, chunk: int, writer: "Writer", mark: int) -> None: ...

    class ArraySource(Protocol):
        """A table somebody else owns. `generation` changes with every change of the table."""

        @property
        def generation(self) -> int: ...
        def count(self) -> int: ...
        def encode_item(self, index: int, writer: "Writer") -> None: ...


class Const:
    """A value that never changes, kept encoded (`encoded` includes its tag)."""

    def __init__(self, encoded: bytes) -> None:
        self._encoded = encoded

    def begin(self) -> int:
        """No state to mark."""
        return 0

    def chunk_cnt(self, mark: int) -> int:
        """One piece."""
        return 1

    def is_intact(self, mark: int, chunk: int) -> bool:
        """Always."""
        return True

    def encode_chunk(self, chunk: int, writer: "Writer", mark: int) -> None:
        """Copy it."""
        writer.raw(self._encoded, 0, len(self._encoded))


class Encoded:
    """A value of any shape: `encode(writer)` writes it with its tag.

    One that may be longer than a block has a `generation()`, which changes whenever it does.
    """

    def __init__(self, encode: "Callable[[Writer], None]", generation: "Callable[[], int] | None" = None) -> None:
        self._encode = encode
        self._generation = generation

    def begin(self) -> int:
        """Its generation."""
        return 0 if self._generation is None else self._generation()

    def chunk_cnt(self, mark: int) -> int:
        """One piece."""
        return 1

    def is_intact(self, mark: int, chunk: int) -> bool:
        """It has not changed; without a generation always: it is sent in one piece if it is shorter than a block."""
        return self.begin() == mark

    def encode_chunk(self, chunk: int, writer: "Writer", mark: int) -> None:
        """Let its owner write it."""
        self._encode(writer)


class Array:
    """An array whose elements a source encodes one by one; head and elements are the pieces."""

    def __init__(self, source: "ArraySource") -> None:
        self._source = source

    def begin(self) -> int:
        """The generation of the source."""
        return self._source.generation

    def chunk_cnt(self, mark: int) -> int:
        """Head and elements."""
        return 1 + self._source.count()

    def is_intact(self, mark: int, chunk: int) -> bool:
        """The source has not changed since `begin`."""
        return self._source.generation == mark

    def encode_chunk(self, chunk: int, writer: "Writer", mark: int) -> None:
        """Head first, then element `chunk` - 1."""
        if chunk:
            self._source.encode_item(chunk - 1, writer)
        else:
            writer.array(self._source.count())


def number(tag: int, value: int) -> Const:
    """Constant number of type `tag`."""
    width = {3: 1, 15: 1, 17: 1, 22: 1, 16: 2, 18: 2, 5: 4, 6: 4}[tag]
    return Const(bytes([tag]) + (value & ((1 << 8 * width) - 1)).to_bytes(width, "big"))


def octets(value: bytes) -> Const:
    """Constant octet-string of less than 64 Ki octets."""
    length = len(value)
    if length < 0x80:
        return Const(bytes((OCTET_STRING, length)) + value)
    return Const(bytes((OCTET_STRING, 0x82, length >> 8, length & 0xFF)) + value)
