# SPDX-License-Identifier: MIT
"""Settings of who may come in, and how: TLS, the listener for people on site, the firewall."""

from micropython import const

# NOTE: as in app.schema_push: the kinds by value, so that the rows are constants and lie in flash.
_BOOL = const("true or false")
_INT = const("integer")
_RULES = const("list of firewall rules")
_TEXT = const("text, up to octets")

ROWS: "tuple[tuple[str, str, object, object, object, str], ...]" = (
    ("tls.port", _INT, 0, 65535, 0, "TCP port of the TLS listener, 0 = none; needs two files (docs/tls.md)"),
    ("tls.address", _TEXT, 0, 64, "0.0.0.0", "address the TLS listener binds to"),
    ("tls.client_certificate", _BOOL, 0, 0, True, "head-ends must show a certificate signed by tls-ca.der"),
    ("tls.sessions", _INT, 1, 16, 2, "TLS sessions at once, on a board 20 kB of heap each, 10 more in a handshake"),
    ("tls.handshakes_per_min", _INT, 1, 600, 4, "TLS handshakes begun per minute; each stops the loop (docs/tls.md)"),
    ("tls.line_wait_ms", _INT, 0, 60000, 5000, "a step of a handshake waits so long for the line to be at rest"),
    ("tls.push", _BOOL, 0, 0, False, "notifications go out over TLS; tls-ca.der checks the receiver"),
    ("tls.push_name", _TEXT, 0, 64, "", "name in the receivers' certificates; empty: the target's address as written"),
    ("local.port", _INT, 0, 65535, 0, "TCP port of a second plain listener, for people on site; 0 = none"),
    ("local.address", _TEXT, 0, 64, "127.0.0.1", "address it binds to: of the interface that is not the WAN"),
    ("firewall", _RULES, 0, 16, (), "rules before the defaults: allow|deny dlms|tls|local|any network|any"),
)  # fmt: skip
