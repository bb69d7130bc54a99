# SPDX-License-Identifier: MIT
"""One COSEM object: class, version, logical name, attributes with who may read them.

Data-driven: a class is a function that fills in the attributes of an instance; the server
knows no class. Law: an attribute is listed in the association view exactly as it can be read.
"""

from micropython import const

from base.errors import LocalError
from dlms.cosem.values import octets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.cosem.values import Value

# Who may read: one bit per kind of client (dlms.association.Client.role).
ROLE_PUBLIC = const(0x01)
ROLE_ALL = const(0xFF)
ROLE_NONE = const(0x00)

ACCESS_NONE = const(0)
ACCESS_READ = const(1)


def obis(a: int, b: int, c: int, d: int, e: int) -> bytes:
    """Logical name A-B:C.D.E.255."""
    return bytes((a, b, c, d, e, 255))


class CosemObject:
    """An instance. `values[i]` is attribute i + 2 (attribute 1 is the logical name).

    `None` there means that the attribute exists in the class but not in this device.
    `readers` are the roles that may read every attribute but those in `hidden`, a tuple of
    attribute ids nobody may read. `method_cnt` methods are listed, none may be called.
    """

    def __init__(
        self, class_id: int, version: int, logical_name: bytes, values: "list[Value | None]", method_cnt: int = 0
    ) -> None:
        if len(logical_name) != 6:
            raise LocalError("logical name of %d octets" % len(logical_name))
        self.class_id = class_id
        self.version = version
        self.logical_name = logical_name
        self.method_cnt = method_cnt
        self.readers = ROLE_ALL
        self.hidden: "tuple[int, ...]" = ()
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

    def access(self, index: int, role: int) -> int:
        """ACCESS_READ or ACCESS_NONE of attribute `index` for clients of `role`."""
        if index in self.hidden or not self.readers & role:
            return ACCESS_NONE
        return ACCESS_READ
