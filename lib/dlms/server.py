# SPDX-License-Identifier: MIT
"""A logical device: takes one APDU of a client, gives one back (Green Book 9; SAP 1 here).

Knows associations, services and the objects it was given; knows neither sockets nor
wPorts beyond the client's number. Law: whatever comes in, `request` answers within the
window it was given or not at all, and raises nothing that a peer can cause.
"""

from micropython import const

from base.errors import LocalError, RemoteError
from base.ticks import earliest
from dlms import apdu, gbt, stats
from dlms.association import Associations
from dlms.association_control import AssociationControl
from dlms.axdr import Reader, Writer
from dlms.cosem.association_ln import AssociationView
from dlms.protected_services import ProtectedServices
from dlms.reassembly import Reassembly
from dlms.security.ciphering import CipheringError
from dlms.security.envelope import form_of
from dlms.services import Services
from dlms.targets import Targets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.counters import Counters
    from dlms.association import Association, Client
    from dlms.association_control import Notice
    from dlms.change_service import Audit
    from dlms.cosem.object import CosemObject
    from dlms.security.device_security import DeviceSecurity

# An association nobody used for this long is closed. An HES that reads a long list over a
# poor cellular link pauses for its own time-outs (4 x 10 s, facts 1), not for minutes.
ASSOCIATION_TIMEOUT_MS = const(600000)
# Whoever begins a long request and says nothing for so long has to begin again if somebody else
# wants the buffer: three times the 10 s an HES waits for an answer (facts 1).
_REASSEMBLY_TIMEOUT_MS = const(30000)
_REASSEMBLY_LEN = const(2048)


class Limits:
    """How much a device takes: slots, the longest APDU (told to clients in the AARE), the longest
    request or answer put together of blocks, and how long an unused association stays open."""

    def __init__(
        self,
        associations_cnt: int = 8,
        max_pdu: int = 1024,
        timeout_ms: int = ASSOCIATION_TIMEOUT_MS,
        reassembly_len: int = _REASSEMBLY_LEN,
    ) -> None:
        self.associations_cnt = associations_cnt
        self.max_pdu = max_pdu
        self.timeout_ms = timeout_ms
        self.reassembly_len = reassembly_len


