# SPDX-License-Identifier: MIT
"""gurux-dlms (GPL-2, test-time only) as a head-end.

The library makes and reads whole WPDUs; the socket is ours.  It ciphers with
service-specific glo- APDUs unless general protection is negotiated, and never
checks a tag: what it accepts proves nothing about integrity.
"""

import contextlib
import importlib
from collections.abc import Iterator

from gurux_dlms import GXByteBuffer, GXDLMSException, GXDLMSExceptionResponse, GXReplyData
from gurux_dlms.enums import Authentication, Conformance, DataType, InterfaceType, Security
from gurux_dlms.GXDLMSConfirmedServiceError import GXDLMSConfirmedServiceError
from gurux_dlms.objects import GXDLMSImageTransfer, GXDLMSObject
from gurux_dlms.secure import GXDLMSSecureClient

from host_tests.peers.hes import AK, EK, IMAGE, MANAGEMENT, PUBLIC, ZERO, Hes, Typed
from tools.hes.errors import HesError, HesRefused
from tools.hes.wire import Wire

_HEADER_LEN = 8  # of the wrapper
_REFUSALS = (GXDLMSException, GXDLMSExceptionResponse, GXDLMSConfirmedServiceError)
_MISTAKES = (ValueError, TypeError, LookupError, AttributeError, AssertionError)
_TEMPORARY_FAILURE = 2
_MAX_POLLS = 20
_GBT_ONLY = Conformance.GET | Conformance.SET | Conformance.ACTION | Conformance.GENERAL_BLOCK_TRANSFER
_GBT_PDU = 200

# NOTE: the library prints two lines for every APDU it ciphers.
vars(importlib.import_module("gurux_dlms.GXDLMSChippering"))["print"] = lambda *_: None


class _Generic(GXDLMSObject):
    """An object the library need not know: class and name only."""

    def __init__(self, class_id: int, obis: str) -> None:
        super().__init__(class_id, obis, 0)


