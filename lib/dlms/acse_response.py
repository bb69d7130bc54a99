# SPDX-License-Identifier: MIT
"""ACSE of a DLMS server, what goes out: AARE and RLRE (Green Book 9.4.2, 9.5).

Definite lengths in their shortest form, fields in the order of their tags. The user
information is the InitiateResponse, plain or ciphered by the caller, or the initiate error.
"""

from micropython import const

from dlms import acse
from dlms.apdu import AARE, RLRE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.axdr import Writer

_VAA_NAME_LN = const(7)
_HEAD_LEN = const(23)  # context name, result, diagnostic
_INITIATE_RESPONSE = const(0x08)
INITIATE_RESPONSE_LEN = const(14)


class Response:
    """What an AARE of a ciphered association says besides: b"" = that field is left out."""

    def __init__(self, title: bytes, mechanism: int, challenge: bytes) -> None:
        self.title = title
        self.mechanism = mechanism
        self.challenge = challenge

    @property
    def length(self) -> int:
        """Octets of responding-AP-title, requirements, mechanism name and challenge."""
        return 4 + len(self.title) + 4 + 9 + 4 + len(self.challenge)

    def write(self, writer: "Writer") -> None:
        """The four fields. Titles and challenges are shorter than 124 octets."""
        _field(writer, 0xA4, 0x04, self.title)
        writer.raw(b"\x88\x02\x07\x80\x89\x07", 0, 6)
        writer.raw(acse.MECHANISM_PREFIX, 0, 6)
        writer.octet(self.mechanism)
        _field(writer, 0xAA, 0x80, self.challenge)


def write_aare_accepted(
    writer: "Writer", context: int, diagnostic: int, more: "Response | None", user_len: int
) -> None:
    """AARE accepted up to its user information, whose `user_len` octets must follow."""
    _write_head(
        writer, context, acse.ACCEPTED, diagnostic, (0 if more is None else more.length) + _user_len(user_len)
    )
    if more is not None:
        more.write(writer)
    write_user_information(writer, user_len)


def write_initiate_response(writer: "Writer", conformance: int, max_pdu: int) -> None:
    """InitiateResponse; 14 octets."""
    writer.octet(_INITIATE_RESPONSE)
    writer.octet(0)
    writer.octet(acse.DLMS_VERSION)
    writer.raw(acse.CONFORMANCE_TAG, 0, 4)
    writer.unsigned(conformance, 3)
    writer.unsigned(max_pdu, 2)
    writer.unsigned(_VAA_NAME_LN, 2)


def write_aare_refused(writer: "Writer", result: int, diagnostic: int, initiate: int, context: int = 1) -> None:
    """AARE refused; with a confirmedServiceError when `initiate` is not INITIATE_NONE."""
    if initiate == acse.INITIATE_NONE:
        _write_head(writer, context, result, diagnostic, 0)
        return
    _write_head(writer, context, result, diagnostic, 8)
    writer.raw(b"\xbe\x06\x04\x04\x0e\x01\x06", 0, 7)
    writer.octet(initiate)


def write_rlre(writer: "Writer", user_len: int = 0) -> None:
    """RLRE, reason normal, up to its user information, whose `user_len` octets must follow."""
    writer.octet(RLRE)
    writer.count(3 + (_user_len(user_len) if user_len else 0))
    writer.raw(b"\x80\x01\x00", 0, 3)
    if user_len:
        write_user_information(writer, user_len)


def write_user_information(writer: "Writer", user_len: int) -> None:
    """Heads of the field and of the octet-string in it. BER and A-XDR write such lengths alike."""
    writer.octet(0xBE)
    writer.count(1 + _length_len(user_len) + user_len)
    writer.octet(0x04)
    writer.count(user_len)


def _write_head(writer: "Writer", context: int, result: int, diagnostic: int, more_len: int) -> None:
    writer.octet(AARE)
    writer.count(_HEAD_LEN + more_len)
    writer.raw(b"\xa1\x09\x06\x07", 0, 4)
    writer.raw(acse.CONTEXT_PREFIX, 0, 6)
    writer.octet(context)
    writer.raw(b"\xa2\x03\x02\x01", 0, 4)
    writer.octet(result)
    writer.raw(b"\xa3\x05", 0, 2)
    writer.octet(0xA2 if diagnostic & acse.DIAG_PROVIDER else 0xA1)
    writer.raw(b"\x03\x02\x01", 0, 3)
    writer.octet(diagnostic & 0xFF)


def _field(writer: "Writer", outer: int, inner: int, octets: bytes) -> None:
    writer.octet(outer)
    writer.octet(2 + len(octets))
    writer.octet(inner)
    writer.octet(len(octets))
    writer.raw(octets, 0, len(octets))


def _length_len(length: int) -> int:
    return 1 if length < 0x80 else 2 if length < 0x100 else 3


def _user_len(user_len: int) -> int:
    """The whole field."""
    inner = 1 + _length_len(user_len) + user_len
    return 1 + _length_len(inner) + inner
