# SPDX-License-Identifier: MIT
"""The control socket: JSON lines in, one JSON line back for each, on 127.0.0.1.

Answer {"ok": true, ...} or {"ok": false, "error": "..."}; bad input never ends the connection.
A command is a method `_do_<cmd>`; the names are those of interfaces.md, plus `faults` and `help`, which
answers the commands and what each takes. `takes` has an entry for every argument of every command.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict

from tools.sim.realtime import RealTime
from tools.sim.trace import title_text
from tools.sim.twins import NodeTwin, SegmentTwin

_MAX_LINE = 65536

_NODE = "system title of a node in hex, as stats has them"
_OCTET = "optional, 0..255"
Takes = dict[str, dict[str, str]]  # command -> argument -> what it is; it may be left out if that begins so
OPTIONAL = "optional"

Number = type[float] | type[int]


class ControlError(ValueError):
    """The command cannot be done; the text goes back to the peer."""


class Control:
    """Commands on a segment; `stats_of_process` adds what the runner knows."""

    line_faults: "dict[str, Number]" = {
        "loss": float,
        "dup": float,
        "delay_ms": int,
        "capture": float,
        "corrupt_share": float,
    }

    takes: "Takes" = {
        "mute": {"node": _NODE},
        "unmute": {"node": _NODE},
        "remove": {"node": _NODE},
        "add": {"node": _NODE},
        "modem_silent": {"on": "optional, true (default) or false"},
        "push": {"node": _NODE, "apdu": "hex", "client_sap": _OCTET, "server_sap": _OCTET},
    }

    def __init__(self, driver: RealTime, segment: SegmentTwin, stats_of_process: "Callable[[], dict]") -> None:
        self._driver, self._segment, self._stats_of_process = driver, segment, stats_of_process
        self._server: "asyncio.Server | None" = None
        self.port = 0

    async def start(self, port: int) -> None:
        """Listen on 127.0.0.1."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=_MAX_LINE)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write((json.dumps(self.run_line(line)) + "\n").encode())
                await writer.drain()
        except (ConnectionError, ValueError, asyncio.CancelledError):
            pass  # gone, a line beyond the limit, or the end of the run: this connection ends
        finally:
            writer.close()

    def run_line(self, line: bytes) -> dict:
        """Do what one line says."""
        try:
            command = json.loads(line)
            if not isinstance(command, dict) or not isinstance(command.get("cmd"), str):
                raise ControlError('expected {"cmd": ...}')
            handler = getattr(self, "_do_" + command["cmd"], None)
            if handler is None:
                raise ControlError("unknown cmd %s; there are %s" % (command["cmd"], ", ".join(self._names())))
            self._check_complete(command)
            result = self._driver.call(handler, command)
        except ValueError as error:  # also of json
            return {"ok": False, "error": str(error)}
        return {"ok": True, **(result if isinstance(result, dict) else {})}

    def _names(self) -> "list[str]":
        return sorted(name[4:] for name in dir(self) if name.startswith("_do_"))

    # --- arguments ---

    def _check_complete(self, command: dict) -> None:
        for key, what in self.takes.get(command["cmd"], {}).items():
            if key not in command and not what.startswith(OPTIONAL):
                raise ControlError("%s needs %s: %s" % (command["cmd"], key, what))

    def _node(self, command: dict) -> NodeTwin:
        text = command.get("node")
        try:
            title = bytes.fromhex(text) if isinstance(text, str) else b""
        except ValueError:
            title = b""
        node = self._segment.nodes.get(title)
        if node is None:
            raise ControlError("no node %s" % (text,))
        return node

    @staticmethod
    def _number(command: dict, key: str, default: int) -> int:
        value = command.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 0xFF:
            raise ControlError("%s: expected 0..255" % key)
        return value

    # --- commands ---

    def _do_help(self, command: dict) -> dict:
        commands = {name: self.takes.get(name, {}) for name in self._names()}
        of_kind = {float: "optional, 0..1", int: "optional, a number >= 0"}
        commands["faults"] = {key: of_kind[kind] for key, kind in self.line_faults.items()}
        return {"commands": commands}

    def _do_mute(self, command: dict) -> None:
        self._node(command).set_muted(True)

    def _do_unmute(self, command: dict) -> None:
        self._node(command).set_muted(False)

    def _do_remove(self, command: dict) -> None:
        node = self._node(command)
        if node not in self._segment.line.nodes:
            raise ControlError("not on the line")
        node.leave()

    def _do_add(self, command: dict) -> None:
        node = self._node(command)
        if node in self._segment.line.nodes:
            raise ControlError("already on the line")
        node.join()

    def _do_modem_reset(self, command: dict) -> None:
        self._segment.chip.reset_now()

    def _do_modem_silent(self, command: dict) -> None:
        is_silent = command.get("on", True)
        if not isinstance(is_silent, bool):
            raise ControlError("on: expected true or false")
        self._segment.chip.set_silent(is_silent)

    def _do_push(self, command: dict) -> None:
        node = self._node(command)
        text = command.get("apdu")
        if not isinstance(text, str) or not text:
            raise ControlError("apdu: expected hex")
        apdu = bytes.fromhex(text)
        client_sap = self._number(command, "client_sap", node.options.push_client_sap)
        if not node.push(client_sap, self._number(command, "server_sap", 1), apdu):
            raise ControlError("node is not registered or muted")

    def _do_faults(self, command: dict) -> dict:
        line = self._segment.line.options
        for key in command.keys() - {"cmd"}:
            if key not in self.line_faults:
                raise ControlError("unknown fault " + key)
            value = command[key]
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or value < 0 or (self.line_faults[key] is float and value > 1):
                raise ControlError("%s: bad value" % key)
        for key in command.keys() - {"cmd"}:
            setattr(line, key, self.line_faults[key](command[key]))
        return {key: getattr(line, key) for key in self.line_faults}

    def _do_stats(self, command: dict) -> dict:
        segment = self._segment
        nodes = {title_text(title): self._node_stats(node) for title, node in segment.nodes.items()}
        chip = segment.chip.report()
        lag_ms = self._driver.max_lag_us // 1000
        line = dict(segment.line.report(), options=asdict(segment.line.options))
        process = self._stats_of_process()
        return {"line": line, "chip": chip, "nodes": nodes, "max_lag_ms": lag_ms, **process}

    def _node_stats(self, node: NodeTwin) -> dict:
        is_there = node in self._segment.line.nodes
        flags = {"mac": node.mac_addr, "muted": node.is_muted, "on_line": is_there}
        return {**flags, **node.counters}
