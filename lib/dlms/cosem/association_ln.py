# SPDX-License-Identifier: MIT
"""Association LN (class 15, version 1), the current association 0-0:40.0.0.255.

One object serves every client: what it shows follows from the association whose request
is being answered. Law: object_list holds exactly the objects that client can reach, with
the rights it has.
"""

from micropython import const

from dlms.axdr import ENUM, INT8, STRUCTURE, UINT8, UINT16
from dlms.cosem.object import ROLE_NONE, CosemObject, obis
from dlms.cosem.values import Array, Const, Encoded, number, octets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.association import Association
    from dlms.axdr import Writer

_CLASS = const(15)
_VERSION = const(1)
_METHOD_CNT = const(4)
_SERVER_SAP = const(1)
_SECRET = const(7)
_STATUS_ASSOCIATED = const(2)
_DLMS_VERSION = const(6)
_ACCESS_NONE = const(0)


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
            ],
            _METHOD_CNT,
        )
        view.hidden = (_SECRET,)
        return view

    def _role(self) -> int:
        return ROLE_NONE if self.association is None else self.association.client.role

    def count(self) -> int:
        """Objects the current client may read."""
        role = self._role()
        return sum([1 for item in self.objects if item.readers & role])

    def encode_item(self, index: int, writer: "Writer") -> None:
        """object_list element: class, version, logical name, access rights."""
        role = self._role()
        for item in self.objects:
            if item.readers & role:
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
    writer.array(item.attribute_cnt)
    for index in range(1, item.attribute_cnt + 1):
        writer.structure(3)
        writer.number(INT8, index)
        writer.number(ENUM, item.access(index, role) if item.has(index) else _ACCESS_NONE)
        writer.null()
    writer.array(item.method_cnt)
    for index in range(1, item.method_cnt + 1):
        writer.structure(2)
        writer.number(INT8, index)
        writer.number(ENUM, _ACCESS_NONE)


def _object_id(kind: int, arc: int) -> Const:
    """{2 16 756 5 8 `kind` `arc`} as a structure: kind 1 = context names, 2 = mechanisms."""
    head = bytes((STRUCTURE, 7, UINT8, 2, UINT8, 16, UINT16, 756 >> 8, 756 & 0xFF))
    return Const(head + bytes((UINT8, 5, UINT8, 8, UINT8, kind, UINT8, arc)))
