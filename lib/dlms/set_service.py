# SPDX-License-Identifier: MIT
"""SET service of a logical device: normal and with-list (Green Book 9.3.7).

Law: a request is read to its last octet before anything is changed, and what one attribute
of a list is answered says nothing about the others: each is set or not on its own.
"""

from base.errors import RemoteError
from dlms import apdu, stats
from dlms.cosem.object import ACCESS_WRITE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from base.counters import Counters
    from dlms.association import Association
    from dlms.axdr import Reader, Writer
    from dlms.targets import Targets

    # (association, request tag, class id, attribute or method, result)
    Audit = Callable[[Association, int, int, int, int], None]


class SetService:
    """`audit` hears of every attribute a client tried to set, and how that ended."""

    def __init__(self, targets: "Targets", counters: "Counters", audit: "Audit") -> None:
        self._targets = targets
        self._counters = counters
        self._audit = audit
        self._descriptor = apdu.Descriptor()

    def request(self, now: int, association: "Association", reader: "Reader", writer: "Writer") -> None:
        """Serve the SET-request behind the reader's tag octet. RemoteError: malformed, nothing was set."""
        kind = reader.octet()
        invoke = reader.octet()
        start = writer.off
        if kind == apdu.SET_NORMAL:
            self.normal(now, association, reader, writer, invoke)
        elif kind != apdu.SET_WITH_LIST:
            raise RemoteError("SET-request kind %d" % kind)
        elif association.conformance & apdu.CONF_MULTIPLE_REFERENCES:
            apdu.write_head(writer, apdu.SET_RESPONSE, apdu.SET_RESPONSE_WITH_LIST, invoke)
            self.with_list(now, association, reader, writer)
        else:
            self._counters.inc(stats.REFUSED_SERVICE)
            apdu.write_exception(writer, apdu.STATE_NOT_ALLOWED, apdu.SERVICE_NOT_SUPPORTED)
            return
        if not invoke & apdu.SERVICE_CONFIRMED:
            self._counters.inc(stats.UNANSWERED)
            writer.rewind(start)

    def normal(
        self, now: int, association: "Association", reader: "Reader", writer: "Writer", invoke: int
    ) -> None:
        """Descriptor, selection, value; SET-response-normal."""
        result = self.one(now, association, reader)
        apdu.write_head(writer, apdu.SET_RESPONSE, apdu.SET_NORMAL, invoke)
        writer.octet(result)

    def one(self, now: int, association: "Association", reader: "Reader") -> int:
        """Set what descriptor, selection and value say; the reader is at its end after it."""
        self._descriptor.read_with_selection(reader)
        value_off = reader.off
        reader.skip_value()
        apdu.expect_end(reader)
        reader.off = value_off
        return self._set(now, association, reader)

    def with_list(self, now: int, association: "Association", reader: "Reader", writer: "Writer") -> None:
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
        found, result = self._targets.find(role, descriptor)
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
