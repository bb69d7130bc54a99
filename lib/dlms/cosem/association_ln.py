# SPDX-License-Identifier: MIT
"""Association LN (class 15, version 3): the current one, 0-0:40.0.0, and one per client, 0-0:40.0.e.

The current one serves every client: what it shows follows from the association whose
request is being answered. Those per client are for management to look at. Law: object_list
holds exactly the objects that client can reach, with the rights it has.
"""

from micropython import const

from dlms import apdu
from dlms.axdr import ENUM, INT8, OCTET_STRING, STRUCTURE, UINT8, UINT16
from dlms.cosem.object import ACCESS_NONE, ACCESS_READ, ROLE_KEYED, ROLE_MANAGEMENT, CosemObject, obis
from dlms.cosem.rows import RowObject
from dlms.cosem.values import Array, Const, Encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.association import Association, Associations, Client
    from dlms.association_control import AssociationControl
    from dlms.axdr import Reader, Writer
    from dlms.cosem.values import Value

_CURRENT = const(0)
_SECRET = const(7)
_REPLY_TO_HLS = const(1)
_SERVER_SAP = const(1)
_DLMS_VERSION = const(6)
_STATUS_NON_ASSOCIATED = const(0)
_STATUS_PENDING = const(1)
_STATUS_ASSOCIATED = const(2)
# object_list, partners, context name, xDLMS context, mechanism name, secret, status, security setup, user_list,
# current_user; reply_to_HLS, change_HLS_secret, add_object, remove_object, add_user, remove_user.
_ATTRIBUTES = "* bH * * * * e o * Bo"
_METHODS = "------"
_CONTEXT_NAMES = const(1)
_MECHANISMS = const(2)
_LN, _LN_CIPHERED = const(1), const(3)
_NONE, _GMAC = const(0), const(5)
_MOST_TOKEN = const(64)
# Access modes of version 3 are bits: 0 read or call, 1 write, then what an attribute asks for beyond the
# security policy. Nothing here does: the policy (class 64) already wants every APDU of a keyed client
# authenticated and encrypted. NOTE: gurux-dlms for Python knows no mode with both kinds of bits.
_CALL = const(0x01)
_SELECTORS = const(8)


class AssociationView:
    """Makes the association objects and is where their values come from (dlms.cosem.rows.ActiveSource).

    The server sets `association` before each request it serves. `objects` is everything there is.
    """

    def __init__(
        self,
        objects: "list[CosemObject]",
        clients: "tuple[Client, ...]",
        associations: "Associations",
        control: "AssociationControl",
        max_receive: int,
    ) -> None:
        self.association: "Association | None" = None
        self._clients = clients
        self._associations = associations
        self._control = control
        self._max_receive = max_receive
        self._seen_cnt: "dict[int, int]" = {}
        self.objects = list(objects)
        self.objects.append(self._current())
        if len(clients) > 1:
            for at in range(len(clients)):
                self.objects.append(self._of_client(at))

    def _current(self) -> CosemObject:
        current = self._object(_CURRENT, 0)
        current.callable(_REPLY_TO_HLS, ROLE_KEYED, self._reply_to_hls)
        return current

    def _of_client(self, at: int) -> CosemObject:
        """E is the client's place in the list, as of its counter (43.1.e); the first, public, comes last."""
        item = self._object(1 + at, at or len(self._clients))
        item.readers = ROLE_MANAGEMENT
        return item

    def _object(self, key: int, e_group: int) -> CosemObject:
        item = RowObject((key, 15, 3, obis(0, 0, 40, 0, e_group), _METHODS, _ATTRIBUTES), self)
        item.hidden = (_SECRET,)
        return item

    def _client(self, key: int) -> "Client":
        if key:
            return self._clients[key - 1]
        return self._clients[0] if self.association is None else self.association.client

    # --- values ---

    def special(self, key: int, attribute: int) -> "Value":
        """What is neither a number nor a string."""
        client = self._client(key)
        if attribute == 2:
            return Array(_ObjectList(self, client))
        if attribute == 4:
            return _object_id(_CONTEXT_NAMES, _LN_CIPHERED if client.is_secured else _LN)
        if attribute == 5:
            return Encoded(lambda writer: self._encode_xdlms_context(key, writer))
        if attribute == 6:
            return _object_id(_MECHANISMS, _GMAC if client.is_secured else _NONE)
        return Const(b"\x09\x00" if attribute == _SECRET else b"\x01\x00")  # user_list: they are not told apart

    def value(self, key: int, attribute: int, field: int, item: int) -> "int | bytes":
        """The rest."""
        client = self._client(key)
        if attribute == 3:
            return _SERVER_SAP if field else client.sap
        if attribute == 8:
            return self._status(key, client)
        if attribute == 9:
            return obis(0, 0, 43, 0, self._clients.index(client)) if client.is_secured else bytes(6)
        return b"" if field else 0

    def count(self, key: int, attribute: int) -> int:
        """No array is kept here."""
        return 0

    def generation(self, key: int, attribute: int) -> int:
        """Nothing that has elements changes."""
        return 0

    def put(self, now: int, key: int, attribute: int, fields: "list[int | bytes]") -> int:
        """Nothing is written."""
        return apdu.READ_WRITE_DENIED

    def call(self, now: int, key: int, method: int, reader: "Reader | None", writer: "Writer") -> int:
        """The one method is not in the row: its roles have no letter there."""
        return apdu.READ_WRITE_DENIED

    def _status(self, key: int, client: "Client") -> int:
        if key:
            return _STATUS_ASSOCIATED if self._associations.has_open(client.sap) else _STATUS_NON_ASSOCIATED
        return _STATUS_PENDING if self.association is not None and self.association.is_pending else _STATUS_ASSOCIATED

    def _encode_xdlms_context(self, key: int, writer: "Writer") -> None:
        """The current one as agreed, any other as offered."""
        association = None if key else self.association
        client = self._client(key)
        writer.structure(6)
        writer.bit_string(client.conformance if association is None else association.conformance, 24)
        writer.number(UINT16, self._max_receive)
        writer.number(UINT16, client.default_max_pdu if association is None else association.max_send)
        writer.number(UINT8, _DLMS_VERSION)
        writer.number(INT8, 0)
        writer.octets(b"")

    # --- object list ---

    def seen_cnt(self, client: "Client") -> int:
        """Objects that are there for `client`; they never change, so they are counted once."""
        if client.sap not in self._seen_cnt:
            self._seen_cnt[client.sap] = sum([1 for item in self.objects if client.sees(item)])
        return self._seen_cnt[client.sap]

    # --- HLS ---

    def _reply_to_hls(self, now: int, reader: "Reader | None", writer: "Writer") -> int:
        association = self.association
        if association is None or reader is None:
            return apdu.TYPE_UNMATCHED
        answer = self._control.reply_to_hls(now, association, reader.string(OCTET_STRING, _MOST_TOKEN))
        if not answer:
            return apdu.OTHER_REASON
        writer.octets(answer)
        return apdu.SUCCESS


