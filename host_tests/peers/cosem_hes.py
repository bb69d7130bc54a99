# SPDX-License-Identifier: MIT
"""dlms-cosem (MIT) as a head-end: the session class of tools.hes behind the common interface.

It always ciphers with general-glo.  `wire.received` decides nothing here: the
library ignores SAPs, the `Wire` does not.
"""

from dlms_cosem.dlms_data import encode_variable_integer

from host_tests.peers.hes import AK, EK, IMAGE, OCTET_STRING, UINT32, ZERO, Hes, Typed
from tools.hes.errors import HesError, HesRefused
from tools.hes.session import Keys, Session
from tools.hes.wire import Wire

_TEMPORARY_FAILURE = "TEMPORARY_FAILURE"
_MAX_POLLS = 20


class CosemHes(Hes):
    """Head-end on dlms-cosem."""

    title = b"DLC\x00\x00\x00\x00\x01"

    def __init__(self, wire: Wire, general: bool = True) -> None:
        super().__init__(wire, general)
        self._session = Session(wire)

    def open_public(self, server_sap: int) -> None:
        """Associate as the client without security."""
        self._session.open_public(server_sap)

    def open_management(self, server_sap: int, counter: int) -> None:
        """Associate as the management client, first invocation counter given."""
        self._session.open_management(server_sap, Keys(EK, AK, self.title), counter)

    def get(self, class_id: int, obis: str, attribute: int):  # type: ignore[no-untyped-def]
        """An attribute as int, bool, bytes, or list of those."""
        return self._session.get(class_id, obis, attribute)

    def set(self, class_id: int, obis: str, attribute: int, value: Typed) -> None:
        """Write an attribute."""
        self._session.set(class_id, obis, attribute, value.encoded())

    def action(self, class_id: int, obis: str, method: int, parameter: Typed = ZERO) -> None:
        """Invoke a method."""
        self._session.action(class_id, obis, method, parameter.encoded())

    def image(self, identifier: bytes, octets: bytes) -> None:
        """Transfer, verify and activate a firmware image."""
        size = self.get(*IMAGE, 2)
        header = Typed(OCTET_STRING, identifier).encoded() + Typed(UINT32, len(octets)).encoded()
        self._session.action(*IMAGE, 1, b"\x02\x02" + header)
        for number in range(-(-len(octets) // size)):
            part = octets[number * size:(number + 1) * size]
            string = bytes((OCTET_STRING,)) + encode_variable_integer(len(part)) + part
            self._session.action(*IMAGE, 2, b"\x02\x02" + Typed(UINT32, number).encoded() + string)
        self._finish(3, 3)
        self._finish(4, 6)

    def release(self) -> None:
        """Give the association up."""
        self._session.release()

    def _finish(self, method: int, wanted_status: int) -> None:
        try:
            self.action(*IMAGE, method)
            return
        except HesRefused as refusal:
            if _TEMPORARY_FAILURE not in str(refusal):
                raise
        if not any(self.get(*IMAGE, 6) == wanted_status for _ in range(_MAX_POLLS)):
            raise HesError(f"image method {method} does not end")
