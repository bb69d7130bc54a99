# SPDX-License-Identifier: MIT
"""The listeners on the WAN: plain DLMS, TLS, and one for people on site; each as configured.

All hand their connections to one app.sessions.Listener; they differ in address and in the rules
the firewall has for them.
"""

import asyncio

from app.firewall import DLMS, LOCAL, SERVICES, TLS
from hal.net import no_delay

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from app.config import Config
    from app.sessions import Listener
    from app.supervisor import Duty

_SECTIONS = ("wan", "tls", "local")  # in the order of SERVICES

assert (SERVICES[DLMS], SERVICES[TLS], SERVICES[LOCAL]) == ("dlms", "tls", "local")


class Wan:
    """`network_up()` waits for the network; `on_up()` is called once all listeners listen."""

    def __init__(
        self,
        config: "Config",
        listener: "Listener",
        network_up: "Callable[[], Coroutine[object, object, None]]",
        on_up: "Callable[[], None]",
    ) -> None:
        self._config = config
        self._listener = listener
        self._network_up = network_up
        self._on_up = on_up

    async def run(self, duty: "Duty") -> None:
        """Listen for as long as the network is there."""
        await self._network_up()
        servers: "list[asyncio.Server]" = []
        try:
            for service, section in enumerate(_SECTIONS):
                if self._config.number(section + ".port"):
                    servers.append(await self._listen(service, section))
            self._on_up()
            await asyncio.gather(*[server.wait_closed() for server in servers])
        finally:
            for server in servers:
                server.close()

    async def _listen(self, service: int, section: str) -> "asyncio.Server":
        async def accept(reader: "asyncio.StreamReader", writer: "asyncio.StreamWriter") -> None:
            no_delay(reader)
            await self._listener.serve(reader, service)

        address, port = self._config.text(section + ".address"), self._config.number(section + ".port")
        return await asyncio.start_server(accept, address, port)
