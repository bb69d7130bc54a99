# SPDX-License-Identifier: MIT
"""Association LN (class 15, version 3), the current association 0-0:40.0.0.255.

One object serves every client: what it shows follows from the association whose request
is being answered. Law: object_list holds exactly the objects that client can reach, with
the rights it has.
"""

from micropython import const

from dlms.axdr import ENUM, INT8, STRUCTURE, UINT8, UINT16
from dlms.cosem.object import ACCESS_NONE, ACCESS_READ, ROLE_KEYED, ROLE_NONE, CosemObject, obis
from dlms.cosem.values import Array, Const, Encoded, number, octets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.association import Association
    from dlms.axdr import Writer

_CLASS = const(15)
_VERSION = const(3)
_METHOD_CNT = const(6)
_SERVER_SAP = const(1)
_SECRET = const(7)
_STATUS_ASSOCIATED = const(2)
_DLMS_VERSION = const(6)
# Access modes of version 3 are bits: 0 read or call, 1 write, 2 authenticated request, 3 encrypted
# request, 5 authenticated response, 6 encrypted response.
_CALL = const(0x01)
_PROTECTED = const(0x6C)
_SELECTORS = const(8)


class AssociationView:
    """The association object and the list of all objects with it in; array source of 2.

    The server sets `association` before each request it serves.
    """

    generation = 0

    def __init__(self, objects: "list[CosemObject]", max_receive: int) -> None:
        self.association: "Association | None" = None
        self._max_receive = max_receive
        self.objects = list(objects)
        self.objects.append(self._association_object())

    def _association_object(self) -> CosemObject:
        view = CosemObject(
            _CLASS,
            _VERSION,
            obis(0, 0, 40, 0, 0),
            [
                Array(self),
                Encoded(self._encode_partners),
                _object_id(1, 1),
                Encoded(self._encode_xdlms_context),
                _object_id(2, 0),
                octets(b""),
                number(ENUM, _STATUS_ASSOCIATED),
                octets(bytes(6)),
                Const(b"\x01\x00"),  # user_list: users of a client are not told apart
                Const(b"\x02\x02\x11\x00\x0a\x00"),  # current_user {0, ""}
            ],
            _METHOD_CNT,
        )
        view.hidden = (_SECRET,)
        return view

    def _role(self) -> int:
        return ROLE_NONE if self.association is None else self.association.client.role

    def count(self) -> int:
        """Objects the current client may do anything with."""
        role = self._role()
        return sum([1 for item in self.objects if item.is_seen_by(role)])

    def encode_item(self, index: int, writer: "Writer") -> None:
        """object_list element: class, version, logical name, access rights."""
        role = self._role()
        for item in self.objects:
            if item.is_seen_by(role):
                if not index:
                    _encode_object(item, role, writer)
                    return
                index -= 1

    def _encode_partners(self, writer: "Writer") -> None:
        writer.structure(2)
        writer.number(INT8, 0 if self.association is None else self.association.client.sap)
        writer.number(UINT16, _SERVER_SAP)

    def _encode_xdlms_context(self, writer: "Writer") -> None:
        association = self.association
        writer.structure(6)
        writer.bit_string(0 if association is None else association.conformance, 24)
        writer.number(UINT16, self._max_receive)
        writer.number(UINT16, 0 if association is None else association.max_send)
        writer.number(UINT8, _DLMS_VERSION)
        writer.number(INT8, 0)
        writer.octets(b"")


def _encode_object(item: CosemObject, role: int, writer: "Writer") -> None:
    writer.structure(4)
    writer.number(UINT16, item.class_id)
    writer.number(UINT8, item.version)
    writer.octets(item.logical_name)
    writer.structure(2)
    protected = _PROTECTED if role & ROLE_KEYED else 0
    writer.array(item.attribute_cnt)
    for index in range(1, item.attribute_cnt + 1):
        mode = item.access(index, role)
        writer.structure(3)
        writer.number(INT8, index)
        writer.number(ENUM, mode | protected if mode else ACCESS_NONE)
        _encode_selectors(item.selection(index)[0] if mode & ACCESS_READ else 0, writer)
    writer.array(item.method_cnt)
    for index in range(1, item.method_cnt + 1):
        writer.structure(2)
        writer.number(INT8, index)
        writer.number(ENUM, _CALL | protected if item.may_call(index, role) else ACCESS_NONE)


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
