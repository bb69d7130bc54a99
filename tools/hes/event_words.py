# SPDX-License-Identifier: MIT
"""A log record in words, as the gateway's console has them: the firmware's own tables, loaded from lib/.

The law: what these tables do not know (a newer gateway) is shown as the numbers it is.
"""

from ipaddress import IPv4Address
from typing import NamedTuple

from host_tests import shim

shim.install()

from app.schema import name_of  # noqa: E402 - after install: loads lib/ as the device would
from base.events import FORMATS  # noqa: E402
from base.log import LEVELS  # noqa: E402

_MASK = 0xFFFFFFFF


class Words(NamedTuple):
    """The name of an event and what its two numbers mean."""

    name: str
    details: str


def level(number: int) -> str:
    """Of a record."""
    return LEVELS[number] if number < len(LEVELS) else str(number)


def words(event: int, a: int, b: int) -> Words:
    """Of record `event` with arguments `a` and `b`; the node it is about stands elsewhere."""
    if event >= len(FORMATS):
        return Words(f"event-{event}", f"a={a} b={b}")
    name, _, form = FORMATS[event].partition(" ")
    eui64 = f"{a & _MASK:08X}{b & _MASK:08X}"
    form = form.replace("peer={b}", f"peer={IPv4Address(b & _MASK)}")
    said = form.format(n="", w="", a=a, b=b, e=eui64, s=name_of(a)).split()
    return Words(name, " ".join(word for word in said if not word.endswith("=")))
