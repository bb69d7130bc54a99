# SPDX-License-Identifier: MIT
"""Associations made and ended: AARQ, RLRQ, HLS authentication (Green Book 9.2.7, 9.3.2, 9.4.2).

A public client is associated as it asks. One with keys must send its InitiateRequest ciphered,
which proves the keys before a slot is taken, and is pending until it has answered our
challenge. Law: what does not authenticate changes nothing: no slot, no flash, no association
that was open before.
"""

from base import events
from dlms import acse, acse_response, apdu, proposal, stats
from dlms.security import stats as reasons
from dlms.security.ciphering import CipheringError
from dlms.security.envelope import TAG_LEN
from dlms.security.hls import MECHANISM_GMAC
from dlms.security.protection import Protection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from base.counters import Counters
    from dlms.association import Association, Associations, Client
    from dlms.axdr import Reader, Writer
    from dlms.security.device_security import DeviceSecurity

    Notice = Callable[[int, int, int], None]  # event of base.events, its arguments a and b

class AssociationControl:
    """`max_pdu` is told to clients; `notice` hears what a person should know. No `security`: no keyed client."""

    def __init__(
        self,
        associations: "Associations",
        counters: "Counters",
        max_pdu: int,
        security: "DeviceSecurity | None",
        notice: "Notice",
    ) -> None:
        self._associations = associations
        self._counters = counters
        self._max_pdu = max_pdu
        self._security = security
        self._notice = notice
        self._aarq = acse.Aarq()
        # Opens an InitiateRequest; changes places with the association's when that is genuine.
        self._candidate = Protection()

    # --- AARQ ---

    def associate(
        self, now: int, connection: int, client: "Client | None", peer: bytes, reader: "Reader", writer: "Writer"
    ) -> None:
        """Answer an AARQ with an AARE. RemoteError: malformed."""
        aarq = self._aarq
        try:
            aarq.read(reader)
            if client is not None and client.is_secured:
                self._associate_secured(now, connection, client, peer, reader, writer)
            else:
                self._associate_plain(now, connection, client, writer)
        finally:
            aarq.forget()
            self._candidate.close()

    def _associate_plain(self, now: int, connection: int, client: "Client | None", writer: "Writer") -> None:
        aarq = self._aarq
        if not aarq.wants_response:  # an unconfirmed association: nothing here could use it
            self._counters.inc(stats.UNANSWERED)
            return
        diagnostic = proposal.diagnose(aarq, client)
        if diagnostic != acse.DIAG_NULL or client is None:
            self._refuse(writer, acse.REJECTED_PERMANENT, diagnostic)
            return
        initiate = proposal.check_initiate(aarq, client)
        if initiate != acse.INITIATE_NONE:
            self._refuse(writer, acse.REJECTED_PERMANENT, acse.DIAG_NO_REASON, initiate)
            return
        association = self._open(now, connection, client)
        if association is None:
            self._refuse_no_slot(writer, acse.CONTEXT_LN)
            return
        length = acse_response.INITIATE_RESPONSE_LEN
        acse_response.write_aare_accepted(writer, acse.CONTEXT_LN, acse.DIAG_NULL, None, length)
        acse_response.write_initiate_response(writer, association.conformance, self._max_pdu)

    def _open(self, now: int, connection: int, client: "Client") -> "Association | None":
        # NOTE: an HES repeats an AARQ whose AARE came too late; a second one on an open
        # association therefore starts it afresh instead of being refused.
        association = self._associations.find(connection, client.sap) or self._associations.free()
        if association is not None:
            conformance = self._aarq.conformance & client.conformance
            association.open(connection, client, conformance, self._aarq.client_max_pdu)
            association.last_used = now
            self._counters.inc(stats.ASSOCIATED)
        return association

    # --- AARQ of a client with keys ---

    def _associate_secured(
        self, now: int, connection: int, client: "Client", peer: bytes, reader: "Reader", writer: "Writer"
    ) -> None:
        security = self._security
        apdu.expect_room(writer, apdu.MIN_ANSWER_ROOM)
        diagnostic = proposal.diagnose_secured(self._aarq)
        if security is None or not security.keys.is_provisioned(client.sap):
            self._counters.inc(stats.REFUSED_UNPROVISIONED)
            diagnostic = acse.DIAG_FAILURE
        if diagnostic != acse.DIAG_NULL or security is None:
            self._refuse(writer, acse.REJECTED_PERMANENT, diagnostic, context=acse.CONTEXT_LN_CIPHERED)
            return
        if security.lockout.left_ms(now, client.sap, peer):
            security.counters.inc(reasons.LOCKED)
            self._refuse(writer, acse.REJECTED_TRANSIENT, acse.DIAG_FAILURE, context=acse.CONTEXT_LN_CIPHERED)
            return
        try:
            self._open_initiate(security, client, reader)
        except CipheringError as error:
            self._distrust(now, client.sap, peer, error)
            if error.service_error == apdu.SERVICE_COUNTER:  # it is told which one to go on with
                raise
            self._refuse(writer, acse.REJECTED_PERMANENT, acse.DIAG_FAILURE, context=acse.CONTEXT_LN_CIPHERED)
            return
        self._accept(now, connection, client, peer, writer)

    def _open_initiate(self, security: "DeviceSecurity", client: "Client", reader: "Reader") -> None:
        """Decipher and read the InitiateRequest. CipheringError: not genuine; RemoteError: malformed."""
        aarq, candidate, ciphering = self._aarq, self._candidate, security.ciphering
        keys = security.keys.find(client.sap)
        if keys is not None:
            candidate.open(keys, aarq.title)
        ciphering.unwrap(reader.mv, aarq.user_off, aarq.user_len, candidate)
        reader.open(reader.mv, ciphering.off, ciphering.length)
        aarq.read_initiate(reader)
        if aarq.dedicated_key:
            candidate.dedicate(aarq.dedicated_key)

    def _accept(self, now: int, connection: int, client: "Client", peer: bytes, writer: "Writer") -> None:
        aarq, security = self._aarq, self._security
        initiate = proposal.check_initiate(aarq, client, apdu.MIN_CIPHERED_PDU)
        if initiate != acse.INITIATE_NONE or not aarq.wants_response or security is None:
            diagnostic = acse.DIAG_NO_REASON
            self._refuse(writer, acse.REJECTED_PERMANENT, diagnostic, initiate, acse.CONTEXT_LN_CIPHERED)
            return
        association = self._open(now, connection, client)
        if association is None:
            self._refuse_no_slot(writer, acse.CONTEXT_LN_CIPHERED)
            return
        association.protection, self._candidate = self._candidate, Protection()
        association.is_pending = True
        association.peer = peer
        association.ctos = aarq.challenge
        association.stoc = security.hls.challenge()
        more = acse_response.Response(security.ciphering.system_title, MECHANISM_GMAC, association.stoc)
        length = self._sealed_len(association)
        acse_response.write_aare_accepted(writer, acse.CONTEXT_LN_CIPHERED, acse.DIAG_REQUIRED, more, length)
        self._write_sealed_initiate(association, writer)

    def _sealed_len(self, association: "Association") -> int:
        protection = association.protection
        plain_len = acse_response.INITIATE_RESPONSE_LEN
        return 0 if protection is None else protection.header_len(plain_len) + plain_len + TAG_LEN

    def _write_sealed_initiate(self, association: "Association", writer: "Writer") -> None:
        """The InitiateResponse, protected as the request was."""
        protection, security = association.protection, self._security
        if protection is None or security is None:
            return
        off = writer.off
        plain_len = acse_response.INITIATE_RESPONSE_LEN
        writer.rewind(off + protection.header_len(plain_len))
        acse_response.write_initiate_response(writer, association.conformance, self._max_pdu)
        length = security.ciphering.wrap(writer.dst, off, writer.off - plain_len, plain_len, protection)
        writer.rewind(off + length)

    # --- the third and fourth pass of HLS ---

    def reply_to_hls(self, now: int, association: "Association", token: bytes) -> bytearray:
        """Check the client's f(StoC); our f(CtoS), borrowed. Empty: wrong, and no second try. CipheringError."""
        security, protection = self._security, association.protection
        if security is None or protection is None or not association.stoc:
            return bytearray(0)
        is_good = security.hls.check(token, association.stoc, association.ctos, protection)
        association.stoc = b""
        if not is_good:
            self._fail(now, association.client.sap, association.peer)
            return bytearray(0)
        answer = security.hls.answer(association.ctos, protection)
        association.is_pending = False
        security.lockout.succeeded(now, association.client.sap, association.peer)
        self._notice(events.OWN_ASSOCIATED, association.client.sap, _last_octets(association.peer))
        return answer

    # --- RLRQ ---

    def release(
        self, connection: int, client: "Client | None", reader: "Reader", writer: "Writer"
    ) -> None:
        """Answer an RLRQ with an RLRE. RemoteError: malformed, or its user information is not genuine."""
        user_off, user_len = acse.read_rlrq(reader)
        if client is None:
            self._counters.inc(stats.REFUSED_NOT_ASSOCIATED)
            apdu.write_exception(writer, apdu.STATE_NOT_ALLOWED, apdu.SERVICE_NOT_POSSIBLE)
            return
        association = self._associations.find(connection, client.sap)
        protection = None if association is None else association.protection
        if association is None or protection is None or self._security is None or not user_len:
            acse_response.write_rlre(writer)
        else:
            apdu.expect_room(writer, apdu.MIN_ANSWER_ROOM)
            self._security.ciphering.unwrap(reader.mv, user_off, user_len, protection)
            acse_response.write_rlre(writer, self._sealed_len(association))
            self._write_sealed_initiate(association, writer)
        # Answered also when nothing was open: the RLRE of a first RLRQ may have been lost.
        if association is not None:
            association.close()

    # --- no ---

    def _refuse(
        self, writer: "Writer", result: int, diagnostic: int, initiate: int = acse.INITIATE_NONE, context: int = 1
    ) -> None:
        self._counters.inc(stats.REFUSED_ASSOCIATION)
        acse_response.write_aare_refused(writer, result, diagnostic, initiate, context)

    def _refuse_no_slot(self, writer: "Writer", context: int) -> None:
        self._counters.inc(stats.REFUSED_NO_SLOT)
        none = acse.INITIATE_NONE
        acse_response.write_aare_refused(writer, acse.REJECTED_TRANSIENT, acse.DIAG_NO_REASON, none, context)

    def _distrust(self, now: int, client_sap: int, peer: bytes, error: CipheringError) -> None:
        """An InitiateRequest that is not genuine, or not new."""
        if error.reason != reasons.STALE:
            self._fail(now, client_sap, peer)
            return
        # NOTE: no failed authentication: after a power cut of ours every head-end that keeps its own counter is
        # behind. It is told the number and comes again at once; it must not meet a lock it earned by that.
        self._notice(events.OWN_REPLAY, client_sap, _last_octets(peer))

    def _fail(self, now: int, client_sap: int, peer: bytes) -> None:
        """Authentication failed: make the peer wait, and say so."""
        if self._security is not None:
            wait_ms = self._security.lockout.failed(now, client_sap, peer)
            self._notice(events.OWN_AUTHENTICATION_FAILED, client_sap, _last_octets(peer))
            self._notice(events.OWN_LOCKED, client_sap, wait_ms // 1000)


def _last_octets(peer: bytes) -> int:
    """The last four octets of an address as a number of 32 bits with a sign: an IPv4 address, whole."""
    number = 0
    for octet in peer[-4:]:
        number = number << 8 | octet
    return number - (1 << 32) if number >> 31 else number
