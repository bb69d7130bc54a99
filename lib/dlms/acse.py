# SPDX-License-Identifier: MIT
"""ACSE of a DLMS server, what comes in: AARQ and RLRQ (Green Book 9.4.2, 9.5).

BER outside, the A-XDR InitiateRequest inside, plain or ciphered. Fields may come in any
order and each may be missing, but none twice, and every length must add up. Law: a proposal
that can be read is answered with an AARE that says why; only what cannot be read raises.
"""

from micropython import const

from base.errors import RemoteError
from dlms.apdu import expect_end

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.axdr import Reader

# {joint-iso-ccitt 2.16.756.5.8}: 1.1 = logical names without, 1.3 with ciphering, 2.x = mechanism x.
CONTEXT_PREFIX = b"\x60\x85\x74\x05\x08\x01"
MECHANISM_PREFIX = b"\x60\x85\x74\x05\x08\x02"
CONTEXT_LN = const(1)
CONTEXT_LN_CIPHERED = const(3)
MECHANISM_NONE = const(0)
UNKNOWN = const(-1)  # an object identifier of somebody else

# Association-result and the diagnostics used here (acse-service-user unless PROVIDER).
ACCEPTED = const(0)
REJECTED_PERMANENT = const(1)
REJECTED_TRANSIENT = const(2)
DIAG_NULL = const(0)
DIAG_NO_REASON = const(1)
DIAG_CONTEXT = const(2)
DIAG_CALLING_TITLE = const(3)
DIAG_MECHANISM = const(11)
DIAG_MECHANISM_REQUIRED = const(12)
DIAG_FAILURE = const(13)
DIAG_REQUIRED = const(14)  # accepted as far as that goes; the client has still to authenticate
DIAG_PROVIDER = const(0x100)  # flag: the diagnostic is acse-service-provider's
DIAG_NO_COMMON_VERSION = const(0x102)

# Initiate error of a confirmedServiceError.
INITIATE_NONE = const(-1)
INITIATE_OTHER = const(0)
INITIATE_VERSION_TOO_LOW = const(1)
INITIATE_CONFORMANCE = const(2)
INITIATE_PDU_TOO_SHORT = const(3)

DLMS_VERSION = const(6)
CONFORMANCE_TAG = b"\x5f\x1f\x04\x00"
_INITIATE_REQUEST = const(0x01)
_MOST_TITLE = const(8)
_MOST_CHALLENGE = const(64)

