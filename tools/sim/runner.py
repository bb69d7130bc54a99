# SPDX-License-Identifier: MIT
"""A real-time run: segment, gateway process, control, trace and the screen, wired and ended together."""

import argparse
import asyncio
import signal
import socket
import sys
import tempfile
from pathlib import Path

from tools.sim import cli, console, gateway_config, state_folder, worlds
from tools.sim.gateway_process import GatewayProcess, ProcessError, command
from tools.sim.kernel import Kernel
from tools.sim.realtime import RealTime
from tools.sim.screen import Screen
from tools.sim.state_folder import StateFolder
from tools.sim.uart_link import UartLink
from tools.sim.wan_relay import WanRelay

_LOOK_AGAIN_S = 0.2


def reserved_port() -> socket.socket:
    """A TCP port of 127.0.0.1 that no other process is given while this is open, for a gateway to listen on.

    NOTE: a port that is free only now is somebody's connection when the gateway starts, or starts again.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a listener that has it too may bind; nobody else
    holder.bind(("127.0.0.1", 0))
    return holder


class Runner:
    """Everything of one run; `run()` returns the exit code."""

    def __init__(self, options: argparse.Namespace, state_dir: Path) -> None:
        self._options, self._state_dir = options, state_dir
        self._driver = RealTime(Kernel())
        self._segment = worlds.build_segment(options, self._driver)
        self._table = console.SapTable()
        self._screen = Screen(len(self._segment.nodes), options.verbose)
        self._folder = StateFolder(state_dir, options, self._screen.line)
        self._link = UartLink(self._driver, self._segment.chip)
        self._control = worlds.build_control(self._driver, self._segment, self._process_stats)
        self._trace = worlds.build_trace(options.trace, self._segment) if options.trace else None
        self._relay: WanRelay | None = None
        self._reserved: socket.socket | None = None
        self._gateway: GatewayProcess | None = None
        self._wan_port = options.wan_port
        self._listener_port = 0
        self._is_ready = False
        self._has_failed = False
        self._done = asyncio.Event()

    async def run(self) -> int:
        """Until a signal or the gateway's final death."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._done.set)
        waiting = loop.create_task(self._done.wait())
        try:
            gateway = loop.create_task(self._start())
            await asyncio.wait({waiting, gateway}, return_when=asyncio.FIRST_COMPLETED)
            if gateway.done():
                gateway.result()
            return 1 if self._has_failed else 0
        except (ProcessError, gateway_config.ConfigError, OSError) as error:
            self._screen.error(str(error))
            return 1
        finally:
            waiting.cancel()
            await self._close()

    async def _start(self) -> None:
        options = self._options
        await self._link.start(options.uart_port)
        if options.control is not None:
            await self._control.start(options.control)
            self._screen.line("control 127.0.0.1:%d" % self._control.port)
        self._driver.start()
        if options.no_gateway:
            self._state_dir.mkdir(parents=True, exist_ok=True)
            worlds.write_psks(options, self._segment, self._state_dir)
            self._screen.line("UART 127.0.0.1:%d" % self._link.port)
            await self._done.wait()
            return
        await self._run_gateway()

    async def _run_gateway(self) -> None:
        options = self._options
        gateway_port = options.wan_port
        if not gateway_port or self._trace is not None:
            self._reserved = reserved_port()
            gateway_port = self._reserved.getsockname()[1]
        self._wan_port = gateway_port
        if self._trace is not None:
            self._relay = WanRelay(self._trace, gateway_port, self._table.node_of_sap)
            self._wan_port = await self._relay.start(options.wan_port)
        elif options.wan_port:
            _check_free(gateway_port)
        self._listener_port = gateway_port
        self._folder.prepare(gateway_port, self._segment)
        self._gateway = GatewayProcess(command(options.runtime, options.heap), self._link.port, self._state_dir)
        self._gateway.before_start = self._folder.before_start
        self._gateway.on_line = self._on_line
        self._gateway.on_death = self._screen.error
        await self._gateway.run()

    def _on_line(self, text: str) -> None:
        record = console.parse(text)
        if record is None:
            self._screen.foreign(text)
            return
        has_changed = self._table.take(record)
        if record.name == "gateway-up":
            self._check_listener(record.fields.get("wan", ""))
        if self._is_ready:
            self._screen.event(record)
            return
        self._screen.early(record)
        if has_changed:
            self._screen.progress(self._registered_cnt())
        self._check_ready()

    def _check_listener(self, address: str) -> None:
        if address.rpartition(":")[2] == str(self._listener_port):
            return
        # Nobody would find it there, and the port may be somebody else's: no run at all.
        text = "the gateway listens on %s, not on port %d: settings break docs/configuration.md, or set wan.port"
        self._screen.error(text % (address, self._listener_port))
        self._has_failed = True
        self._done.set()

    def _registered_cnt(self) -> int:
        """Nodes registered on the line that the gateway calls online."""
        titles = {node.title.hex().upper() for node in self._segment.registered()}
        return sum(row.state == "online" and row.title in titles for row in self._table.rows.values())

    def _check_ready(self) -> None:
        total = len(self._segment.nodes)
        if self._is_ready or not self._table.is_up or self._table.online_cnt() < total:
            return
        if self._registered_cnt() >= total:
            self._is_ready = True
            self._screen.ready(total, self._wan_port, self._folder.listeners(), self._table)
        else:  # G3: the gateway hears of a join while its last message is on the way to the node
            asyncio.get_running_loop().call_later(_LOOK_AGAIN_S, self._check_ready)

    def _process_stats(self) -> dict:
        gateway = self._gateway
        info = {"pid": gateway.pid, "starts": gateway.starts_cnt} if gateway else {}
        info["online"] = self._table.online_cnt()
        return {"gateway": info, "ready": self._is_ready, "wan_port": self._wan_port}

    async def _close(self) -> None:
        if self._gateway is not None:
            await self._gateway.stop()
        for part in (self._control, self._relay, self._link, self._segment, self._trace, self._reserved, self._driver):
            if isinstance(part, RealTime):
                part.stop()
            elif part is not None:
                part.close()


def _check_free(port: int) -> None:
    """OSError with a clear text when somebody listens on the WAN port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise OSError("--wan-port %d: %s" % (port, error.strerror)) from error


def main(arguments: list[str] | None = None) -> int:
    """Run the simulator; the exit code."""
    options = cli.parse(arguments)
    try:
        state_folder.check(options)
    except gateway_config.ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    if options.state_dir:
        return asyncio.run(_run(options, options.state_dir))
    with tempfile.TemporaryDirectory(prefix="gateway-") as state_dir:
        return asyncio.run(_run(options, Path(state_dir)))


async def _run(options: argparse.Namespace, state_dir: Path) -> int:
    try:
        runner = Runner(options, state_dir)
    except OSError as error:
        print("--trace %s: %s" % (options.trace, error.strerror), file=sys.stderr)
        return 2
    return await runner.run()
