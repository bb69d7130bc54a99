# SPDX-License-Identifier: MIT
"""pydlms-client (GPL-3, test-time only) as a head-end.

The strictest of the three: it checks wPorts, tags, counters and that a
protected association answers protected.  It ciphers with service-specific glo-
APDUs, or with general-glo or general-ciphering when asked to.
"""

import contextlib
from collections.abc import Iterator

from pydlms.association import AssociationSettings
from pydlms.client import DlmsClient
from pydlms.cosem.data import DlmsData
from pydlms.cosem.enums import DataType
from pydlms.exceptions import DlmsError, ServiceError
from pydlms.image import transfer_image
from pydlms.link import ApduLink
from pydlms.security.context import SecurityContext
from pydlms.security.general import GeneralAad, KeyInfo
from pydlms.security.hls import Mechanism

from host_tests.peers.hes import AK, EK, MANAGEMENT, PUBLIC, ZERO, Hes, Typed
from tools.hes.errors import HesError, HesRefused
from tools.hes.wire import Wire


class _Link(ApduLink):
    """What the library asks of a framing layer, over a shared `Wire`."""

    def __init__(self, wire: Wire, client_sap: int, server_sap: int) -> None:
        self.client_sap = client_sap
        self._server_sap = server_sap
        self._wire = wire

    def connect(self) -> None:
        """The connection is open already."""

    def disconnect(self) -> None:
        """Other sessions go on using the connection."""

    def send_apdu(self, apdu: bytes) -> None:
        """Send one APDU."""
        self._wire.send(self.client_sap, self._server_sap, apdu)

    def receive_apdu(self, timeout: "float | None" = None) -> bytes:
        """The next APDU from our server to our client."""
        return self._wire.receive(self.client_sap, self._server_sap, timeout)


class PydlmsHes(Hes):
    """Head-end on pydlms-client."""

    title = b"HPY\x00\x00\x00\x00\x02"

    def __init__(
        self,
        wire: Wire,
        general: bool = False,
        propose_gbt: bool = False,
        gbt_window: int = 1,
        ciphering: "tuple[GeneralAad, KeyInfo] | None" = None,
    ) -> None:
        """`ciphering`: general-ciphering, what its tag covers and the key it names."""
        super().__init__(wire, general)
        self._ciphering = ciphering
        self._gbt = {"propose_gbt": propose_gbt, "gbt_window": gbt_window}
        self._client: "DlmsClient | None" = None

    def open_public(self, server_sap: int) -> None:
        """Associate as the client without security."""
        self._associate(PUBLIC, server_sap, AssociationSettings(**self._gbt))

    def open_management(self, server_sap: int, counter: int) -> None:
        """Associate as the management client, first invocation counter given."""
        security = SecurityContext(EK, AK, client_system_title=self.title, invocation_counter=counter)
        protection, key_info = "general-glo" if self.general else "glo", None
        if self._ciphering is not None:
            security.general_aad, key_info = self._ciphering
            protection = "general-ciphering"
        self._associate(MANAGEMENT, server_sap, AssociationSettings(
            mechanism=Mechanism.HLS_GMAC, security=security, protection=protection, key_info=key_info, **self._gbt))

    def get(self, class_id: int, obis: str, attribute: int):  # type: ignore[no-untyped-def]
        """An attribute as int, bool, bytes, or list of those."""
        with self._translated() as client:
            return client.get(obis, class_id, attribute).to_python()

    def set(self, class_id: int, obis: str, attribute: int, value: Typed) -> None:
        """Write an attribute."""
        with self._translated() as client:
            client.set(obis, class_id, attribute, DlmsData(DataType(value.tag), value.value))

    def action(self, class_id: int, obis: str, method: int, parameter: Typed = ZERO) -> None:
        """Invoke a method."""
        with self._translated() as client:
            client.action(obis, class_id, method, DlmsData(DataType(parameter.tag), parameter.value))

    def image(self, identifier: bytes, octets: bytes) -> None:
        """Transfer, verify and activate a firmware image."""
        with self._translated() as client:
            transfer_image(client, octets, identifier, activate=True, poll=0, timeout=self.wire.timeout_s)

    def release(self) -> None:
        """Give the association up."""
        with self._translated() as client:
            self._client = None
            client.close()

    def _associate(self, client_sap: int, server_sap: int, settings: AssociationSettings) -> None:
        self._client = DlmsClient(_Link(self.wire, client_sap, server_sap), settings)
        with self._translated() as client:
            client.connect()

    @contextlib.contextmanager
    def _translated(self) -> "Iterator[DlmsClient]":
        if self._client is None:
            raise HesError("no association")
        try:
            yield self._client
        except ServiceError as error:
            raise HesRefused(str(error)) from error
        except DlmsError as error:
            kind = HesRefused if self.was_refused else HesError
            raise kind(f"pydlms: {error!r}") from error
