# SPDX-License-Identifier: MIT
"""What the head-end's management client does to the gateway itself (docs/management.md).

An action = (words of its argument, function); it answers the sentence or rows to print. The
law: only what the gateway has confirmed is said to have happened.
"""

import json
import sys
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from tools.hes import reading
from tools.hes.errors import HesError, HesRefused
from tools.hes.reading import GATEWAY_SAP, SERIAL
from tools.hes.refusals import in_words
from tools.hes.session import Keys, Session

_SETTINGS, _WAITING, _COMPLAINT = ((1, f"0.0.128.10.{e}.255") for e in range(3))
_PING, _PING_RESULT = ((1, f"0.0.128.11.{e}.255") for e in range(2))
_LISTS, _CHANGE_LISTS = ((1, f"0.0.128.12.{e}.255") for e in range(2))
_SAP_LIST, _FACTORY_RESET = (17, "0.0.41.0.0.255"), (1, "0.0.128.14.0.255")
_SEGMENT_SCRIPTS, _DEVICE_SCRIPTS = (9, "0.0.10.0.128.255"), (9, "0.0.10.0.129.255")
_DISCOVERY, _REPEATER_CALL, _RESTART = 1, 2, 1
_G3_NETWORK, _PROVIDE_PSK = (20002, "0.0.128.0.2.255"), 9
_EUI64_LEN, _PSK_LEN = 8, 16
_UINT16, _OCTET_STRING, _ENUM = 0x12, 0x09, 0x16
_OFF_LISTS, _ALLOWED, _BLOCKED = range(3)
_MARKS = {_ALLOWED: "allowed", _BLOCKED: "blocked"}
_WAITS, _ANSWERED, _SILENT, _NOT_SENT = 1, 2, 3, 4
_OUTCOMES = {_SILENT: "no answer", _NOT_SENT: "the line was never free for it"}
_OTHER_REASON = "OTHER_REASON"
_NEXT_ON_SFSK = ("The meter does not hear of it: it comes back when it has fallen back to NEW, after at most its"
                 " time_out_not_addressed (sfsk.keepalive); action block keeps it out")
_NEXT_ON_G3 = "It is expelled and joins again at once, unless it is blocked (action block)"
_PING_LIMIT_S, _PING_STEP_S = 180.0, 1.0


