# SPDX-License-Identifier: MIT
"""Receiver of notifications: a head-end's listener that prints what gateways push (docs/push.md).

WPDUs on as many connections as there are; nothing is answered.  What is ciphered or
not understood is printed in hex.  The law: no peer can hold it up or end it.
"""

import datetime
import socketserver
import ssl
import struct
import sys
from typing import Any

from tools.hes import table
from tools.hes.session import decoded

_HEADER = struct.Struct(">HHHH")
_VERSION, _GATEWAY_SAP = 1, 1
_PATIENCE_S = 60.0
_DATA_NOTIFICATION, _EVENT_NOTIFICATION = 0x0F, 0xC2
_TIME_OFF = 5  # behind tag and long-invoke-id
_EVENT_HEAD_LEN = 11  # tag, no time, class, logical name, attribute
_NAMES = {0xC2: "event-notification", 0xDB: "general-glo", 0xDC: "general-ded", 0xDD: "general-ciphering",
          0xDF: "general-signing"}
_HEX_SHOWN = 64
# Codes of own events (docs/push.md); the text of every other one begins with its name.
_CODES = {0xC2: "node registered", 0xC3: "node gone", 0xC5: "node without key wants to join", 0xCB: "node lost",
          0xCC: "node back", 0xD1: "heartbeat"}
_EVENT_CODE_SHIFT = 16  # in an EventNotification


class _Connection(socketserver.StreamRequestHandler):
    """One gateway, as long as it has something to say."""

    timeout = _PATIENCE_S
    server: "Listener"

    def setup(self) -> None:
        """Shake hands first, in this connection's own thread, if it is to be TLS."""
        if self.server.context is not None:
            self.request.settimeout(_PATIENCE_S)
            self.request = self.server.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self) -> None:
        """A TLS socket is ours alone: the server closes the one below it, which is no more."""
        super().finish()
        if self.server.context is not None:
            self.request.close()

    def handle(self) -> None:
        """Print WPDU after WPDU until the gateway hangs up or sends nonsense."""
        try:
            while header := self._read(_HEADER.size):
                version, source, destination, length = _HEADER.unpack(header)
                if version != _VERSION or not length:
                    _print(f"{self.client_address[0]}: no DLMS wrapper there: version {version}, length {length}")
                    return
                apdu = self._read(length)
                if not apdu:
                    _print(f"{self.client_address[0]}: cut off in a notification of {length} octets")
                    return
                _print(f"{self.client_address[0]} 0x{source:04X} > {destination}  {describe(source, apdu)}")
        except OSError as error:
            _print(f"{self.client_address[0]}: {error.strerror or error}")

    def _read(self, count: int) -> bytes:
        octets = self.rfile.read(count)
        return octets if len(octets) == count else b""


class Listener(socketserver.ThreadingTCPServer):
    """Listens on `host`:`port` (0 = any free one), over TLS with a `context`."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, host: str, port: int, context: "ssl.SSLContext | None" = None) -> None:
        self.context = context
        super().__init__((host, port), _Connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A handshake that failed, mostly: a line, not a traceback."""
        _print(f"{client_address[0]}: {sys.exc_info()[1]}")


def _print(text: str) -> None:
    sys.stdout.write(f"{datetime.datetime.now():%H:%M:%S} {table.printable(text)}\n")
    sys.stdout.flush()


def describe(source: int, apdu: bytes) -> str:
    """A notification in one line."""
    try:
        if apdu[0] == _DATA_NOTIFICATION:
            body = decoded(apdu[_TIME_OFF + 1 + apdu[_TIME_OFF] :])
        elif apdu[0] == _EVENT_NOTIFICATION and apdu[1] == 0:
            body = decoded(apdu[_EVENT_HEAD_LEN:])
        else:
            return _opaque(apdu)
        return _own(body, apdu[0]) if source == _GATEWAY_SAP else f"data-notification {_plain(body)}"
    except (ValueError, LookupError, TypeError, AttributeError, struct.error):
        return _opaque(apdu) + " (not understood)"


def _own(body: Any, tag: int) -> str:
    """Own events of a gateway: its serial number, then time, code and text of each."""
    serial, _, payload = body
    events = payload if isinstance(payload[0], list) else [payload]
    said = []
    for when, first, second, text in events:
        code = first if tag == _DATA_NOTIFICATION else second
        name = _CODES.get(code if tag == _DATA_NOTIFICATION else code >> _EVENT_CODE_SHIFT)
        words = bytes(text).decode(errors="replace")
        said.append(f"{_time(bytes(when))} 0x{code:04X} {f'{name}: ' if name else ''}{words}")
    return f"gateway {bytes(serial).decode(errors='replace')}: " + "; ".join(said)


def _time(octets: bytes) -> str:
    year, month, day, _, hour, minute, second = struct.unpack(">HBBBBBB", octets[:8])
    return "at an unknown time" if year == 0xFFFF else f"{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}Z"


def _plain(value: Any) -> Any:
    """Octet-strings as hex, the rest as it is."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.hex() if isinstance(value, bytes | bytearray) else value


def _opaque(apdu: bytes) -> str:
    name = _NAMES.get(apdu[0], f"tag {apdu[0]:02X}")
    return f"{name}, {len(apdu)} octets {apdu[:_HEX_SHOWN].hex()}" + "…" * (len(apdu) > _HEX_SHOWN)
