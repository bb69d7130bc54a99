# SPDX-License-Identifier: MIT
"""What the WAN's TLS shows and trusts: our certificate with its key, the CA of the head-ends.

tls-own.der = certificate and private key, DER, one behind the other (so that one rename changes
both); tls-ca.der = the certificate that signs the peers'. New ones come over DLMS, are tried in a
handshake with ourselves and only then replace the old. Sessions that are open keep what they began
with. Law: the key can be written and never read.
"""

import asyncio

from micropython import const

from base import events
from base.log import NOTICE, WARNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from app.line_pause import LinePause
    from app.supervisor import Duty
    from base.log import Log
    from hal.store import FileStore

OWN_FILE = "tls-own.der"
CA_FILE = "tls-ca.der"
MAX_LEN = const(4096)  # octets of either; a P-256 certificate has 500 to 1,000, its key 121
_SEQUENCE = const(0x30)

# What became of the last change, and why TLS is off (event tls-off).
GOOD = const(0)
NOT_THERE = const(1)  # no interpreter with TLS, or no file
NOT_READABLE = const(2)  # no DER, or not two parts
NOT_A_PAIR = const(3)  # the key is not the certificate's
NOT_WRITTEN = const(4)  # flash refused; the old one is in force
CHECKING = const(5)
RESULTS = ("good", "not there", "not readable", "key does not fit", "not written", "checking")


def split(octets: bytes) -> "tuple[bytes, bytes]":
    """(certificate, key) of a file of both. ValueError when it is not exactly two DER sequences."""
    cut = _sequence_len(octets, 0)
    if cut >= len(octets) or cut + _sequence_len(octets, cut) != len(octets):
        raise ValueError("not a certificate and a key")
    return octets[:cut], octets[cut:]


def _sequence_len(octets: bytes, off: int) -> int:
    """Octets of the DER sequence at `off`, head included."""
    head = octets[off : off + 4]
    if len(head) < 2 or head[0] != _SEQUENCE:
        raise ValueError("no DER sequence")
    if head[1] < 0x80:
        return 2 + head[1]
    if head[1] == 0x81 and len(head) > 2:
        return 3 + head[2]
    if head[1] == 0x82 and len(head) > 3:
        return 4 + (head[2] << 8 | head[3])
    raise ValueError("DER length")


class TlsIdentity:
    """`library` = hal.tls; `asks_peer` False: head-ends need no certificate."""

    def __init__(self, store: "FileStore", library: object, asks_peer: bool, log: "Log") -> None:
        self._store = store
        self._library = library
        self._asks_peer = asks_peer
        self._log = log
        self._own: "bytes | None" = None
        self._ca: "bytes | None" = None
        self._offered: "tuple[bytes | None, bytes | None] | None" = None
        self._wake = asyncio.Event()
        self._server: object = None
        self.last_result = NOT_THERE
        self.pause: "LinePause | None" = None  # of the line, for each step of a handshake

    # --- in force ---

    def load(self) -> int:
        """Read the files, make the server's context; GOOD or why there is no TLS."""
        result = NOT_THERE
        if self._library.is_available():  # type: ignore[attr-defined]
            try:
                self._own, self._ca = self._read(OWN_FILE), self._read(CA_FILE)
                result = self._make_server(self._own, self._ca)
            except (ValueError, OSError, MemoryError):
                result = NOT_READABLE
        self.last_result = result
        if result != GOOD:
            self._log.add(WARNING, events.TLS_OFF, a=result)
        return result

    def secure(self, stream: object) -> object:
        """The server's end of TLS over an accepted stream. OSError: no memory, or no identity."""
        if self._server is None:
            raise OSError("no TLS identity")
        secured = self._library.secure(self._server, stream)  # type: ignore[attr-defined]
        secured.pause = self.pause
        return secured

    async def connect(self, host: str, port: int, name: str) -> object:
        """Open a connection to host:port over TLS: (reader, writer). OSError."""
        if self._ca is None:
            raise OSError("no CA to check the receiver by")
        why = ""
        try:
            cert, key = (None, None) if self._own is None else split(self._own)
            context = self._library.client_context(self._ca, cert, key)  # type: ignore[attr-defined]
            return await self._library.open_connection(context, host, port, name)  # type: ignore[attr-defined]
        except ValueError as error:
            why = str(error)
        raise OSError(why)

    def certificate(self) -> bytes:
        """Ours, DER, without its key; empty when there is none."""
        return b"" if self._own is None else split(self._own)[0]

    def ca(self) -> bytes:
        """The CA's certificate, DER; empty when there is none."""
        return self._ca or b""

    def fingerprint(self, der: bytes) -> bytes:
        """SHA-256 of a certificate, empty of none."""
        return bytes(self._library.sha256(der)) if der else b""  # type: ignore[attr-defined]

    # --- changes ---

    def offer(self, own: "bytes | None", ca: "bytes | None") -> bool:
        """Change what is not None, once it has passed the check; False while another is being checked."""
        if self._offered is not None:
            return False
        self._offered = (own, ca)
        self.last_result = CHECKING
        self._wake.set()
        return True

    async def run(self, duty: "Duty") -> None:
        """Checks what is offered, one at a time; for ever."""
        while True:
            if self._offered is None:
                self._wake.clear()
                await self._wake.wait()
                continue
            try:
                self.last_result = await self._change(*self._offered)
            finally:
                self._offered = None
            self._log.add(NOTICE, events.TLS_CHANGED, a=self.last_result)

    async def _change(self, own: "bytes | None", ca: "bytes | None") -> int:
        try:
            if own is not None and not await self._library.pair_fits(*split(own)):  # type: ignore[attr-defined]
                return NOT_A_PAIR
            next_own, next_ca = own or self._own, ca or self._ca
            result = self._make_server(next_own, next_ca)
        except (ValueError, OSError, MemoryError):
            return NOT_READABLE
        try:
            for name, octets in ((OWN_FILE, own), (CA_FILE, ca)):
                if octets is not None:
                    self._write(name, octets)
        except OSError:
            self.load()
            return NOT_WRITTEN
        self._own, self._ca = next_own, next_ca
        return result

    def _make_server(self, own: "bytes | None", ca: "bytes | None") -> int:
        """ValueError, and nothing changed, when one of them is not usable."""
        if own is None or (ca is None and self._asks_peer):
            return NOT_THERE
        cert, key = split(own)
        wanted = ca if self._asks_peer else None
        self._server = self._library.server_context(cert, key, wanted)  # type: ignore[attr-defined]
        return GOOD

    # --- files ---

    def _read(self, name: str) -> "bytes | None":
        octets = bytearray(MAX_LEN + 1)
        n = self._store.load(name, memoryview(octets), 0)
        if n > MAX_LEN:
            raise ValueError("over %d octets" % MAX_LEN)
        return bytes(octets[:n]) if n else None

    def _write(self, name: str, octets: bytes) -> None:
        self._store.begin(name)
        self._store.write(octets)
        self._store.commit()