class LogicalDevice:
    """`objects` + association objects of its own; `clients` say who may associate.

    `counters` (from stats.new_counters) are given when one of the objects shows them. `security`
    has the keys of clients that need some; `audit` hears of every SET and ACTION, `notice` of
    authentication. All that is big is made here; a request allocates a few small objects,
    never by length.
    """

    def __init__(  # noqa: PLR0913 - what a device is made of
        self,
        objects: "list[CosemObject]",
        clients: "tuple[Client, ...]",
        limits: "Limits | None" = None,
        counters: "Counters | None" = None,
        security: "DeviceSecurity | None" = None,
        audit: "Audit | None" = None,
        notice: "Notice | None" = None,
    ) -> None:
        limits = limits or Limits()
        self.counters = stats.new_counters() if counters is None else counters
        self.max_pdu = limits.max_pdu
        self._clients = clients
        self._security = security
        store = Reassembly(limits.reassembly_len, _REASSEMBLY_TIMEOUT_MS)
        self._associations = Associations(limits.associations_cnt, clients[0], limits.timeout_ms, store)
        self._control = AssociationControl(
            self._associations, self.counters, limits.max_pdu, security, notice or _no_notice
        )
        self._view = AssociationView(objects, clients, self._associations, self._control, limits.max_pdu)
        services = Services(Targets(self._view.objects), self._view, self.counters, store, audit or _no_audit)
        self._services = ProtectedServices(services, security, self.counters)
        self._blocks = gbt.GeneralBlockTransfer(store, self._services, self.counters)
        self._reader = Reader()
        self._writer = Writer()

    def request(  # noqa: PLR0913 - one APDU, who sent it and where the answer goes
        self,
        now: int,
        connection: int,
        client_sap: int,
        apdu_in: memoryview,
        off: int,
        length: int,
        out: memoryview,
        out_off: int,
        out_max: int,
        peer: bytes = b"",
    ) -> int:
        """Serve `apdu_in[off : off + length]`; octets of the answer at `out[out_off]`, 0 = none.

        `connection` is any number >= 0 that names the client's connection until `close_connection`,
        `peer` the address at its other end. A ciphered request is deciphered where it is; `out` must not
        overlap it. LocalError when `out_max` is below 64 octets. Raises nothing else.
        """
        if out_max < apdu.MIN_PDU:
            raise LocalError("room for %d octets of answer" % out_max)
        if not length:
            return 0
        self.counters.inc(stats.REQUESTS)
        self._blocks.left = 0
        self._reader.open(apdu_in, off, length)
        self._writer.open(out, out_off, out_off + out_max)
        try:
            self._serve(now, connection, client_sap, peer)
        except CipheringError as error:  # counted where it was found
            self._writer.open(out, out_off, out_off + out_max)
            self._except(apdu.STATE_NOT_ALLOWED, error.service_error)
            if error.service_error == apdu.SERVICE_COUNTER:
                self._writer.unsigned(error.expected, 4)
        except RemoteError:
            self.counters.inc(stats.MALFORMED)
            self._writer.open(out, out_off, out_off + out_max)
            self._except(apdu.STATE_NOT_ALLOWED, apdu.SERVICE_OTHER_REASON)
        return self._writer.off - out_off

    def stream(self, most_blocks: int) -> None:
        """So many APDUs of an answer may go at once: after `request` come those of `more`. 1 until this is called."""
        self._blocks.most_blocks = most_blocks

    def more_cnt(self) -> int:
        """APDUs of the last answer that are still to be asked for, at once."""
        return self._blocks.left

    def more(self, out: memoryview, out_off: int, out_max: int) -> int:
        """The next of them, as `request` gives the first."""
        self._writer.open(out, out_off, out_off + out_max)
        self._blocks.write_next(self._writer)
        return self._writer.off - out_off

    def close_connection(self, connection: int) -> None:
        """Forget every association of a connection that is gone."""
        self._associations.close_connection(connection)

    def next_deadline(self) -> "int | None":
        """Ticks when an association may have timed out, or a lock-out ends; None = nothing is due ever."""
        deadline = self._associations.next_deadline()
        return deadline if self._security is None else earliest(deadline, self._security.lockout.next_deadline())

    def on_deadline(self, now: int) -> None:
        """Close associations that nobody used; let those who failed try again."""
        self.counters.inc(stats.TIMED_OUT, self._associations.on_deadline(now))
        if self._security is not None:
            self._security.lockout.on_deadline(now)

    def open_cnt(self) -> int:
        """Associations open now."""
        return self._associations.open_cnt()

    # --- by tag ---

    def _serve(self, now: int, connection: int, client_sap: int, peer: bytes) -> None:
        tag = self._reader.mv[self._reader.off]
        client = self._client(client_sap)
        if tag == apdu.AARQ:
            self._control.associate(now, connection, client, peer, self._reader, self._writer)
        elif tag == apdu.RLRQ:
            self._control.release(connection, client, self._reader, self._writer)
        elif tag == apdu.EXCEPTION_RESPONSE:  # never answer a refusal with a refusal
            self.counters.inc(stats.UNANSWERED)
        elif tag not in apdu.SERVICE_CONFORMANCE and tag != apdu.GENERAL_BLOCK_TRANSFER and not form_of(tag):
            self.counters.inc(stats.REFUSED_SERVICE)
            self._except(apdu.STATE_UNKNOWN, apdu.SERVICE_NOT_SUPPORTED)
        else:
            association = self._associated(connection, client)
            if association is None:
                self.counters.inc(stats.REFUSED_NOT_ASSOCIATED)
                self._except(apdu.STATE_NOT_ALLOWED, apdu.SERVICE_NOT_POSSIBLE)
            else:
                association.last_used = now
                self._serve_associated(now, association, tag)

    def _serve_associated(self, now: int, association: "Association", tag: int) -> None:
        writer = self._writer
        start = writer.off
        room = writer.end - start
        limit = min(room, association.max_send) if association.max_send else room
        may_cut = association.conformance & apdu.CONF_GENERAL_BLOCK_TRANSFER
        if tag == apdu.GENERAL_BLOCK_TRANSFER:
            if may_cut:
                self._blocks.receive(now, association, self._reader, writer, limit)
            else:
                self.counters.inc(stats.REFUSED_SERVICE)
                self._except(apdu.STATE_NOT_ALLOWED, apdu.SERVICE_NOT_SUPPORTED)
        elif may_cut and not association.conformance & apdu.CONF_BLOCK_GET:
            writer.rewind(start + gbt.HEAD_LEN)
            self._services.serve(now, association, self._reader, writer)
            self._blocks.answer(now, association, writer, start, limit)
        else:
            writer.end = start + limit
            self._services.serve(now, association, self._reader, writer)

    # --- who ---

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

    def _except(self, state_error: int, service_error: int) -> None:
        apdu.write_exception(self._writer, state_error, service_error)


def _no_audit(association: "Association", tag: int, class_id: int, index: int, result: int) -> None:
    """For a device nobody keeps a record of."""


def _no_notice(event: int, a: int, b: int) -> None:
    """For a device nobody watches."""
