# SPDX-License-Identifier: MIT
"""Puts keys into a gateway: `python -m tools.provision --state DIR | --board [PORT] --keys FILE|- | --show`.

Writes keys.bin, which protects the gateway's own clients (SAP 1): management 1, read-write 32, firmware
64, read-only 127. Keys come from a JSON file or standard input (--keys; nothing is printed of them), or
from this machine's random source (--show; standard output is the JSON file and nothing else: umask 077,
and keep it, a gateway gives none out). A record that exists is replaced only with --replace.

    {"master": "<hex>", "suite": 0, "broadcast": "<hex>",
     "clients": {"1": {"guek": "<hex>", "gak": "<hex>", "suite": 0, "policy": "6C"}, ...}}

Keys have 32 hex digits, 64 in suite 2; suite 0 and policy 6C (authenticated and encrypted both
ways) may be left out. guek is HES_EK of tools.hes, gak HES_AK. A client that is left out stays
closed. docs/security.md has the rest.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

CLIENTS = {1: "management", 32: "read-write", 64: "firmware", 127: "read-only"}
KEY_FILE, COUNTER_FILE = "keys.bin", "counters.bin"
BOARD_FOLDER = ":/flash/state/"
FULL_POLICY = 0x6C
_POLICY_LEAST, _POLICY_KNOWN = 0x24, 0x6C
_FLAG_MASTER, _FLAG_BROADCAST = 2, 4
# Counters of a record made later are higher: with the same keys put in again, none is sent twice.
_EPOCH_S = 1_600_000_000


class ProvisionError(ValueError):
    """The keys cannot be used or not be written; the text is for people and holds no key."""


@dataclass(frozen=True, repr=False)
class Client:
    """What one client SAP gets."""

    suite: int
    policy: int
    guek: bytes
    gak: bytes


@dataclass(frozen=True, repr=False)
class Keys:
    """All of a gateway."""

    clients: dict[int, Client]
    master: bytes
    broadcast: bytes
    suite: int


def key_len(suite: int) -> int:
    """Octets of a key in a security suite."""
    return 32 if suite == 2 else 16


def record(clients: dict[int, Client], master: bytes, broadcast: bytes, first_send: int, suite: int = 0) -> bytes:
    """The octets of keys.bin; `first_send` = the first invocation counter the gateway sends with."""
    flags = (_FLAG_MASTER if master else 0) | (_FLAG_BROADCAST if broadcast else 0)
    octets = b"GWKY" + bytes((1, flags, suite, 0)) + struct.pack(">I", first_send)
    octets += master.ljust(32, b"\0") + broadcast.ljust(32, b"\0")
    for sap in CLIENTS:
        client = clients.get(sap)
        if client is None:
            octets += bytes((sap,)) + bytes(67)
            continue
        octets += bytes((sap, client.suite, client.policy, 1))
        octets += client.guek.ljust(32, b"\0") + client.gak.ljust(32, b"\0")
    return octets + struct.pack(">I", zlib.crc32(octets))


def first_send_now() -> int:
    """Seconds since 2020-09: later provisioning, higher counters."""
    return max(1, int(time.time()) - _EPOCH_S)


def generate(suite: int, saps: list[int]) -> dict:
    """Fresh keys in the form of the JSON file."""
    length = key_len(suite)
    one = {str(sap): {name: secrets.token_hex(length) for name in ("guek", "gak")} for sap in saps}
    return {"suite": suite, "master": secrets.token_hex(length), "clients": one}


def parse(told: object) -> Keys:
    """Check the JSON object; ProvisionError names the field that is wrong, never its value."""
    if not isinstance(told, dict):
        raise ProvisionError("keys: not a JSON object")
    _check_names(told, ("suite", "master", "broadcast", "clients"), "keys")
    suite = _suite(told.get("suite", 0), "suite")
    clients = told.get("clients")
    if not isinstance(clients, dict) or not clients:
        raise ProvisionError("clients: not an object with at least one client SAP")
    parsed = {}
    for name, client in clients.items():
        if not name.isdecimal() or int(name) not in CLIENTS:
            raise ProvisionError("clients: %s is none of %s" % (name, ", ".join(map(str, CLIENTS))))
        parsed[int(name)] = _client(client, suite, "clients." + name)
    master = _key(told["master"], suite, "master") if "master" in told else b""
    broadcast = _key(told["broadcast"], suite, "broadcast") if "broadcast" in told else b""
    return Keys(parsed, master, broadcast, suite)


def _client(told: object, suite: int, where: str) -> Client:
    if not isinstance(told, dict):
        raise ProvisionError("%s: not an object" % where)
    _check_names(told, ("suite", "policy", "guek", "gak"), where)
    suite = _suite(told.get("suite", suite), where + ".suite")
    policy_text = told.get("policy", "6C")
    try:
        policy = int(policy_text, 16)
    except (TypeError, ValueError):
        policy = 0
    if policy & _POLICY_LEAST != _POLICY_LEAST or policy & ~_POLICY_KNOWN:
        raise ProvisionError("%s.policy: two hex digits of 24, 2C, 64, 6C" % where)
    keys = [_key(told.get(name), suite, "%s.%s" % (where, name)) for name in ("guek", "gak")]
    if keys[0] == keys[1]:
        raise ProvisionError("%s: guek and gak are the same" % where)
    return Client(suite, policy, keys[0], keys[1])


def _check_names(told: dict, names: tuple[str, ...], where: str) -> None:
    for name in told:
        if name not in names:
            raise ProvisionError("%s: no such field: %s" % (where, name))


def _suite(told: object, where: str) -> int:
    if told not in (0, 1, 2) or isinstance(told, bool):
        raise ProvisionError("%s: 0, 1 or 2" % where)
    return int(told)


def _key(told: object, suite: int, where: str) -> bytes:
    digits = 2 * key_len(suite)
    try:
        key = bytes.fromhex(told) if isinstance(told, str) and len(told) == digits else b""
    except ValueError:
        key = b""
    if not key:
        raise ProvisionError("%s: %d hex digits in suite %d" % (where, digits, suite))
    if len(set(key)) == 1:
        raise ProvisionError("%s: every octet is the same" % where)
    return key


def shared_saps(keys: Keys) -> list[tuple[int, int]]:
    """Pairs of clients with one unicast key: a recorded APDU of the one could be replayed as the other's."""
    saps = sorted(keys.clients)
    pairs = [(a, b) for a in saps for b in saps if a < b]
    return [(a, b) for a, b in pairs if keys.clients[a].guek == keys.clients[b].guek]


