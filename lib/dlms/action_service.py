# SPDX-License-Identifier: MIT
"""ACTION service of a logical device: normal, with-list, p-blocks both ways (Green Book 9.3.8).

Law: a request is read to its last octet before a method is called, and a method that has
been called is never answered as if it had not: return data without room becomes
data-access-result other-reason behind the method's own result.
"""

from micropython import const

from base.errors import RemoteError
from dlms import apdu, reassembly, stats
from dlms.axdr import Reader, Writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.counters import Counters
    from dlms.association import Association
    from dlms.reassembly import Reassembly
    from dlms.set_service import Audit
    from dlms.targets import Targets

_RESULT_LEN = const(4)  # octets of a result with a Data-Access-Result for its return data

# What each kind of request needs to have been agreed besides ACTION itself.
_NEEDED = {
    apdu.ACTION_NORMAL: 0,
    apdu.ACTION_NEXT_BLOCK: apdu.CONF_BLOCK_ACTION,
    apdu.ACTION_WITH_LIST: apdu.CONF_MULTIPLE_REFERENCES,
    apdu.ACTION_FIRST_BLOCK: apdu.CONF_BLOCK_ACTION,
    apdu.ACTION_LIST_FIRST_BLOCK: apdu.CONF_BLOCK_ACTION | apdu.CONF_MULTIPLE_REFERENCES,
    apdu.ACTION_BLOCK: apdu.CONF_BLOCK_ACTION,
}


