# SPDX-License-Identifier: MIT
"""Settings of who may come in, and how: TLS, the listener for people on site, the firewall."""

from app.schema_kinds import BOOL, INT, RULES, TEXT

ROWS: "tuple[tuple[str, str, object, object, object, str], ...]" = (
    ("tls.port", INT, 0, 65535, 0, "TCP port of the TLS listener, 0 = none; needs tls-cert.der and tls-key.der"),
    ("tls.address", TEXT, 0, 64, "0.0.0.0", "address the TLS listener binds to"),
    ("tls.client_certificate", BOOL, 0, 0, True, "head-ends must show a certificate signed by tls-ca.der"),
    ("tls.sessions", INT, 1, 16, 2, "TLS sessions at once, 22 kB of heap each on a board"),
    ("tls.handshakes_per_min", INT, 1, 600, 4, "TLS handshakes begun per minute; each stops the loop (docs/tls.md)"),
    ("tls.line_wait_ms", INT, 0, 60000, 5000, "a step of a handshake waits so long for the line to be at rest"),
    ("tls.push", BOOL, 0, 0, False, "notifications go out over TLS; tls-ca.der checks the receiver"),
    ("tls.push_name", TEXT, 0, 64, "", "name in the receivers' certificates; empty: the target's address as written"),
    ("local.port", INT, 0, 65535, 0, "TCP port of a second plain listener, for people on site; 0 = none"),
    ("local.address", TEXT, 0, 64, "127.0.0.1", "address it binds to: of the interface that is not the WAN"),
    ("firewall", RULES, 0, 16, [], "rules before the defaults: allow|deny dlms|tls|local|any network|any"),
)  # fmt: skip
