# SPDX-License-Identifier: MIT
"""Ciphered APDUs of the built-in meter: service-specific glo- and general-glo.

The meter answers in the envelope it was asked in.  The law: an envelope opens
only when its security control, its counter and its tag are all right, in this
order, and each failure has its own reason and exception-response.
"""

import enum

from tools.sim.meter import axdr, service
from tools.sim.meter.axdr import Malformed, Reader
from tools.sim.meter.cipher import HEADER_LEN, SC_AUTHENTICATED_ENCRYPTED, TAG_LEN, Suite0

TAG_GENERAL_GLO = 0xDB
_GLO_BIT = 0x08  # C0 get-request -> C8 glo-get-request, C4 -> CC, and so on
_GLO_TAGS = (0xC8, 0xC9, 0xCB)
_TITLE_LEN = 8


class Refused(Exception):
    """A request that is not executed: the reason to count and the exception-response to send."""

    def __init__(self, reason: str, apdu: bytes) -> None:
        super().__init__(reason)
        self.reason = reason
        self.apdu = apdu


class Envelope(enum.Enum):
    """How a service APDU is protected."""

    GLO = 1
    GENERAL_GLO = 2

    def overhead(self, limit: int) -> int:
        """Octets the envelope adds to a service APDU when the result is at most `limit` long."""
        length_len = 2 if limit < 0x100 else 3
        title_len = 1 + _TITLE_LEN if self is Envelope.GENERAL_GLO else 0
        return 1 + title_len + length_len + HEADER_LEN + TAG_LEN


def unwrap(keys: Suite0, title: bytes, apdu: bytes, only_tag: int = 0) -> "tuple[bytes, Envelope]":
    """The plain APDU of a client of this title, and how it came; `only_tag` is for initiate-requests."""
    reader = Reader(apdu)
    tag = reader.number(1)
    if tag not in ((only_tag,) if only_tag else (*_GLO_TAGS, TAG_GENERAL_GLO)):
        raise Refused("plain", service.exception(service.NOT_ALLOWED, service.NOT_POSSIBLE))
    is_general = tag == TAG_GENERAL_GLO
    if is_general and reader.octets() not in (title, b""):
        raise Refused("title", service.exception(service.NOT_ALLOWED, service.DECIPHERING))
    protected = reader.octets()
    reader.end()
    plain = _open(keys, title, protected)
    if tag in _GLO_TAGS and plain[:1] != bytes((tag & ~_GLO_BIT,)):
        raise Malformed("service under another tag")
    return plain, Envelope.GENERAL_GLO if is_general else Envelope.GLO


def _open(keys: Suite0, title: bytes, protected: bytes) -> bytes:
    if len(protected) <= HEADER_LEN + TAG_LEN:
        raise Malformed("ciphered content")
    if protected[0] != SC_AUTHENTICATED_ENCRYPTED:
        raise Refused("policy", service.exception(service.NOT_ALLOWED, service.NOT_POSSIBLE))
    if keys.is_stale(int.from_bytes(protected[1:HEADER_LEN], "big")):
        refusal = service.exception(service.NOT_ALLOWED, service.INVOCATION_COUNTER, keys.last_client_ic)
        raise Refused("replay", refusal)
    plain = keys.unseal(title, protected)
    if plain is None:
        raise Refused("tag", service.exception(service.NOT_ALLOWED, service.DECIPHERING))
    return plain


def wrap(keys: Suite0, plain: bytes, envelope: Envelope) -> bytes:
    """A response of the meter in that envelope."""
    sealed = keys.seal(plain)
    body = axdr.length(len(sealed)) + sealed
    if envelope is Envelope.GENERAL_GLO:
        return bytes((TAG_GENERAL_GLO, _TITLE_LEN)) + keys.title + body
    return bytes((plain[0] | _GLO_BIT,)) + body