class GuruxHes(Hes):
    """Head-end on gurux-dlms."""

    title = b"GRX\x00\x00\x00\x00\x03"

    def __init__(self, wire: Wire, general: bool = False, gbt_window: int = 0) -> None:
        super().__init__(wire, general)
        self._gbt_window = gbt_window  # > 0: long answers come by general block transfer, of 200 octets
        self._client: "GXDLMSSecureClient | None" = None

    def open_public(self, server_sap: int) -> None:
        """Associate as the client without security."""
        self._associate(GXDLMSSecureClient(True, PUBLIC, server_sap, Authentication.NONE, None, InterfaceType.WRAPPER))

    def open_management(self, server_sap: int, counter: int) -> None:
        """Associate as the management client, first invocation counter given."""
        client = GXDLMSSecureClient(
            True, MANAGEMENT, server_sap, Authentication.HIGH_GMAC, None, InterfaceType.WRAPPER)
        client.ciphering.security = Security.AUTHENTICATION_ENCRYPTION
        client.ciphering.systemTitle = self.title
        client.ciphering.blockCipherKey = EK
        client.ciphering.authenticationKey = AK
        client.ciphering.invocationCounter = counter
        if self.general:
            client.proposedConformance |= Conformance.GENERAL_PROTECTION
        else:
            client.proposedConformance &= ~Conformance.GENERAL_PROTECTION
        if self._gbt_window:
            client.proposedConformance = _GBT_ONLY
            client.settings.gbtWindowSize = self._gbt_window
            client.maxReceivePDUSize = _GBT_PDU
            client.settings.blockNumber = 0  # NOTE: receiverReady takes it from here, and nobody else knows it
        self._associate(client)

    def object_names(self) -> "list[tuple[int, str]]":
        """(class, logical name) of the association view."""
        with self._translated() as client:
            found = client.parseObjects(self._ask(client, client.getObjectsRequest()).data, True)
        return [(int(item.objectType), item.logicalName) for item in found]

    def get(self, class_id: int, obis: str, attribute: int):  # type: ignore[no-untyped-def]
        """An attribute as int, bool, bytes, or list of those."""
        with self._translated() as client:
            return _plain(self._ask(client, client.read(_Generic(class_id, obis), attribute)).value)

    def set(self, class_id: int, obis: str, attribute: int, value: Typed) -> None:
        """Write an attribute."""
        with self._translated() as client:
            target = _Generic(class_id, obis)
            target.setDataType(attribute, DataType(value.tag))
            target.getValue = lambda settings, event: value.value  # type: ignore[method-assign]
            self._ask(client, client.write(target, attribute))

    def action(self, class_id: int, obis: str, method: int, parameter: Typed = ZERO) -> None:
        """Invoke a method."""
        with self._translated() as client:
            self._ask(client, client.method(_Generic(class_id, obis), method, parameter.value, DataType(parameter.tag)))

    def image(self, identifier: bytes, octets: bytes) -> None:
        """Transfer, verify and activate a firmware image."""
        target = GXDLMSImageTransfer(IMAGE[1])
        target.imageBlockSize = self.get(*IMAGE, 2)
        with self._translated() as client:
            self._ask(client, target.imageTransferInitiate(client, identifier.decode("ascii"), len(octets)))
        count = -(-len(octets) // target.imageBlockSize)
        for number in range(count):
            self._send_block(target, number, octets)
        self._finish(target.imageVerify, 3)
        self._finish(target.imageActivate, 6)

    def release(self) -> None:
        """Give the association up."""
        with self._translated() as client:
            self._client = None
            self._ask(client, client.releaseRequest())

    def _send_block(self, target: GXDLMSImageTransfer, number: int, octets: bytes) -> None:
        # NOTE: imageBlockTransfer() makes all requests at once, but ciphers them with one invocation counter, because
        # only receiving a reply moves it on; the meter then refuses the second block.  So: one request at a time.
        size = target.imageBlockSize
        block = GXByteBuffer(b"\x02\x02" + Typed(6, number).encoded() + b"\x09")
        part = octets[number * size:(number + 1) * size]
        if len(part) >= 0x80:
            block.setUInt8(0x82)
            block.setUInt16(len(part))
        else:
            block.setUInt8(len(part))
        block.set(part)
        with self._translated() as client:
            self._ask(client, client.method(target, 2, block, DataType.ARRAY))

    def _finish(self, request, wanted_status: int) -> None:  # type: ignore[no-untyped-def]
        try:
            with self._translated() as client:
                self._ask(client, request(client))
            return
        except HesRefused as refusal:
            if getattr(refusal.__cause__, "errorCode", None) != _TEMPORARY_FAILURE:
                raise
        if not any(self.get(*IMAGE, 6) == wanted_status for _ in range(_MAX_POLLS)):
            raise HesError("image transfer does not end")

    def _associate(self, client: GXDLMSSecureClient) -> None:
        self._client = client
        with self._translated():
            client.parseAareResponse(self._ask(client, client.aarqRequest()).data)
            if client.isAuthenticationRequired:
                reply = self._ask(client, client.getApplicationAssociationRequest())
                client.parseApplicationAssociationResponse(reply.data)

    def _ask(self, client: GXDLMSSecureClient, wpdus: "list[bytes]") -> GXReplyData:
        reply = GXReplyData()
        for wpdu in wpdus if isinstance(wpdus, list) else [wpdus]:
            reply.clear()
            self._exchange(client, wpdu, reply)
            while reply.isMoreData():
                if reply.streaming:
                    self._take(client, self.wire.receive(client.clientAddress, client.serverAddress), reply)
                else:
                    client.settings.blockNumber = client.settings.blockIndex
                    self._exchange(client, client.receiverReady(reply), reply)
        return reply

    def _exchange(self, client: GXDLMSSecureClient, wpdu: bytes, reply: GXReplyData) -> None:
        answer = self.wire.ask(client.clientAddress, client.serverAddress, bytes(wpdu[_HEADER_LEN:]))
        self._take(client, answer, reply)

    def _take(self, client: GXDLMSSecureClient, answer: bytes, reply: GXReplyData) -> None:
        header = b"".join(number.to_bytes(2, "big") for number in (
            1, client.serverAddress, client.clientAddress, len(answer)))
        if not client.getData(GXByteBuffer(header + answer), reply, GXReplyData()):
            raise HesError("gurux-dlms: reply not understood")
        if reply.error:  # NOTE: the library stores an error result and goes on
            raise GXDLMSException(reply.error)

    @contextlib.contextmanager
    def _translated(self) -> "Iterator[GXDLMSSecureClient]":
        if self._client is None:
            raise HesError("no association")
        try:
            yield self._client
        except _REFUSALS as error:
            raise HesRefused(f"{type(error).__name__}: {error}") from error
        except _MISTAKES as error:
            raise HesError(f"gurux-dlms: {error!r}") from error


def _plain(value: object) -> object:
    """The library's number, string and list classes as plain Python."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (bytearray, GXByteBuffer)):
        return bytes(value)
    return value
