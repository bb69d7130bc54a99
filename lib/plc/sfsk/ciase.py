# SPDX-License-Identifier: MIT
"""CIASE PDUs (IEC 61334-4-511): Discover, DiscoverReport, Register, RepeaterCall, Ping.

Source: sfsk.md 3.2-3.7. Encoders write behind the given offset and return the octets
written; parsers work in place, check every bound and raise RemoteError. System titles are
6 or 8 octets by setting; a DiscoverReport tells its own size, and a wrong one is an error.
"""

from micropython import const

from base.errors import RemoteError

PING_REQ = const(0x19)
PING_RSP = const(0x1A)
REGISTER_REQ = const(0x1C)
DISCOVER_REQ = const(0x1D)
DISCOVER_REPORT = const(0x1E)
REPEATER_CALL_REQ = const(0x1F)

DISCOVER_LEN = const(6)
REPEATER_CALL_LEN = const(5)
_REPORT_HEAD = const(2)
_SYSTEM_EXTRA = const(1)  # presence octet of the alarm descriptor


def put_discover(
    mv: "memoryview | bytearray", off: int, probability: int, slots: int, report_credit: int, ic_equal: int
) -> int:
    """DiscoverRequest: answer with `probability` percent in one of `slots` report slots."""
    mv[off] = DISCOVER_REQ
    mv[off + 1] = probability
    mv[off + 2] = slots >> 8
    mv[off + 3] = slots & 0xFF
    mv[off + 4] = report_credit
    mv[off + 5] = ic_equal
    return DISCOVER_LEN


def put_register_head(mv: "memoryview | bytearray", off: int, initiator_title: bytes) -> int:
    """RegisterRequest up to its count, which starts at 0; `put_register_system` adds to it."""
    mv[off] = REGISTER_REQ
    title_len = len(initiator_title)
    mv[off + 1 : off + 1 + title_len] = initiator_title
    mv[off + 1 + title_len] = 0
    return title_len + 2


def put_register_system(mv: "memoryview | bytearray", off: int, length: int, title_len: int, mac_addr: int) -> int:
    """Close a system whose title stands at mv[off+length:]; returns the PDU's new length."""
    mv[off + 1 + title_len] += 1
    end = off + length + title_len
    mv[end] = mac_addr >> 8
    mv[end + 1] = mac_addr & 0xFF
    return length + title_len + 2


def systems_per_pdu(title_len: int, max_apdu: int) -> int:
    """How many systems one RegisterRequest holds in an APDU of `max_apdu` octets."""
    return (max_apdu - 2 - title_len) // (title_len + 2)


def put_ping_head(mv: "memoryview | bytearray", off: int) -> int:
    """PingRequest up to the title, which the caller writes behind it."""
    mv[off] = PING_REQ
    return 1


def put_repeater_call(mv: "memoryview | bytearray", off: int, max_mac: int, new_slots: int, last: int) -> int:
    """RepeaterCallRequest; `last` is the octet whose reading is UNCONFIRMED (sfsk.md 3.6)."""
    mv[off] = REPEATER_CALL_REQ
    mv[off + 1] = max_mac >> 8
    mv[off + 2] = max_mac & 0xFF
    mv[off + 3] = new_slots
    mv[off + 4] = last
    return REPEATER_CALL_LEN


def repeater_call_slots(max_mac: int, new_slots: int) -> int:
    """Slots of the call: 21 sub-slots each, index 0 is the initiator (sfsk.md 3.6)."""
    return (max_mac + 1 + 20) // 21 + new_slots


def is_ping_rsp(mv: "memoryview | bytes", off: int, length: int, title_len: int) -> bool:
    """A PingResponse with its title at off + 1. RemoteError on another title length."""
    if not length or mv[off] != PING_RSP:
        return False
    if length != 1 + title_len:
        raise RemoteError("PingResponse of %d octets" % length)
    return True


def check_report(mv: "memoryview | bytes", off: int, length: int, title_len: int) -> int:
    """Number of systems in a DiscoverReport, after its whole structure has been checked.

    RemoteError when the octets do not divide into systems with titles of `title_len`.
    """
    if length < _REPORT_HEAD or mv[off] != DISCOVER_REPORT:
        raise RemoteError("not a DiscoverReport")
    count = mv[off + 1]
    end = off + length
    pos = off + _REPORT_HEAD
    for _ in range(count):
        if pos + title_len + _SYSTEM_EXTRA > end:
            raise RemoteError("DiscoverReport: %d octets for %d systems" % (length, count))
        pos = next_system(mv, pos, title_len)
    if not count or pos != end:
        raise RemoteError("DiscoverReport: %d octets for %d systems" % (length, count))
    return count


def next_system(mv: "memoryview | bytes", pos: int, title_len: int) -> int:
    """Offset of the system after the one at `pos`; only after `check_report`."""
    return pos + title_len + (2 if mv[pos + title_len] else 1)


def first_system(off: int) -> int:
    """Offset of the first system of the report at `off`."""
    return off + _REPORT_HEAD


def inferred_title_len(mv: "memoryview | bytes", off: int, length: int) -> int:
    """Title size a report uses: 6 or 8 when its structure fits exactly one of them, else 0."""
    fits = 0
    for title_len in (6, 8):
        try:
            check_report(mv, off, length, title_len)
        except RemoteError:
            continue
        fits = title_len if not fits else 0
    return fits
