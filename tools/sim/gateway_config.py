# SPDX-License-Identifier: MIT
"""The gateway's config.json for a simulated run: the simulator's defaults, --config merged over them.

Test keys of interfaces.md are given to the gateway's own clients (SAP 1); a real gateway has no defaults.
"""

import json
from pathlib import Path

TEST_EK = "000102030405060708090A0B0C0D0E0F"
TEST_AK = "D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF"


class ConfigError(ValueError):
    """The file given with --config cannot be used."""


def merge(base: dict, over: dict) -> dict:
    """`over` on top of `base`, objects merged key by key; neither is changed."""
    merged = dict(base)
    for key, value in over.items():
        inner = merged.get(key)
        merged[key] = merge(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged


def load(path: Path) -> dict:
    """The JSON object in `path`; ConfigError says what is wrong with it."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError("--config %s: %s" % (path, error)) from error
    if not isinstance(config, dict):
        raise ConfigError("--config %s: not a JSON object" % path)
    return config


def whole(value: float) -> float:
    """An int where it is one, so that the file reads 20 and not 20.0."""
    return int(value) if value == int(value) else value


def simulator_defaults(wan_port: int, time_scale: float, widen: float, title_len: int) -> dict:
    """What a gateway behind the simulator needs to know about it."""
    return {
        "medium": "sfsk",
        "wan": {"address": "127.0.0.1", "port": wan_port},
        "sfsk": {"time_scale": whole(time_scale), "uart_widen": whole(widen), "title_len": title_len},
    }
