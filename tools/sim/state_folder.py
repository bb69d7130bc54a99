# SPDX-License-Identifier: MIT
"""The gateway's file system in a simulated run: settings, keys and PSKs before its first start, and after a reset.

What config.json of a kept folder says stays, for it may have been set over DLMS: the simulator's defaults
are below it, then come what the simulator alone knows, and --config. Law: the WAN listener is on the
simulator's port at every start of the gateway, also at the one after a factory reset; and whatever it falls back
on when it cannot start with config.json, it listens to this PC only.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from tools.sim import config_check, gateway_config, worlds

CONFIG_FILE, GOOD_FILE, RESET_MARK = "config.json", "config.good.json", "factory-reset"
_DEFAULT_PORT = 4059  # of the firmware: a change over DLMS keeps what differs from it
_TLS_FILES = ("tls-own.der", "tls-ca.der")


def check(options: argparse.Namespace) -> None:
    """ConfigError when --config or a kept config.json cannot be used."""
    if options.config:
        gateway_config.take_keys(gateway_config.load(options.config, "--config "))
    if options.state_dir and (options.state_dir / CONFIG_FILE).exists():
        gateway_config.load(options.state_dir / CONFIG_FILE)


class StateFolder:
    """`say(text)` gets one line for people per thing done here that they may not expect."""

    def __init__(self, path: Path, options: argparse.Namespace, say: "Callable[[str], object]") -> None:
        self.path = path
        self._options = options
        self._say = say
        self._wan_port = 0
        self._segment: "worlds.AnySegment | None" = None

    def prepare(self, wan_port: int, segment: "worlds.AnySegment") -> None:
        """Write what a gateway on this segment needs before it starts; ConfigError: it would not start with it."""
        self._wan_port, self._segment = wan_port, segment
        self.path.mkdir(parents=True, exist_ok=True)
        config = self._config()
        keys = gateway_config.take_keys(config)
        self._check(config)
        gateway_config.write_keys(self.path, keys)
        self._write(CONFIG_FILE, config)
        if not (self.path / GOOD_FILE).exists():
            self._write(GOOD_FILE, worlds.gateway_defaults(self._options, wan_port))
        worlds.write_psks(self._options, segment, self.path)

    def before_start(self) -> None:
        """A start of the gateway is next: finish a factory reset that it has begun, and prepare the folder again.

        NOTE: left to itself the firmware would wipe the simulator's settings with everything else, and go on with its
        defaults in the same start: on port 4059 of every interface of this PC. So the files are removed here.
        """
        if self._segment is None:
            return
        if (self.path / RESET_MARK).exists():
            text = "factory reset: %d files removed; the simulator's own settings are back%s"
            self._say(text % (self._wipe(), self._keys()))
        elif not (self.path / CONFIG_FILE).exists():
            self._say("no config.json: the simulator's own settings are back")
        else:
            self._put_port_back()
            return
        self.prepare(self._wan_port, self._segment)

    def listeners(self) -> "list[str]":
        """A line for each listener beside the WAN's that config.json asks for."""
        config = gateway_config.load(self.path / CONFIG_FILE)
        found = []
        for name in ("tls", "local"):
            section = config.get(name, {})
            if section.get("port"):
                line = "%s %s:%d" % (name, section.get("address"), section["port"])
                found.append(line + (self._what_tls_lacks() if name == "tls" else ""))
        return found

    def _what_tls_lacks(self) -> str:
        missing = [name for name in _TLS_FILES if not (self.path / name).exists()]
        return ": no %s (tools.certificates makes them)" % " and no ".join(missing) if missing else ""

    def _config(self) -> dict:
        options = self._options
        merge = gateway_config.merge
        config = worlds.gateway_defaults(options, self._wan_port)
        known = gateway_config.known_to_the_simulator(config)
        kept = self.path / CONFIG_FILE
        if kept.exists():
            self._say("settings of %s are kept" % kept)
            config = merge(merge(config, gateway_config.load(kept)), known)
        if options.config:
            config = merge(config, gateway_config.load(options.config, "--config "))
        return merge(config, {"wan": {"port": self._wan_port}})

    def _check(self, config: dict) -> None:
        """NOTE: a gateway goes on without a config.json that is wrong, and what it was to do is not done."""
        kept = self.path / CONFIG_FILE
        if not self._options.config and not kept.exists():
            return
        wrong = config_check.complaints(json.dumps(config))
        if wrong:
            sources = ["--config %s" % self._options.config] if self._options.config else []
            sources += [str(kept)] if kept.exists() else []
            raise gateway_config.ConfigError("%s: the gateway refuses this (docs/configuration.md):\n%s" % (
                " over ".join(sources), wrong))

    def _put_port_back(self) -> None:
        """wan.port was changed over DLMS: it holds from this start on, and nobody would find the gateway there."""
        config = gateway_config.load(self.path / CONFIG_FILE)
        port = config.get("wan", {}).get("port", _DEFAULT_PORT)
        if port == self._wan_port:
            return
        text = "wan.port was set to %s: a simulated gateway stays on port %d; another one: --wan-port %s"
        self._say(text % (port, self._wan_port, port))
        self._write(CONFIG_FILE, gateway_config.merge(config, {"wan": {"port": self._wan_port}}))

    def _write(self, name: str, config: dict) -> None:
        (self.path / name).write_text(json.dumps(config, indent=1), encoding="utf-8")

    def _keys(self) -> str:
        over = gateway_config.load(self._options.config, "--config ") if self._options.config else {}
        if "keys" not in over:
            return ", and the test keys, which a real gateway has not after a reset"
        return ", and the keys of --config" if over["keys"] else "; it has no keys (tools.provision)"

    def _wipe(self) -> int:
        """Every file, the mark last, as the firmware does; how many."""
        files = [path for path in self.path.iterdir() if path.is_file() and path.name != RESET_MARK]
        for path in files:
            path.unlink()
        (self.path / RESET_MARK).unlink()
        return len(files)
