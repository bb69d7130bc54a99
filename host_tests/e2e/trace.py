# SPDX-License-Identifier: MIT
"""The simulator's trace file, read while it grows, and what tests ask of it.

An APDU passes four places: "wan" (sap = the gateway's SAP), "line" and "meter" (sap = server
SAP inside the meter), "uart" (whole frames of the modem's host interface). The law: a record
is never looked at before its line is complete.
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

OWN_SAP = 1
REGISTER, DISCOVER, PING = 0x1C, 0x1D, 0x19
_GATEWAY_PREFIXES = (0xE6, 0xE7)
_PREFIX_FIXED_LEN = 3


class Event(NamedTuple):
    """One line of the trace; `client` -1 where there is none."""

    t: float
    at: str
    dir: str
    node: str
    sap: int
    client: int
    apdu: bytes


class Trace:
    """All events so far, in order."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("r", encoding="ascii")
        self._rest = ""
        self._events: "list[Event]" = []

    def close(self) -> None:
        """No more reading."""
        self._file.close()

    @property
    def mark(self) -> int:
        """Where the trace is now."""
        return len(self._read())

    def since(self, mark: int = 0) -> "list[Event]":
        """Events from that mark on."""
        return self._read()[mark:]

    def _read(self) -> "list[Event]":
        *lines, self._rest = (self._rest + self._file.read()).split("\n")
        self._events += map(_event, lines)
        return self._events


def _event(line: str) -> Event:
    entry = json.loads(line)
    return Event(entry["t"], entry["at"], entry["dir"], entry["node"], entry["sap"], entry.get("client", -1),
                 bytes.fromhex(entry["hex"]))


def apdus(events: "list[Event]", at: str) -> "dict[tuple[str, str], list[tuple[int, bytes]]]":
    """(node, direction) -> its (client SAP, APDU) in order: what meters sent and were sent, not CIASE, not SAP 1."""
    found: "dict[tuple[str, str], list[tuple[int, bytes]]]" = defaultdict(list)
    for event in events:
        is_own = event.at == "wan" and event.sap == OWN_SAP and event.apdu[0] not in _GATEWAY_PREFIXES
        is_ciase = event.at == "line" and event.sap == 0
        if event.at == at and not is_own and not is_ciase:
            found[event.node, event.dir].append((event.client, event.apdu))
    return dict(found)


def assert_carried_unchanged(events: "list[Event]") -> int:
    """WAN, line and meter saw the same APDUs, per node, client and direction, in order, none extra; how many.

    Between two clients of one meter the gateway keeps no order: a control request (an ACTION, say) passes another
    client's read that waits for the line. The line and the meter keep one.
    """
    wan, line, meter = (apdus(events, at) for at in ("wan", "line", "meter"))
    assert wan.keys() == line.keys()
    for key, passed in wan.items():
        assert _by_client(passed) == _by_client(line[key]), key
        assert line[key] == meter[key], key
    return sum(map(len, wan.values()))


def _by_client(passed: "list[tuple[int, bytes]]") -> "dict[int, list[bytes]]":
    found: "dict[int, list[bytes]]" = defaultdict(list)
    for client, apdu in passed:
        found[client].append(apdu)
    return dict(found)


def assert_none_crossed(events: "list[Event]") -> int:
    """Every answer on the WAN came up the line from that very node, once, after a request; how many."""
    wan, line = apdus(events, "wan"), apdus(events, "line")
    for (node, direction), passed in wan.items():
        if direction == "up":
            heard_by = _by_client(line.get((node, "up"), []))
            for client, answers in _by_client(passed).items():
                heard = iter(heard_by.get(client, []))
                assert all(answer in heard for answer in answers), (node, client)  # each taken from the line once
    waiting: "dict[tuple[str, int], int]" = defaultdict(int)
    for event in events:
        if event.at != "wan" or event.sap == OWN_SAP:
            continue
        pair = (event.node, event.client)
        waiting[pair] = waiting[pair] + 1 if event.dir == "down" else waiting[pair] - 1
        assert waiting[pair] >= 0, "an answer nobody waited for: %s" % (event,)
    return sum(len(passed) for (_, direction), passed in wan.items() if direction == "up")
