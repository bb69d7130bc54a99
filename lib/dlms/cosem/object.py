# SPDX-License-Identifier: MIT
"""One COSEM object: class, version, logical name, attributes and methods with who may use them.

Data-driven: a class is a function that fills in the attributes of an instance; the server
knows no class. Law: the association view lists exactly what can be read, written and called.
"""

from micropython import const

from base.errors import LocalError
from dlms.cosem.values import octets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from dlms.axdr import Reader, Writer
    from dlms.cosem.values import Value

    Setter = Callable[[int, Reader], int]
    Method = Callable[[int, "Reader | None", Writer], int]
    Selector = Callable[[int, Reader], "Value | None"]

# Who may: one bit per kind of client (dlms.association.Client.role).
ROLE_PUBLIC = const(0x01)
ROLE_MANAGEMENT = const(0x02)
ROLE_READ_WRITE = const(0x04)
ROLE_FIRMWARE = const(0x08)
ROLE_READ_ONLY = const(0x10)
ROLE_KEYED = const(0x1E)  # everybody who has authenticated
ROLE_ALL = const(0xFF)
ROLE_NONE = const(0x00)

# Attribute access of association versions 0 to 2: what this role may do.
ACCESS_NONE = const(0)
ACCESS_READ = const(1)
ACCESS_WRITE = const(2)


def obis(a: int, b: int, c: int, d: int, e: int) -> bytes:
    """Logical name A-B:C.D.E.255."""
    return bytes((a, b, c, d, e, 255))


class CosemObject:
    """An instance. `values[i]` is attribute i + 2 (attribute 1 is the logical name).

    `None` there means that the attribute exists in the class but not in this device.
    `readers` are the roles that may read every attribute but those in `hidden`, a tuple of
    attribute ids nobody may read. `method_cnt` methods are listed; those given with `callable`
    may be called. An object is seen by a role that may do anything with it.
    """

    # NOTE: of the class until one differs: on a 32-bit board each attribute of an instance is 8 octets or more.
    readers = ROLE_ALL
    hidden: "tuple[int, ...]" = ()
    _setters: "dict[int, tuple[int, Setter]] | None" = None
    _methods: "dict[int, tuple[int, Method]] | None" = None
    _selectors: "dict[int, tuple[int, Selector]] | None" = None

    def __init__(
        self, class_id: int, version: int, logical_name: bytes, values: "list[Value | None]", method_cnt: int = 0
    ) -> None:
        if len(logical_name) != 6:
            raise LocalError("logical name of %d octets" % len(logical_name))
        self.class_id = class_id
        self.version = version
        self.logical_name = logical_name
        self.method_cnt = method_cnt
        self._values: "list[Value | None]" = [octets(logical_name)]
        self._values.extend(values)

    @property
    def attribute_cnt(self) -> int:
        """Number of attributes of the class, logical name included."""
        return len(self._values)

    def has(self, index: int) -> bool:
        """Attribute `index` exists in this device."""
        return 1 <= index <= len(self._values) and self._values[index - 1] is not None

    def value(self, index: int) -> "Value":
        """Value of attribute `index`. LocalError when `has(index)` is false."""
        value = self._values[index - 1]
        if value is None:
            raise LocalError("attribute %d of class %d" % (index, self.class_id))
        return value

    # --- what it lets others do ---

    def writable(self, index: int, roles: int, setter: "Setter") -> "CosemObject":
        """Attribute `index` may be SET by `roles`. Returns self.

        `setter(now, reader)`: the reader stands at the Data value and must be read to its last
        octet; answers a Data-Access-Result of dlms.apdu and changes nothing unless that is SUCCESS.
        RemoteError from the reader = the wrong type or shape.
        """
        if self._setters is None:
            self._setters = {}
        self._setters[index] = (roles, setter)
        return self

    def callable(self, index: int, roles: int, method: "Method") -> "CosemObject":
        """Method `index` may be called by `roles`. Returns self.

        `method(now, reader, writer)`: the reader stands at the parameter (a Data value; None = there
        was none), return data is written as one Data value, or not at all; answers an Action-Result,
        whose numbers are those of Data-Access-Result. RemoteError as for a setter.
        """
        if not 1 <= index <= self.method_cnt:
            raise LocalError("method %d of class %d" % (index, self.class_id))
        if self._methods is None:
            self._methods = {}
        self._methods[index] = (roles, method)
        return self

    def selective(self, index: int, mask: int, select: "Selector") -> "CosemObject":
        """Attribute `index` has selective access; bit n - 1 of `mask` = access selector n. Returns self.

        `select(selector, reader)`: the value asked for, None when the selection makes no sense here.
        """
        if self._selectors is None:
            self._selectors = {}
        self._selectors[index] = (mask, select)
        return self

    def access(self, index: int, role: int) -> int:
        """ACCESS_READ and ACCESS_WRITE, or neither, of attribute `index` for clients of `role`."""
        granted = ACCESS_NONE
        if index not in self.hidden and self.readers & role and self.has(index):
            granted = ACCESS_READ
        if self._setters is not None and index in self._setters and self._setters[index][0] & role:
            granted |= ACCESS_WRITE
        return granted

    def rights(self, role: int) -> "bytes | bytearray":
        """`access` of every attribute from 1 on, one octet each: what an object list shows."""
        return bytes([self.access(index, role) for index in range(1, self.attribute_cnt + 1)])

    def setter(self, index: int) -> "Setter":
        """Of an attribute with ACCESS_WRITE."""
        if self._setters is None:
            raise LocalError("attribute %d of class %d" % (index, self.class_id))
        return self._setters[index][1]

    def may_call(self, index: int, role: int) -> bool:
        """Method `index` may be called by `role`."""
        return self._methods is not None and index in self._methods and bool(self._methods[index][0] & role)

    def method(self, index: int) -> "Method":
        """Of a method that may be called."""
        if self._methods is None:
            raise LocalError("method %d of class %d" % (index, self.class_id))
        return self._methods[index][1]

    def selection(self, index: int) -> "tuple[int, Selector | None]":
        """(mask of access selectors, who makes the selection) of an attribute; (0, None) = none."""
        if self._selectors is None or index not in self._selectors:
            return 0, None
        return self._selectors[index]

    def is_seen_by(self, role: int) -> bool:
        """It stands in the object list of `role`."""
        if self.readers & role:
            return True
        for rows in (self._setters, self._methods):
            if rows is not None and any([row[0] & role for row in rows.values()]):
                return True
        return False
