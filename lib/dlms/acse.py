# SPDX-License-Identifier: MIT
"""ACSE of a DLMS server: AARQ and RLRQ read, AARE and RLRE written (Green Book 9.4.2, 9.5).

BER outside, the A-XDR InitiateRequest/Response inside. Fields may come in any order and
each may be missing, but none twice, and every length must add up. Law: a proposal that
can be read is answered with an AARE that says why; only what cannot be read raises.
"""

from micropython import const

from base.errors import RemoteError
from dlms.apdu import AARE, RLRE, expect_end

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.axdr import Reader, Writer

# {joint-iso-ccitt 2.16.756.5.8}: 1.1 = logical names without ciphering, 2.x = mechanism x.
_CONTEXT_PREFIX = b"\x60\x85\x74\x05\x08\x01"
_MECHANISM_PREFIX = b"\x60\x85\x74\x05\x08\x02"
CONTEXT_LN = const(1)
MECHANISM_NONE = const(0)
UNKNOWN = const(-1)  # an object identifier of somebody else

# Association-result and the diagnostics used here (acse-service-user unless PROVIDER).
ACCEPTED = const(0)
REJECTED_PERMANENT = const(1)
REJECTED_TRANSIENT = const(2)
DIAG_NULL = const(0)
DIAG_NO_REASON = const(1)
DIAG_CONTEXT = const(2)
DIAG_MECHANISM = const(11)
DIAG_MECHANISM_REQUIRED = const(12)
DIAG_PROVIDER = const(0x100)  # flag: the diagnostic is acse-service-provider's
DIAG_NO_COMMON_VERSION = const(0x102)

# Initiate error of a confirmedServiceError.
INITIATE_NONE = const(-1)
INITIATE_OTHER = const(0)
INITIATE_VERSION_TOO_LOW = const(1)
INITIATE_CONFORMANCE = const(2)
INITIATE_PDU_TOO_SHORT = const(3)

DLMS_VERSION = const(6)
_VAA_NAME_LN = const(7)
_CONF_TAG = b"\x5f\x1f\x04\x00"


class Aarq:
    """One association request as read; reused. `client_max_pdu` 0 = no limit."""

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
            self.context = _object_id(reader, _CONTEXT_PREFIX)
        elif tag == 0x8B:
            self.has_mechanism = True
            self.mechanism = _object_id(reader, _MECHANISM_PREFIX)
        elif tag == 0xAC:
            self.has_authentication = True
        elif tag == 0xBE:
            self._read_user_information(reader)

    def _read_user_information(self, reader: "Reader") -> None:
        if reader.octet() != 0x04 or _length(reader) != reader.left:
            raise RemoteError("AARQ: user information")
        self.has_initiate = reader.octet() == 0x01
        if not self.has_initiate:  # ciphered (0x21 …): the context name says why it is refused
            return
        if reader.is_present():  # dedicated-key
            reader.skip(reader.count())
        if reader.is_present():  # response-allowed, DEFAULT TRUE
            self.wants_response = reader.octet() != 0
        if reader.is_present():  # proposed-quality-of-service
            reader.octet()
        self.dlms_version = reader.octet()
        for expected in _CONF_TAG:
            if reader.octet() != expected:
                raise RemoteError("InitiateRequest: conformance")
        self.conformance = reader.unsigned(3)
        self.client_max_pdu = reader.unsigned(2)
        expect_end(reader)


def read_rlrq(reader: "Reader") -> None:
    """Read a whole RLRQ, tag included; reason and user information are of no consequence."""
    _enter(reader)
    while reader.left:
        tag = reader.octet()
        if tag != 0x80 and tag != 0xBE:
            raise RemoteError("RLRQ: field %02x" % tag)
        reader.skip(_length(reader))


def write_aare_accepted(writer: "Writer", conformance: int, max_pdu: int) -> None:
    """AARE accepted with an InitiateResponse; 43 octets."""
    _write_aare_head(writer, 41, ACCEPTED, DIAG_NULL)
    writer.raw(b"\xbe\x10\x04\x0e\x08\x00", 0, 6)
    writer.octet(DLMS_VERSION)
    writer.raw(_CONF_TAG, 0, 4)
    writer.unsigned(conformance, 3)
    writer.unsigned(max_pdu, 2)
    writer.unsigned(_VAA_NAME_LN, 2)


def write_aare_refused(writer: "Writer", result: int, diagnostic: int, initiate: int) -> None:
    """AARE refused; with a confirmedServiceError when `initiate` is not INITIATE_NONE."""
    if initiate == INITIATE_NONE:
        _write_aare_head(writer, 23, result, diagnostic)
        return
    _write_aare_head(writer, 31, result, diagnostic)
    writer.raw(b"\xbe\x06\x04\x04\x0e\x01\x06", 0, 7)
    writer.octet(initiate)


def write_rlre(writer: "Writer") -> None:
    """RLRE, reason normal; 5 octets."""
    writer.octet(RLRE)
    writer.raw(b"\x03\x80\x01\x00", 0, 4)


def _write_aare_head(writer: "Writer", length: int, result: int, diagnostic: int) -> None:
    writer.octet(AARE)
    writer.octet(length)
    writer.raw(b"\xa1\x09\x06\x07", 0, 4)
    writer.raw(_CONTEXT_PREFIX, 0, 6)
    writer.octet(CONTEXT_LN)
    writer.raw(b"\xa2\x03\x02\x01", 0, 4)
    writer.octet(result)
    writer.raw(b"\xa3\x05", 0, 2)
    writer.octet(0xA2 if diagnostic & DIAG_PROVIDER else 0xA1)
    writer.raw(b"\x03\x02\x01", 0, 3)
    writer.octet(diagnostic & 0xFF)


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
