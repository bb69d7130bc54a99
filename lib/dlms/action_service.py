# SPDX-License-Identifier: MIT
"""ACTION service of a logical device: normal, with-list, p-blocks both ways (Green Book 9.3.8).

Law: a request is read to its last octet before a method is called, and a method that has
been called is never answered as if it had not: return data without room becomes
data-access-result other-reason behind the method's own result.
"""

from micropython import const

from base.errors import RemoteError
from dlms import apdu, reassembly, stats
from dlms.axdr import Writer
from dlms.change_service import ChangeService

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.counters import Counters
    from dlms.association import Association
    from dlms.axdr import Reader
    from dlms.change_service import Audit
    from dlms.reassembly import Reassembly
    from dlms.targets import Targets

_RESULT_LEN = const(4)  # octets of a result with a Data-Access-Result for its return data
_SHAPE = (
    apdu.ACTION_REQUEST,
    apdu.ACTION_NORMAL, apdu.ACTION_WITH_LIST, apdu.ACTION_FIRST_BLOCK, apdu.ACTION_LIST_FIRST_BLOCK,
    apdu.ACTION_BLOCK,
    apdu.ACTION_RESPONSE_NEXT_BLOCK, apdu.CONF_BLOCK_ACTION, reassembly.ACTION_BLOCKS, reassembly.ACTION_LIST_BLOCKS,
    apdu.NO_LONG_ACTION_IN_PROGRESS, apdu.LONG_ACTION_ABORTED, apdu.LONG_ACTION_ABORTED, stats.LONG_ACTION_BROKEN,
)  # fmt: skip


class ActionService(ChangeService):
    """ACTION."""

    def __init__(self, targets: "Targets", counters: "Counters", store: "Reassembly", audit: "Audit") -> None:
        super().__init__(_SHAPE, targets, counters, store, audit)
        self._long = Writer()

    def request(self, now: int, association: "Association", reader: "Reader", writer: "Writer") -> None:
        """As ChangeService, and ACTION-request-next-pblock."""
        kind = reader.octet()
        if kind == apdu.ACTION_NEXT_BLOCK and association.conformance & apdu.CONF_BLOCK_ACTION:
            self._invoke = reader.octet()
            self._next(now, association, reader, writer)
        else:
            self._serve(now, association, reader, writer, apdu.ACTION_BLOCK if kind == apdu.ACTION_NEXT_BLOCK else kind)

    def _read_target(self, reader: "Reader") -> None:
        self._descriptor.read(reader)

    # --- what the request says, whole ---

    def _one(self, now: int, association: "Association", reader: "Reader", writer: "Writer") -> None:
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
        is_busy = not may_cut or not self._is_confirmed() or store.is_collecting(association)
        if is_busy or not store.lease(now, association, reassembly.ACTION_RETURN):
            apdu.write_head(writer, apdu.ACTION_RESPONSE, apdu.ACTION_NORMAL, self._invoke)
            self._call(now, association, parameter, writer)
            return
        long = self._long
        long.open(store.mv, 0, store.size)
        self._call(now, association, parameter, long)
        store.length = long.off
        if 3 + long.off <= writer.end - writer.off:
            apdu.write_head(writer, apdu.ACTION_RESPONSE, apdu.ACTION_NORMAL, self._invoke)
            writer.raw(store.mv, 0, long.off)
            store.release(association)
        else:
            store.sent = 3  # behind result, presence and choice: only the data goes out in blocks
            self._send_block(association, writer)

    def _begin_list(self, writer: "Writer", count: int) -> None:
        apdu.write_head(writer, apdu.ACTION_RESPONSE, apdu.ACTION_WITH_LIST, self._invoke)
        apdu.expect_room(writer, 1 + _RESULT_LEN * count)
        writer.octet(count)

    def _each(self, now: int, association: "Association", reader: "Reader", writer: "Writer", left: int) -> None:
        room_end = writer.end
        writer.end = room_end - _RESULT_LEN * left
        self._call(now, association, reader, writer)
        writer.end = room_end

    def _refuse_block(self, writer: "Writer", result: int, number: int) -> None:
        apdu.write_head(writer, apdu.ACTION_RESPONSE, apdu.ACTION_NORMAL, self._invoke)
        writer.octet(result)
        writer.octet(0)

    # --- return data in blocks ---

    def _next(self, now: int, association: "Association", reader: "Reader", writer: "Writer") -> None:
        """ACTION-request-next-pblock: the client has got the block it names."""
        number = reader.unsigned(4)
        apdu.expect_end(reader)
        store = self._store
        if not store.is_held(association, reassembly.ACTION_RETURN):
            self._break(association, writer, apdu.NO_LONG_ACTION_IN_PROGRESS, number)
        elif number != store.block_number:
            self._break(association, writer, apdu.LONG_ACTION_ABORTED, number)
        else:
            store.touch(now)
            self._send_block(association, writer)

    def _send_block(self, association: "Association", writer: "Writer") -> None:
        """The next p-block of the return data."""
        store = self._store
        store.block_number += 1
        apdu.write_head(writer, apdu.ACTION_RESPONSE, apdu.ACTION_RESPONSE_BLOCK, self._invoke)
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