class Aarq:
    """One association request as read; reused. `client_max_pdu` 0 = no limit.

    `title` (calling-AP-title) and `challenge` (calling-authentication-value) are b"" when they are
    missing or longer than any. A ciphered InitiateRequest is at [user_off, user_off + user_len) of the APDU.
    """

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self.context = UNKNOWN
        self.mechanism = MECHANISM_NONE
        self.has_mechanism = False
        self.has_authentication = False
        self.is_version_1 = True
        self.has_initiate = False
        self.wants_response = True
        self.dlms_version = 0
        self.conformance = 0
        self.client_max_pdu = 0
        self.title = b""
        self.challenge = b""
        self.dedicated_key = b""
        self.user_off = 0
        self.user_len = 0

    def read(self, reader: "Reader") -> None:
        """Read a whole AARQ, tag included. RemoteError when it is malformed."""
        self._clear()
        _enter(reader)
        seen = 0
        while reader.left:
            tag = reader.octet()
            bit = 1 << (tag & 0x1F)
            if tag & 0x80 == 0 or seen & bit:
                raise RemoteError("AARQ: field %02x" % tag)
            seen |= bit
            end = _open_field(reader)
            self._read_field(reader, tag)
            reader.off, reader.end = reader.end, end

    def _read_field(self, reader: "Reader", tag: int) -> None:
        if tag == 0x80:
            reader.octet()
            self.is_version_1 = reader.octet() & 0x80 != 0
        elif tag == 0xA1:
            if reader.octet() != 0x06 or _length(reader) != reader.left:
                raise RemoteError("AARQ: context name")
            self.context = _object_id(reader, CONTEXT_PREFIX)
        elif tag == 0x8B:
            self.has_mechanism = True
            self.mechanism = _object_id(reader, MECHANISM_PREFIX)
        elif tag == 0xA6:
            self.title = _tagged(reader, 0x04, _MOST_TITLE)
        elif tag == 0xAC:
            self.has_authentication = True
            self.challenge = _tagged(reader, 0x80, _MOST_CHALLENGE)
        elif tag == 0xBE:
            self._read_user_information(reader)

    def _read_user_information(self, reader: "Reader") -> None:
        if reader.octet() != 0x04 or _length(reader) != reader.left:
            raise RemoteError("AARQ: user information")
        self.user_off = reader.off
        self.user_len = reader.left
        if reader.left and reader.mv[reader.off] == _INITIATE_REQUEST:
            self.read_initiate(reader)

    def read_initiate(self, reader: "Reader") -> None:
        """Read a plain InitiateRequest, tag included, to the end of the reader."""
        if reader.octet() != _INITIATE_REQUEST:
            raise RemoteError("InitiateRequest: tag")
        self.has_initiate = True
        if reader.is_present():
            self.dedicated_key = reader.octets(reader.count())
        if reader.is_present():  # response-allowed, DEFAULT TRUE
            self.wants_response = reader.octet() != 0
        if reader.is_present():  # proposed-quality-of-service
            reader.octet()
        self.dlms_version = reader.octet()
        for expected in CONFORMANCE_TAG:
            if reader.octet() != expected:
                raise RemoteError("InitiateRequest: conformance")
        self.conformance = reader.unsigned(3)
        self.client_max_pdu = reader.unsigned(2)
        expect_end(reader)

    def forget(self) -> None:
        """Keep nothing of what it said: a dedicated key may be in it."""
        self._clear()


def read_rlrq(reader: "Reader") -> "tuple[int, int]":
    """Read a whole RLRQ, tag included: (offset, length) of its user information, (0, 0) = none."""
    _enter(reader)
    user = (0, 0)
    while reader.left:
        tag = reader.octet()
        if tag != 0x80 and tag != 0xBE:
            raise RemoteError("RLRQ: field %02x" % tag)
        end = _open_field(reader)
        if tag == 0xBE:
            if reader.octet() != 0x04 or _length(reader) != reader.left:
                raise RemoteError("RLRQ: user information")
            user = (reader.off, reader.left)
        reader.off, reader.end = reader.end, end
    return user


def _length(reader: "Reader") -> int:
    """BER length, definite form, at most two octets of it."""
    first = reader.octet()
    if first < 0x80:
        return first
    if first != 0x81 and first != 0x82:
        raise RemoteError("BER: length %02x" % first)
    return reader.unsigned(first & 0x7F)


def _enter(reader: "Reader") -> None:
    """Pass tag and length of the APDU; the length must be exactly what is there."""
    reader.octet()
    if _length(reader) != reader.left:
        raise RemoteError("BER: length of the APDU")


def _open_field(reader: "Reader") -> int:
    """Narrow the reader to the field that begins here; the end it had before."""
    length = _length(reader)
    if length > reader.left:
        raise RemoteError("BER: field cut off")
    end = reader.end
    reader.end = reader.off + length
    return end


def _object_id(reader: "Reader", prefix: bytes) -> int:
    """Last arc of a seven-octet object identifier below `prefix`, else UNKNOWN."""
    if reader.left != len(prefix) + 1:
        return UNKNOWN
    for expected in prefix:
        if reader.octet() != expected:
            return UNKNOWN
    return reader.octet()


def _tagged(reader: "Reader", tag: int, most: int) -> bytes:
    """The octets in the one element of `tag` that fills the field; b"" when it is anything else."""
    if reader.left < 2 or reader.octet() != tag or _length(reader) != reader.left or reader.left > most:
        return b""
    return reader.octets(reader.left)
