# SPDX-License-Identifier: MIT
"""Which class of traffic a request is: control before on demand before bulk.

A transparent gateway cannot look inside a ciphered APDU. What it can see: the client SAP, the
head-end's address, the listener it came in by and the first octets of the APDU (its tag; of plain ones
also the kind of request). Setting `gateway.classes` says what follows from them.
Law: the first rule that fits decides; without one a request is on demand.
"""

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Session(Protocol):
        """What is known of a head-end: its IPv4 address (4 octets, or empty), its listener (app.firewall)."""

        peer: bytes
        service: int

CONTROL = const(0)  # a person or a grid waits for it: disconnect, load limit
ON_DEMAND = const(1)
BULK = const(2)  # daily profiles, firmware images
CLASSES_CNT = const(3)

NAMES = ("control", "on-demand", "bulk")
_ANY = const(-1)


class ClassRule:
    """Fits when everything does that it names."""

    def __init__(self, traffic_class: int) -> None:
        self.traffic_class = traffic_class
        self.answer_ms = 0  # an answer later than this is of no use; 0 = as by default
        self.prefixes: "tuple[bytes, ...]" = ()  # beginnings of the APDU, one of them must be it
        self.client_sap = _ANY
        self.service = _ANY  # the listener the head-end has connected to
        self.network = 0  # of the head-end's IPv4 address
        self.network_bits = 0

    def fits(self, session: "Session", client_sap: int, apdu: memoryview) -> bool:
        """For a request of 1 octet or more."""
        if self.client_sap >= 0 and self.client_sap != client_sap:
            return False
        if self.service >= 0 and self.service != session.service:
            return False
        if self.network_bits and not self._is_in_network(session.peer):
            return False
        return not self.prefixes or self._begins(apdu)

    def _is_in_network(self, peer: "bytes | bytearray | memoryview") -> bool:
        if len(peer) != 4:
            return False
        rest = 32 - self.network_bits
        return int.from_bytes(peer, "big") >> rest == self.network >> rest

    def _begins(self, apdu: memoryview) -> bool:
        for prefix in self.prefixes:
            if _starts(apdu, prefix):
                return True
        return False


def _starts(apdu: memoryview, prefix: bytes) -> bool:
    """NOTE: octet by octet, for a slice would be heap for every request."""
    if len(apdu) < len(prefix):
        return False
    for i in range(len(prefix)):
        if apdu[i] != prefix[i]:
            return False
    return True


class Classes:
    """The rules in order. `of` answers a class and leaves the answer's deadline in `answer_ms`."""

    def __init__(self, rules: "tuple[ClassRule, ...]", answer_ms: int) -> None:
        self._rules = rules
        self._answer_ms = answer_ms
        self.answer_ms = answer_ms

    def of(self, session: "Session", client_sap: int, apdu: memoryview) -> int:
        """CONTROL, ON_DEMAND or BULK for a request of 1 octet or more."""
        for rule in self._rules:
            if rule.fits(session, client_sap, apdu):
                self.answer_ms = rule.answer_ms or self._answer_ms
                return rule.traffic_class
        self.answer_ms = self._answer_ms
        return ON_DEMAND
