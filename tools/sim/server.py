# SPDX-License-Identifier: MIT
"""DLMS servers behind a node.

Duck type: `request(client_sap, server_sap, apdu, reply)`; reply(apdu) may be called any number of
times, at once or later; reply(None) says that no (more) answer comes. `on_push(client_sap,
server_sap, apdu)` is set by the node and takes APDUs the server sends on its own.
"""

from collections.abc import Callable
from typing import Protocol

Reply = Callable[[bytes | None], object]


class DlmsServer:
    """Base: a server that never answers."""

    def __init__(self) -> None:
        self.on_push: "Callable[[int, int, bytes], object]" = lambda *push: None

    def request(self, client_sap: int, server_sap: int, apdu: bytes, reply: Reply) -> None:
        """Take one request APDU."""

    def reset(self) -> None:
        """The node fell back to NEW: associations are released."""

    def close(self) -> None:
        """End of the simulation."""


class EchoServer(DlmsServer):
    """Answers with the request, its first octet's bit 2 turned over (C0 -> C4, 60 -> 64)."""

    def request(self, client_sap: int, server_sap: int, apdu: bytes, reply: Reply) -> None:
        """Answer at once."""
        reply(bytes((apdu[0] ^ 0x04,)) + apdu[1:])


class Handler(Protocol):
    """A synchronous DLMS server, e.g. tools.sim.meter.Meter."""

    def handle(self, client_sap: int, server_sap: int, apdu: bytes) -> list[bytes]:
        """All answers to one request."""


class LocalServer(DlmsServer):
    """Adapter of a Handler."""

    def __init__(self, meter: Handler) -> None:
        super().__init__()
        self.meter = meter

    def request(self, client_sap: int, server_sap: int, apdu: bytes, reply: Reply) -> None:
        """Answer with everything the meter gives back."""
        answers = self.meter.handle(client_sap, server_sap, apdu)
        for answer in answers:
            reply(bytes(answer))
        if not answers:
            reply(None)
