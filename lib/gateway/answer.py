# SPDX-License-Identifier: MIT
"""Can this uplink APDU be an answer to that request? What is visible without a key.

Tags of DLMS/COSEM (Green Book, COSEMpdu ASN.1; facts/dlms.md 4). Service-specific answers
must fit the request's service; plain ones must also echo its invoke-id. Ciphered and
general forms (DB, DC, DD, DF, E0) reveal nothing, so they pass: the exchange decides by
time and SAPs. Law: say no only when the octets prove it.
"""

from micropython import const

_AARQ = const(0x60)
_AARE = const(0x61)
_RLRQ = const(0x62)
_GBT = const(0xE0)

_GBT_LAST_BLOCK = const(0x80)
_GBT_STREAMING = const(0x40)
_SERVICE_CONFIRMED = const(0x40)  # bit 6 of invoke-id-and-priority
_INVOKE_ID_MASK = const(0x0F)

# request tag -> the one service-specific answer to it
_ANSWER_TO = {
    0x05: 0x0C, 0x06: 0x0D, 0x25: 0x2C, 0x26: 0x2D, 0x45: 0x4C, 0x46: 0x4D,  # short names: plain, glo, ded
    0x60: 0x61, 0x62: 0x63,
    0xC0: 0xC4, 0xC1: 0xC5, 0xC3: 0xC7, 0xD9: 0xDA,
    0xC8: 0xCC, 0xC9: 0xCD, 0xCB: 0xCF,
    0xD0: 0xD4, 0xD1: 0xD5, 0xD3: 0xD7,
}  # fmt: skip
_SPECIFIC = frozenset(_ANSWER_TO.values())
# information-report, event-notification: plain, glo, ded; data-notification has one form
_UNSOLICITED = frozenset((0x0F, 0x18, 0x38, 0x58, 0xC2, 0xCA, 0xD2))
_UNCONFIRMED_WRITE = frozenset((0x16, 0x36, 0x56))  # plain, glo, ded
# ciphered answers with an invocation counter: the same octets a second time are a copy
_COUNTED = frozenset((0x2C, 0x2D, 0x4C, 0x4D, 0xCC, 0xCD, 0xCF, 0xD4, 0xD5, 0xD7, 0xDB, 0xDC, 0xDD))
_WITH_INVOKE_ID = frozenset((0xC0, 0xC1, 0xC3))


def is_unsolicited(tag: int) -> bool:
    """Notifications and reports answer nothing, whatever is pending."""
    return tag in _UNSOLICITED


def may_be_push(tag: int) -> bool:
    """General ciphering and signing serve requests, answers and notifications alike."""
    return tag in (0xDB, 0xDC, 0xDD, 0xDF)


def fits(request: memoryview, off: int, length: int, reply: memoryview) -> bool:
    """False when `reply` cannot be the answer to request[off:off+length] by tag or invoke-id."""
    asked = request[off]
    tag = reply[0]
    if is_unsolicited(tag) or tag in _ANSWER_TO:  # a notification or a request
        return False
    if tag not in _SPECIFIC or asked not in _ANSWER_TO:
        return True
    if tag != _ANSWER_TO[asked]:
        return False
    if asked not in _WITH_INVOKE_ID or length < 3 or len(reply) < 3:
        return True
    return (request[off + 2] ^ reply[2]) & _INVOKE_ID_MASK == 0


def never_repeats(tag: int) -> bool:
    """Two different answers with this tag differ: an invocation counter in them only rises."""
    return tag in _COUNTED


def is_more_coming(apdu: memoryview) -> bool:
    """A general block transfer block that its sender will follow up without being asked."""
    if apdu[0] != _GBT or len(apdu) < 2:
        return False
    return apdu[1] & (_GBT_LAST_BLOCK | _GBT_STREAMING) == _GBT_STREAMING


def needs_no_reply(request: memoryview, off: int, length: int) -> bool:
    """Visible cases of a request that is never answered: unconfirmed write, SET and ACTION,
    and general block transfer blocks that the client streams."""
    tag = request[off]
    if tag == _GBT:
        return is_more_coming(request[off : off + length])
    if tag in _UNCONFIRMED_WRITE:
        return True
    return tag in (0xC1, 0xC3) and length > 2 and not request[off + 2] & _SERVICE_CONFIRMED


def opens_association(tag: int) -> bool:
    """AARQ: from here on the (node, client SAP) pair belongs to the session."""
    return tag == _AARQ


def ends_association(request_tag: int, reply: memoryview) -> bool:
    """After this answer nobody owns the pair: RLRE, or an AARQ that was not accepted."""
    if request_tag == _RLRQ:
        return True
    return request_tag == _AARQ and not _is_accepted(reply)


def _is_accepted(reply: memoryview) -> bool:
    """True for an AARE whose result (A2 03 02 01 rr) is 0, or one too odd to read."""
    if reply[0] != _AARE:
        return False
    at = 3 if len(reply) > 1 and reply[1] == 0x81 else 2  # length octets: nn or 81 nn
    while at + 4 < len(reply):
        if reply[at] == 0xA2:
            return reply[at + 4] == 0
        at += 2 + reply[at + 1]
    return True
