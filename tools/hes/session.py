# SPDX-License-Identifier: MIT
"""One association at a time with a logical device, on dlms-cosem 25.1.0.

Five faults of the library are worked around here, each with a NOTE; its socket
classes are not used, because they spin for ever on a closed connection.  The
law: every failure is a `HesError`, and after one the next `open_*` works.
"""

import contextlib
import logging
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import structlog
from dlms_cosem import a_xdr, cosem, enumerations, exceptions
from dlms_cosem.client import ActionError, DataResultError, DlmsClient, HLSError
from dlms_cosem.connection import DlmsConnection
from dlms_cosem.dlms_data import encode_variable_integer
from dlms_cosem.protocol import xdlms
from dlms_cosem.security import DecryptionError, HighLevelSecurityGmacAuthentication, NoSecurityAuthentication

from tools.hes.errors import HesError, HesRefused
from tools.hes.wire import Wire

PUBLIC_CLIENT, MANAGEMENT_CLIENT = 16, 1
INVOCATION_COUNTER = (1, "0.0.43.1.0.255")  # of a meter
GATEWAY_SAP, GATEWAY_COUNTER = 1, (1, "0.0.43.1.1.255")
_EXCEPTION_RESPONSE = 0xD8
_CHALLENGE_LEN = 16
_REFUSALS = (DataResultError, ActionError, HLSError, exceptions.DlmsClientException)
_MISTAKES = (exceptions.LocalDlmsProtocolError, DecryptionError, ValueError, LookupError, TypeError, AttributeError,
             AssertionError, RuntimeError)

# NOTE: as shipped the library prints every APDU at debug level.
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


class _Transport:
    """What the library asks of a transport, over a shared `Wire`."""

    def __init__(self, wire: Wire, client_sap: int, server_sap: int) -> None:
        self.client_logical_address = client_sap
        self.server_logical_address = server_sap
        self._wire = wire

    def connect(self) -> None:
        """The connection is open already."""

    def disconnect(self) -> None:
        """Other sessions go on using the connection."""

    def send_request(self, apdu: bytes) -> bytes:
        """One APDU there, one back."""
        return self._wire.ask(self.client_logical_address, self.server_logical_address, apdu)


class _LongGeneralGlo:
    """A general-glo APDU with a right length field."""

    def __init__(self, inner: "xdlms.GeneralGlobalCipher") -> None:
        self._inner = inner

    def to_bytes(self) -> bytes:
        """The octets."""
        inner = self._inner
        content = inner.security_control.to_bytes() + inner.invocation_counter.to_bytes(4, "big") + inner.ciphered_text
        title = inner.system_title or b""
        return bytes((inner.TAG, len(title))) + title + encode_variable_integer(len(content)) + content


class _Connection(DlmsConnection):
    """NOTE: the library writes the length of ciphered content in one octet, so what is longer than 127 octets is
    malformed (an image block of 100 octets is); this class corrects that."""

    def protect(self, event: object) -> object:
        """Cipher a request."""
        protected = super().protect(event)
        return _LongGeneralGlo(protected) if isinstance(protected, xdlms.GeneralGlobalCipher) else protected


class _Decoder(a_xdr.AXdrDecoder):
    """NOTE: the library reads past the end of truncated data as null-data, for ever and into memory; here it stops."""

    def get_bytes(self, length: int) -> bytearray:
        """The next octets."""
        if self.pointer + length > len(self.buffer):
            raise ValueError("data cut short")
        return super().get_bytes(length)


def decoded(encoded: bytes) -> Any:
    """The value of one Data in A-XDR. ValueError and others of the library when it is none."""
    return _Decoder(encoding_conf=a_xdr.EncodingConf([a_xdr.Sequence("value")])).decode(encoded)["value"]


class Keys:
    """What the management client needs: global unicast encryption key, authentication key, its own system title.

    `master` wraps keys that are sent; empty when none are.
    """

    def __init__(self, encryption: bytes, authentication: bytes, title: bytes, master: bytes = b"") -> None:
        self.encryption = encryption
        self.authentication = authentication
        self.title = title
        self.master = master


