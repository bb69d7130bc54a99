# SPDX-License-Identifier: MIT
"""What a logical device counts: one counter per reason it did not simply answer."""

from micropython import const

from base.counters import Counters

REQUESTS = const(0)
ASSOCIATED = const(1)
REFUSED_ASSOCIATION = const(2)
REFUSED_NO_SLOT = const(3)
REFUSED_NOT_ASSOCIATED = const(4)
REFUSED_SERVICE = const(5)
MALFORMED = const(6)
GET_REFUSED = const(7)
LONG_GETS = const(8)
LONG_GET_BROKEN = const(9)
TIMED_OUT = const(10)
UNANSWERED = const(11)
SET_REFUSED = const(12)
ACTION_REFUSED = const(13)
RETURN_DATA_LOST = const(14)
LONG_SET_BROKEN = const(15)
LONG_ACTION_BROKEN = const(16)
REFUSED_UNPROVISIONED = const(17)
REFUSED_PLAIN = const(18)
GBT_BROKEN = const(19)

_NAMES = (
    "dlms-requests",
    "dlms-associated",
    "dlms-refused-association",
    "dlms-refused-no-slot",
    "dlms-refused-not-associated",
    "dlms-refused-service",
    "dlms-malformed",
    "dlms-get-refused",
    "dlms-long-gets",
    "dlms-long-get-broken",
    "dlms-association-timed-out",
    "dlms-unanswered",
    "dlms-set-refused",
    "dlms-action-refused",
    "dlms-return-data-lost",
    "dlms-long-set-broken",
    "dlms-long-action-broken",
    "dlms-refused-unprovisioned",
    "dlms-refused-plain",
    "dlms-general-blocks-broken",
)


def new_counters() -> Counters:
    """A fresh set, all 0."""
    return Counters(_NAMES)
