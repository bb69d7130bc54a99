# SPDX-License-Identifier: MIT
"""A relay between head-end and gateway that an attacker owns: it reads and rewrites APDUs on their way down.

The law: it knows no key; what it may change is every octet of the APDU.
"""

import contextlib
import socket
import threading
from collections.abc import Callable

from tools.sim.wpdu import WpduReader, build

_CHUNK = 65536


class TamperingRelay:
    """`with TamperingRelay(port) as relay:` listens on `relay.port`; `change` is applied to the next APDU down."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.change: "Callable[[bytes], bytes] | None" = None
        self.passed: "list[bytes]" = []  # APDUs down as they left the relay
        self._socks: "list[socket.socket]" = []

    def __enter__(self) -> "TamperingRelay":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for sock in (self._listener, *self._socks):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                outer = self._listener.accept()[0]
                inner = socket.create_connection(("127.0.0.1", self._target_port))
                self._socks += [outer, inner]
                for pump in (self._down, self._up):
                    threading.Thread(target=pump, args=(outer, inner), daemon=True).start()

    def _down(self, outer: socket.socket, inner: socket.socket) -> None:
        wpdus = WpduReader()
        with contextlib.suppress(OSError):
            while octets := outer.recv(_CHUNK):
                for source, dest, apdu in wpdus.feed(octets):
                    inner.sendall(build(source, dest, self._changed(apdu)))
            inner.shutdown(socket.SHUT_WR)

    def _changed(self, apdu: bytes) -> bytes:
        change, self.change = self.change, None
        self.passed.append(change(apdu) if change else apdu)
        return self.passed[-1]

    def _up(self, outer: socket.socket, inner: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while octets := inner.recv(_CHUNK):
                outer.sendall(octets)
            outer.shutdown(socket.SHUT_WR)
