# SPDX-License-Identifier: MIT
"""What every head-end driver can do, whatever library is inside.

`open` is the sequence of a real head-end: public association, invocation
counter, release, then HLS-GMAC.  The law: a driver raises `HesRefused` when the
other side answered no, `WireError` when it did not answer, and leaves the
library in a state from which the next `open` works.
"""

import abc
from typing import NamedTuple

from tools.hes.wire import Wire

EK = bytes.fromhex("000102030405060708090A0B0C0D0E0F")
AK = bytes.fromhex("D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF")
PUBLIC, MANAGEMENT = 16, 1
GATEWAY_SAP = 1

BOOLEAN, UINT32, OCTET_STRING, INT8, INT16, UINT16, ENUM = 3, 6, 9, 15, 16, 18, 22
CLOCK, REGISTER, PROFILE = (8, "0.0.1.0.0.255"), (3, "1.0.1.8.0.255"), (7, "1.0.99.1.0.255")
DISCONNECTOR, IMAGE = (70, "0.0.96.3.10.255"), (18, "0.0.44.0.0.255")
_EXCEPTION_RESPONSE = 0xD8
_SAP_LIST = (17, "0.0.41.0.0.255")
_COUNTER, _OWN_COUNTER = (1, "0.0.43.1.0.255"), (1, "0.0.43.1.1.255")  # of a meter; of the gateway, for client 1


class Typed(NamedTuple):
    """A value to send with its DLMS type number; only simple types are needed."""

    tag: int
    value: "int | bytes"

    def encoded(self) -> bytes:
        """A-XDR."""
        if isinstance(self.value, bytes):
            assert len(self.value) < 0x80
            return bytes((self.tag, len(self.value))) + self.value
        size = {BOOLEAN: 1, UINT32: 4, INT8: 1, INT16: 2, UINT16: 2, ENUM: 1}[self.tag]
        return bytes((self.tag,)) + self.value.to_bytes(size, "big", signed=self.tag in (INT8, INT16))


ZERO = Typed(INT8, 0)


class Hes(abc.ABC):
    """A head-end on one connection, talking to one logical device at a time."""

    title = b"HES\x00\x00\x00\x00\x00"

    def __init__(self, wire: Wire, general: bool = False) -> None:
        self.wire = wire
        self.general = general  # general-glo instead of service-specific ciphering, where the library can choose

    def sap_list(self, server_sap: int = GATEWAY_SAP) -> "list[tuple[int, bytes]]":
        """(SAP, logical device name) of everything behind the gateway, read by the public client."""
        self.open_public(server_sap)
        rows = self.get(*_SAP_LIST, 2)
        self.release()
        return [(sap, bytes(name)) for sap, name in rows]

    @property
    def was_refused(self) -> bool:
        """Was the last APDU received an exception-response?"""
        return self.wire.received[-1:] != [] and self.wire.received[-1][0] == _EXCEPTION_RESPONSE

    def open(self, server_sap: int, counter_of: "tuple[int, str]" = _COUNTER) -> int:
        """Associate with HLS-GMAC, authenticated and encrypted, one above the counter the server tells: that one."""
        self.open_public(server_sap)
        counter: int = self.get(*counter_of, 2)
        self.release()
        self.open_management(server_sap, counter + 1)
        return counter

    def open_gateway(self) -> int:
        """As `open`, with the gateway itself, which has a counter for each client."""
        return self.open(GATEWAY_SAP, _OWN_COUNTER)

    def read_profile(self) -> "list[tuple[bytes, int]]":
        """(time, Wh) rows of the load profile, read by blocks."""
        return [(bytes(row[0]), row[1]) for row in self.get(*PROFILE, 2)]

    @abc.abstractmethod
    def open_public(self, server_sap: int) -> None:
        """Associate as the client without security."""

    @abc.abstractmethod
    def open_management(self, server_sap: int, counter: int) -> None:
        """Associate as the management client, first invocation counter given."""

    @abc.abstractmethod
    def get(self, class_id: int, obis: str, attribute: int):  # type: ignore[no-untyped-def]
        """An attribute as int, bool, bytes, or list of those."""

    @abc.abstractmethod
    def set(self, class_id: int, obis: str, attribute: int, value: Typed) -> None:
        """Write an attribute."""

    @abc.abstractmethod
    def action(self, class_id: int, obis: str, method: int, parameter: Typed = ZERO) -> None:
        """Invoke a method."""

    @abc.abstractmethod
    def image(self, identifier: bytes, octets: bytes) -> None:
        """Transfer, verify and activate a firmware image."""

    @abc.abstractmethod
    def release(self) -> None:
        """Give the association up."""
