# SPDX-License-Identifier: MIT
"""Application associations of a logical device: who may talk, what was agreed, until when.

An association belongs to one connection and one client SAP. The slots are made once; when
none is free a newcomer is refused, never an old one thrown out. The public client's
association is pre-established: it needs no AARQ, but takes a slot on first use as well.
"""

from micropython import const

from base.ticks import earliest, ticks_add, ticks_diff
from dlms.apdu import CONF_ATTRIBUTE_0_GET, CONF_BLOCK_GET, CONF_GET, CONF_KEYED, CONF_MULTIPLE_REFERENCES
from dlms.cosem.object import ROLE_FIRMWARE, ROLE_MANAGEMENT, ROLE_PUBLIC, ROLE_READ_ONLY, ROLE_READ_WRITE
from dlms.transfer import Transfer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.cosem.object import CosemObject
    from dlms.reassembly import Reassembly
    from dlms.security.protection import Protection

NO_CONNECTION = const(-1)
# A client that has our challenge answers at once; an HES waits 10 s for an answer, four times (facts 1).
PENDING_MS = const(40000)
PUBLIC_SAP = const(16)
# Longest answer to a client that never said what it can take (pre-established). Every
# library tried takes 512, and it is what meters in the field offer most.
DEFAULT_MAX_PDU = const(512)


class Client:
    """One client SAP this device knows, and what it may do.

    `conformance` is the most it is offered (24 bits, dlms.apdu.CONF_*); `role` the bit that
    access rights name it by. With `is_pre_established` it may start without an AARQ and
    then has all of `conformance` and responses of at most `default_max_pdu` octets. With
    `is_secured` it must come ciphered and authenticate by HLS mechanism 5. `names`: logical names
    of the only objects it is shown, whatever they let it do; None = all.
    """

    def __init__(  # noqa: PLR0913 - what a client may do has that many sides
        self,
        sap: int,
        role: int,
        conformance: int,
        is_pre_established: bool,
        default_max_pdu: int,
        is_secured: bool = False,
        names: "tuple[bytes, ...] | None" = None,
    ) -> None:
        self.sap = sap
        self.role = role
        self.conformance = conformance
        self.is_pre_established = is_pre_established
        self.default_max_pdu = default_max_pdu
        self.is_secured = is_secured
        self._names = names

    def sees(self, item: "CosemObject") -> bool:
        """The object is there for this client: it may do something with it."""
        return (self._names is None or item.logical_name in self._names) and item.is_seen_by(self.role)


def public_client(default_max_pdu: int = DEFAULT_MAX_PDU, names: "tuple[bytes, ...] | None" = None) -> Client:
    """Client 16: reads what is public, of the objects of these names, with and without an AARQ, nothing else."""
    conformance = CONF_GET | CONF_BLOCK_GET | CONF_MULTIPLE_REFERENCES | CONF_ATTRIBUTE_0_GET
    return Client(PUBLIC_SAP, ROLE_PUBLIC, conformance, True, default_max_pdu, False, names)


def keyed_client(sap: int, role: int) -> Client:
    """A client with keys of its own: authenticates, and then has every service."""
    return Client(sap, role, CONF_KEYED, False, DEFAULT_MAX_PDU, True)


def keyed_clients() -> "tuple[Client, ...]":
    """Management, read-write, firmware and read-only, as head-ends know them (facts dlms 8)."""
    roles = ((1, ROLE_MANAGEMENT), (32, ROLE_READ_WRITE), (64, ROLE_FIRMWARE), (127, ROLE_READ_ONLY))
    return tuple([keyed_client(sap, role) for sap, role in roles])


class Association:
    """One slot. `connection` is NO_CONNECTION while it is free; max_send 0 = no limit.

    `protection` is there while its APDUs are ciphered. Until the client has answered `stoc`,
    it `is_pending` and nothing else is served. What it leased of `store` goes back with it.
    """

    def __init__(self, client: Client, store: "Reassembly") -> None:
        self.connection = NO_CONNECTION
        self.client = client
        self.conformance = 0
        self.max_send = 0
        self.last_used = 0
        self.is_pending = False
        self.protection: "Protection | None" = None
        self.stoc = b""
        self.ctos = b""
        self.peer = b""
        self.transfer = Transfer()
        self._store = store

    def open(self, connection: int, client: Client, conformance: int, max_send: int) -> None:
        """Take the slot; nothing is left of an association before it."""
        self.close()
        self.connection = connection
        self.client = client
        self.conformance = conformance
        self.max_send = max_send

    def close(self) -> None:
        """Free the slot."""
        self.transfer.close()
        self._store.release(self)
        if self.protection is not None:
            self.protection.close()
        self.protection = None
        self.stoc = self.ctos = self.peer = b""
        self.is_pending = False
        self.connection = NO_CONNECTION


class Associations:
    """`count` slots; an association unused for `timeout_ms` (0 = never) is closed, a pending one sooner."""

    def __init__(self, count: int, any_client: Client, timeout_ms: int, store: "Reassembly") -> None:
        self._slots = [Association(any_client, store) for _ in range(count)]
        self._timeout_ms = timeout_ms

    def find(self, connection: int, sap: int) -> "Association | None":
        """The open association of this client on this connection."""
        for slot in self._slots:
            if slot.connection == connection and slot.client.sap == sap:
                return slot
        return None

    def free(self) -> "Association | None":
        """A slot nobody has."""
        for slot in self._slots:
            if slot.connection == NO_CONNECTION:
                return slot
        return None

    def has_open(self, sap: int) -> bool:
        """Somebody is associated as this client."""
        return any([slot.connection != NO_CONNECTION and slot.client.sap == sap for slot in self._slots])

    def open_cnt(self) -> int:
        """Associations in use."""
        return sum([slot.connection != NO_CONNECTION for slot in self._slots])

    def close_connection(self, connection: int) -> None:
        """The connection is gone, and its associations with it."""
        for slot in self._slots:
            if slot.connection == connection:
                slot.close()

    def next_deadline(self) -> "int | None":
        """When the first association will have been idle for too long; None = never."""
        deadline = None
        if self._timeout_ms:
            for slot in self._slots:
                if slot.connection != NO_CONNECTION:
                    deadline = earliest(deadline, ticks_add(slot.last_used, self._limit(slot)))
        return deadline

    def on_deadline(self, now: int) -> int:
        """Close what has been idle for too long; how many those were."""
        closed_cnt = 0
        for slot in self._slots:
            if slot.connection == NO_CONNECTION or not self._timeout_ms:
                continue
            if ticks_diff(now, slot.last_used) >= self._limit(slot):
                slot.close()
                closed_cnt += 1
        return closed_cnt

    def _limit(self, slot: Association) -> int:
        return min(self._timeout_ms, PENDING_MS) if slot.is_pending else self._timeout_ms