def octets_of(keys: Keys) -> bytes:
    """keys.bin for these keys, to be used for the first time now."""
    return record(keys.clients, keys.master, keys.broadcast, first_send_now(), keys.suite)


def into_folder(folder: Path, octets: bytes, is_replacing: bool, is_new: bool) -> None:
    """Write keys.bin; with keys never used before, counters of others before them are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / KEY_FILE
    if path.exists() and not is_replacing:
        raise ProvisionError("%s exists; --replace to replace it" % path)
    if is_new:
        (folder / COUNTER_FILE).unlink(missing_ok=True)
    new = folder / (KEY_FILE + ".new")
    new.unlink(missing_ok=True)  # one that was left behind may be readable for others
    new.touch(mode=0o600)
    new.write_bytes(octets)
    os.replace(new, path)


def _mpremote(port: str, *words: str) -> subprocess.CompletedProcess:
    where = ("connect", port) if port else ()
    command = [sys.executable, "-m", "mpremote", *where, "fs", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def onto_board(port: str, octets: bytes, is_replacing: bool, is_new: bool) -> None:
    """The same over the board's serial console, by mpremote."""
    listing = _mpremote(port, "ls", BOARD_FOLDER)
    if listing.returncode and _mpremote(port, "mkdir", BOARD_FOLDER).returncode:
        raise ProvisionError("no board answers: %s" % listing.stderr.strip())
    names = [line.split()[-1] for line in listing.stdout.splitlines() if line.split()]
    if KEY_FILE in names and not is_replacing:
        raise ProvisionError("the board has %s; --replace to replace it" % KEY_FILE)
    if is_new and COUNTER_FILE in names:
        _mpremote(port, "rm", BOARD_FOLDER + COUNTER_FILE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / KEY_FILE
        path.write_bytes(octets)
        copied = _mpremote(port, "cp", str(path), BOARD_FOLDER + KEY_FILE)
    if copied.returncode:
        raise ProvisionError("mpremote: %s" % copied.stderr.strip())


def _parser() -> argparse.ArgumentParser:
    about, _, rest = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        prog="tools.provision", description=about, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--state", type=Path, help="a state folder (tools.sim --state-dir)")
    target.add_argument("--board", nargs="?", const="", metavar="PORT", help="a board on a serial port, by mpremote")
    parser.add_argument("--keys", metavar="FILE", help="JSON file with the keys, - = standard input")
    parser.add_argument("--suite", type=int, choices=(0, 1, 2), default=0, help="of new keys (default 0)")
    parser.add_argument("--clients", default="1,32,64,127", help="that get new keys (default all)")
    parser.add_argument("--replace", action="store_true", help="replace keys that are there")
    parser.add_argument("--show", action="store_true", help="make new keys and print them, as a JSON file for --keys")
    return parser


def _told(options: argparse.Namespace) -> object:
    if options.keys is None:
        saps = [int(sap) for sap in options.clients.split(",") if sap.isdecimal()]
        return generate(options.suite, saps)
    try:
        text = sys.stdin.read() if options.keys == "-" else Path(options.keys).read_text(encoding="utf-8")
        return json.loads(text)
    except (OSError, ValueError) as error:
        raise ProvisionError("--keys: %s" % error) from error


def main(arguments: list[str] | None = None) -> int:
    """Do it; the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    is_new = options.keys is None
    if is_new and not options.show:
        parser.error("new keys that nobody sees are of no use: --show prints them, --keys takes yours")
    try:
        told = _told(options)
        keys = parse(told)
        if options.state is not None:
            into_folder(options.state, octets_of(keys), options.replace, is_new)
        else:
            onto_board(options.board, octets_of(keys), options.replace, is_new)
    except (ProvisionError, OSError) as error:
        print("provision: %s" % error, file=sys.stderr)
        return 2
    _tell(keys, sys.stderr if is_new else sys.stdout)
    if is_new:
        print(json.dumps(told, indent=1))
    return 0


def _tell(keys: Keys, out: TextIO) -> None:
    """What was put in, without a key; `out` is not the stream that shows keys: that one is a file for --keys."""
    for sap, client in sorted(keys.clients.items()):
        print("client %d (%s): suite %d, policy %02X" % (sap, CLIENTS[sap], client.suite, client.policy), file=out)
    print("master key: %s" % ("given" if keys.master else "none, keys cannot be changed over DLMS"), file=out)
    for a, b in shared_saps(keys):
        print("warning: clients %d and %d have one unicast key" % (a, b), file=out)
    print("used from the next start of the gateway on", file=out)


if __name__ == "__main__":
    sys.exit(main())
