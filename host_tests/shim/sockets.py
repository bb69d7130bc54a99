# SPDX-License-Identifier: MIT
"""socket and select as MicroPython 1.25 has them on stm32 (lwIP: no SO_KEEPALIVE)."""

from __future__ import annotations

import errno
import select as host_select
import socket as host_socket
from typing import Any


class Socket:
    """socket.socket of the device: also a stream, and None instead of BlockingIOError on read/write."""

    def __init__(self, af: int = host_socket.AF_INET, kind: int = host_socket.SOCK_STREAM, proto: int = 0) -> None:
        self._sock = host_socket.socket(af, kind, proto)

    @classmethod
    def _adopt(cls, sock: host_socket.socket) -> Socket:
        adopted = cls.__new__(cls)
        adopted._sock = sock
        return adopted

    def accept(self) -> tuple[Socket, Any]:
        """(socket, address) of the next connection."""
        sock, address = self._sock.accept()
        return Socket._adopt(sock), address

    def __getattr__(self, name: str) -> Any:
        offered = "bind close connect listen recv recvfrom send sendto sendall setsockopt settimeout setblocking fileno"
        if name in offered.split():
            return getattr(self._sock, name)
        raise AttributeError(f"'socket' object has no attribute '{name}'")

    def read(self, size: int = -1) -> bytes | None:
        """Up to `size` octets; None when there is nothing yet."""
        try:
            return self._sock.recv(size if size >= 0 else 4096)
        except BlockingIOError:
            return None

    def readinto(self, buf: Any, size: int = -1) -> int | None:
        """Receive into `buf`; None when there is nothing yet, 0 at the end."""
        try:
            return self._sock.recv_into(buf, 0 if size < 0 else size)
        except BlockingIOError:
            return None

    def write(self, buf: Any) -> int | None:
        """Octets sent; None when nothing can be sent now."""
        try:
            return self._sock.send(buf)
        except BlockingIOError:
            return None


class Poll:
    """select.poll() of the device."""

    def __init__(self) -> None:
        self._poll = host_select.poll()
        self._objects: dict[int, Any] = {}

    def register(self, stream: Any, eventmask: int = host_select.POLLIN | host_select.POLLOUT) -> None:
        """Watch `stream`."""
        self._objects[stream.fileno()] = stream
        self._poll.register(stream.fileno(), eventmask)

    def modify(self, stream: Any, eventmask: int) -> None:
        """Watch for other events; OSError(ENOENT) when not registered."""
        if stream.fileno() not in self._objects:
            raise OSError(errno.ENOENT, "")
        self._poll.modify(stream.fileno(), eventmask)

    def unregister(self, stream: Any) -> None:
        """Stop watching."""
        self._objects.pop(stream.fileno(), None)
        self._poll.unregister(stream.fileno())

    def poll(self, timeout: int = -1) -> list[tuple[Any, int]]:
        """[(stream, events)] within `timeout` ms."""
        return [(self._objects[fd], events) for fd, events in self._poll.poll(timeout)]

    ipoll = poll


def socket_names() -> dict[str, Any]:
    """What `import socket` has on the device."""
    words = "AF_INET AF_INET6 SOCK_STREAM SOCK_DGRAM SOL_SOCKET SO_REUSEADDR SO_BROADCAST IPPROTO_TCP TCP_NODELAY"
    return {
        "socket": Socket,
        "getaddrinfo": lambda host, port, *_: host_socket.getaddrinfo(host, port, 0, host_socket.SOCK_STREAM),
        **{word: getattr(host_socket, word) for word in words.split()},
    }


def select_names() -> dict[str, Any]:
    """What `import select` has on the device."""
    return {"poll": Poll, **{word: getattr(host_select, word) for word in ("POLLIN", "POLLOUT", "POLLERR", "POLLHUP")}}
