# SPDX-License-Identifier: MIT
"""ACTION service of a logical device: normal and with-list (Green Book 9.3.8).

Law: a request is read to its last octet before a method is called, and a method that has
been called is never answered as if it had not: return data without room becomes
data-access-result other-reason behind the method's own result.
"""

from micropython import const

from base.errors import RemoteError
from dlms import apdu, stats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.counters import Counters
    from dlms.association import Association
    from dlms.axdr import Reader, Writer
    from dlms.set_service import Audit
    from dlms.targets import Targets

_RESULT_LEN = const(4)  # octets of a result with a Data-Access-Result for its return data


class ActionService:
    """`audit` hears of every method a client tried to call, and how that ended."""

    def __init__(self, targets: "Targets", counters: "Counters", audit: "Audit") -> None:
        self._targets = targets
        self._counters = counters
        self._audit = audit
        self._descriptor = apdu.Descriptor()

    def request(self, now: int, association: "Association", reader: "Reader", writer: "Writer") -> None:
        """Serve the ACTION-request behind the reader's tag octet. RemoteError: malformed, nothing was called."""
        kind = reader.octet()
        invoke = reader.octet()
        start = writer.off
        if kind == apdu.ACTION_NORMAL:
            apdu.write_head(writer, apdu.ACTION_RESPONSE, apdu.ACTION_NORMAL, invoke)
            self.normal(now, association, reader, writer)
        elif kind != apdu.ACTION_WITH_LIST:
            raise RemoteError("ACTION-request kind %d" % kind)
        elif association.conformance & apdu.CONF_MULTIPLE_REFERENCES:
            apdu.write_head(writer, apdu.ACTION_RESPONSE, apdu.ACTION_WITH_LIST, invoke)
            self.with_list(now, association, reader, writer)
        else:
            self._counters.inc(stats.REFUSED_SERVICE)
            apdu.write_exception(writer, apdu.STATE_NOT_ALLOWED, apdu.SERVICE_NOT_SUPPORTED)
            return
        if not invoke & apdu.SERVICE_CONFIRMED:
            self._counters.inc(stats.UNANSWERED)
            writer.rewind(start)

    def normal(self, now: int, association: "Association", reader: "Reader", writer: "Writer") -> None:
        """Descriptor and optional parameter; writes result and return data."""
        self._descriptor.read(reader)
        has_parameter = reader.is_present()
        parameter_off = reader.off
        if has_parameter:
            reader.skip_value()
        apdu.expect_end(reader)
        reader.off = parameter_off
        self._call(now, association, reader if has_parameter else None, writer)

    def with_list(self, now: int, association: "Association", reader: "Reader", writer: "Writer") -> None:
        """List of descriptors and list of parameters; writes the list of results."""
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
        apdu.expect_room(writer, 1 + _RESULT_LEN * count)
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
        found, result = self._targets.find(role, descriptor)
        if found is None:
            return result
        if not found.may_call(descriptor.index, role):
            is_there = 1 <= descriptor.index <= found.method_cnt
            return apdu.READ_WRITE_DENIED if is_there else apdu.OBJECT_UNDEFINED
        try:
            return found.method(descriptor.index)(now, reader, writer)
        except RemoteError:
            return apdu.TYPE_UNMATCHED
