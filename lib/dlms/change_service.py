# SPDX-License-Identifier: MIT
"""What SET and ACTION have in common: normal, with-list, and both in data blocks (Green Book 9.3.7, 9.3.8).

Blocks are put together until they read like the request they stand for. Law: a request is
read to its last octet before anything is changed, and what one target of a list is
answered says nothing about the others.
"""

from micropython import const

from base.errors import RemoteError
from dlms import apdu, stats
from dlms.axdr import Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from base.counters import Counters
    from dlms.association import Association
    from dlms.axdr import Writer
    from dlms.reassembly import Reassembly
    from dlms.targets import Targets

    # (association, request tag, class id, attribute or method, result)
    Audit = Callable[[Association, int, int, int, int], None]
    Shape = tuple[int, int, int, int, int, int, int, int, int, int, int, int, int, int]


# A shape, how one of the two services differs, is a tuple: request tag; kinds normal, with list, first block, first
# block of a list, block; kind of the response that asks for the next block; conformance bit of blocks; purposes of
# dlms.reassembly, one and list; results: no transfer in progress, wrong block number, aborted; counter of those.
_TAG = const(0)
_NORMAL = const(1)
_WITH_LIST = const(2)
_FIRST = const(3)
_LIST_FIRST = const(4)
_BLOCK = const(5)
_NEXT = const(6)
_CONFORMANCE = const(7)
_PURPOSE = const(8)
_LIST_PURPOSE = const(9)
_NOT_IN_PROGRESS = const(10)
_BAD_NUMBER = const(11)
_ABORTED = const(12)
_BROKEN = const(13)
_RESPONSE = const(4)  # tag of a response above that of its request