class ActionService:
    """`audit` hears of every method a client tried to call, and how that ended."""

    def __init__(self, targets: "Targets", counters: "Counters", store: "Reassembly", audit: "Audit") -> None:
        self._targets = targets
        self._counters = counters
        self._store = store
        self._audit = audit
        self._descriptor = apdu.Descriptor()
        self._whole = Reader()
        self._long = Writer()

    def request(self, now: int, association: "Association", reader: "Reader", writer: "Writer") -> None:
        """Serve the ACTION-request behind the reader's tag octet. RemoteError: malformed, nothing was called."""
        kind = reader.octet()
        invoke = reader.octet()
        if kind not in _NEEDED:
            raise RemoteError("ACTION-request kind %d" % kind)
        needed = _NEEDED[kind]
        if association.conformance & needed != needed:
            self._counters.inc(stats.REFUSED_SERVICE)
            apdu.write_exception(writer, apdu.STATE_NOT_ALLOWED, apdu.SERVICE_NOT_SUPPORTED)
            return
        if kind == apdu.ACTION_NEXT_BLOCK:
            self._next(now, association, reader, writer, invoke)
            return
        if needed & apdu.CONF_BLOCK_ACTION:
            self._blocks(now, association, reader, writer, kind, invoke)
            return
        start = writer.off
        if kind == apdu.ACTION_NORMAL:
            self._one(now, association, reader, writer, invoke)
        else:
            self._list(now, association, reader, writer, invoke)
        if not invoke & apdu.SERVICE_CONFIRMED:
            self._counters.inc(stats.UNANSWERED)
            self._store.release(association)
            writer.rewind(start)

    # --- what the request says, whole ---

    def _one(self, now: int, association: "Association", reader: "Reader", writer: "Writer", invoke: int) -> None:
        """Descriptor and optional parameter; ACTION-response-normal, or the first p-block of the return data."""
        self._descriptor.read(reader)
        has_parameter = reader.is_present()
        parameter_off = reader.off
        if has_parameter:
            reader.skip_value()
        apdu.expect_end(reader)
        reader.off = parameter_off
        parameter = reader if has_parameter else None
        store = self._store
        may_cut = association.conformance & apdu.CONF_BLOCK_ACTION and store.mv is not reader.mv
        is_busy = not may_cut or store.is_collecting(association)
        if is_busy or not store.lease(now, association, reassembly.ACTION_RETURN):
            apdu.write_head(writer, apdu.ACTION_RESPONSE, apdu.ACTION_NORMAL, invoke)
            self._call(now, association, parameter, writer)
            return
        long = self._long
        long.open(store.mv, 0, store.size)
        self._call(now, association, parameter, long)
        store.length = long.off
        if 3 + long.off <= writer.end - writer.off:
            apdu.write_head(writer, apdu.ACTION_RESPONSE, apdu.ACTION_NORMAL, invoke)
            writer.raw(store.mv, 0, long.off)
            store.release(association)
        else:
            store.sent = 3  # behind result, presence and choice: only the data goes out in blocks
            self._send_block(association, writer, invoke)

    def _list(self, now: int, association: "Association", reader: "Reader", writer: "Writer", invoke: int) -> None:
        """List of descriptors and list of parameters; ACTION-response-with-list."""
        count = apdu.read_list_count(reader)
        at = reader.off
        for _ in range(count):
            self._descriptor.read(reader)
        if reader.count() != count:
            raise RemoteError("ACTION-request with %d targets and other parameters" % count)
        parameter_off = reader.off
        for _ in range(count):
            reader.skip_value()
        apdu.expect_end(reader)
        apdu.expect_room(writer, 4 + _RESULT_LEN * count)
        apdu.write_head(writer, apdu.ACTION_RESPONSE, apdu.ACTION_WITH_LIST, invoke)
        writer.octet(count)
        end, room_end = reader.end, writer.end
        for left in range(count - 1, -1, -1):
            reader.off = at
            self._descriptor.read(reader)
            at = reader.off
            reader.off = parameter_off
            reader.skip_value()
            reader.end, reader.off, parameter_off = reader.off, parameter_off, reader.off
            writer.end = room_end - _RESULT_LEN * left
            self._call(now, association, reader, writer)
            reader.end, writer.end = end, room_end

    # --- in blocks ---

    def _blocks(
        self, now: int, association: "Association", reader: "Reader", writer: "Writer", kind: int, invoke: int
    ) -> None:
        head_off = reader.off
        if kind == apdu.ACTION_FIRST_BLOCK:
            self._descriptor.read(reader)
        elif kind == apdu.ACTION_LIST_FIRST_BLOCK:
            for _ in range(apdu.read_list_count(reader)):
                self._descriptor.read(reader)
        head_len = reader.off - head_off
        is_last, number, length = apdu.read_block(reader)
        result = apdu.SUCCESS
        if kind != apdu.ACTION_BLOCK:
            result = self._begin(now, association, reader, head_off, head_len)
        if result == apdu.SUCCESS:
            result = self._take(now, association, reader, number, length)
        if result != apdu.SUCCESS:
            self._break(association, writer, invoke, result)
        elif is_last:
            self._finish(now, association, writer, invoke)
        else:
            apdu.write_head(writer, apdu.ACTION_RESPONSE, apdu.ACTION_RESPONSE_NEXT_BLOCK, invoke)
            writer.unsigned(number, 4)

    def _begin(self, now: int, association: "Association", reader: "Reader", head_off: int, head_len: int) -> int:
        """Keep the descriptors a first block came with, as the request not in blocks would have them."""
        is_list = reader.mv[head_off - 2] == apdu.ACTION_LIST_FIRST_BLOCK
        purpose = reassembly.ACTION_LIST_BLOCKS if is_list else reassembly.ACTION_BLOCKS
        if not self._store.lease(now, association, purpose):
            return apdu.TEMPORARY_FAILURE
        is_kept = self._store.append(now, reader.mv, head_off, head_len)
        if is_kept and not is_list:
            is_kept = self._store.append(now, b"\x01", 0, 1)  # a parameter is present
        return apdu.SUCCESS if is_kept else apdu.LONG_ACTION_ABORTED

    def _take(self, now: int, association: "Association", reader: "Reader", number: int, length: int) -> int:
        """Put one block behind those before it; SUCCESS, or why the transfer is over."""
        store = self._store
        is_held = store.is_held(association, reassembly.ACTION_BLOCKS)
        if not is_held and not store.is_held(association, reassembly.ACTION_LIST_BLOCKS):
            return apdu.NO_LONG_ACTION_IN_PROGRESS
        if number != store.block_number + 1:
            return apdu.LONG_ACTION_ABORTED
        store.block_number = number
        return apdu.SUCCESS if store.append(now, reader.mv, reader.off, length) else apdu.LONG_ACTION_ABORTED

    def _finish(self, now: int, association: "Association", writer: "Writer", invoke: int) -> None:
        store = self._store
        self._whole.open(store.mv, 0, store.length)
        is_list = store.purpose == reassembly.ACTION_LIST_BLOCKS
        store.release(association)  # nobody else comes in before this answer is made
        if is_list:
            self._list(now, association, self._whole, writer, invoke)
        else:
            self._one(now, association, self._whole, writer, invoke)

    def _next(self, now: int, association: "Association", reader: "Reader", writer: "Writer", invoke: int) -> None:
        """ACTION-request-next-pblock: the client has got the block it names."""
        number = reader.unsigned(4)
        apdu.expect_end(reader)
        store = self._store
        if not store.is_held(association, reassembly.ACTION_RETURN):
            self._break(association, writer, invoke, apdu.NO_LONG_ACTION_IN_PROGRESS)
        elif number != store.block_number:
            self._break(association, writer, invoke, apdu.LONG_ACTION_ABORTED)
        else:
            store.touch(now)
            self._send_block(association, writer, invoke)

    def _send_block(self, association: "Association", writer: "Writer", invoke: int) -> None:
        """The next p-block of the return data."""
        store = self._store
        store.block_number += 1
        apdu.write_head(writer, apdu.ACTION_RESPONSE, apdu.ACTION_RESPONSE_BLOCK, invoke)
        room = writer.end - writer.off - 8  # last-block, number, and at most three octets of length
        length = min(room, store.length - store.sent)
        is_last = store.sent + length == store.length
        writer.octet(1 if is_last else 0)
        writer.unsigned(store.block_number, 4)
        writer.count(length)
        writer.raw(store.mv, store.sent, length)
        store.sent += length
        if is_last:
            store.release(association)

    def _break(self, association: "Association", writer: "Writer", invoke: int, result: int) -> None:
        self._counters.inc(stats.LONG_ACTION_BROKEN)
        self._store.release(association)
        apdu.write_head(writer, apdu.ACTION_RESPONSE, apdu.ACTION_NORMAL, invoke)
        writer.octet(result)
        writer.octet(0)

    # --- one method ---

    def _call(self, now: int, association: "Association", reader: "Reader | None", writer: "Writer") -> None:
        """Write Action-Response-With-Optional-Data of the method the descriptor names."""
        descriptor = self._descriptor
        result_off = writer.off
        writer.raw(b"\x00\x01\x00", 0, 3)  # result, return data present, choice data
        result = self._try(now, association, reader, writer)
        if result != apdu.SUCCESS or (writer.off == result_off + 3 and not writer.lost_cnt):
            writer.rewind(result_off + 1)
            writer.octet(0)
        elif writer.lost_cnt:
            self._counters.inc(stats.RETURN_DATA_LOST)
            writer.rewind(result_off + 2)
            writer.octet(1)
            writer.octet(apdu.OTHER_REASON)
        writer.poke(result_off, result)
        if result != apdu.SUCCESS:
            self._counters.inc(stats.ACTION_REFUSED)
        self._audit(association, apdu.ACTION_REQUEST, descriptor.class_id, descriptor.index, result)

    def _try(self, now: int, association: "Association", reader: "Reader | None", writer: "Writer") -> int:
        descriptor = self._descriptor
        role = association.client.role
        found, result = self._targets.find(association.client, descriptor)
        if found is None:
            return result
        if not found.may_call(descriptor.index, role):
            is_there = 1 <= descriptor.index <= found.method_cnt
            return apdu.READ_WRITE_DENIED if is_there else apdu.OBJECT_UNDEFINED
        try:
            return found.method(descriptor.index)(now, reader, writer)
        except RemoteError:
            return apdu.TYPE_UNMATCHED
        except OSError:  # the flash under it
            return apdu.HARDWARE_FAULT
