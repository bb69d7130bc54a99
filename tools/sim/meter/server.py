# SPDX-License-Identifier: MIT
"""A built-in meter behind the TCP wrapper, as a stand-alone DLMS server (IEC 62056-47).

For tests, and for trying a head-end without a gateway.  The law: a stream that
is not wrapper version 1 is closed; a SAP nobody listens on is met with silence.
"""

import socketserver
import struct
import sys
import threading
from collections.abc import Callable

_HEADER = struct.Struct(">HHHH")  # version, source wPort, destination wPort, length
_VERSION = 1

Handle = Callable[[int, int, bytes], "list[bytes]"]


class _Session(socketserver.StreamRequestHandler):
    server: "MeterServer"

    def handle(self) -> None:
        """Answer WPDUs until the client leaves or talks nonsense."""
        while len(header := self.rfile.read(_HEADER.size)) == _HEADER.size:
            version, client_sap, server_sap, length = _HEADER.unpack(header)
            apdu = self.rfile.read(length) if version == _VERSION else b""
            if not apdu or len(apdu) < length:
                return
            for reply in self.server.answer(client_sap, server_sap, apdu):
                self.wfile.write(_HEADER.pack(_VERSION, server_sap, client_sap, len(reply)) + reply)


class MeterServer(socketserver.ThreadingTCPServer):
    """`with MeterServer(meter.handle) as server:` listens on 127.0.0.1, `server.port`, until the block ends."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, handle: Handle, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Session)
        self.port = int(self.server_address[1])
        self._handle = handle
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)

    def answer(self, client_sap: int, server_sap: int, apdu: bytes) -> "list[bytes]":
        """What the meter says to one APDU; one session at a time."""
        with self._lock:
            return self._handle(client_sap, server_sap, apdu)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that vanished is no news; anything else is a bug and shows."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    def __enter__(self) -> "MeterServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()
