# SPDX-License-Identifier: MIT
"""The gateway's config.json for a simulated run: the simulator's defaults, --config merged over them.

Law: only keys the gateway documents; it uses a file with one unknown key not at all.
"""

import json
from pathlib import Path

_G3_MAX_APDU = 848  # what an IPv6 packet of 900 octets carries, and 4


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


def g3_defaults(wan_port: int, time_scale: int, widen: int, dialect: str, psk: str) -> dict:
    """The same for a gateway on a G3 segment."""
    return {
        "medium": "g3",
        "wan": {"address": "127.0.0.1", "port": wan_port, "max_apdu": _G3_MAX_APDU},
        "g3": {"time_scale": time_scale, "uart_widen": widen, "dialect": dialect, "psk": psk},
    }


def simulator_defaults(wan_port: int, time_scale: int, widen: int, title_len: int) -> dict:
    """What a gateway behind the simulator needs to know about it."""
    return {
        "medium": "sfsk",
        "wan": {"address": "127.0.0.1", "port": wan_port},
        "sfsk": {"time_scale": time_scale, "uart_widen": widen, "title_len": title_len},
    }
