# SPDX-License-Identifier: MIT
"""One TCP connection to a gateway or meter, shared by sessions on many SAPs (IEC 62056-47).

WPDUs for another SAP pair than the one waited for are counted and skipped, as
head-ends in the field do.  The law: nothing waits longer than `timeout_s`, and
every failure is a `WireError` that says what was waited for.
"""

import socket
import struct
import time

from tools.hes.errors import WireClosed, WireError, WireTimeout

_HEADER = struct.Struct(">HHHH")
_VERSION = 1
_UNHEARD = "; nothing was answered: its firewall, no session free, or a TLS port without --tls (docs/tls.md)"


class Wire:
    """WPDUs over a connected socket. `sent` and `received` keep the APDUs, to be measured and compared."""

    def __init__(self, sock: socket.socket, timeout_s: float = 10.0) -> None:
        self.timeout_s = timeout_s
        self.sent: "list[bytes]" = []
        self.received: "list[bytes]" = []
        self.skipped = 0
        self._sock = sock
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @classmethod
    def connect(cls, port: int, timeout_s: float = 10.0, host: str = "127.0.0.1") -> "Wire":
        """Open a connection of our own."""
        return cls(socket.create_connection((host, port), timeout_s), timeout_s)

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._sock.close()

    def send(self, client_sap: int, server_sap: int, apdu: bytes) -> None:
        """Send one APDU of a client to a server."""
        self.sent.append(bytes(apdu))
        try:
            self._sock.sendall(_HEADER.pack(_VERSION, client_sap, server_sap, len(apdu)) + apdu)
        except OSError as error:
            raise WireClosed(f"connection lost: {error.strerror or error}") from error

    def receive(self, client_sap: int, server_sap: int, timeout_s: "float | None" = None) -> bytes:
        """The next APDU of that server to that client."""
        deadline = time.monotonic() + (self.timeout_s if timeout_s is None else timeout_s)
        while True:
            version, source, destination, length = _HEADER.unpack(self._read(_HEADER.size, deadline))
            if version != _VERSION or not length:
                raise WireError(f"no DLMS wrapper there: version {version}, length {length}")
            apdu = self._read(length, deadline)
            if (source, destination) == (server_sap, client_sap):
                self.received.append(apdu)
                return apdu
            self.skipped += 1

    def ask(self, client_sap: int, server_sap: int, apdu: bytes) -> bytes:
        """Send one APDU and wait for the answer."""
        self.send(client_sap, server_sap, apdu)
        return self.receive(client_sap, server_sap)

    def _read(self, count: int, deadline: float) -> bytes:
        taken = b""
        while len(taken) < count:
            self._sock.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                part = self._sock.recv(count - len(taken))
            except TimeoutError as error:
                raise WireTimeout("no answer") from error
            except OSError as error:
                raise self._closed(f"connection lost: {error.strerror or error}") from error
            if not part:
                raise self._closed("connection closed by the gateway")
            taken += part
        return taken

    def _closed(self, text: str) -> WireClosed:
        return WireClosed(text if self.received else text + _UNHEARD)
