# SPDX-License-Identifier: MIT
"""What a descriptor points at: the objects of a logical device by logical name.

GET, SET and ACTION look their target up here, so that a client gets the same answer from
all three. Law: an object that a client may do nothing with does not exist for it.
"""

from base.errors import LocalError
from dlms import apdu

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.association import Client
    from dlms.cosem.object import CosemObject


class Targets:
    """The objects of a device. LocalError when two of them have one logical name."""

    def __init__(self, objects: "list[CosemObject]") -> None:
        self._by_name: "dict[bytes, CosemObject]" = {}
        for item in objects:
            if item.logical_name in self._by_name:
                raise LocalError("two objects of one logical name")
            self._by_name[item.logical_name] = item

    def find(self, client: "Client", descriptor: "apdu.Descriptor") -> "tuple[CosemObject | None, int]":
        """(object, SUCCESS) or (None, Data-Access-Result) for this client."""
        found = self._by_name.get(descriptor.logical_name)
        if found is None or not client.sees(found):
            return None, apdu.OBJECT_UNDEFINED
        if found.class_id != descriptor.class_id:
            return None, apdu.OBJECT_CLASS_INCONSISTENT
        return found, apdu.SUCCESS
