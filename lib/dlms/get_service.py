# SPDX-License-Identifier: MIT
"""GET service of a logical device: normal, next, with-list, block transfer (Green Book 9.3.6).

A response that fits is sent whole; one that does not becomes data blocks where the client
knows them, else it is refused with other-reason. Law: every answer echoes the invoke id
of its own request, and no answer is ever longer than the window of the writer.
"""

from micropython import const

from base.errors import RemoteError
from dlms import apdu, stats
from dlms.axdr import STRUCTURE
from dlms.cosem.object import ACCESS_READ
from dlms.cosem.values import Const
from dlms.transfer import FILL_ABORTED, FILL_DONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.counters import Counters
    from dlms.association import Association
    from dlms.axdr import Reader, Writer
    from dlms.cosem.object import CosemObject
    from dlms.cosem.values import Value
    from dlms.targets import Targets
    from dlms.transfer import Entry

# One GET with more values takes no whole object any more: each is held until the last block is out.
_MOST_VALUES = const(48)
_NULL = Const(b"\x00")
_LIST_DATA = Const(b"\x00")  # Get-Data-Result: choice data


class GetService:
    """`targets` are the objects, `counters` the device's."""

    def __init__(self, targets: "Targets", counters: "Counters") -> None:
        self._targets = targets
        self._counters = counters
        self._descriptor = apdu.Descriptor()
        self._refusals: "dict[int, Const]" = {}  # one of each result, however many of a list have it

    def request(self, association: "Association", reader: "Reader", writer: "Writer") -> None:
        """Answer the GET-request behind the reader's tag octet. RemoteError: malformed.

        Answered whatever its service-class bit says: a GET without an answer has no sense,
        and head-ends exist that leave the bit clear.
        """
        kind = reader.octet()
        invoke = reader.octet()
        if kind == apdu.GET_NORMAL:
            self._normal(association, reader, writer, invoke)
        elif kind == apdu.GET_NEXT:
            self._next(association, reader, writer, invoke)
        elif kind != apdu.GET_WITH_LIST:
            raise RemoteError("GET-request kind %d" % kind)
        elif association.conformance & apdu.CONF_MULTIPLE_REFERENCES:
            self._with_list(association, reader, writer, invoke)
        else:
            self._counters.inc(stats.REFUSED_SERVICE)
            apdu.write_exception(writer, apdu.STATE_NOT_ALLOWED, apdu.SERVICE_NOT_SUPPORTED)

    # --- the three kinds ---

    def _normal(self, association: "Association", reader: "Reader", writer: "Writer", invoke: int) -> None:
        self._descriptor.read_with_selection(reader)
        apdu.expect_end(reader)
        values: "list[Entry]" = []
        result = self._resolve(association, reader, values)
        association.transfer.close()
        if result == apdu.SUCCESS:
            self._answer(association, writer, apdu.GET_NORMAL, invoke, values)
        else:
            self._refuse(writer, invoke, result)

    def _with_list(self, association: "Association", reader: "Reader", writer: "Writer", invoke: int) -> None:
        count = apdu.read_list_count(reader)
        values: "list[Entry]" = [Const(bytes((count,)))]
        for _ in range(count):
            self._descriptor.read_with_selection(reader)
            values.append(_LIST_DATA)
            result = self._resolve(association, reader, values)
            if result != apdu.SUCCESS:
                self._counters.inc(stats.GET_REFUSED)
                values[-1] = self._refusal(result)
        apdu.expect_end(reader)
        association.transfer.close()
        self._answer(association, writer, apdu.GET_WITH_LIST, invoke, values)

    def _next(self, association: "Association", reader: "Reader", writer: "Writer", invoke: int) -> None:
        number = reader.unsigned(4)
        apdu.expect_end(reader)
        transfer = association.transfer
        if not transfer.is_open:
            self._counters.inc(stats.LONG_GET_BROKEN)
            apdu.write_block_error(writer, invoke, number, apdu.NO_LONG_GET_IN_PROGRESS)
        elif number != transfer.block_number:
            self._break(association, writer, invoke, number, apdu.DATA_BLOCK_NUMBER_INVALID)
        else:
            self._block(association, writer, invoke)

    def _refusal(self, result: int) -> Const:
        if result not in self._refusals:
            self._refusals[result] = Const(bytes((1, result)))
        return self._refusals[result]

    # --- what is asked for ---

    def _resolve(self, association: "Association", reader: "Reader", values: "list[Entry]") -> int:
        """Append the values the descriptor stands for; SUCCESS, or why there are none."""
        descriptor = self._descriptor
        found, result = self._targets.find(association.client, descriptor)
        if found is None:
            return result
        if descriptor.index == 0:
            return self._resolve_all(association, found, values)
        if not 1 <= descriptor.index <= found.attribute_cnt:
            return apdu.OBJECT_UNDEFINED
        if not found.has(descriptor.index):
            return apdu.OBJECT_UNAVAILABLE
        if not found.access(descriptor.index, association.client.role) & ACCESS_READ:
            return apdu.READ_WRITE_DENIED
        if not descriptor.is_selective:
            values.append((found, descriptor.index))
            return apdu.SUCCESS
        value = self._select(association, found, reader)
        if value is None:
            return apdu.SCOPE_OF_ACCESS_VIOLATED
        values.append(value)
        return apdu.SUCCESS

    def _select(self, association: "Association", found: "CosemObject", reader: "Reader") -> "Value | None":
        """What the access selection picks of the attribute; None: no such selector, or it makes no sense."""
        descriptor = self._descriptor
        mask, select = found.selection(descriptor.index)
        off, end = reader.off, reader.end
        reader.off, reader.end = descriptor.selection_off, descriptor.selection_end
        selector = reader.octet()
        value = None
        if select is not None and association.conformance & apdu.CONF_SELECTIVE_ACCESS and mask & _bit(selector):
            try:
                value = select(selector, reader)
            except RemoteError:  # parameters of another shape: the same answer
                value = None
        reader.off, reader.end = off, end
        return value

    def _resolve_all(self, association: "Association", found: "CosemObject", values: "list[Entry]") -> int:
        """Attribute 0: a structure of all attributes, null-data for those that cannot be read."""
        if not association.conformance & apdu.CONF_ATTRIBUTE_0_GET or self._descriptor.is_selective:
            return apdu.SCOPE_OF_ACCESS_VIOLATED
        if len(values) + found.attribute_cnt >= _MOST_VALUES:
            return apdu.OTHER_REASON
        role = association.client.role
        values.append(Const(bytes((STRUCTURE, found.attribute_cnt))))
        for index in range(1, found.attribute_cnt + 1):
            is_readable = found.access(index, role) & ACCESS_READ
            values.append((found, index) if is_readable else _NULL)
        return apdu.SUCCESS

    # --- what is answered ---

    def _answer(
        self, association: "Association", writer: "Writer", kind: int, invoke: int, values: "list[Entry]"
    ) -> None:
        """Whole if it fits, else the first block."""
        transfer = association.transfer
        transfer.begin(values)
        start = writer.off
        apdu.write_head(writer, apdu.GET_RESPONSE, kind, invoke)
        if kind == apdu.GET_NORMAL:
            writer.octet(0)
        if transfer.fill(writer) == FILL_DONE:
            transfer.close()
            return
        writer.rewind(start)
        if not association.conformance & apdu.CONF_BLOCK_GET:
            transfer.close()
            self._refuse(writer, invoke, apdu.OTHER_REASON)
            return
        self._counters.inc(stats.LONG_GETS)
        transfer.rewind()
        transfer.is_open = True
        self._block(association, writer, invoke)

    def _block(self, association: "Association", writer: "Writer", invoke: int) -> None:
        transfer = association.transfer
        start = writer.off
        number = transfer.block_number + 1
        apdu.write_block_head(writer, invoke, False, number)
        writer.octet(0)
        length_off = writer.off
        # Room for the longest length that can be needed; what is too much is taken out again.
        room = writer.end - length_off
        reserved = 1 if room <= 0x80 else 2 if room <= 0x101 else 3
        writer.rewind(length_off + reserved)
        outcome = transfer.fill(writer)
        if outcome == FILL_ABORTED:
            writer.rewind(start)
            self._break(association, writer, invoke, number, apdu.LONG_GET_ABORTED)
            return
        writer.set_length(length_off, reserved)
        transfer.block_number = number
        if outcome == FILL_DONE:
            writer.poke(start + apdu.BLOCK_LAST_OFF, 1)
            transfer.close()

    def _refuse(self, writer: "Writer", invoke: int, result: int) -> None:
        self._counters.inc(stats.GET_REFUSED)
        apdu.write_head(writer, apdu.GET_RESPONSE, apdu.GET_NORMAL, invoke)
        writer.octet(1)
        writer.octet(result)

    def _break(self, association: "Association", writer: "Writer", invoke: int, number: int, result: int) -> None:
        self._counters.inc(stats.LONG_GET_BROKEN)
        association.transfer.close()
        apdu.write_block_error(writer, invoke, number, result)


def _bit(selector: int) -> int:
    """Its bit in a mask of access selectors; 0 for a number no mask holds."""
    return 1 << selector - 1 if 0 < selector <= 32 else 0
