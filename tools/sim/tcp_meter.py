# SPDX-License-Identifier: MIT
"""A node's DLMS server that is reached over TCP with wrapper framing (`--meter TITLE@HOST:PORT`).

One connection per client SAP, opened by the first request and opened again after it was lost.
wPorts: source = client SAP, destination = server SAP. What comes unasked becomes a push.
"""

import asyncio
from collections import Counter

from tools.sim.realtime import RealTime
from tools.sim.server import DlmsServer, Reply
from tools.sim.wpdu import WpduError, WpduReader, build

_CONNECT_TIMEOUT_S = 5
_CHUNK = 65536
_PUSH_TAGS = (0x0F, 0xC2)  # DataNotification, EventNotification: never an answer
_GBT, _GBT_STREAMING = 0xE0, 0x40
_UNCONFIRMED_TAGS = (0xC1, 0xC3)  # SET, ACTION; bit 6 of the third octet: confirmed
_CONFIRMED = 0x40


def wants_answer(apdu: bytes) -> bool:
    """False for what a server takes in silence: streamed blocks, unconfirmed SET and ACTION."""
    if len(apdu) < 3:
        return True
    if apdu[0] == _GBT:
        return not apdu[1] & _GBT_STREAMING
    return apdu[0] not in _UNCONFIRMED_TAGS or bool(apdu[2] & _CONFIRMED)


class _Connection:
    """The TCP connection of one client SAP."""

    def __init__(self, server: "TcpServer", client_sap: int) -> None:
        self._server, self._client_sap = server, client_sap
        self._outbox: "asyncio.Queue[bytes]" = asyncio.Queue()
        self.reply: Reply | None = None
        self.is_open = True
        self._task = asyncio.get_running_loop().create_task(self._run())

    def send(self, wpdu: bytes) -> None:
        """Send when connected."""
        self._outbox.put_nowait(wpdu)

    def close(self) -> None:
        """Close; what was not answered stays so."""
        self.is_open = False
        self._task.cancel()

    async def _run(self) -> None:
        writer = None
        try:
            opening = asyncio.open_connection(self._server.host, self._server.port)
            reader, writer = await asyncio.wait_for(opening, _CONNECT_TIMEOUT_S)
            await self._exchange(reader, writer)
        except (OSError, asyncio.TimeoutError, WpduError) as error:
            self._server.counters["connection_errors"] += 1
            self._server.last_error = str(error) or type(error).__name__
        finally:
            self.is_open = False
            if writer is not None:
                writer.close()
            self._server.lost(self)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sending = asyncio.get_running_loop().create_task(self._send_all(writer))
        wpdus = WpduReader()
        try:
            while octets := await reader.read(_CHUNK):
                for source, dest, apdu in wpdus.feed(octets):
                    self._server.received(self, source, dest, apdu)
        finally:
            sending.cancel()

    async def _send_all(self, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(await self._outbox.get())
            await writer.drain()


class TcpServer(DlmsServer):
    """Any DLMS server at host:port; `driver` brings its answers into kernel time."""

    def __init__(self, driver: RealTime, host: str, port: int) -> None:
        super().__init__()
        self._driver, self.host, self.port = driver, host, port
        self._connections: dict[int, _Connection] = {}
        self.counters: Counter = Counter()
        self.last_error = ""

    def request(self, client_sap: int, server_sap: int, apdu: bytes, reply: Reply) -> None:
        """Pass the APDU on; the answer comes when the server sends it."""
        connection = self._connections.get(client_sap)
        if connection is None or not connection.is_open:
            connection = self._connections[client_sap] = _Connection(self, client_sap)
        self.counters["requests"] += 1
        connection.reply = reply
        connection.send(build(client_sap, server_sap, apdu))
        if not wants_answer(apdu):
            reply(None)

    def reset(self) -> None:
        """The node fell back to NEW: its associations end with their connections."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def close(self) -> None:
        """End of the simulation."""
        self.reset()

    def received(self, connection: _Connection, source: int, dest: int, apdu: bytes) -> None:
        """A connection got a WPDU from the server."""
        if not apdu:
            self.counters["empty_wpdus"] += 1
        elif apdu[0] in _PUSH_TAGS or connection.reply is None:
            self.counters["pushes"] += 1
            self._driver.call(self.on_push, dest, source, apdu)
        else:
            self.counters["answers"] += 1
            self._driver.call(connection.reply, apdu)

    def lost(self, connection: _Connection) -> None:
        """A connection ended; the node need not wait for its answer any longer."""
        if connection.reply is not None and not asyncio.get_running_loop().is_closed():
            self._driver.call(connection.reply, None)
