# SPDX-License-Identifier: MIT
"""With --trace: TCP relay between head-ends and the gateway's own listener, writing down every WPDU.

Octets pass as they come, also when they are not WPDUs; only the trace of such a stream ends.
"""

import asyncio
from collections.abc import Callable

from tools.sim.trace import Trace
from tools.sim.wpdu import WpduError, WpduReader

_CHUNK = 65536


class WanRelay:
    """Listens on `port` after `start`; `node_of_sap` names the node behind a gateway SAP."""

    def __init__(self, trace: Trace, gateway_port: int, node_of_sap: "Callable[[int], str]") -> None:
        self._trace, self._gateway_port, self._node_of_sap = trace, gateway_port, node_of_sap
        self._server: "asyncio.Server | None" = None
        self._tasks: "set[asyncio.Task]" = set()
        self.sessions_cnt = 0

    async def start(self, port: int) -> int:
        """Listen on 127.0.0.1; the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        return self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """End all sessions."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sessions_cnt += 1
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._gateway_port)
        except OSError:
            writer.close()
            return
        loop = asyncio.get_running_loop()
        pumps = [
            loop.create_task(self._pump(reader, inner_writer, "down")),
            loop.create_task(self._pump(inner_reader, writer, "up")),
        ]
        self._tasks.update(pumps)
        try:
            await asyncio.wait(pumps)
        except asyncio.CancelledError:
            pass  # the run ends
        finally:
            self._tasks.difference_update(pumps)
            writer.close()
            inner_writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: str) -> None:
        wpdus: WpduReader | None = WpduReader()
        try:
            while octets := await reader.read(_CHUNK):
                if wpdus is not None:
                    wpdus = self._note(wpdus, direction, octets)
                writer.write(octets)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
        except OSError:  # reset, or gone between the last octet and the end of file
            writer.close()

    def _note(self, wpdus: WpduReader, direction: str, octets: bytes) -> WpduReader | None:
        try:
            found = wpdus.feed(octets)
        except WpduError:
            return None
        for source, dest, apdu in found:
            sap, client_sap = (dest, source) if direction == "down" else (source, dest)
            self._trace.write("wan", direction, self._node_of_sap(sap), (sap, client_sap), apdu)
        return wpdus
