# SPDX-License-Identifier: MIT
"""PIB attributes behind SET, GET, MAC_SET and MAC_GET: plain numbers here, tables as objects with get and set.

Law: a refusal is a PibError with the status of the layer that was asked (g3.md 2.5-2.8).
"""

from typing import NamedTuple, Protocol

from tools.sim.g3 import codes


class PibError(Exception):
    """The attribute cannot be read or written; `status` goes into the confirm."""

    def __init__(self, status: int) -> None:
        super().__init__("status %02X" % status)
        self.status = status


class Refusals(NamedTuple):
    """The statuses of one layer."""

    unsupported: int
    bad_index: int
    parameter: int
    read_only: int


ADP_REFUSALS = Refusals(
    codes.UNSUPPORTED_ATTRIBUTE, codes.INVALID_INDEX, codes.INVALID_PARAMETER, codes.READ_ONLY
)
MAC_REFUSALS = Refusals(
    codes.MAC_UNSUPPORTED, codes.MAC_INVALID_INDEX, codes.MAC_INVALID_PARAMETER, codes.MAC_READ_ONLY
)


class Attribute(Protocol):
    """One attribute with any number of rows."""

    def get(self, index: int, refusals: Refusals) -> bytes:
        """Value of a row."""

    def set(self, index: int, value: bytes, refusals: Refusals) -> None:
        """Write a row; an empty value deletes it where that is possible."""


class Number:
    """A plain number of `size` octets."""

    def __init__(self, size: int, value: int = 0, is_writable: bool = True) -> None:
        self.size, self.value, self._is_writable = size, value, is_writable

    def get(self, index: int, refusals: Refusals) -> bytes:
        """Its octets, big-endian."""
        if index:
            raise PibError(refusals.bad_index)
        return (self.value % (1 << 8 * self.size)).to_bytes(self.size, "big")

    def set(self, index: int, value: bytes, refusals: Refusals) -> None:
        """Take a new value of the right length."""
        if not self._is_writable:
            raise PibError(refusals.read_only)
        if index:
            raise PibError(refusals.bad_index)
        if len(value) != self.size:
            raise PibError(refusals.parameter)
        self.value = int.from_bytes(value, "big")


class Mirror:
    """A number that lives as an attribute of some object of the twin."""

    def __init__(self, size: int, owner: object, name: str, is_writable: bool = True) -> None:
        self._size, self._owner, self._name, self._is_writable = size, owner, name, is_writable

    def get(self, index: int, refusals: Refusals) -> bytes:
        """Its octets; an attribute of type bytes as it is."""
        if index:
            raise PibError(refusals.bad_index)
        value = getattr(self._owner, self._name)
        if isinstance(value, bytes):
            return value
        return (value % (1 << 8 * self._size)).to_bytes(self._size, "big")

    def set(self, index: int, value: bytes, refusals: Refusals) -> None:
        """Set it in its owner."""
        if not self._is_writable:
            raise PibError(refusals.read_only)
        if index or len(value) != self._size:
            raise PibError(refusals.bad_index if index else refusals.parameter)
        is_octets = isinstance(getattr(self._owner, self._name), bytes)
        setattr(self._owner, self._name, bytes(value) if is_octets else int.from_bytes(value, "big"))


class Rows:
    """A table the host writes: rows with lengths in `sizes`, deleted by an empty value."""

    def __init__(self, rows_cnt: int, sizes: range) -> None:
        self._rows_cnt, self._sizes = rows_cnt, sizes
        self.rows: dict[int, bytes] = {}

    def get(self, index: int, refusals: Refusals) -> bytes:
        """A row that is there."""
        if index not in self.rows:
            raise PibError(refusals.bad_index)
        return self.rows[index]

    def set(self, index: int, value: bytes, refusals: Refusals) -> None:
        """Write or delete a row."""
        if index >= self._rows_cnt:
            raise PibError(refusals.bad_index)
        if value and len(value) not in self._sizes:
            raise PibError(refusals.parameter)
        self.rows.pop(index, None)
        if value:
            self.rows[index] = bytes(value)


class Pib:
    """Attributes of one layer by their 32-bit number."""

    def __init__(self, refusals: Refusals) -> None:
        self._refusals = refusals
        self.attributes: dict[int, Attribute] = {}

    def _find(self, number: int) -> Attribute:
        attribute = self.attributes.get(number)
        if attribute is None:
            raise PibError(self._refusals.unsupported)
        return attribute

    def get(self, number: int, index: int) -> bytes:
        """Value of a row of an attribute."""
        return self._find(number).get(index, self._refusals)

    def set(self, number: int, index: int, value: bytes) -> None:
        """Write a row of an attribute."""
        self._find(number).set(index, value, self._refusals)

    def number(self, number: int) -> int:
        """Value of a plain number."""
        return int.from_bytes(self.get(number, 0), "big")
