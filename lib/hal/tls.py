# SPDX-License-Identifier: MIT
"""TLS by the interpreter's own library (module `tls`, mbedTLS): contexts, streams, a check of a pair.

mbedTLS 3.6 as MicroPython configures it: TLS 1.2, ECDHE with ECDSA or RSA, no PSK suites, files in
DER, one certificate each. Law: the caller's stream ends with OSError only, and closing it always
closes the socket below (mbedTLS lets go of it when a handshake fails).
"""

import asyncio
import hashlib
import io
from errno import EACCES

from micropython import const

try:
    import tls
except ImportError:  # an interpreter built without it: the listener says so
    tls = None  # type: ignore[assignment]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tls import SSLContext

_MP_STREAM_POLL = const(3)
_POLL_ALL = const(5)
_CHECK_STEPS = const(64)  # a TLS 1.2 handshake over a pipe takes under 20


def is_available() -> bool:
    """This interpreter has TLS."""
    return tls is not None


def sha256(octets: bytes) -> bytes:
    """FIPS 180-4, 32 octets."""
    return bytes(hashlib.sha256(octets).digest())


def server_context(cert: bytes, key: bytes, ca: "bytes | None") -> "SSLContext":
    """For accepting; with `ca` the peer must show a certificate signed by it. ValueError: not usable."""
    context = tls.SSLContext(tls.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    if ca is not None:
        context.load_verify_locations(ca)
        context.verify_mode = tls.CERT_REQUIRED  # type: ignore[attr-defined]
    return context


def client_context(ca: "bytes | None", cert: "bytes | None", key: "bytes | None") -> "SSLContext":
    """For connecting; without `ca` the server's certificate is not verified (the check of a pair only)."""
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    if cert is not None and key is not None:
        context.load_cert_chain(cert, key)
    if ca is None:
        context.verify_mode = tls.CERT_NONE  # type: ignore[attr-defined]
    else:
        context.load_verify_locations(ca)
    return context


class TlsStream(asyncio.StreamReader):
    """Reader and writer over TLS; the handshake happens inside the first reads and writes."""

    def __init__(self, secured: object, raw: object) -> None:
        super().__init__(secured)
        self._secured = secured
        self._raw = raw
        self.pause: "object | None" = None  # begin() and end() around each step of the handshake
        self.on_shaken: "Callable[[], None] | None" = None  # the peer has sent octets: the handshake is over

    async def readinto(self, buf: memoryview) -> "int | None":  # type: ignore[override]
        """As asyncio.Stream.readinto; a peer whose certificate is refused is an OSError too."""
        why = ""
        try:
            if self.pause is None:
                return await super().readinto(buf)
            return await self._step(self.pause, buf)
        except ValueError as error:
            why = str(error)
        raise OSError(EACCES, why)

    # NOTE: a client's handshake happens in write() and drain(), of the stubs' StreamWriter only.
    def write(self, buf: "bytes | memoryview") -> None:
        """As asyncio.Stream.write, OSError as in readinto()."""
        why = ""
        try:
            super().write(buf)  # type: ignore[misc]
            return
        except ValueError as error:
            why = str(error)
        raise OSError(EACCES, why)

    async def drain(self) -> None:
        """As asyncio.Stream.drain, OSError as in readinto()."""
        why = ""
        try:
            await super().drain()  # type: ignore[misc]
            return
        except ValueError as error:
            why = str(error)
        raise OSError(EACCES, why)

    async def _step(self, pause: object, buf: memoryview) -> "int | None":
        """One step of the handshake, in a pause of everything else; the first octets end it."""
        await self.read(0)  # NOTE: waits until there is something to do, and does nothing
        await pause.begin()  # type: ignore[attr-defined]
        try:
            n: "int | None" = self._secured.readinto(buf)  # type: ignore[attr-defined]
        finally:
            pause.end()  # type: ignore[attr-defined]
        if n is not None:
            self.pause = None
        if n and self.on_shaken is not None:
            self.on_shaken()
        return n

    async def wait_closed(self) -> None:
        """Close the TLS session and the socket below it."""
        for endpoint in (self._secured, self._raw):
            try:
                endpoint.close()  # type: ignore[attr-defined]
            except OSError:
                continue


def secure(context: "SSLContext", stream: object) -> TlsStream:
    """The server's end of TLS over an accepted asyncio stream. OSError: no memory for it."""
    raw = stream.s  # type: ignore[attr-defined]
    secured = context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
    return TlsStream(secured, raw)


async def open_connection(context: "SSLContext", host: str, port: int, name: str) -> "tuple[TlsStream, TlsStream]":
    """Connect to host:port over TLS; the server's certificate must be for `name`."""
    reader, _ = await asyncio.open_connection(host, port)
    raw = reader.s  # type: ignore[attr-defined]
    try:
        secured = context.wrap_socket(raw, server_hostname=name, do_handshake_on_connect=False)
    except (OSError, ValueError):
        raw.close()
        raise
    stream = TlsStream(secured, raw)
    return stream, stream


class _Pipe(io.IOBase):
    """One end of a pipe in memory, as a non-blocking stream."""

    def __init__(self) -> None:
        self.waiting = bytearray()
        self.other: "_Pipe | None" = None

    def readinto(self, buf: "bytearray | memoryview") -> "int | None":
        n = min(len(buf), len(self.waiting))
        if not n:
            return None
        buf[:n] = self.waiting[:n]
        self.waiting = self.waiting[n:]
        return n

    def write(self, buf: "bytes | bytearray | memoryview") -> int:
        if self.other is not None:
            self.other.waiting += buf
        return len(buf)

    def ioctl(self, request: int, argument: int) -> int:
        return argument & _POLL_ALL if request == _MP_STREAM_POLL else 0

    def setblocking(self, is_blocking: bool) -> None:
        """It never blocks."""


async def pair_fits(cert: bytes, key: bytes) -> bool:
    """Certificate and private key belong together: a handshake with ourselves. ValueError: not readable.

    The loop runs on between its steps; one step takes as long as in a real handshake.
    """
    server, client = server_context(cert, key, None), client_context(None, None, None)
    return await shake_hands(server, client, "")


async def shake_hands(server: "SSLContext", client: "SSLContext", name: str) -> bool:
    """One handshake in memory, each end checking the other as its context says; True: both are content."""
    ours, theirs = _Pipe(), _Pipe()
    ours.other, theirs.other = theirs, ours
    accepting = server.wrap_socket(ours, server_side=True, do_handshake_on_connect=False)
    connecting = client.wrap_socket(theirs, do_handshake_on_connect=False, server_hostname=name)
    try:
        for _ in range(_CHECK_STEPS):
            connecting.write(b"?")
            await asyncio.sleep_ms(0)
            if accepting.read(1) == b"?":
                return True
            await asyncio.sleep_ms(0)
    except (OSError, ValueError):
        pass  # mbedTLS: a signature does not verify, or a certificate is not trusted
    return False