class Session:
    """A head-end on one connection. Values are int, bool, bytes, or lists of those."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._client: "DlmsClient | None" = None

    def open_public(self, server_sap: int) -> None:
        """Associate as the client without security."""
        transport = _Transport(self._wire, PUBLIC_CLIENT, server_sap)
        self._associate(DlmsClient(transport=transport, authentication=NoSecurityAuthentication()))

    def open_management(self, server_sap: int, keys: Keys, counter: int) -> None:
        """Associate with HLS-GMAC, authenticated and encrypted; `counter` is the first invocation counter used."""
        authentication = HighLevelSecurityGmacAuthentication(challenge_length=_CHALLENGE_LEN)
        # NOTE: the library wants the meter's counter above what it has, and has 0; a new meter's first one is 0.
        connection = _Connection(
            client_system_title=keys.title, authentication=authentication, global_encryption_key=keys.encryption,
            global_authentication_key=keys.authentication, client_invocation_counter=counter,
            meter_invocation_counter=-1)
        transport = _Transport(self._wire, MANAGEMENT_CLIENT, server_sap)
        self._associate(DlmsClient(
            transport=transport, authentication=authentication, encryption_key=keys.encryption,
            authentication_key=keys.authentication, client_system_title=keys.title, dlms_connection=connection))

    def open(self, server_sap: int, keys: Keys) -> None:
        """`open_management` with a counter one above what the meter last saw, read by the public client."""
        self.open_public(server_sap)
        counter = self.get(*INVOCATION_COUNTER, 2)
        self.release()
        self.open_management(server_sap, keys, counter + 1)

    def open_gateway(self, keys: Keys) -> None:
        """The management client of the gateway itself (docs/security.md), its counter read in the same way."""
        self.open_public(GATEWAY_SAP)
        counter = self.get(*GATEWAY_COUNTER, 2)
        self.release()
        self.open_management(GATEWAY_SAP, keys, counter + 1)

    def get(self, class_id: int, obis: str, attribute: int) -> Any:
        """Read an attribute, by blocks if it is long."""
        with self._translated() as client:
            what = cosem.CosemAttribute(enumerations.CosemInterface(class_id), cosem.Obis.from_string(obis), attribute)
            return decoded(client.get(what))

    def set(self, class_id: int, obis: str, attribute: int, encoded: bytes) -> None:
        """Write an attribute; the value in A-XDR."""
        with self._translated() as client:
            what = cosem.CosemAttribute(enumerations.CosemInterface(class_id), cosem.Obis.from_string(obis), attribute)
            response = client.set(what, encoded)
        if response.result != enumerations.DataAccessResult.SUCCESS:
            raise HesRefused(f"SET {obis}: {response.result.name}")

    def action(self, class_id: int, obis: str, method: int, encoded: bytes) -> None:
        """Invoke a method; the parameter in A-XDR."""
        with self._translated() as client:
            what = cosem.CosemMethod(_interface(class_id), cosem.Obis.from_string(obis), method)
            client.action(what, encoded)

    def release(self) -> None:
        """Give the association up."""
        with self._translated() as client:
            self._client = None
            client.release_association()

    def _associate(self, client: DlmsClient) -> None:
        self._client = client
        with self._translated():
            client.associate()

    def _was_refused(self) -> bool:
        return self._wire.received[-1:] != [] and self._wire.received[-1][0] == _EXCEPTION_RESPONSE

    @contextlib.contextmanager
    def _translated(self) -> "Iterator[DlmsClient]":
        if self._client is None:
            raise HesError("no association")
        try:
            yield self._client
        except _REFUSALS as error:
            raise HesRefused(_words(error)) from error
        except _MISTAKES as error:
            # NOTE: on an exception-response the library reads on in an empty buffer after a GET, and finds that no
            # such event is foreseen after a SET or ACTION.
            if self._was_refused():
                raise HesRefused(f"refused, exception-response {self._wire.received[-1].hex(' ')}") from error
            raise HesError(f"answer not understood: {_words(error)}") from error


def connect(host: str, port: int, timeout_s: float, tls: "ssl.SSLContext | None" = None) -> Wire:
    """A connection to a gateway or meter, over TLS with a context; `HesError` when there is none."""
    try:
        plain = socket.create_connection((host, port), timeout_s)
    except OSError as error:
        raise HesError(f"no connection to {host}:{port}: {error.strerror or error}") from error
    if tls is None:
        return Wire(plain, timeout_s)
    try:
        return Wire(tls.wrap_socket(plain, server_hostname=host), timeout_s)
    except (OSError, ValueError) as error:
        plain.close()
        raise HesError(f"no TLS with {host}:{port}: {_of_tls(error)}") from error


def _of_tls(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {error.verify_message}"
    if isinstance(error, ssl.SSLEOFError | ConnectionResetError):
        return "closed in the handshake: no TLS on that port, or more than tls.handshakes_per_min were begun"
    if isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or ""):
        return f"it refuses us ({error.reason}); perhaps for want of a certificate of its authority (--tls-cert)"
    return str(error)


def _interface(class_id: int) -> Any:
    """NOTE: the library knows no manufacturer's class (20002); all it asks of a class is its two octets, so the number
    itself does as well."""
    try:
        return enumerations.CosemInterface(class_id)
    except ValueError:
        return class_id


def _words(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
