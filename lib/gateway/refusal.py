# SPDX-License-Identifier: MIT
"""Why the gateway did not forward an APDU: a counter each, and what the head-end is told.

A refusal is only ever given for a request that has not been on the air. It is the
exception-response `D8 01 01` (service not allowed, operation not possible), or `D8 01 04`
(PDU too long); by configuration silence. No standard assigns a code (facts/dlms.md 4).
"""

from micropython import const

# Refused before going on the air; the head-end is told.
UNKNOWN_SAP = const(0)
BAD_PREFIX = const(1)
NODE_AWAY = const(2)  # lost, or not verified yet
CLIENT_SAP = const(3)  # client SAP does not fit the medium's address
TOO_LONG = const(4)
PAIR_BUSY = const(5)
QUEUE_FULL = const(6)
QUEUE_EXPIRED = const(7)
OUTSIDE_WINDOW = const(8)
MODEM_REFUSED = const(9)
OWNERS_FULL = const(10)
# Dropped; nobody is told.
NO_ANSWER = const(11)  # reply window over
LATE = const(12)
STALE = const(13)  # fits no open exchange
ORPHAN = const(14)  # reply for a session that is gone
DUPLICATE = const(15)  # identical request still pending
NO_BUFFER = const(16)
PEER_SLOW = const(17)
PUSH_NO_ROUTE = const(18)
# Not refused.
FORWARDED = const(19)
DELIVERED = const(20)
PUSHED = const(21)
BROADCAST = const(22)
# Refused before going on the air, as above.
TOO_LATE = const(23)  # no answer could be there in time
# Dropped before going on the air.
SESSION_GONE = const(24)

NAMES = (
    "refused-unknown-sap", "refused-bad-prefix", "refused-node-away", "refused-client-sap", "refused-too-long",
    "refused-pair-busy", "refused-queue-full", "refused-queue-expired", "refused-outside-window",
    "refused-modem", "refused-owners-full", "dropped-no-answer", "dropped-late", "dropped-stale",
    "dropped-orphan", "dropped-duplicate-request", "dropped-no-buffer", "dropped-peer-slow",
    "dropped-push-no-route", "requests-forwarded", "replies-delivered", "pushes-relayed", "broadcasts",
    "refused-too-late", "dropped-session-gone",
)  # fmt: skip

_NOT_POSSIBLE = b"\xd8\x01\x01"
_PDU_TOO_LONG = b"\xd8\x01\x04"


def apdu_for(reason: int) -> bytes:
    """The exception-response (3 octets) that tells the head-end of `reason`."""
    return _PDU_TOO_LONG if reason == TOO_LONG else _NOT_POSSIBLE
