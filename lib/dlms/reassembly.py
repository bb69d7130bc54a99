# SPDX-License-Identifier: MIT
"""The one buffer of a logical device in which requests and answers longer than an APDU are put together.

It is leased to one association at a time, for one purpose, and comes back when that ends,
when the association does, or when another one wants it and nothing moved for `timeout_ms`, or it
has been told to come later for four times as long, whatever moved.
Law: a peer can use no memory but this, and whoever finds it taken is told to come later.
"""

from micropython import const

from base.ticks import ticks_diff

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.association import Association

# What it is leased for.
FREE = const(0)
SET_BLOCKS = const(1)
SET_LIST_BLOCKS = const(2)
ACTION_BLOCKS = const(3)
ACTION_LIST_BLOCKS = const(4)
ACTION_RETURN = const(5)  # return data, going out
GBT_REQUEST = const(6)
GBT_SERVED = const(7)  # a whole request, while it is read
GBT_ANSWER = const(8)  # going out

_PATIENCE = const(4)  # time-outs
_COLLECTING = (SET_BLOCKS, SET_LIST_BLOCKS, ACTION_BLOCKS, ACTION_LIST_BLOCKS, GBT_REQUEST)


class Reassembly:
    """`size` octets; `length` of them are filled, `sent` of them went out.

    `block_number` is that of the last block of the transfer; `own_number`, where both sides number
    their blocks, that of the last block we sent, `known_number` of the last the peer has (`sent` octets).
    """

    def __init__(self, size: int, timeout_ms: int) -> None:
        self.size = size
        self.mv = memoryview(bytearray(size))
        self.purpose = FREE
        self.length = 0
        self.sent = 0
        self.block_number = 0
        self.own_number = 0
        self.known_number = 0
        self._owner: "Association | None" = None
        self._timeout_ms = timeout_ms
        self._used_at = 0
        self._last: "Association | None" = None  # who had it last
        self._wanted_at: "int | None" = None  # since then another one has been told to come later

    def lease(self, now: int, association: "Association", purpose: int) -> bool:
        """Take it, empty; what the same association had in it before is dropped. False: somebody else has it."""
        # NOTE: return data of a method fits an APDU mostly: nobody loses his transfer for it.
        if not self.is_free_for(now, association) and (
            self._owner is association or purpose == ACTION_RETURN or not self._has_waited(now)
        ):
            return False
        if association is not self._last:
            self._last, self._wanted_at = association, None
        self._owner = association
        self.purpose = purpose
        self.length = 0
        self.sent = 0
        self.block_number = 0
        self.own_number = self.known_number = 0
        self._used_at = now
        return True

    def is_free_for(self, now: int, association: "Association") -> bool:
        """Nobody has it, or this association, or one that let it lie. A GBT request being served keeps it."""
        if self._owner is association:
            return self.purpose != GBT_SERVED
        return self.purpose == FREE or ticks_diff(now, self._used_at) >= self._timeout_ms

    def _has_waited(self, now: int) -> bool:
        """NOTE: a client with no right to write may send blocks without end, or begin again and again."""
        patience_ms = _PATIENCE * self._timeout_ms
        waited_ms = -1 if self._wanted_at is None else ticks_diff(now, self._wanted_at)
        if not 0 <= waited_ms < 2 * patience_ms:  # the first to ask, or the first after one that gave up
            self._wanted_at = now
        return patience_ms <= waited_ms < 2 * patience_ms

    def is_collecting(self, association: "Association") -> bool:
        """This association has begun a request in blocks, and other requests of its may come in between."""
        return self._owner is association and self.purpose in _COLLECTING

    def is_held(self, association: "Association", purpose: int) -> bool:
        """This association has it, for this."""
        return self._owner is association and self.purpose == purpose

    def append(self, now: int, octets: "memoryview | bytes", off: int, length: int) -> bool:
        """Put `octets[off : off + length]` behind the rest; False: too long, the lease has ended."""
        end = self.length + length
        if end > self.size:
            self.purpose = FREE
            return False
        self.mv[self.length : end] = octets[off : off + length]
        self.length = end
        self._used_at = now
        return True

    def touch(self, now: int) -> None:
        """It is in use."""
        self._used_at = now

    def release(self, association: "Association") -> None:
        """Give it back, if this association has it."""
        if self._owner is association:
            self._owner = None
            self.purpose = FREE