class Desk:
    """The management client's association with the gateway; `wait` sleeps."""

    def __init__(self, session: Session, keys: Keys, wait: Callable[[float], object] = time.sleep) -> None:
        self._session = session
        self._keys = keys
        self._wait = wait

    def run(self, name: str, argument: str) -> str:
        """Do action `name`; what to print. HesError: it is not done, the text says why."""
        try:
            return ACTIONS[name][1](self, argument)
        except HesRefused as error:
            raise HesRefused(in_words(str(error))) from error

    def settings(self, argument: str) -> str:
        """What differs from the defaults."""
        self._open()
        text = bytes(self._session.get(*_SETTINGS, 2)).decode()
        waiting = bytes(self._session.get(*_WAITING, 2)).decode().split("\n")
        return "\n".join([text] + [f"after a restart: {path}" for path in waiting if path])

    def change(self, argument: str) -> str:
        """Change settings, JSON as in config.json."""
        self._open()
        try:
            self._session.set(*_SETTINGS, 2, _octets(argument.encode()))
        except HesRefused as error:
            if _OTHER_REASON not in str(error):
                raise
            complaint = bytes(self._session.get(*_COMPLAINT, 2)).decode()
            raise HesError(complaint or in_words(str(error))) from error
        waiting = bytes(self._session.get(*_WAITING, 2)).decode().replace("\n", ", ")
        return f"changed; after a restart: {waiting}" if waiting else "changed, in effect"

    def ping(self, argument: str) -> str:
        """Ping a node and wait for the outcome."""
        self._open()
        self._session.set(*_PING, 2, _number(_sap(argument)))
        for _ in range(int(_PING_LIMIT_S / _PING_STEP_S)):
            _, title, state, ms, _ = self._session.get(*_PING_RESULT, 2)
            if state == _ANSWERED:
                return f"{bytes(title).hex().upper()} answered after {ms} ms"
            if state != _WAITS:
                raise HesError(_OUTCOMES.get(state, f"state {state}"))
            self._wait(_PING_STEP_S)
        raise HesError("the ping did not end")

    def discover(self, argument: str) -> str:
        """A burst of discovery."""
        self._open()
        self._session.action(*_SEGMENT_SCRIPTS, 1, _number(_DISCOVERY))
        return "discovery begun"

    def repeaters(self, argument: str) -> str:
        """A repeater call."""
        self._open()
        self._session.action(*_SEGMENT_SCRIPTS, 1, _number(_REPEATER_CALL))
        return "repeater call begun"

    def restart(self, argument: str) -> str:
        """Restart the gateway."""
        self._open()
        self._session.action(*_DEVICE_SCRIPTS, 1, _number(_RESTART))
        return "the gateway restarts"

    def remove(self, argument: str) -> str:
        """Take a node out of the table."""
        sap = _sap(argument)
        found = [ldn for listed, ldn in reading.sap_list(self._session) if listed == sap]
        if not found or sap == GATEWAY_SAP:
            raise HesError(f"no meter has SAP {argument}")
        self._open()
        is_g3 = json.loads(bytes(self._session.get(*_SETTINGS, 2))).get("medium") == "g3"
        self._session.action(*_SAP_LIST, 1, b"\x02\x02" + _number(0) + _octets(found[0]))
        return "removed; its SAP rests. " + (_NEXT_ON_G3 if is_g3 else _NEXT_ON_SFSK)

    def block(self, argument: str) -> str:
        """Blacklist a title."""
        return self._mark(argument, _BLOCKED, "blocked")

    def allow(self, argument: str) -> str:
        """Whitelist a title."""
        return self._mark(argument, _ALLOWED, "allowed; who is on no whitelist and comes from now on is not let in")

    def unlist(self, argument: str) -> str:
        """Take a title off the lists."""
        return self._mark(argument, _OFF_LISTS, "on no list")

    def lists(self, argument: str) -> str:
        """Whitelist and blacklist."""
        self._open()
        rows = [(bytes(title).hex().upper(), mark) for title, mark in self._session.get(*_LISTS, 2)]
        return "\n".join(f"{title} {_MARKS.get(mark, str(mark))}" for title, mark in rows) or "both lists are empty"

    def factory_reset(self, argument: str) -> str:
        """Wipe the gateway."""
        self._open()
        serial = bytes(self._session.get(*SERIAL, 2))
        try:
            self._session.set(*_FACTORY_RESET, 2, _octets(_serial(argument, len(serial))))
        except HesRefused as error:
            if _OTHER_REASON not in str(error):
                raise
            raise HesError("that is not its serial number, see tools.hes list; wait a minute (other-reason)") from error
        return "the gateway forgets everything and restarts; it has no keys any more"

    def psk(self, argument: str) -> str:
        """Provide a PSK to a G3 gateway (class 20002, docs/g3.md), wrapped by the master key (RFC 3394)."""
        title, psk = argument.split()
        eui64 = _hex(title, _EUI64_LEN, "an EUI-64")
        key = _hex(sys.stdin.readline().strip() if psk == "-" else psk, _PSK_LEN, "a PSK")
        if not self._keys.master:
            raise HesError("the gateway's master key is needed: --master or HES_MASTER, --sim-keys for the simulator's")
        self._open()
        parameter = b"\x02\x02" + _octets(eui64) + _octets(aes_key_wrap(self._keys.master, key))
        try:
            self._session.action(*_G3_NETWORK, _PROVIDE_PSK, parameter)
        except HesRefused as error:
            if _OTHER_REASON not in str(error):
                raise
            raise HesError("the gateway cannot unwrap it: another master key (other-reason)") from error
        return f"the gateway has the PSK of {eui64.hex().upper()} until it restarts, for g3.psk_ttl_s at most"

    def _mark(self, argument: str, mark: int, done: str) -> str:
        title = _hex(argument, 0, "a title")
        self._open()
        self._session.set(*_CHANGE_LISTS, 2, b"\x02\x02" + _octets(title) + bytes((_ENUM, mark)))
        return f"{argument.upper()} is {done}"

    def _open(self) -> None:
        self._session.open_gateway(self._keys)


def _octets(value: bytes) -> bytes:
    if len(value) < 0x80:
        return bytes((_OCTET_STRING, len(value))) + value
    return bytes((_OCTET_STRING, 0x82)) + len(value).to_bytes(2, "big") + value


def _number(value: int) -> bytes:
    return bytes((_UINT16,)) + value.to_bytes(2, "big")


def _hex(text: str, size: int, what: str) -> bytes:
    """`size` 0: any."""
    try:
        octets = bytes.fromhex(text)
    except ValueError:
        octets = b""
    if not octets or size not in (0, len(octets)):
        raise HesError(f"{what} is written in {f'{2 * size} ' if size else ''}hex digits")
    return octets


def _serial(text: str, size: int) -> bytes:
    """As `list` prints it: text, or hex digits (0x before them if the text of another could look like that)."""
    try:
        if text[:2].lower() == "0x":
            return bytes.fromhex(text[2:])
        octets = bytes.fromhex(text)
    except ValueError:
        if text[:2].lower() == "0x":
            raise HesError("after 0x only hex digits") from None
        return text.encode()
    return octets if len(octets) == size else text.encode()


def _sap(text: str) -> int:
    try:
        sap = int(text, 0)
    except ValueError:
        sap = -1
    if not 0 < sap < 0xFFFF:
        raise HesError("a SAP is a number from 1 to 0xFFFE")
    return sap


ACTIONS: "dict[str, tuple[str, Callable[[Desk, str], str]]]" = {
    "settings": ("", Desk.settings),
    "set": ("JSON", Desk.change),
    "ping": ("SAP", Desk.ping),
    "discover": ("", Desk.discover),
    "repeaters": ("", Desk.repeaters),
    "remove": ("SAP", Desk.remove),
    "lists": ("", Desk.lists),
    "block": ("TITLE", Desk.block),
    "allow": ("TITLE", Desk.allow),
    "unlist": ("TITLE", Desk.unlist),
    "psk": ("EUI64 PSK", Desk.psk),
    "restart": ("", Desk.restart),
    "factory-reset": ("SERIAL", Desk.factory_reset),
}
