# SPDX-License-Identifier: MIT
"""SET service of a logical device: normal, with-list, and both in data blocks (Green Book 9.3.7).

Blocks are put together until they read like the request they stand for. Law: a request is
read to its last octet before anything is changed, and what one attribute of a list is
answered says nothing about the others: each is set or not on its own.
"""

from base.errors import RemoteError
from dlms import apdu, reassembly, stats
from dlms.axdr import Reader
from dlms.cosem.object import ACCESS_WRITE

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

# What each kind of request needs to have been agreed besides SET itself.
_NEEDED = {
    apdu.SET_NORMAL: 0,
    apdu.SET_FIRST_BLOCK: apdu.CONF_BLOCK_SET,
    apdu.SET_BLOCK: apdu.CONF_BLOCK_SET,
    apdu.SET_WITH_LIST: apdu.CONF_MULTIPLE_REFERENCES,
    apdu.SET_LIST_FIRST_BLOCK: apdu.CONF_BLOCK_SET | apdu.CONF_MULTIPLE_REFERENCES,
}


class SetService:
    """`audit` hears of every attribute a client tried to set, and how that ended."""

    def __init__(self, targets: "Targets", counters: "Counters", store: "Reassembly", audit: "Audit") -> None:
        self._targets = targets
        self._counters = counters
        self._store = store
        self._audit = audit
        self._descriptor = apdu.Descriptor()
        self._whole = Reader()

    def request(self, now: int, association: "Association", reader: "Reader", writer: "Writer") -> None:
        """Serve the SET-request behind the reader's tag octet. RemoteError: malformed, nothing was set."""
        kind = reader.octet()
        invoke = reader.octet()
        if kind not in _NEEDED:
            raise RemoteError("SET-request kind %d" % kind)
        needed = _NEEDED[kind]
        if association.conformance & needed != needed:
            self._counters.inc(stats.REFUSED_SERVICE)
            apdu.write_exception(writer, apdu.STATE_NOT_ALLOWED, apdu.SERVICE_NOT_SUPPORTED)
            return
        if needed & apdu.CONF_BLOCK_SET:
            self._blocks(now, association, reader, writer, kind, invoke)
            return
        start = writer.off
        if kind == apdu.SET_NORMAL:
            result = self._one(now, association, reader)
            apdu.write_head(writer, apdu.SET_RESPONSE, apdu.SET_NORMAL, invoke)
            writer.octet(result)
        else:
            apdu.write_head(writer, apdu.SET_RESPONSE, apdu.SET_RESPONSE_WITH_LIST, invoke)
            self._list(now, association, reader, writer)
        if not invoke & apdu.SERVICE_CONFIRMED:
            self._counters.inc(stats.UNANSWERED)
            writer.rewind(start)

    # --- what the request says, whole ---

    def _one(self, now: int, association: "Association", reader: Reader) -> int:
        """Set what descriptor, selection and value say; the result."""
        self._descriptor.read_with_selection(reader)
        value_off = reader.off
        reader.skip_value()
        apdu.expect_end(reader)
        reader.off = value_off
        return self._set(now, association, reader)

    def _list(self, now: int, association: "Association", reader: Reader, writer: "Writer") -> None:
        """List of descriptors and list of values; writes the list of results."""
        count = apdu.read_list_count(reader)
        at = reader.off
        for _ in range(count):
            self._descriptor.read_with_selection(reader)
        if reader.count() != count:
            raise RemoteError("SET-request with %d targets and other values" % count)
        value_off = reader.off
        for _ in range(count):
            reader.skip_value()
        apdu.expect_end(reader)
        apdu.expect_room(writer, 1 + count)
        writer.octet(count)
        end = reader.end
        for _ in range(count):
            reader.off = at
            self._descriptor.read_with_selection(reader)
            at = reader.off
            reader.off = value_off
            reader.skip_value()
            reader.end, reader.off, value_off = reader.off, value_off, reader.off
            writer.octet(self._set(now, association, reader))
            reader.end = end

    # --- in blocks ---

    def _blocks(
        self, now: int, association: "Association", reader: Reader, writer: "Writer", kind: int, invoke: int
    ) -> None:
        head_off = reader.off
        if kind == apdu.SET_FIRST_BLOCK:
            self._descriptor.read_with_selection(reader)
        elif kind == apdu.SET_LIST_FIRST_BLOCK:
            for _ in range(apdu.read_list_count(reader)):
                self._descriptor.read_with_selection(reader)
        head_len = reader.off - head_off
        is_last, number, length = apdu.read_block(reader)
        result = apdu.SUCCESS
        if kind != apdu.SET_BLOCK:
            is_list = kind == apdu.SET_LIST_FIRST_BLOCK
            purpose = reassembly.SET_LIST_BLOCKS if is_list else reassembly.SET_BLOCKS
            if not self._store.lease(now, association, purpose):
                result = apdu.TEMPORARY_FAILURE
            elif not self._store.append(now, reader.mv, head_off, head_len):
                result = apdu.LONG_SET_ABORTED
        if result == apdu.SUCCESS:
            result = self._take(now, association, reader, number, length)
        if result != apdu.SUCCESS:
            self._counters.inc(stats.LONG_SET_BROKEN)
            self._store.release(association)
            _write_last(writer, invoke, result, number)
        elif is_last:
            self._finish(now, association, writer, invoke)
        else:
            apdu.write_head(writer, apdu.SET_RESPONSE, apdu.SET_RESPONSE_BLOCK, invoke)
            writer.unsigned(number, 4)

    def _take(self, now: int, association: "Association", reader: Reader, number: int, length: int) -> int:
        """Put one block behind those before it; SUCCESS, or why the transfer is over."""
        store = self._store
        is_held = store.is_held(association, reassembly.SET_BLOCKS)
        if not is_held and not store.is_held(association, reassembly.SET_LIST_BLOCKS):
            return apdu.NO_LONG_SET_IN_PROGRESS
        if number != store.block_number + 1:
            return apdu.DATA_BLOCK_NUMBER_INVALID
        store.block_number = number
        return apdu.SUCCESS if store.append(now, reader.mv, reader.off, length) else apdu.LONG_SET_ABORTED

    def _finish(self, now: int, association: "Association", writer: "Writer", invoke: int) -> None:
        store = self._store
        whole = self._whole
        whole.open(store.mv, 0, store.length)
        number = store.block_number
        is_list = store.purpose == reassembly.SET_LIST_BLOCKS
        store.release(association)  # nobody else comes in before this answer is made
        if not is_list:
            _write_last(writer, invoke, self._one(now, association, whole), number)
            return
        apdu.write_head(writer, apdu.SET_RESPONSE, apdu.SET_RESPONSE_LAST_BLOCK_LIST, invoke)
        self._list(now, association, whole, writer)
        writer.unsigned(number, 4)

    # --- one attribute ---

    def _set(self, now: int, association: "Association", reader: Reader) -> int:
        """The value between `reader.off` and `reader.end` into what the descriptor names."""
        result = self._try(now, association, reader)
        descriptor = self._descriptor
        if result != apdu.SUCCESS:
            self._counters.inc(stats.SET_REFUSED)
        self._audit(association, apdu.SET_REQUEST, descriptor.class_id, descriptor.index, result)
        return result

    def _try(self, now: int, association: "Association", reader: Reader) -> int:
        descriptor = self._descriptor
        role = association.client.role
        found, result = self._targets.find(association.client, descriptor)
        if found is None:
            return result
        if not found.access(descriptor.index, role) & ACCESS_WRITE:
            is_there = 0 <= descriptor.index <= found.attribute_cnt
            return apdu.READ_WRITE_DENIED if is_there else apdu.OBJECT_UNDEFINED
        if descriptor.is_selective:  # no attribute here is set in parts
            return apdu.SCOPE_OF_ACCESS_VIOLATED
        try:
            return found.setter(descriptor.index)(now, reader)
        except RemoteError:
            return apdu.TYPE_UNMATCHED
        except OSError:  # the flash under it
            return apdu.HARDWARE_FAULT


def _write_last(writer: "Writer", invoke: int, result: int, number: int) -> None:
    """SET-response-last-datablock."""
    apdu.write_head(writer, apdu.SET_RESPONSE, apdu.SET_RESPONSE_LAST_BLOCK, invoke)
    writer.octet(result)
    writer.unsigned(number, 4)
