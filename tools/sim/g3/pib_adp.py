# SPDX-License-Identifier: MIT
"""The ADP's attributes (g3.md 2.6, 2.7)."""

from typing import TYPE_CHECKING

from tools.sim.g3.pib import ADP_REFUSALS, Attribute, Mirror, Number, Pib, PibError, Refusals, Rows

if TYPE_CHECKING:
    from tools.sim.g3.modem import G3Modem

CONTEXTS, MAX_HOPS, DEVICE_TYPE, TRAVERSAL_TIME, ROUTING_TTL = 0x07, 0x0F, 0x10, 0x11, 0x12
RREQ_RETRIES, PATH_TIME, ACTIVE_KEY, ULA_DEST = 0x18, 0x21, 0x22, 0x080000D1
_ROUTING_TABLE, _ROUTING_COUNT, _ROUTING_ELEMENT = 0x0C, 0x080000C8, 0x080000E3
_EMPTY_TABLES = (0x0B, 0x1E)  # broadcast log, blacklist: the twin keeps none
_EMPTY_COUNTS = (0x080000DF, 0x080000E0)

# (number, octets, default): g3.md 1.3 and 2.6
_NUMBERS = (
    (0x00, 1, 5), (0x02, 2, 2), (0x03, 1, 0x0F), (0x04, 1, 0), (0x05, 1, 255), (0x06, 1, 4), (0x08, 2, 0),
    (0x09, 1, 0), (0x0A, 1, 0), (0x0D, 1, 1), (0x0F, 1, 8), (0x10, 1, 0), (0x11, 1, 20), (0x12, 2, 360),
    (0x13, 1, 0), (0x14, 1, 0), (0x15, 1, 0), (0x16, 1, 10), (0x17, 1, 4), (0x18, 1, 0), (0x19, 1, 30),
    (0x1A, 1, 52), (0x1B, 1, 0), (0x1D, 1, 0), (0x1F, 2, 10), (0x20, 2, 20), (0x21, 1, 40), (0x24, 1, 0),
    (0x25, 2, 0), (0x26, 2, 0), (0x27, 1, 0), (0x28, 1, 0), (0x29, 1, 0), (0x2A, 1, 0), (0x2B, 1, 0), (0x2D, 2, 0),
    (0x2E, 1, 0), (0x2F, 1, 0), (0x30, 1, 0), (0x31, 1, 0), (0x32, 1, 0), (0x33, 1, 0), (0x34, 1, 0), (0x35, 2, 0),
    (0x36, 1, 0), (0xF0, 1, 0), (0x080000C0, 2, 60), (0x080000C1, 1, 1), (0x080000C4, 1, 0), (0x080000C6, 2, 0),
    (0x080000C9, 2, 0), (0x080000D1, 2, 0xFFFF), (0x080000D3, 1, 0), (0x080000DC, 2, 0), (0x080000DD, 1, 0),
)  # fmt: skip
_READ_ONLY = ((0x1C, 6), (0x080000CB, 1), (0x080000CE, 6), (0x080000CF, 2), (0x080000D6, 2), (0x080000D7, 2),
              (0x080000E5, 1), (0x080000E6, 1))  # fmt: skip
_LEGACY = ((0x080000C2, range(16, 17)), (0x080000C5, range(1, 64)), (0x080000C7, range(16, 17)))


class _Count:
    """Number of rows of a table, 16 or 32 bit."""

    def __init__(self, size: int, rows: object) -> None:
        self._size, self._rows = size, rows

    def get(self, index: int, refusals: Refusals) -> bytes:
        """How many there are."""
        if index:
            raise PibError(refusals.bad_index)
        return len(self._rows).to_bytes(self._size, "big")  # type: ignore[arg-type]

    def set(self, index: int, value: bytes, refusals: Refusals) -> None:
        """Refused."""
        raise PibError(refusals.read_only)


class _Groups(Rows):
    """Group addresses; GET adds a valid octet."""

    def get(self, index: int, refusals: Refusals) -> bytes:
        """addr(2) valid(1)."""
        return super().get(index, refusals) + b"\x01"


class _Prefixes(Rows):
    """IPv6 prefixes; their own length octet says what is needed."""

    def set(self, index: int, value: bytes, refusals: Refusals) -> None:
        """prefixLen bits, flags and times, prefix octets."""
        if value and (value[0] > 128 or len(value) < 11 + -(-value[0] // 8)):
            raise PibError(refusals.parameter)
        super().set(index, value, refusals)


class _Contexts(Rows):
    """Header-compression contexts."""

    def set(self, index: int, value: bytes, refusals: Refusals) -> None:
        """validTime, flag, bits, octets."""
        if value and (len(value) < 4 or value[3] > 128 or len(value) != 4 + -(-value[3] // 8)):
            raise PibError(refusals.parameter)
        super().set(index, value, refusals)


class _Routing:
    """The routing table as the serializer emits it; by row or by destination."""

    def __init__(self, modem: "G3Modem", is_by_address: bool) -> None:
        self._modem, self._is_by_address = modem, is_by_address

    def get(self, index: int, refusals: Refusals) -> bytes:
        """One row."""
        routes = self._modem.routes
        dests = list(routes.table)
        dest = index if self._is_by_address else dests[index] if index < len(dests) else -1
        if dest not in routes.table:
            raise PibError(refusals.bad_index)
        return routes.row(dest, has_media=self._modem.options.dialect == "H")

    def set(self, index: int, value: bytes, refusals: Refusals) -> None:
        """Only deleting is possible here."""
        dests = list(self._modem.routes.table)
        if index >= len(dests):
            raise PibError(refusals.bad_index)
        if value:
            raise PibError(refusals.parameter)
        self._modem.routes.forget(dests[index])


def _plain_attributes() -> dict[int, Attribute]:
    table: dict[int, Attribute] = {number: Number(size, value) for number, size, value in _NUMBERS}
    table.update({number: Number(size, 0, is_writable=False) for number, size in _READ_ONLY})
    table.update({number: Number(2, 0, is_writable=False) for number in _EMPTY_COUNTS})
    table.update({number: Rows(0, range(0)) for number in _EMPTY_TABLES})
    return table


def adp_pib(modem: "G3Modem") -> Pib:
    """Attributes with their defaults."""
    pib = Pib(ADP_REFUSALS)
    table = pib.attributes
    table.update(_plain_attributes())
    contexts, groups = _Contexts(16, range(4, 21)), _Groups(16, range(2, 3))
    table[0x01], table[CONTEXTS], table[0x0E] = _Prefixes(16, range(11, 28)), contexts, groups
    table[0x080000E1], table[0x080000E2] = _Count(2, contexts.rows), _Count(2, groups.rows)
    table[0x23] = Rows(16, range(2, 3))
    table[_ROUTING_TABLE] = _Routing(modem, is_by_address=False)
    table[_ROUTING_ELEMENT] = _Routing(modem, is_by_address=True)
    table[_ROUTING_COUNT] = _Count(4, modem.routes.table)
    table[ACTIVE_KEY] = Mirror(1, modem.mac, "active_key")
    table[0x080000C3] = Mirror(2, modem.mac, "pan_id", is_writable=False)
    table[0x080000D4] = Mirror(2, modem.mac, "short_addr", is_writable=False)
    table[MAX_HOPS] = Number(1, modem.options.max_hops)
    if modem.options.dialect == "L":
        for number, sizes in _LEGACY:
            table[number] = Rows(1, sizes)
    return pib
