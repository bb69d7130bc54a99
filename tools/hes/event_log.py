# SPDX-License-Identifier: MIT
"""The event logs of SAP 1 (docs/sap1.md): Profile generic 0-0:99.98.e.255, read whole.

The law: rows of all logs stand in the order of their numbers, which the gateway gives through restarts.
"""

from typing import NamedTuple

from tools.hes import reading
from tools.hes.errors import HesError
from tools.hes.event_words import level, words
from tools.hes.session import Session

LOGS = {"standard": 0, "security": 1, "communication": 2, "firmware": 3}
_PROFILE = 7
_COLUMN_CNT = 8  # date-time, uptime s, level, event, SAP or 0, a, b, number
_NO_YEAR = b"\xff\xff"


class Row(NamedTuple):
    """One record in words."""

    number: int
    time: str
    level: str
    event: str
    node: str
    details: str


def rows(session: Session, names: "list[str]") -> "list[Row]":
    """Records of the logs called `names`, over the association that is open."""
    titles = reading.titles(session)
    found: "list[Row]" = []
    for name in names:
        records = session.get(_PROFILE, f"0.0.99.98.{LOGS[name]}.255", 2)
        try:
            found += [_row(record, titles) for record in records]
        except (TypeError, ValueError) as error:
            raise HesError(f"the {name} log is not one") from error
    return sorted(found)


def _row(record: list, titles: "dict[int, str]") -> Row:
    if len(record) != _COLUMN_CNT:
        raise ValueError(f"{len(record)} columns")
    when, uptime_s, importance, event, sap, a, b, number = record
    said = words(event, a, b)
    node = titles.get(sap, f"SAP 0x{sap:04X}") if sap else "-"
    return Row(number, _time(bytes(when), uptime_s), level(importance), said.name, node, said.details)


def _time(when: bytes, uptime_s: int) -> str:
    """Where no clock was set: seconds after the start it was made in."""
    return f"{uptime_s} s after start" if when[:2] == _NO_YEAR else reading.moment(when)
