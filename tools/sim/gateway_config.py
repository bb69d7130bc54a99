# SPDX-License-Identifier: MIT
"""The gateway's config.json and keys for a simulated run: the simulator's part of them (state_folder.py merges).

Law: only keys the gateway documents; it uses a file with one unknown key not at all.
"""

import json
from pathlib import Path

from tools import provision

_G3_MAX_APDU = 848  # what an IPv6 packet of 900 octets carries, and 4

# The keys of simulated gateways, known to everybody (design/interfaces.md); the master key is ours to choose.
_TEST_CLIENT = {"guek": "000102030405060708090A0B0C0D0E0F", "gak": "D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF"}
TEST_KEYS = {
    "master": "404142434445464748494A4B4C4D4E4F",
    "clients": {str(sap): _TEST_CLIENT for sap in provision.CLIENTS},
}


# Convenient and harmless on a PC: tools/hes shows the node list without keys, nobody outside finds a listener.
_OPEN = {
    "dlms": {"public_reads_all": True},
    "tls": {"address": "127.0.0.1"},
    "local": {"address": "127.0.0.1"},
}


class ConfigError(ValueError):
    """A configuration file cannot be used; the text names it."""


def merge(base: dict, over: dict) -> dict:
    """`over` on top of `base`, objects merged key by key; neither is changed."""
    merged = dict(base)
    for key, value in over.items():
        inner = merged.get(key)
        merged[key] = merge(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged


def load(path: Path, option: str = "") -> dict:
    """The JSON object in `path`, which `option` named; ConfigError says what is wrong with it."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError("%s%s: %s" % (option, path, error)) from error
    if not isinstance(config, dict):
        raise ConfigError("%s%s: not a JSON object" % (option, path))
    return config


def g3_defaults(wan_port: int, time_scale: int, widen: int, dialect: str, psk: str) -> dict:
    """The same for a gateway on a G3 segment."""
    return {
        "medium": "g3",
        "wan": {"address": "127.0.0.1", "port": wan_port, "max_apdu": _G3_MAX_APDU},
        **_OPEN,
        "g3": {"time_scale": time_scale, "uart_widen": widen, "dialect": dialect, "psk": psk},
    }


def simulator_defaults(wan_port: int, time_scale: int, widen: int, title_len: int) -> dict:
    """What a gateway behind the simulator needs to know about it."""
    return {
        "medium": "sfsk",
        "wan": {"address": "127.0.0.1", "port": wan_port},
        **_OPEN,
        "sfsk": {"time_scale": time_scale, "uart_widen": widen, "title_len": title_len},
    }


def known_to_the_simulator(defaults: dict) -> dict:
    """The part of its defaults that follows from how the simulator runs, and from nobody's wishes."""
    wan = {"address": defaults["wan"]["address"], "port": defaults["wan"]["port"]}
    return {**{name: defaults[name] for name in ("medium", "sfsk", "g3") if name in defaults}, "wan": wan}


def take_keys(config: dict) -> "provision.Keys | None":
    """What `config` says about the gateway's own keys, taken out of it: no setting of the firmware.

    Nothing said: the published test keys. null: none, an unprovisioned gateway. An object: the keys in
    it, as for tools/provision.py. ConfigError when that cannot be used.
    """
    told = config.pop("keys", TEST_KEYS)
    if told is None:
        return None
    try:
        return provision.parse(told)
    except provision.ProvisionError as error:
        raise ConfigError("--config: keys.%s" % error) from error


def write_keys(folder: Path, keys: "provision.Keys | None") -> None:
    """keys.bin, unless there is one: a gateway keeps what it was given."""
    if keys is not None and not (folder / provision.KEY_FILE).exists():
        provision.into_folder(folder, provision.octets_of(keys), is_replacing=False, is_new=False)
