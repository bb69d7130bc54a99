# SPDX-License-Identifier: MIT
"""The one socket option the gateway needs, where the stream has a socket that knows it."""

from micropython import const

_IPPROTO_TCP = const(6)
_TCP_NODELAY = const(1)


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
