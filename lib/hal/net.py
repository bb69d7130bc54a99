# SPDX-License-Identifier: MIT
"""What the gateway asks of a connection: small segments at once, and who is at the other end."""

from micropython import const

_IPPROTO_TCP = const(6)
_TCP_NODELAY = const(1)
_SOCKADDR_IN_LEN = const(16)
_AF_INET = const(2)


def no_delay(endpoint: object) -> None:
    """Send small segments at once. `endpoint`: a socket, or an asyncio stream that carries one as `s`.

    Without it a second short reply waits for the peer's (delayed) acknowledgement of the first:
    40 ms on loopback, a whole round trip over cellular.
    """
    sock = getattr(endpoint, "s", endpoint)
    if hasattr(sock, "setsockopt"):
        try:
            sock.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)
        except OSError:
            return  # this network stack does not have it; slower, not wrong


def peer_address(stream: object) -> bytes:
    """IPv4 address (4 octets) of the peer of an accepted asyncio stream; empty when it is not known."""
    try:
        name = stream.get_extra_info("peername")  # type: ignore[attr-defined]
        if isinstance(name, tuple):  # lwIP: (text, port)
            parts = [int(part) for part in name[0].split(".")]
            return bytes(parts) if len(parts) == 4 else b""
        # NOTE: MicroPython's unix port hands out a raw sockaddr_in: family (host order), port, address.
        if len(name) == _SOCKADDR_IN_LEN and name[0] == _AF_INET:
            return bytes(name[4:8])
    except (AttributeError, KeyError, ValueError, TypeError):
        pass  # a stream without an address: a test's, or another family's
    return b""
