# SPDX-License-Identifier: MIT
"""HLS mechanism 5, GMAC (Green Book 9.2.7.4): both sides prove their keys over the other's challenge.

Token = SC (suite, authenticated only) | counter (4) | GMAC over SC | AK | challenge, 12 octets. Law:
we prove ourselves only to a client that has proven itself. A client's token is bound to a fresh
challenge of ours, so its counter is not held against it: libraries give the token the number of the
APDU around it, or the one before (vectors: hls5.dlms-cosem, hls5.gurux).
"""

from micropython import const

from base.constant_time import is_equal
from base.errors import LocalError
from dlms.security import stats
from dlms.security.ciphering import NO_COUNTER, OTHER_REASON, CipheringError
from dlms.security.envelope import HEADER_LEN, SC_AUTHENTICATED, TAG_LEN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from dlms.security.ciphering import Ciphering
    from dlms.security.gcm import Octets
    from dlms.security.protection import Protection

MECHANISM_GMAC = const(5)
TOKEN_LEN = const(17)
# Challenges of a client, Green Book 9.2.2.2.2.3; ours is at least as long as a key.
LEAST_CHALLENGE = const(8)
MOST_CHALLENGE = const(64)
OUR_CHALLENGE = const(16)


class Hls:
    """One per device; keeps nothing of any association."""

    def __init__(self, ciphering: "Ciphering", random_octets: "Callable[[int], bytes]") -> None:
        self._ciphering = ciphering
        self._random_octets = random_octets
        self._token = bytearray(TOKEN_LEN)

    def challenge(self, length: int = OUR_CHALLENGE) -> bytes:
        """A new challenge of 16 to 64 octets; never used twice, for it comes from the machine's random source."""
        if not OUR_CHALLENGE <= length <= MOST_CHALLENGE:
            raise LocalError("challenge of %d octets" % length)
        return self._random_octets(length)

    def check(self, token: "Octets", stoc: bytes, ctos: bytes, protection: "Protection") -> bool:
        """The client's f(StoC) is right. False for every wrong one, whatever is wrong with it; counted."""
        is_good = self._is_genuine(token, stoc, ctos, protection)
        if not is_good:
            self._ciphering.counters.inc(stats.CHALLENGE)
        return is_good

    def _is_genuine(self, token: "Octets", stoc: bytes, ctos: bytes, protection: "Protection") -> bool:
        keys = protection.keys
        if keys is None or not keys.is_provisioned or len(token) != TOKEN_LEN:
            return False
        # NOTE: with equal challenges a client could hand back what it was given elsewhere.
        if is_equal(stoc, ctos) or not self._ciphering.is_usable_title(protection.title):
            return False
        if token[0] != SC_AUTHENTICATED | keys.suite:
            return False
        counter = token[1] << 24 | token[2] << 16 | token[3] << 8 | token[4]
        return is_equal(self._made(protection, protection.title, counter, stoc), token)

    def answer(self, ctos: bytes, protection: "Protection") -> bytearray:
        """Our f(CtoS) for a client that `check` found genuine; borrowed until the next call.

        CipheringError when no counter is left or could be reserved.
        """
        counter = self._ciphering.invocation_counters.next_send()
        if counter == NO_COUNTER:
            self._ciphering.counters.inc(stats.COUNTER)
            raise CipheringError(stats.COUNTER, OTHER_REASON)
        return self._made(protection, self._ciphering.system_title, counter, ctos)

    def _made(self, protection: "Protection", title: bytes, counter: int, challenge: bytes) -> bytearray:
        keys = protection.keys
        if keys is None:
            raise LocalError("token without keys")
        token = self._token
        token[0] = SC_AUTHENTICATED | keys.suite
        for i in range(4):
            token[1 + i] = counter >> 24 - 8 * i & 0xFF
        gcm = self._ciphering.gcm
        gcm.start(keys.encryption_key, title, counter)
        gcm.add(token, 0, 1)
        gcm.add(keys.authentication_key, 0, len(keys.authentication_key))
        gcm.add(challenge, 0, len(challenge))
        gcm.seal(token, HEADER_LEN, 0, TOKEN_LEN - TAG_LEN)
        return token


def is_challenge(octets: bytes) -> bool:
    """A length that a client's challenge may have."""
    return LEAST_CHALLENGE <= len(octets) <= MOST_CHALLENGE
