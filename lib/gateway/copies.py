# SPDX-License-Identifier: MIT
"""Answers of the last half minute by their check sums: the same octets again are a copy.

A repeater may deliver an answer a second time, when the next request of the same node and
client SAP is already out. Law: a copy is never taken for the answer to another request.
"""

from array import array
from binascii import crc32

from micropython import const

from gateway import answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.exchange import Exchange

_KEPT = const(64)  # half a minute of a line that is never idle


class Copies:
    """Not kept in the pool's slots: when all are in use, a slot forgets within seconds."""

    def __init__(self) -> None:
        self._pairs = array("i", [-1] * _KEPT)  # node << 16 | client SAP
        self._crcs = array("I", [0] * _KEPT)
        self._next = 0

    def is_copy(self, exchange: "Exchange", apdu: memoryview) -> bool:
        """`apdu`, an answer for `exchange`, has been an answer before; if not, it is remembered.

        NOTE: request, answer, next request confirmed, copy of the first answer from a repeater:
        only the octets tell, and only within one exchange or where they cannot repeat.
        """
        crc = crc32(apdu)
        pair = exchange.node << 16 | exchange.client_sap
        if exchange.answer_crc == crc or (answer.never_repeats(apdu[0]) and self._was_answer(pair, crc)):
            return True
        exchange.answer_crc = crc
        self._pairs[self._next] = pair
        self._crcs[self._next] = crc
        self._next = (self._next + 1) % _KEPT
        return False

    def _was_answer(self, pair: int, crc: int) -> bool:
        for i in range(_KEPT):
            if self._pairs[i] == pair and self._crcs[i] == crc:
                return True
        return False
