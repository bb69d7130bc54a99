# SPDX-License-Identifier: MIT
"""GET, SET and ACTION requests read, and their responses written (IEC 62056-5-3 7.3).

Answered forms: get normal / next / with-list, set normal, action normal.
Block transfer exists for get responses only; the conformance offered says so.
The law: nothing here knows objects, associations or keys.
"""

from typing import NamedTuple

from tools.sim.meter import axdr
from tools.sim.meter.axdr import Data, Malformed, Reader

TAG_GET_REQUEST, TAG_SET_REQUEST, TAG_ACTION_REQUEST = 0xC0, 0xC1, 0xC3
TAG_GET_RESPONSE, TAG_SET_RESPONSE, TAG_ACTION_RESPONSE = 0xC4, 0xC5, 0xC7
TAG_EXCEPTION, TAG_DATA_NOTIFICATION = 0xD8, 0x0F
NORMAL, NEXT, WITH_BLOCK, WITH_LIST = 1, 2, 2, 3

# data-access-result and action-result
SUCCESS, TEMPORARY_FAILURE, READ_WRITE_DENIED, OBJECT_UNDEFINED = 0, 2, 3, 4
CLASS_INCONSISTENT, OBJECT_UNAVAILABLE, TYPE_UNMATCHED, OTHER_REASON = 9, 11, 12, 250
NO_LONG_GET, BLOCK_NUMBER_INVALID = 16, 19

# exception-response: state error, service error
NOT_ALLOWED, UNKNOWN = 1, 2
NOT_POSSIBLE, NOT_SUPPORTED, OTHER, DECIPHERING, INVOCATION_COUNTER = 1, 2, 3, 5, 6

_CONFIRMED = 0x40  # bit of invoke-id-and-priority
BLOCK_HEADER_LEN = 9  # C4 02, invoke id, last-block, block number (4), result choice


class Target(NamedTuple):
    """An attribute or a method (`member`) of one object, and the selection of a get."""

    class_id: int
    obis: bytes
    member: int
    selector: int = 0
    selection: "Data | None" = None


class Request(NamedTuple):
    """One service request; `kind` NEXT carries only the block number."""

    tag: int
    kind: int
    invoke: int
    targets: "tuple[Target, ...]" = ()
    parameter: "Data | None" = None
    block: int = 0

    @property
    def is_confirmed(self) -> bool:
        """Does the client want a response?"""
        return bool(self.invoke & _CONFIRMED)


def _target(reader: Reader, is_attribute: bool) -> Target:
    class_id, obis, member = reader.number(2), reader.take(6), axdr_signed(reader.number(1))
    if not is_attribute or not reader.number(1):
        return Target(class_id, obis, member)
    return Target(class_id, obis, member, reader.number(1), axdr.decode(reader))


def axdr_signed(octet: int) -> int:
    """An octet read as integer8."""
    return octet - 0x100 if octet >= 0x80 else octet


def parse(apdu: bytes) -> Request:
    """Read a plain get-, set- or action-request; `Malformed` also for forms the meter does not know."""
    reader = Reader(apdu)
    tag, kind, invoke = reader.number(1), reader.number(1), reader.number(1)
    if tag not in (TAG_GET_REQUEST, TAG_SET_REQUEST, TAG_ACTION_REQUEST):
        raise Malformed("service tag")
    if kind == NORMAL:
        request = _parse_normal(reader, tag, invoke)
    elif tag == TAG_GET_REQUEST and kind == NEXT:
        request = Request(tag, kind, invoke, block=reader.number(4))
    elif tag == TAG_GET_REQUEST and kind == WITH_LIST:
        targets = tuple(_target(reader, True) for _ in range(reader.length()))
        request = Request(tag, kind, invoke, targets)
    else:
        raise Malformed("service form")
    reader.end()
    return request


def _parse_normal(reader: Reader, tag: int, invoke: int) -> Request:
    target = _target(reader, tag != TAG_ACTION_REQUEST)
    if tag == TAG_GET_REQUEST:
        return Request(tag, NORMAL, invoke, (target,))
    if tag == TAG_SET_REQUEST:
        return Request(tag, NORMAL, invoke, (target,), axdr.decode(reader))
    return Request(tag, NORMAL, invoke, (target,), axdr.decode(reader) if reader.number(1) else None)


def get_result(outcome: "bytes | int") -> bytes:
    """A Get-Data-Result: encoded data, or a data-access-result."""
    return bytes((1, outcome)) if isinstance(outcome, int) else b"\x00" + outcome


def get_response(invoke: int, outcome: "bytes | int") -> bytes:
    """A get-response-normal."""
    return bytes((TAG_GET_RESPONSE, NORMAL, invoke)) + get_result(outcome)


def get_response_list(invoke: int, results: bytes) -> bytes:
    """A get-response-with-list from a counted sequence of Get-Data-Results."""
    return bytes((TAG_GET_RESPONSE, WITH_LIST, invoke)) + results


def get_response_block(invoke: int, number: int, is_last: bool, raw: "bytes | int") -> bytes:
    """A get-response-with-datablock, or its error."""
    head = bytes((TAG_GET_RESPONSE, WITH_BLOCK, invoke, is_last)) + number.to_bytes(4, "big")
    if isinstance(raw, int):
        return head + bytes((1, raw))
    return head + b"\x00" + axdr.length(len(raw)) + raw


def set_response(invoke: int, result: int) -> bytes:
    """A set-response-normal."""
    return bytes((TAG_SET_RESPONSE, NORMAL, invoke, result))


def action_response(invoke: int, result: int, returned: "bytes | None" = None) -> bytes:
    """An action-response-normal, with encoded return data or without."""
    head = bytes((TAG_ACTION_RESPONSE, NORMAL, invoke, result))
    return head + (b"\x00" if returned is None else b"\x01\x00" + returned)


def exception(state: int, service: int, client_ic: "int | None" = None) -> bytes:
    """An exception-response; an invocation-counter error carries the counter the meter has."""
    tail = b"" if client_ic is None else client_ic.to_bytes(4, "big")
    return bytes((TAG_EXCEPTION, state, service)) + tail