class _ObjectList:
    """object_list as one client sees it (dlms.cosem.values.ArraySource); remembers where it is."""

    generation = 0

    def __init__(self, view: AssociationView, client: "Client") -> None:
        self._view = view
        self._client = client
        self._index = -1
        self._at = -1

    def count(self) -> int:
        """Objects in it."""
        return self._view.seen_cnt(self._client)

    def encode_item(self, index: int, writer: "Writer") -> None:
        """Class, version, logical name, access rights."""
        objects = self._view.objects
        if index < self._index:
            self._index = self._at = -1
        while self._index < index:
            self._at += 1
            if self._client.sees(objects[self._at]):
                self._index += 1
        _encode_object(objects[self._at], self._client.role, writer)


def _encode_object(item: CosemObject, role: int, writer: "Writer") -> None:
    writer.structure(4)
    writer.number(UINT16, item.class_id)
    writer.number(UINT8, item.version)
    writer.octets(item.logical_name)
    writer.structure(2)
    modes = item.rights(role)
    writer.array(len(modes))
    # NOTE: a whole element at once: type by type, this list took a head-end seconds of the gateway's time.
    element = bytearray((STRUCTURE, 3, INT8, 0, ENUM, 0))
    for at in range(len(modes)):
        element[3] = at + 1
        element[5] = modes[at]
        writer.raw(element, 0, 6)
        _encode_selectors(item.selection(at + 1)[0] if modes[at] & ACCESS_READ else 0, writer)
    writer.array(item.method_cnt)
    element[1] = 2
    for index in range(1, item.method_cnt + 1):
        element[3] = index
        element[5] = _CALL if item.may_call(index, role) else ACCESS_NONE
        writer.raw(element, 0, 6)


def _encode_selectors(mask: int, writer: "Writer") -> None:
    """Bit n - 1 of `mask` = access selector n; null-data for none."""
    if not mask:
        writer.null()
        return
    writer.array(sum([mask >> bit & 1 for bit in range(_SELECTORS)]))
    for bit in range(_SELECTORS):
        if mask >> bit & 1:
            writer.number(INT8, bit + 1)


def _object_id(kind: int, arc: int) -> Const:
    """{2 16 756 5 8 `kind` `arc`} as a structure: kind 1 = context names, 2 = mechanisms."""
    head = bytes((STRUCTURE, 7, UINT8, 2, UINT8, 16, UINT16, 756 >> 8, 756 & 0xFF))
    return Const(head + bytes((UINT8, 5, UINT8, 8, UINT8, kind, UINT8, arc)))
