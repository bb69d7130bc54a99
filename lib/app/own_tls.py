# SPDX-License-Identifier: MIT
"""SAP 1: the WAN's TLS identity (manufacturer's objects 0-0:128.5.e, all Data).

Certificates go in by SET, over an authenticated and encrypted association of the
management client; a SET answers success when the check has begun, 128.5.0 tells how it ended.
"""

from app.tls_identity import MAX_LEN, RESULTS, split
from dlms import apdu
from dlms.axdr import OCTET_STRING, UINT8, VISIBLE_STRING
from dlms.cosem import basic
from dlms.cosem.object import ROLE_KEYED, ROLE_MANAGEMENT, obis
from dlms.cosem.values import Encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from app.tls_identity import TlsIdentity
    from dlms.axdr import Reader, Writer
    from dlms.cosem.object import CosemObject


class _Tls:
    """Values and setters of 0-0:128.5.e."""

    def __init__(self, identity: "TlsIdentity") -> None:
        self._identity = identity

    def changes(self) -> int:
        """So often has it changed."""
        return self._identity.changes

    def state(self) -> int:
        """Another number when the state is another."""
        return self._identity.changes << 8 | self._identity.last_result

    def encode_state(self, writer: "Writer") -> None:
        """structure{result, its text, SHA-256 of our certificate, SHA-256 of the CA}; empty = none."""
        identity = self._identity
        writer.structure(4)
        writer.number(UINT8, identity.last_result)
        writer.string(VISIBLE_STRING, RESULTS[identity.last_result].encode())
        for der in (identity.certificate(), identity.ca()):
            writer.octets(identity.fingerprint(der))

    def encode_certificate(self, writer: "Writer") -> None:
        writer.octets(self._identity.certificate())

    def encode_ca(self, writer: "Writer") -> None:
        writer.octets(self._identity.ca())

    def set_own(self, now: int, reader: "Reader") -> int:
        """octet-string: certificate and private key, DER, one behind the other."""
        octets = reader.string(OCTET_STRING, MAX_LEN)
        try:
            split(octets)
        except ValueError:
            return apdu.TYPE_UNMATCHED
        return self._take(octets, None)

    def set_ca(self, now: int, reader: "Reader") -> int:
        """octet-string: the CA's certificate, DER."""
        return self._take(None, reader.string(OCTET_STRING, MAX_LEN, 1))

    def _take(self, own: "bytes | None", ca: "bytes | None") -> int:
        return apdu.SUCCESS if self._identity.offer(own, ca) else apdu.TEMPORARY_FAILURE


def tls_objects(identity: "TlsIdentity") -> "list[CosemObject]":
    """0-0:128.5.0 state, .1 certificate (with its key when written), .2 CA."""
    source = _Tls(identity)
    state = basic.data(obis(0, 0, 128, 5, 0), Encoded(source.encode_state, source.state))
    own = basic.data(obis(0, 0, 128, 5, 1), Encoded(source.encode_certificate, source.changes))
    ca = basic.data(obis(0, 0, 128, 5, 2), Encoded(source.encode_ca, source.changes))
    own.writable(2, ROLE_MANAGEMENT, source.set_own)
    ca.writable(2, ROLE_MANAGEMENT, source.set_ca)
    for one in (state, own, ca):
        one.readers = ROLE_KEYED
    return [state, own, ca]