class ChangeService:
    """`audit` hears of everything a client tried to set or call, and how that ended.

    A service reads a descriptor (`_read_target`), serves a request that is whole (`_one`) and each target of a list
    (`_begin_list`, `_each`), and says that a transfer is over (`_refuse_block`).
    """

    def __init__(
        self, shape: "Shape", targets: "Targets", counters: "Counters", store: "Reassembly", audit: "Audit"
    ) -> None:
        self._shape = shape
        self._targets = targets
        self._counters = counters
        self._store = store
        self._audit = audit
        self._descriptor = apdu.Descriptor()
        self._whole = Reader()
        self._invoke = 0  # of the request being served, as is
        self._number = 0  # that of its last block, 0 = it came whole

    def request(self, now: int, association: "Association", reader: "Reader", writer: "Writer") -> None:
        """Serve the request behind the reader's tag octet. RemoteError: malformed, nothing was changed."""
        self._serve(now, association, reader, writer, reader.octet())

    def _serve(self, now: int, association: "Association", reader: "Reader", writer: "Writer", kind: int) -> None:
        self._invoke = reader.octet()
        self._number = 0
        shape, start = self._shape, writer.off
        needed = self._needed(kind)
        if association.conformance & needed != needed:
            self._counters.inc(stats.REFUSED_SERVICE)
            apdu.write_exception(writer, apdu.STATE_NOT_ALLOWED, apdu.SERVICE_NOT_SUPPORTED)
        elif needed & shape[_CONFORMANCE]:
            self._take_block(now, association, reader, writer, kind)
        else:
            self._answer(now, association, reader, writer, kind == shape[_WITH_LIST])
            if not self._is_confirmed():
                self._counters.inc(stats.UNANSWERED)
                writer.rewind(start)

    def _needed(self, kind: int) -> int:
        """What must have been agreed for this kind of request besides the service itself."""
        shape = self._shape
        if kind not in shape[_NORMAL:_NEXT]:
            raise RemoteError("request %02x of kind %d" % (shape[_TAG], kind))
        needed = 0 if kind == shape[_NORMAL] or kind == shape[_WITH_LIST] else shape[_CONFORMANCE]
        is_list = kind == shape[_WITH_LIST] or kind == shape[_LIST_FIRST]
        return needed | apdu.CONF_MULTIPLE_REFERENCES if is_list else needed

    def _is_confirmed(self) -> bool:
        return bool(self._invoke & apdu.SERVICE_CONFIRMED)

    # --- what the request says, whole ---

    def _answer(self, now: int, association: "Association", reader: Reader, writer: "Writer", is_list: bool) -> None:
        if is_list:
            self._list(now, association, reader, writer)
        else:
            self._one(now, association, reader, writer)

    def _list(self, now: int, association: "Association", reader: Reader, writer: "Writer") -> None:
        """List of descriptors and list of values or parameters."""
        count = apdu.read_list_count(reader)
        at = reader.off
        for _ in range(count):
            self._read_target(reader)
        if reader.count() != count:
            raise RemoteError("request with %d targets and other values" % count)
        value_off = reader.off
        for _ in range(count):
            reader.skip_value()
        apdu.expect_end(reader)
        self._begin_list(writer, count)
        end = reader.end
        for left in range(count - 1, -1, -1):
            reader.off = at
            self._read_target(reader)
            at = reader.off
            reader.off = value_off
            reader.skip_value()
            reader.end, reader.off, value_off = reader.off, value_off, reader.off
            self._each(now, association, reader, writer, left)
            reader.end = end

    # --- in blocks ---

    def _take_block(self, now: int, association: "Association", reader: Reader, writer: "Writer", kind: int) -> None:
        shape, head_off = self._shape, reader.off
        is_list = kind == shape[_LIST_FIRST]
        if kind != shape[_BLOCK]:
            for _ in range(apdu.read_list_count(reader) if is_list else 1):
                self._read_target(reader)
        head_len = reader.off - head_off
        is_last, number, length = apdu.read_block(reader)
        result = apdu.SUCCESS
        if kind != shape[_BLOCK]:
            result = self._begin(now, association, reader, (head_off, head_len), is_list)
        if result == apdu.SUCCESS:
            result = self._keep(now, association, reader, number, length)
        if result != apdu.SUCCESS:
            self._break(association, writer, result, number)
        elif is_last:
            self._finish(now, association, writer)
        else:
            apdu.write_head(writer, shape[_TAG] + _RESPONSE, shape[_NEXT], self._invoke)
            writer.unsigned(number, 4)

    def _begin(
        self, now: int, association: "Association", reader: Reader, head: "tuple[int, int]", is_list: bool
    ) -> int:
        """Keep the descriptors a first block came with, as the request not in blocks would have them."""
        shape, store = self._shape, self._store
        if not store.lease(now, association, shape[_LIST_PURPOSE] if is_list else shape[_PURPOSE]):
            return apdu.TEMPORARY_FAILURE
        is_kept = store.append(now, reader.mv, head[0], head[1])
        if is_kept and not is_list and shape[_TAG] == apdu.ACTION_REQUEST:
            is_kept = store.append(now, b"\x01", 0, 1)  # a parameter is present
        return apdu.SUCCESS if is_kept else shape[_ABORTED]

    def _keep(self, now: int, association: "Association", reader: Reader, number: int, length: int) -> int:
        """Put one block behind those before it; SUCCESS, or why the transfer is over."""
        shape, store = self._shape, self._store
        if not store.is_held(association, shape[_PURPOSE]) and not store.is_held(association, shape[_LIST_PURPOSE]):
            return shape[_NOT_IN_PROGRESS]
        if number != store.block_number + 1:
            return shape[_BAD_NUMBER]
        store.block_number = number
        return apdu.SUCCESS if store.append(now, reader.mv, reader.off, length) else shape[_ABORTED]

    def _finish(self, now: int, association: "Association", writer: "Writer") -> None:
        store = self._store
        self._whole.open(store.mv, 0, store.length)
        self._number = store.block_number
        is_list = store.purpose == self._shape[_LIST_PURPOSE]
        store.release(association)  # nobody else comes in before this answer is made
        self._answer(now, association, self._whole, writer, is_list)

    def _break(self, association: "Association", writer: "Writer", result: int, number: int) -> None:
        self._counters.inc(self._shape[_BROKEN])
        self._store.release(association)
        self._refuse_block(writer, result, number)

    # --- the service's own ---

    if TYPE_CHECKING:

        def _read_target(self, reader: Reader) -> None:
            """The next descriptor into `_descriptor`."""

        def _one(self, now: int, association: "Association", reader: Reader, writer: "Writer") -> None:
            """Serve descriptor and value; the whole response."""

        def _begin_list(self, writer: "Writer", count: int) -> None:
            """Head of a response with `count` results. RemoteError: no room for them."""

        def _each(self, now: int, association: "Association", reader: Reader, writer: "Writer", left: int) -> None:
            """Serve the value between `reader.off` and `reader.end`, write its result; `left` more follow."""

        def _refuse_block(self, writer: "Writer", result: int, number: int) -> None:
            """The response that ends a transfer with `result` at block `number`."""
