# SPDX-License-Identifier: MIT
"""General block transfer of a server (E0, Green Book 9.4.6.13): requests and answers cut without looking.

Both sides stream: a request as it likes, our answer as many blocks at once as the client's window and
`most_blocks` allow, the next when those were acknowledged. Blocks lost on the way are asked for again by
the acknowledgement. Law: one buffer for it all (dlms.reassembly), and what does not fit is the end of it.
"""

from micropython import const

from base.errors import RemoteError
from dlms import apdu, reassembly, stats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.counters import Counters
    from dlms.association import Association
    from dlms.axdr import Reader, Writer
    from dlms.protected_services import ProtectedServices
    from dlms.reassembly import Reassembly

_LAST = const(0x80)
_STREAMING = const(0x40)
_WINDOW = const(0x3F)
_OUR_WINDOW = const(8)  # blocks are put together one by one: any number could come
# Tag, control, two block numbers, and at most three octets of length.
HEAD_LEN = const(9)


class GeneralBlockTransfer:
    """`services` gets a request that is complete."""

    def __init__(self, store: "Reassembly", services: "ProtectedServices", counters: "Counters") -> None:
        self._store = store
        self._services = services
        self._counters = counters
        self.most_blocks = 1  # that whoever carries our answers takes at once
        self._window = 1  # of the client
        self._limit = 0
        self._number = 0  # of the block written last
        self.left = 0  # blocks to be asked for by `write_next`

    def receive(self, now: int, association: "Association", reader: "Reader", writer: "Writer", limit: int) -> None:
        """Take the block at the reader's place; the answer has at most `limit` octets. RemoteError: malformed."""
        reader.octet()
        control = reader.octet()
        self._window = control & _WINDOW
        number = reader.unsigned(2)
        acknowledged = reader.unsigned(2)
        length = reader.count()
        if length != reader.left or not control & _WINDOW:
            raise RemoteError("general-block-transfer: %d octets of %d" % (reader.left, length))
        store = self._store
        if store.is_held(association, reassembly.GBT_ANSWER) and not length:
            self._limit = limit
            if number == store.block_number + 1:  # acknowledgements are numbered like blocks, and acknowledged
                store.block_number = number
            self._resume(now, association, writer, acknowledged)
        elif not self._take(now, association, reader, number):
            self._break(association, writer)
        elif control & _LAST and number == store.block_number:
            self._serve(now, association, reader, writer, limit)
        elif not control & _STREAMING:
            store.own_number += 1
            _write_head(writer, _OUR_WINDOW, store.own_number, store.block_number, 0)

    def _take(self, now: int, association: "Association", reader: "Reader", number: int) -> bool:
        """Keep a block if it is the next one; False: there is no transfer for it, or it is too long."""
        store = self._store
        if not store.is_held(association, reassembly.GBT_REQUEST) and (
            number != 1 or not store.lease(now, association, reassembly.GBT_REQUEST)
        ):
            return False
        store.touch(now)
        if number != store.block_number + 1:  # a copy, or one behind a block that was lost
            return True
        store.block_number = number
        return store.append(now, reader.mv, reader.off, reader.left)

    def _serve(self, now: int, association: "Association", reader: "Reader", writer: "Writer", limit: int) -> None:
        """The request is whole: serve it; its answer comes in blocks too."""
        store = self._store
        start = writer.off
        acknowledged, own_number = store.block_number, store.own_number
        store.purpose = reassembly.GBT_SERVED
        reader.open(store.mv, 0, store.length)
        writer.rewind(start + HEAD_LEN)
        try:
            self._services.serve(now, association, reader, writer)
        finally:
            store.release(association)
        self.answer(now, association, writer, start, limit, acknowledged, own_number)

    def answer(  # noqa: PLR0913 - an answer: whose, where it is, how much goes at once, and the two block numbers
        self,
        now: int,
        association: "Association",
        writer: "Writer",
        start: int,
        limit: int,
        acknowledged: int = 0,
        own_number: int = 0,
    ) -> None:
        """Put what was written from `start + HEAD_LEN` on into blocks of at most `limit` octets; write the first."""
        store = self._store
        off = start + HEAD_LEN
        length = writer.off - off
        writer.rewind(start)
        if not length:
            return
        if length + HEAD_LEN <= limit or not acknowledged and length <= limit:
            if acknowledged:  # a request that came whole has its answer whole, if that fits
                _write_head(writer, _LAST | _OUR_WINDOW, own_number + 1, acknowledged, length)
            writer.dst[writer.off : writer.off + length] = writer.dst[off : off + length]
            writer.rewind(writer.off + length)
        elif store.lease(now, association, reassembly.GBT_ANSWER) and store.append(now, writer.dst, off, length):
            store.block_number = acknowledged
            store.own_number = store.known_number = own_number
            self._limit = limit
            self._window = self._window if acknowledged else 1  # who asked in one piece has not said
            self._send_window(writer)
        else:
            self._break(association, writer)

    def _resume(self, now: int, association: "Association", writer: "Writer", acknowledged: int) -> None:
        """The client has got blocks up to `acknowledged`: those that follow, or the end."""
        store = self._store
        if not store.known_number <= acknowledged <= store.own_number:
            self._break(association, writer)
            return
        store.touch(now)
        store.sent = min(store.sent + (acknowledged - store.known_number) * (self._limit - HEAD_LEN), store.length)
        store.known_number = acknowledged
        if store.sent == store.length:
            store.release(association)
        else:
            self._send_window(writer)

    def _send_window(self, writer: "Writer") -> None:
        """The first of the blocks from `sent` on that may go at once.

        NOTE: blocks 1 to 3 went out and 2 was lost: the client asks for 2 alone and acknowledges 3 then, so
        `own_number` does not go back.
        """
        size = self._limit - HEAD_LEN
        self._number = self._store.known_number
        blocks = (self._store.length - self._store.sent + size - 1) // size
        self.left = min(blocks, self._window, self.most_blocks)
        self.write_next(writer)

    def write_next(self, writer: "Writer") -> None:
        """The next of them; `left` says how many there are."""
        store, size = self._store, self._limit - HEAD_LEN
        off = store.sent + (self._number - store.known_number) * size
        length = min(size, store.length - off)
        self.left -= 1
        self._number += 1
        store.own_number = max(store.own_number, self._number)
        control = _OUR_WINDOW | (_STREAMING if self.left else 0) | (_LAST if off + length == store.length else 0)
        _write_head(writer, control, self._number, store.block_number, length)
        writer.raw(store.mv, off, length)

    def _break(self, association: "Association", writer: "Writer") -> None:
        self._counters.inc(stats.GBT_BROKEN)
        self._store.release(association)
        apdu.write_exception(writer, apdu.STATE_NOT_ALLOWED, apdu.SERVICE_OTHER_REASON)


def _write_head(writer: "Writer", control: int, number: int, acknowledged: int, length: int) -> None:
    writer.octet(apdu.GENERAL_BLOCK_TRANSFER)
    writer.octet(control)
    writer.unsigned(number, 2)
    writer.unsigned(acknowledged, 2)
    writer.count(length)
