# SPDX-License-Identifier: MIT
"""What the security of a logical device counts: one counter per reason something was not believed."""

from micropython import const

from base.counters import Counters

OPENED = const(0)
SEALED = const(1)
# From here on reasons, as CipheringError carries them.
MALFORMED = const(2)
UNPROVISIONED = const(3)
SUITE = const(4)
COMPRESSED = const(5)
POLICY = const(6)
TITLE = const(7)
KEY = const(8)
STALE = const(9)
TAG = const(10)
COUNTER = const(11)
CHALLENGE = const(12)
LOCKED = const(13)

_NAMES = (
    "security-opened",
    "security-sealed",
    "security-malformed",
    "security-unprovisioned",
    "security-other-suite",
    "security-compressed",
    "security-below-policy",
    "security-title",
    "security-key",
    "security-stale-counter",
    "security-bad-tag",
    "security-counter-store",
    "security-bad-challenge",
    "security-locked",
)


def new_counters() -> Counters:
    """A fresh set, all 0."""
    return Counters(_NAMES)
