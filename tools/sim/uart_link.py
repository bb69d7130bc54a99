# SPDX-License-Identifier: MIT
"""The chip's UART and lines on a TCP port of 127.0.0.1, for the gateway process.

One host at a time; a new connection replaces the old one. While nobody is connected the chip
talks to nobody, T_REQ is released.
"""

import asyncio
from collections.abc import Callable

from tools.sim import com_port
from tools.sim.realtime import RealTime
from tools.sim.twins import ModemTwin

_CHUNK = 4096


class UartLink:
    """Listens after `start`; `port` is the one to connect to."""

    def __init__(self, driver: RealTime, chip: ModemTwin) -> None:
        self._driver, self._chip = driver, chip
        self._writer: "asyncio.StreamWriter | None" = None
        self._server: "asyncio.Server | None" = None
        self.port = 0
        self._controls: "dict[int, tuple[Callable[[bool], object], bool]]" = {
            com_port.RTS_ON: (chip.set_t_req, True),
            com_port.RTS_OFF: (chip.set_t_req, False),
            com_port.DTR_ON: (chip.set_reset, False),
            com_port.DTR_OFF: (chip.set_reset, True),
            com_port.BREAK_ON: (chip.set_power, False),
            com_port.BREAK_OFF: (chip.set_power, True),
        }
        self._levels: "dict[Callable, bool]" = {chip.set_t_req: False, chip.set_reset: False, chip.set_power: True}
        chip.on_output = self._to_host

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Stop listening and drop the host."""
        if self._server is not None:
            self._server.close()
        if self._writer is not None:
            self._writer.close()

    def _to_host(self, octets: bytes) -> None:
        if self._writer is not None:
            self._writer.write(com_port.escape(octets))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = writer
        parser = com_port.ComPortReader()
        try:
            while octets := await reader.read(_CHUNK):
                for item in parser.feed(octets):
                    self._driver.call(self._from_host, item)
        except ConnectionError:
            pass  # the gateway process ended: same as a closed connection
        finally:
            self._gone(writer)

    def _gone(self, writer: asyncio.StreamWriter) -> None:
        writer.close()
        if self._writer is writer:
            self._writer = None
            self._driver.call(self._chip.set_t_req, False)

    def _from_host(self, item: bytes | int) -> None:
        if isinstance(item, bytes):
            self._chip.host_write(item)
            return
        control = self._controls.get(item)
        if control is None:
            return
        line, level = control
        if self._levels.get(line) != level:  # a level repeated is no edge
            self._levels[line] = level
            line(level)
