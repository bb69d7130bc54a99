# SPDX-License-Identifier: MIT
"""asyncio streams as MicroPython 1.25 has them.

A stream object is anything with read/readinto/write (socket, UART); `Stream` waits for it
and then calls it once, as the device does: `readinto` may return None, `write` sends what it
can at once and keeps the rest until drain(), without limit.
"""

from __future__ import annotations

import asyncio
import socket as host_socket
from typing import Any

from host_tests.shim import aio
from host_tests.shim.board import device
from host_tests.shim.sockets import Socket

_POLL_S = 0.002  # for objects without a file descriptor (rfc2217://)


async def _wait_io(stream: Any, for_write: bool) -> None:
    if not for_write and hasattr(stream, "any") and stream.any():
        await asyncio.sleep(0)
        return
    fd = stream.fileno() if hasattr(stream, "fileno") else None
    if fd is None:
        await _poll_io(stream, for_write)
        return
    loop = device.loop
    ready: asyncio.Future[None] = loop.create_future()
    add, remove = (loop.add_writer, loop.remove_writer) if for_write else (loop.add_reader, loop.remove_reader)
    add(fd, aio._wake, ready)
    try:
        await ready
    finally:
        remove(fd)


async def _poll_io(stream: Any, for_write: bool) -> None:
    while not for_write and not stream.any():
        await asyncio.sleep(_POLL_S)


class Stream:
    """StreamReader and StreamWriter in one."""

    def __init__(self, s: Any, e: dict[str, Any] | None = None) -> None:
        self.s = s
        self.e = e or {}
        self.out_buf = b""

    def get_extra_info(self, name: str) -> Any:
        """`peername` of an accepted connection; KeyError for anything else."""
        return self.e[name]

    async def __aenter__(self) -> Stream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.wait_closed()

    def close(self) -> None:
        """Nothing, as on the device: wait_closed() closes."""

    async def wait_closed(self) -> None:
        """Close the underlying object."""
        self.s.close()

    async def read(self, n: int = -1) -> bytes:
        """Up to `n` octets; with -1 all until the end."""
        got = b""
        while True:
            await _wait_io(self.s, False)
            chunk = self.s.read(n)
            if chunk is not None:
                if n >= 0 or not chunk:
                    return got + chunk
                got += chunk

    async def readinto(self, buf: Any) -> int | None:
        """Wait for octets, then one readinto()."""
        await _wait_io(self.s, False)
        count: int | None = self.s.readinto(buf)
        return count

    async def readexactly(self, n: int) -> bytes:
        """Exactly `n` octets; EOFError when the stream ends before."""
        got = b""
        while n:
            await _wait_io(self.s, False)
            chunk = self.s.read(n)
            if chunk is not None:
                if not chunk:
                    raise EOFError
                got += chunk
                n -= len(chunk)
        return got

    async def readline(self) -> bytes:
        """Up to and with a newline, or up to the end."""
        line = b""
        while not line.endswith(b"\n"):
            await _wait_io(self.s, False)
            octet = self.s.read(1)
            if octet == b"":
                break
            line += octet or b""
        return line

    def write(self, buf: Any) -> None:
        """Send what can be sent now; keep a copy of the rest for drain()."""
        if not self.out_buf:
            sent = self.s.write(buf)
            if sent == len(buf):
                return
            buf = memoryview(buf)[sent or 0 :]
        self.out_buf += bytes(buf)

    async def drain(self) -> None:
        """Send what write() kept."""
        if not self.out_buf:
            await asyncio.sleep(0)
            return
        left = memoryview(self.out_buf)
        while left:
            await _wait_io(self.s, True)
            left = left[self.s.write(left) or 0 :]
        self.out_buf = b""


class Server:
    """A listening socket and the task that accepts."""

    def __init__(self, sock: Socket) -> None:
        self._sock = sock
        self.task: aio.Task | None = None

    async def __aenter__(self) -> Server:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
        await self.wait_closed()

    def close(self) -> None:
        """Stop accepting."""
        if self.task is not None:
            self.task.cancel()

    async def wait_closed(self) -> None:
        """Wait until the listener is closed."""
        if self.task is not None:
            await self.task

    async def serve(self, cb: Any) -> None:
        """Accept for ever; each connection gets a task cb(reader, writer)."""
        try:
            while True:
                await _wait_io(self._sock, False)
                try:
                    sock, address = self._sock.accept()
                except OSError:
                    continue
                sock.setblocking(False)
                stream = Stream(sock, {"peername": address})
                aio.create_task(cb(stream, stream))
        except asyncio.CancelledError:
            return
        finally:
            self._sock.close()


async def start_server(cb: Any, host: str, port: int, backlog: int = 5) -> Server:
    """Listen on host:port; `cb(reader, writer)` per connection."""
    sock = Socket()
    sock.setsockopt(host_socket.SOL_SOCKET, host_socket.SO_REUSEADDR, 1)
    sock.setblocking(False)
    try:
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    sock.listen(backlog)
    server = Server(sock)
    server.task = aio.create_task(server.serve(cb))
    return server


async def open_connection(host: str, port: int) -> tuple[Stream, Stream]:
    """(reader, writer) of a new connection; OSError when it fails."""
    sock = Socket()
    sock.setblocking(False)
    try:
        sock.connect((host, port))
    except BlockingIOError:
        await _wait_io(sock, True)
    except OSError:
        sock.close()
        raise
    code = sock._sock.getsockopt(host_socket.SOL_SOCKET, host_socket.SO_ERROR)
    if code:
        sock.close()
        raise OSError(code, "")
    stream = Stream(sock, {"peername": (host, port)})
    return stream, stream


def asyncio_names() -> dict[str, Any]:
    """The streams' part of `import asyncio`."""
    both = {"Stream": Stream, "StreamReader": Stream, "StreamWriter": Stream, "Server": Server}
    return {**both, "start_server": start_server, "open_connection": open_connection}
