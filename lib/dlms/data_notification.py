# SPDX-License-Identifier: MIT
"""DataNotification and EventNotification, as a server sends them unasked (Green Book 9.3, COSEMpdu).

    0F | long-invoke-id-and-priority(4) | date-time: 00 or 0C + 12 octets | body: one Data value
    C2 | time: 00 = none | class_id(2) | logical name(6) | attribute(1) | Data value
The header with which a gateway says where a notification came from: facts/dlms.md 6.
Law: what a meter has sent is carried whole; the gateway writes around it, never into it.
"""

from micropython import const

from base.errors import RemoteError
from dlms.axdr import UINT16, Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.axdr import Writer

    Moment = tuple[int, ...] | None  # as hal.clock.calendar answers, UTC; None = not known
    Origin = tuple[bytes, int, bytes]  # (serial of the gateway, SAP of the meter, LDN of the meter)

DATA_NOTIFICATION = const(0x0F)
EVENT_NOTIFICATION = const(0xC2)
MOMENT_LEN = const(12)

_INVOKE_ID_MASK = const(0xFFFFFF)  # the high octet: normal priority, unconfirmed, not self-descriptive
_HEAD_LEN = const(5)  # tag and long-invoke-id-and-priority
_NOT_SPECIFIED = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x80\x00\x01"


def write_moment(writer: "Writer", moment: "Moment") -> None:
    """The 12 octets of a date-time in UTC, without tag or length; not specified when there is none."""
    if moment is None:
        writer.raw(_NOT_SPECIFIED, 0, MOMENT_LEN)
        return
    writer.unsigned(moment[0], 2)
    for value in (moment[1], moment[2], moment[6] + 1, moment[3], moment[4], moment[5], 0):
        writer.octet(value)
    writer.unsigned(0, 2)  # deviation: this is UTC
    writer.octet(0)


def write_head(writer: "Writer", invoke_id: int, moment: "Moment") -> None:
    """A DataNotification up to its body; `moment` = when it is sent."""
    writer.octet(DATA_NOTIFICATION)
    writer.unsigned(invoke_id & _INVOKE_ID_MASK, 4)
    if moment is None:
        writer.octet(0)
        return
    writer.octet(MOMENT_LEN)
    write_moment(writer, moment)


def write_event_head(writer: "Writer", class_id: int, logical_name: bytes, attribute: int) -> None:
    """An EventNotification up to its value, without a time.

    NOTE: head-ends in the field take the presence flag of the time for its length; 00 is both.
    """
    writer.octet(EVENT_NOTIFICATION)
    writer.octet(0)
    writer.unsigned(class_id, 2)
    writer.raw(logical_name, 0, 6)
    writer.octet(attribute)


def body_off(apdu: memoryview) -> int:
    """Where the body of a plain DataNotification begins; -1 when `apdu` is anything else, or has
    no single well-formed Data value there: then nobody may look into it."""
    if len(apdu) <= _HEAD_LEN or apdu[0] != DATA_NOTIFICATION or apdu[_HEAD_LEN] not in (0, MOMENT_LEN):
        return -1
    off = _HEAD_LEN + 1 + apdu[_HEAD_LEN]
    reader = Reader()
    reader.open(apdu, off, len(apdu) - off)
    try:
        reader.skip_value()
    except RemoteError:
        return -1
    return off if not reader.left else -1


def write_with_origin(writer: "Writer", origin: "Origin", apdu: memoryview, invoke_id: int, moment: "Moment") -> None:
    """The notification `apdu` of a meter with the origin header (ADD_ORIGIN_HEADER).

    body = structure{serial octet-string, SAP long-unsigned, structure{LDN octet-string, X}}; X = the
    meter's own body, behind its own invoke-id and date-time, when it is a plain DataNotification;
    else (ciphered, EventNotification) the whole APDU as an octet-string, and `moment` = when it came.
    """
    off = body_off(apdu)
    if off < 0:
        write_head(writer, invoke_id, moment)
    else:
        writer.raw(apdu, 0, off)
    serial, sap, ldn = origin
    writer.structure(3)
    writer.octets(serial)
    writer.number(UINT16, sap)
    writer.structure(2)
    writer.octets(ldn)
    if off < 0:
        writer.octets(apdu)
    else:
        writer.raw(apdu, off, len(apdu) - off)
