# SPDX-License-Identifier: MIT
"""AARQ, AARE, RLRQ, RLRE and the initiate APDUs inside them (IEC 62056-5-3 7, 8).

BER around, A-XDR inside.  The law: an AARQ is understood completely or is
`Malformed`; what the meter then thinks of it is `association`'s business.
"""

from typing import NamedTuple

from tools.sim.meter.axdr import Malformed, Reader, length

TAG_AARQ, TAG_AARE, TAG_RLRQ, TAG_RLRE = 0x60, 0x61, 0x62, 0x63
TAG_INITIATE_REQUEST, TAG_INITIATE_RESPONSE = 0x01, 0x08
CONTEXT_LN, CONTEXT_LN_CIPHERED = 1, 3
MECHANISM_NONE, MECHANISM_GMAC = 0, 5

ACCEPTED, REJECTED_PERMANENT = 0, 1
DIAGNOSTIC_NONE, DIAGNOSTIC_NO_REASON, DIAGNOSTIC_CONTEXT = 0, 1, 2
DIAGNOSTIC_MECHANISM, DIAGNOSTIC_AUTH_REQUIRED = 11, 14

_CONTEXT_OID = bytes.fromhex("608574050801")
_MECHANISM_OID = bytes.fromhex("608574050802")
_A_CONTEXT, _A_CALLING_TITLE, _A_AUTH_VALUE, _A_USER_INFO = 0xA1, 0xA6, 0xAC, 0xBE
_A_MECHANISM = 0x8B


class Aarq(NamedTuple):
    """What an AARQ says: context and mechanism numbers, and the octets as sent."""

    context: int
    mechanism: int
    title: bytes
    challenge: bytes
    user_info: bytes


class Initiate(NamedTuple):
    """The xDLMS context a client proposes; `max_pdu` 0 = the client has no limit."""

    has_dedicated_key: bool
    dlms_version: int
    conformance: int
    max_pdu: int


def _elements(octets: bytes) -> "dict[int, bytes]":
    reader, found = Reader(octets), {}
    while remaining := reader.rest():
        reader = Reader(remaining)
        tag = reader.number(1)
        found[tag] = reader.octets()
    return found


def _body(apdu: bytes) -> bytes:
    reader = Reader(apdu[1:])
    body = reader.octets()
    reader.end()
    return body


def _inner(octets: bytes, tag: int) -> bytes:
    """The octets inside an explicitly tagged element; empty when the element is absent."""
    if not octets:
        return b""
    reader = Reader(octets)
    if reader.number(1) != tag:
        raise Malformed("acse element")
    inner = reader.octets()
    reader.end()
    return inner


def _oid_number(oid: bytes, prefix: bytes) -> int:
    if len(oid) != len(prefix) + 1 or not oid.startswith(prefix):
        raise Malformed("object identifier")
    return oid[-1]


def parse_aarq(apdu: bytes) -> Aarq:
    """Read an AARQ (tag 60 included)."""
    found = _elements(_body(apdu))
    mechanism = found.get(_A_MECHANISM, b"")
    return Aarq(
        context=_oid_number(_inner(found.get(_A_CONTEXT, b""), 0x06), _CONTEXT_OID),
        mechanism=_oid_number(mechanism, _MECHANISM_OID) if mechanism else MECHANISM_NONE,
        title=_inner(found.get(_A_CALLING_TITLE, b""), 0x04),
        challenge=_inner(found.get(_A_AUTH_VALUE, b""), 0x80),
        user_info=_inner(found.get(_A_USER_INFO, b""), 0x04),
    )


def parse_rlrq(apdu: bytes) -> bytes:
    """The user information of an RLRQ (tag 62 included), empty when it has none."""
    return _inner(_elements(_body(apdu)).get(_A_USER_INFO, b""), 0x04)


def parse_initiate(octets: bytes) -> Initiate:
    """Read an xDLMS initiate-request."""
    reader = Reader(octets)
    if reader.number(1) != TAG_INITIATE_REQUEST:
        raise Malformed("initiate-request")
    has_key = reader.number(1) != 0
    if has_key:
        reader.octets()
    for _ in ("response-allowed", "quality-of-service"):
        if reader.number(1):
            reader.number(1)
    version = reader.number(1)
    if reader.take(4) != b"\x5f\x1f\x04\x00":
        raise Malformed("conformance")
    initiate = Initiate(has_key, version, reader.number(3), reader.number(2))
    reader.end()
    return initiate


def initiate_response(conformance: int, max_pdu: int) -> bytes:
    """An xDLMS initiate-response for logical names (vaa-name 0007)."""
    return (bytes((TAG_INITIATE_RESPONSE, 0, 6)) + b"\x5f\x1f\x04\x00" + conformance.to_bytes(3, "big")
            + max_pdu.to_bytes(2, "big") + b"\x00\x07")


def _tlv(tag: int, octets: bytes) -> bytes:
    return bytes((tag,)) + length(len(octets)) + octets


def aare(context: int, result: int, diagnostic: int, title: bytes = b"", stoc: bytes = b"",
         user_info: bytes = b"") -> bytes:
    """An AARE; with `stoc` it asks for the HLS-GMAC passes 3 and 4."""
    body = _tlv(_A_CONTEXT, _tlv(0x06, _CONTEXT_OID + bytes((context,))))
    body += _tlv(0xA2, _tlv(0x02, bytes((result,))))
    body += _tlv(0xA3, _tlv(0xA1, _tlv(0x02, bytes((diagnostic,)))))
    if title:
        body += _tlv(0xA4, _tlv(0x04, title))
    if stoc:
        body += _tlv(0x88, b"\x07\x80") + _tlv(0x89, _MECHANISM_OID + bytes((MECHANISM_GMAC,)))
        body += _tlv(0xAA, _tlv(0x80, stoc))
    if user_info:
        body += _tlv(_A_USER_INFO, _tlv(0x04, user_info))
    return _tlv(TAG_AARE, body)


def rlre(user_info: bytes) -> bytes:
    """An RLRE with reason normal."""
    return _tlv(TAG_RLRE, _tlv(0x80, b"\x00") + (_tlv(_A_USER_INFO, _tlv(0x04, user_info)) if user_info else b""))
