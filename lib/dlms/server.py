# SPDX-License-Identifier: MIT
"""A logical device: takes one APDU of a client, gives one back (Green Book 9; SAP 1 here).

Knows associations, services and the objects it was given; knows neither sockets nor
wPorts beyond the client's number. Law: whatever comes in, `request` answers within the
window it was given or not at all, and raises nothing that a peer can cause.
"""

from micropython import const

from base.errors import LocalError, RemoteError
from dlms import acse, apdu, stats
from dlms.action_service import ActionService
from dlms.association import Associations
from dlms.axdr import Reader, Writer
from dlms.cosem.association_ln import AssociationView
from dlms.get_service import GetService
from dlms.reassembly import Reassembly
from dlms.set_service import SetService
from dlms.targets import Targets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.counters import Counters
    from dlms.association import Association, Client
    from dlms.cosem.object import CosemObject
    from dlms.set_service import Audit

# Smallest PDU size taken from a client: an AARE (43 octets) must fit, and a data block
# should carry more payload than head. No number is given in a source reached.
MIN_PDU = const(64)
# An association nobody used for this long is closed. An HES that reads a long list over a
# poor cellular link pauses for its own time-outs (4 x 10 s, facts 1), not for minutes.
ASSOCIATION_TIMEOUT_MS = const(600000)
# Whoever begins a long request and says nothing for so long has to begin again if somebody else
# wants the buffer: three times the 10 s an HES waits for an answer (facts 1).
_REASSEMBLY_TIMEOUT_MS = const(30000)


