# SPDX-License-Identifier: MIT
"""SET service of a logical device: normal, with-list, and both in data blocks (Green Book 9.3.7).

Law: what one attribute of a list is answered says nothing about the others: each is set or
not on its own.
"""

from base.errors import RemoteError
from dlms import apdu, reassembly, stats
from dlms.change_service import ChangeService
from dlms.cosem.object import ACCESS_WRITE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.counters import Counters
    from dlms.association import Association
    from dlms.axdr import Reader, Writer
    from dlms.change_service import Audit
    from dlms.reassembly import Reassembly
    from dlms.targets import Targets

_SHAPE = (
    apdu.SET_REQUEST,
    apdu.SET_NORMAL, apdu.SET_WITH_LIST, apdu.SET_FIRST_BLOCK, apdu.SET_LIST_FIRST_BLOCK, apdu.SET_BLOCK,
    apdu.SET_RESPONSE_BLOCK, apdu.CONF_BLOCK_SET, reassembly.SET_BLOCKS, reassembly.SET_LIST_BLOCKS,
    apdu.NO_LONG_SET_IN_PROGRESS, apdu.DATA_BLOCK_NUMBER_INVALID, apdu.LONG_SET_ABORTED, stats.LONG_SET_BROKEN,
)  # fmt: skip


class SetService(ChangeService):
    """SET."""

    def __init__(self, targets: "Targets", counters: "Counters", store: "Reassembly", audit: "Audit") -> None:
        super().__init__(_SHAPE, targets, counters, store, audit)

    def _read_target(self, reader: "Reader") -> None:
        self._descriptor.read_with_selection(reader)

    def _one(self, now: int, association: "Association", reader: "Reader", writer: "Writer") -> None:
        self._read_target(reader)
        value_off = reader.off
        reader.skip_value()
        apdu.expect_end(reader)
        reader.off = value_off
        result = self._set(now, association, reader)
        if self._number:
            self._refuse_block(writer, result, self._number)
        else:
            apdu.write_head(writer, apdu.SET_RESPONSE, apdu.SET_NORMAL, self._invoke)
            writer.octet(result)

    def _begin_list(self, writer: "Writer", count: int) -> None:
        kind = apdu.SET_RESPONSE_LAST_BLOCK_LIST if self._number else apdu.SET_RESPONSE_WITH_LIST
        apdu.write_head(writer, apdu.SET_RESPONSE, kind, self._invoke)
        apdu.expect_room(writer, 1 + count)
        writer.octet(count)

    def _each(self, now: int, association: "Association", reader: "Reader", writer: "Writer", left: int) -> None:
        writer.octet(self._set(now, association, reader))
        if self._number and not left:
            writer.unsigned(self._number, 4)

    def _refuse_block(self, writer: "Writer", result: int, number: int) -> None:
        """SET-response-last-datablock, which also ends a transfer that went well."""
        apdu.write_head(writer, apdu.SET_RESPONSE, apdu.SET_RESPONSE_LAST_BLOCK, self._invoke)
        writer.octet(result)
        writer.unsigned(number, 4)

    # --- one attribute ---

    def _set(self, now: int, association: "Association", reader: "Reader") -> int:
        """The value between `reader.off` and `reader.end` into what the descriptor names."""
        result = self._try(now, association, reader)
        descriptor = self._descriptor
        if result != apdu.SUCCESS:
            self._counters.inc(stats.SET_REFUSED)
        self._audit(association, apdu.SET_REQUEST, descriptor.class_id, descriptor.index, result)
        return result

    def _try(self, now: int, association: "Association", reader: "Reader") -> int:
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
