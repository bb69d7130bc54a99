# SPDX-License-Identifier: MIT
"""Services of a ciphered association: opened, served, and sealed the way they came (Green Book 9.2.7).

Request and answer are deciphered and ciphered where they are. Law: nothing in clear is served
here, and an answer leaves in clear only when it is an exception-response, which says nothing.
"""

from dlms import apdu, stats
from dlms.security.envelope import FORM_NONE, form_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.counters import Counters
    from dlms.association import Association
    from dlms.axdr import Reader, Writer
    from dlms.security.device_security import DeviceSecurity
    from dlms.security.protection import Protection
    from dlms.services import Services


class ProtectedServices:
    """`services` serves what was in the envelope."""

    def __init__(self, services: "Services", security: "DeviceSecurity | None", counters: "Counters") -> None:
        self._services = services
        self._security = security
        self._counters = counters

    def serve(self, now: int, association: "Association", reader: "Reader", writer: "Writer") -> None:
        """Answer the APDU at the reader's place in the room the writer has.

        CipheringError: not believed; RemoteError: malformed inside.
        """
        protection, security = association.protection, self._security
        is_ciphered = form_of(reader.mv[reader.off]) != FORM_NONE
        if protection is None or security is None:
            if is_ciphered:
                self._counters.inc(stats.REFUSED_SERVICE)
                apdu.write_exception(writer, apdu.STATE_UNKNOWN, apdu.SERVICE_NOT_SUPPORTED)
            else:
                self._services.serve(now, association, reader, writer)
        elif not is_ciphered:
            self._counters.inc(stats.REFUSED_PLAIN)
            apdu.write_exception(writer, apdu.STATE_NOT_ALLOWED, apdu.SERVICE_NOT_POSSIBLE)
        else:
            self._serve_ciphered(now, association, security, protection, reader, writer)

    def _serve_ciphered(  # noqa: PLR0913 - who, with what, and the two octet streams
        self,
        now: int,
        association: "Association",
        security: "DeviceSecurity",
        protection: "Protection",
        reader: "Reader",
        writer: "Writer",
    ) -> None:
        ciphering = security.ciphering
        ciphering.unwrap(reader.mv, reader.off, reader.left, protection)
        reader.open(reader.mv, ciphering.off, ciphering.length)
        start, end = writer.off, writer.end
        plain_off = start + protection.header_len(end - start)
        writer.rewind(plain_off)
        writer.end = plain_off + protection.room(end - start)
        self._services.serve(now, association, reader, writer)
        writer.end = end
        plain_len = writer.off - plain_off
        if plain_len and writer.dst[plain_off] != apdu.EXCEPTION_RESPONSE:
            writer.rewind(start + ciphering.wrap(writer.dst, start, plain_off, plain_len, protection))
        else:
            writer.dst[start : start + plain_len] = writer.dst[plain_off : plain_off + plain_len]
            writer.rewind(start + plain_len)
        security.activate_keys()
        if association.is_pending and not association.stoc:  # the one answer it had was wrong
            association.close()
