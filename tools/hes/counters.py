# SPDX-License-Identifier: MIT
"""What SAP 1 counts, by the names it gives: Data 0-0:128.1.e.255, array of {name, count} (docs/sap1.md)."""

from typing import NamedTuple

from tools.hes.errors import HesError, HesRefused
from tools.hes.session import Session

SETS = ("forwarding", "sessions", "power line", "push", "SAP 1", "security")
_DATA = 1


class Count(NamedTuple):
    """One counter."""

    of: str
    name: str
    value: int


def counts(session: Session) -> "list[Count]":
    """All of them, in the gateway's order, over the association that is open."""
    found: "list[Count]" = []
    for number, of in enumerate(SETS):
        try:
            listed = session.get(_DATA, f"0.0.128.1.{number}.255", 2)
        except HesRefused as error:
            if found and "OBJECT_UNDEFINED" in str(error):  # one that counts less
                break
            raise
        try:
            found += [Count(of, str(name), int(count)) for name, count in listed]
        except (TypeError, ValueError) as error:
            raise HesError(f"the counters of {of} are none") from error
    return found
