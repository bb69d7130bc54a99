# SPDX-License-Identifier: MIT
"""Invocation counters of a server: strictly increasing both ways, through any power cut.

One counter for everything sent: clients may have the same key, and one title and counter must never
meet twice under it. One per client for what is received. Law: a bound is on flash before a
counter beyond it is used; after a restart both ways go on from the bound. Only `accept` of an APDU
whose tag was good and `next_send` ever write. A record that is lost or damaged stops everything.
"""

from binascii import crc32
from struct import pack, unpack_from

from micropython import const

from base.errors import LocalError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.security.key_store import Record

# One write per so many APDUs. A client that keeps its own counter and does not ask for ours
# (0-0:43.1.x.255) is that far behind after a power cut, and is told so (invocation-counter-error).
RECEIVE_RESERVE = const(64)
SEND_RESERVE = const(256)
LAST = 0xFFFFFFFF  # never sent; received, it is the last one
_VERSION = const(1)
_ROW_LEN = const(4)
_HEAD_LEN = const(2)
EXHAUSTED = const(-1)


class InvocationCounters:
    """`client_cnt` clients by row, as in the key store. Unusable until `start` has returned True."""

    def __init__(self, record: "Record", client_cnt: int) -> None:
        self._record = record
        self._received = [0] * client_cnt
        self._bounds = [0] * client_cnt
        self._next = 1
        self._send_bound = 1
        self.is_usable = False
        self.failed_writes = 0

    def start(self, first_send: "int | None") -> bool:
        """Take up the record; False = it is not to be used, and then neither are keys.

        `first_send` is given when these keys were never used: what is sent starts there at the
        earliest, and without a record one is begun.
        """
        octets = self._record.load()
        if octets is not None and not self._take(octets) or octets is None and first_send is None:
            return False
        if first_send is not None:
            self._next = self._send_bound = max(1, first_send, self._next)
            if not self._save(self._bounds, self._send_bound):
                return False
        self.is_usable = True
        return True

    def last(self, row: int) -> int:
        """The highest counter that may have been received from this client; 0 = none yet."""
        return self._received[row]

    def expected(self, row: int) -> int:
        """The lowest counter still accepted from this client; beyond 32 bits when there is none left."""
        return self._received[row] + 1

    def accept(self, row: int, counter: int) -> bool:
        """Note a counter whose tag was good. False = stale, or its bound could not be written; nothing changed."""
        if not self.is_usable or not self._received[row] < counter <= LAST:
            return False
        if counter > self._bounds[row]:
            bounds = list(self._bounds)
            bounds[row] = min(counter + RECEIVE_RESERVE, LAST)
            if not self._save(bounds, self._send_bound):
                return False
        self._received[row] = counter
        return True

    def next_send(self) -> int:
        """The counter for the next APDU sent; EXHAUSTED when there is none left or none could be reserved."""
        counter = self._next
        if not self.is_usable or counter >= LAST:
            return EXHAUSTED
        if counter >= self._send_bound and not self._save(self._bounds, min(counter + SEND_RESERVE, LAST)):
            return EXHAUSTED
        self._next = counter + 1
        return counter

    def restart(self, row: int) -> bool:
        """A new key: what this client sends counts from 1 again. After the key is on flash, never before.

        NOTE: the other way round, a power cut between the two leaves the old key with every counter
        it was ever used with acceptable again.
        """
        bounds = list(self._bounds)
        bounds[row] = 0
        if not self.is_usable or not self._save(bounds, self._send_bound):
            return False
        self._received[row] = 0
        return True

    def settle(self) -> bool:
        """Write what was really used, so that a restart that is planned skips nothing."""
        return self.is_usable and self._save(self._received, self._next)

    def _take(self, octets: bytes) -> bool:
        client_cnt = len(self._bounds)
        length = _HEAD_LEN + _ROW_LEN * (client_cnt + 2)
        if len(octets) != length or octets[0] != _VERSION or octets[1] != client_cnt:
            return False
        if unpack_from(">I", octets, length - 4)[0] != crc32(octets[: length - 4]):
            return False
        for row in range(client_cnt):
            self._bounds[row] = self._received[row] = unpack_from(">I", octets, _HEAD_LEN + _ROW_LEN * (row + 1))[0]
        self._next = self._send_bound = unpack_from(">I", octets, _HEAD_LEN)[0]
        return True

    def _save(self, bounds: "list[int]", send_bound: int) -> bool:
        if len(bounds) != len(self._bounds):
            raise LocalError("counters: rows")
        octets = bytes((_VERSION, len(bounds))) + pack(">I", send_bound)
        for bound in bounds:
            octets += pack(">I", bound)
        if not self._record.save(octets + pack(">I", crc32(octets))):
            self.failed_writes += 1
            return False
        self._bounds = list(bounds)
        self._send_bound = send_bound
        return True
