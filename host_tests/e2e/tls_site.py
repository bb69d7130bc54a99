# SPDX-License-Identifier: MIT
"""A site with TLS: the authority's certificates, the gateway's files, connections of head-ends over it."""

import socket

from host_tests.e2e.stack import PATIENCE, Stack
from host_tests.peers.gurux_hes import GuruxHes
from tools.certificates import Authority, client_context, own_file
from tools.hes.wire import Wire
from tools.sim.runner import reserved_port

TIMEOUT_S = 10 * PATIENCE


class Site:
    """What a gateway with TLS needs (`config`, `files`), and head-ends with and without the right certificates."""

    def __init__(self, folder):
        self._holder = reserved_port()
        self.port = self._holder.getsockname()[1]
        self.authority, self.stranger = Authority("utility"), Authority("stranger")
        self.folder = folder
        self.files = {"tls-own.der": own_file(self.authority.issue("gateway")), "tls-ca.der": self.authority.der}
        self.config = {"tls": {"port": self.port, "address": "127.0.0.1", "handshakes_per_min": 600, "sessions": 3}}
        self.stack: "Stack | None" = None
        self.good = self.context(self.authority, self.authority.issue("hes"))

    def close(self):
        """The port is anybody's again."""
        self._holder.close()

    def context(self, trusted, pair):
        return client_context(self.folder, trusted, pair)

    def connect(self, context=None):
        raw = socket.create_connection(("127.0.0.1", self.port), TIMEOUT_S)
        try:
            secured = (context or self.good).wrap_socket(raw, server_hostname="127.0.0.1")
        except OSError:
            raw.close()
            raise
        return Wire(secured, TIMEOUT_S)

    def is_refused(self, context):
        """The handshake fails, or the first answer never comes: TLS 1.2 clients may learn of a refusal late."""
        try:
            with self.connect(context) as wire:
                GuruxHes(wire).sap_list()
        except Exception:  # noqa: BLE001 - whatever the library makes of a closed connection
            return True
        return False
