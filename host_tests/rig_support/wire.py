# SPDX-License-Identifier: MIT
"""A `tools.hes.wire.Wire` in virtual time: whoever waits for an answer lets the line go on.

So the head-end drivers of host_tests/peers, libraries included, run on the rig as they are.
"""

from __future__ import annotations

from tools.hes.errors import WireTimeout
from tools.rig import Rig
from tools.sim.meter import Meter
from tools.sim.server import LocalServer

_STEP_S = 0.02


class VirtualWire:
    """One session of the rig; `timeout_s` is virtual."""

    def __init__(self, rig: Rig, timeout_s: float = 30.0) -> None:
        self.timeout_s = timeout_s
        self.sent: list[bytes] = []
        self.received: list[bytes] = []
        self.skipped = 0
        self._rig = rig
        self._hes = rig.connect()
        self._taken = 0

    def send(self, client_sap: int, server_sap: int, apdu: bytes) -> None:
        """Send one APDU; waits until the gateway reads it."""
        self.sent.append(bytes(apdu))
        self._rig.run_until(lambda: self._hes.request(client_sap, server_sap, bytes(apdu)), self.timeout_s, _STEP_S)

    def receive(self, client_sap: int, server_sap: int, timeout_s: float | None = None) -> bytes:
        """The next APDU of that server to that client."""
        until_us = self._rig.kernel.now_us + (self.timeout_s if timeout_s is None else timeout_s) * 1e6
        while True:
            while self._taken < len(self._hes.replies):
                source, destination, apdu = self._hes.replies[self._taken]
                self._taken += 1
                if (source, destination) == (server_sap, client_sap):
                    self.received.append(apdu)
                    return apdu
                self.skipped += 1
            if self._rig.kernel.now_us >= until_us:
                raise WireTimeout("no answer")
            self._rig.run(_STEP_S)

    def ask(self, client_sap: int, server_sap: int, apdu: bytes) -> bytes:
        """Send one APDU and wait for the answer."""
        self.send(client_sap, server_sap, apdu)
        return self.receive(client_sap, server_sap)

    def close(self) -> None:
        """End the connection."""
        self._hes.close()


def meter_server(title: bytes, clock) -> LocalServer:
    """The built-in meter on the rig's own clock."""
    return LocalServer(Meter(title, clock=clock))