class LogicalDevice:
    """`objects` + an association object of its own; `clients` say who may associate.

    `max_pdu` is the longest APDU taken (told to clients in the AARE). `counters` (from
    stats.new_counters) are given when one of the objects shows them. `audit` hears of every
    SET and ACTION. `reassembly_len` octets are there for one long request or answer at a time. Slots, reader and
    writer are made here; a request allocates a few small objects, never by length.
    """

    def __init__(
        self,
        objects: "list[CosemObject]",
        clients: "tuple[Client, ...]",
        associations_cnt: int = 8,
        max_pdu: int = 1024,
        timeout_ms: int = ASSOCIATION_TIMEOUT_MS,
        counters: "Counters | None" = None,
        audit: "Audit | None" = None,
        reassembly_len: int = 2048,
    ) -> None:
        self.counters = stats.new_counters() if counters is None else counters
        self.max_pdu = max_pdu
        self._clients = clients
        store = Reassembly(reassembly_len, _REASSEMBLY_TIMEOUT_MS)
        self._associations = Associations(associations_cnt, clients[0], timeout_ms, store)
        self._view = AssociationView(objects, max_pdu)
        targets = Targets(self._view.objects)
        self._get = GetService(targets, self.counters)
        self._set = SetService(targets, self.counters, store, audit or _no_audit)
        self._action = ActionService(targets, self.counters, store, audit or _no_audit)
        self._reader = Reader()
        self._writer = Writer()
        self._aarq = acse.Aarq()

    def request(  # noqa: PLR0913 - one APDU, who sent it and where the answer goes
        self,
        now: int,
        connection: int,
        client_sap: int,
        apdu_in: memoryview,
        off: int,
        length: int,
        out: "bytearray | memoryview",
        out_off: int,
        out_max: int,
    ) -> int:
        """Serve `apdu_in[off : off + length]`; octets of the answer at `out[out_off]`, 0 = none.

        `connection` is any number >= 0 that names the client's connection until
        `close_connection`. `out` must not overlap the request. LocalError when `out_max`
        is below 64 octets. Raises nothing else.
        """
        if out_max < MIN_PDU:
            raise LocalError("room for %d octets of answer" % out_max)
        if not length:
            return 0
        self.counters.inc(stats.REQUESTS)
        self._reader.open(apdu_in, off, length)
        self._writer.open(out, out_off, out_off + out_max)
        try:
            self._serve(now, connection, client_sap)
        except RemoteError:
            self.counters.inc(stats.MALFORMED)
            self._writer.rewind(out_off)
            self._except(apdu.STATE_NOT_ALLOWED, apdu.SERVICE_OTHER_REASON)
        return self._writer.off - out_off

    def close_connection(self, connection: int) -> None:
        """Forget every association of a connection that is gone."""
        self._associations.close_connection(connection)

    def next_deadline(self) -> "int | None":
        """Ticks when an association may have timed out; None = none is open."""
        return self._associations.next_deadline()

    def on_deadline(self, now: int) -> None:
        """Close associations that nobody used."""
        self.counters.inc(stats.TIMED_OUT, self._associations.on_deadline(now))

    def open_cnt(self) -> int:
        """Associations open now."""
        return self._associations.open_cnt()

    # --- by tag ---

    def _serve(self, now: int, connection: int, client_sap: int) -> None:
        tag = self._reader.mv[self._reader.off]
        client = self._client(client_sap)
        if tag == apdu.AARQ:
            self._associate(now, connection, client)
        elif tag == apdu.RLRQ:
            self._release(connection, client)
        elif tag in (apdu.GET_REQUEST, apdu.SET_REQUEST, apdu.ACTION_REQUEST):
            self._service(now, connection, client, tag)
        elif tag == apdu.EXCEPTION_RESPONSE:  # never answer a refusal with a refusal
            self.counters.inc(stats.UNANSWERED)
        else:
            self.counters.inc(stats.REFUSED_SERVICE)
            self._except(apdu.STATE_UNKNOWN, apdu.SERVICE_NOT_SUPPORTED)

    def _service(self, now: int, connection: int, client: "Client | None", tag: int) -> None:
        association = self._associated(connection, client)
        if association is None:
            self.counters.inc(stats.REFUSED_NOT_ASSOCIATED)
            self._except(apdu.STATE_NOT_ALLOWED, apdu.SERVICE_NOT_POSSIBLE)
            return
        association.last_used = now
        self._view.association = association
        needed = apdu.SERVICE_CONFORMANCE[tag]
        if not association.conformance & needed:
            self.counters.inc(stats.REFUSED_SERVICE)
            self._except(apdu.STATE_NOT_ALLOWED, apdu.SERVICE_NOT_SUPPORTED)
            return
        room = self._writer.end - self._writer.off
        if association.max_send and association.max_send < room:
            self._writer.end = self._writer.off + association.max_send
        self._reader.octet()
        if tag == apdu.GET_REQUEST:
            self._get.request(association, self._reader, self._writer)
        elif tag == apdu.SET_REQUEST:
            self._set.request(now, association, self._reader, self._writer)
        else:
            self._action.request(now, association, self._reader, self._writer)

    # --- associations ---

    def _client(self, sap: int) -> "Client | None":
        for client in self._clients:
            if client.sap == sap:
                return client
        return None

    def _associated(self, connection: int, client: "Client | None") -> "Association | None":
        """The open association, the pre-established one opened now, or None."""
        if client is None:
            return None
        association = self._associations.find(connection, client.sap)
        if association is None and client.is_pre_established:
            association = self._associations.free()
            if association is None:
                self.counters.inc(stats.REFUSED_NO_SLOT)
                return None
            association.open(connection, client, client.conformance, client.default_max_pdu)
        return association

    def _associate(self, now: int, connection: int, client: "Client | None") -> None:
        aarq = self._aarq
        aarq.read(self._reader)
        if not aarq.wants_response:  # an unconfirmed association: nothing here could use it
            self.counters.inc(stats.UNANSWERED)
            return
        diagnostic = _diagnose(aarq, client)
        initiate = acse.INITIATE_NONE
        if diagnostic == acse.DIAG_NULL and client is not None:
            initiate = _check_initiate(aarq, client)
            if initiate == acse.INITIATE_NONE:
                self._open(now, connection, client)
                return
            diagnostic = acse.DIAG_NO_REASON
        self.counters.inc(stats.REFUSED_ASSOCIATION)
        acse.write_aare_refused(self._writer, acse.REJECTED_PERMANENT, diagnostic, initiate)

    def _open(self, now: int, connection: int, client: "Client") -> None:
        # NOTE: an HES repeats an AARQ whose AARE came too late; a second one on an open
        # association therefore starts it afresh instead of being refused.
        association = self._associations.find(connection, client.sap) or self._associations.free()
        if association is None:
            self.counters.inc(stats.REFUSED_NO_SLOT)
            acse.write_aare_refused(self._writer, acse.REJECTED_TRANSIENT, acse.DIAG_NO_REASON, acse.INITIATE_NONE)
            return
        conformance = self._aarq.conformance & client.conformance
        association.open(connection, client, conformance, self._aarq.client_max_pdu)
        association.last_used = now
        self.counters.inc(stats.ASSOCIATED)
        acse.write_aare_accepted(self._writer, conformance, self.max_pdu)

    def _release(self, connection: int, client: "Client | None") -> None:
        acse.read_rlrq(self._reader)
        if client is None:
            self.counters.inc(stats.REFUSED_NOT_ASSOCIATED)
            self._except(apdu.STATE_NOT_ALLOWED, apdu.SERVICE_NOT_POSSIBLE)
            return
        association = self._associations.find(connection, client.sap)
        if association is not None:
            association.close()
        # Answered also when nothing was open: the RLRE of a first RLRQ may have been lost.
        acse.write_rlre(self._writer)

    def _except(self, state_error: int, service_error: int) -> None:
        apdu.write_exception(self._writer, state_error, service_error)


def _no_audit(association: "Association", tag: int, class_id: int, index: int, result: int) -> None:
    """For a device nobody keeps a record of."""


def _diagnose(aarq: "acse.Aarq", client: "Client | None") -> int:
    """What ACSE has against this request; DIAG_NULL = nothing."""
    if not aarq.is_version_1:
        return acse.DIAG_NO_COMMON_VERSION
    if aarq.context != acse.CONTEXT_LN:
        return acse.DIAG_CONTEXT
    if aarq.mechanism != acse.MECHANISM_NONE:
        return acse.DIAG_MECHANISM
    if aarq.has_authentication and not aarq.has_mechanism:
        return acse.DIAG_MECHANISM_REQUIRED
    if client is None:
        return acse.DIAG_NO_REASON
    return acse.DIAG_NULL


def _check_initiate(aarq: "acse.Aarq", client: "Client") -> int:
    """What xDLMS has against this request; INITIATE_NONE = nothing."""
    if not aarq.has_initiate:
        return acse.INITIATE_OTHER
    if aarq.dlms_version < acse.DLMS_VERSION:
        return acse.INITIATE_VERSION_TOO_LOW
    if aarq.client_max_pdu and aarq.client_max_pdu < MIN_PDU:
        return acse.INITIATE_PDU_TOO_SHORT
    if not aarq.conformance & client.conformance & apdu.CONF_GET:
        return acse.INITIATE_CONFORMANCE
    return acse.INITIATE_NONE
