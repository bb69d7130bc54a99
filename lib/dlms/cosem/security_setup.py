# SPDX-License-Identifier: MIT
"""Security setup (class 64, version 1) 0-0:43.0.e.255 and invocation counter (Data) 0-0:43.1.e.255 per keyed client.

e = 1 management, 2 read-write, 3 firmware, 4 read-only (facts dlms 8). Law: a policy only gets stricter, a key only
comes wrapped by the master key, and no attribute shows one. There are no certificates: suites 1 and 2 are used
with symmetric keys only, so the methods for them cannot be called.
"""

from micropython import const

from base import events
from base.errors import LocalError
from base.log import NOTICE, WARNING
from dlms.apdu import OTHER_REASON, SUCCESS, TEMPORARY_FAILURE, TYPE_UNMATCHED
from dlms.axdr import ARRAY, ENUM, OCTET_STRING, STRUCTURE
from dlms.cosem.object import ROLE_ALL, ROLE_KEYED
from dlms.cosem.rows import objects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.log import Log
    from dlms.axdr import Reader, Writer
    from dlms.cosem.object import CosemObject
    from dlms.security.device_security import DeviceSecurity

# 2 security_policy, 3 security_suite, 4 client_system_title, 5 server_system_title, 6 certificates (entity, type,
# serial number, issuer, subject, alternative name); methods security_activate, key_transfer, key_agreement,
# generate_key_pair, generate_certificate_request, import, export, remove_certificate
_WORDS = const("e e o o [eeoooo")
_METHODS = const("mm------")
_SETUPS = (
    (0, 64, 1, b"\x00\x00\x2b\x00\x01\xff", _METHODS, _WORDS),
    (1, 64, 1, b"\x00\x00\x2b\x00\x02\xff", _METHODS, _WORDS),
    (2, 64, 1, b"\x00\x00\x2b\x00\x03\xff", _METHODS, _WORDS),
    (3, 64, 1, b"\x00\x00\x2b\x00\x04\xff", _METHODS, _WORDS),
)
_COUNTERS = (
    (0x10, 1, 0, b"\x00\x00\x2b\x01\x01\xff", "", "I"),
    (0x11, 1, 0, b"\x00\x00\x2b\x01\x02\xff", "", "I"),
    (0x12, 1, 0, b"\x00\x00\x2b\x01\x03\xff", "", "I"),
    (0x13, 1, 0, b"\x00\x00\x2b\x01\x04\xff", "", "I"),
)
_IS_COUNTER = const(0x10)
_ROW = const(0x0F)
_POLICY, _SUITE, _CLIENT_TITLE = const(2), const(3), const(4)
_ACTIVATE = const(1)
_MOST_KEYS = const(4)  # unicast, broadcast, authentication, master
_MOST_WRAPPED = const(40)  # a key of 32 octets (RFC 3394)


class SecuritySetups:
    """RowSource; key = row of the client in the key store, + 16 for its invocation counter."""

    def __init__(self, security: "DeviceSecurity", log: "Log") -> None:
        self._security = security
        self._log = log

    def objects(self) -> "list[CosemObject]":
        """Four of each; the counters are for everybody: a client needs its own before it can open anything."""
        return objects(_SETUPS, self, ROLE_KEYED) + objects(_COUNTERS, self, ROLE_ALL)

    def value(self, key: int, attribute: int, field: int, item: int) -> "int | bytes":
        """The invocation counter last taken from the client, or attributes 2 to 5."""
        row = key & _ROW
        if key & _IS_COUNTER:
            return self._security.invocation_counters.last(row)
        keys = self._security.keys.clients[row]
        if attribute == _POLICY:
            return keys.policy
        if attribute == _SUITE:
            return keys.suite
        # A client's title is that of each association, not one for all.
        return b"" if attribute == _CLIENT_TITLE else self._security.ciphering.system_title

    def count(self, key: int, attribute: int) -> int:
        """No certificates."""
        return 0

    def generation(self, key: int, attribute: int) -> int:
        """No certificates."""
        return 0

    def call(self, now: int, key: int, method: int, reader: "Reader | None", writer: "Writer") -> int:
        """security_activate(enum policy), key_transfer(array of {enum key id, wrapped key}).

        New keys are on flash when the answer says success, and used behind that answer.
        """
        if reader is None:
            return TYPE_UNMATCHED
        keys = self._security.keys
        sap = keys.clients[key & _ROW].sap
        if method == _ACTIVATE:
            policy = reader.number(ENUM)
            try:
                result = keys.strengthen(sap, policy)
            except LocalError:  # new keys wait for the end of this same request
                result = TEMPORARY_FAILURE
            return self._note(events.POLICY_CHANGED, sap, policy, result)
        transfers = _read_transfers(reader)
        result = keys.replace(sap, transfers) if transfers else OTHER_REASON
        return self._note(events.KEYS_CHANGED, sap, len(transfers), result)

    def _note(self, event: int, sap: int, detail: int, result: int) -> int:
        if result == SUCCESS:
            self._log.add(NOTICE, event, a=sap, b=detail)
        else:
            self._log.add(WARNING, events.SECURITY_REFUSED, a=sap, b=result)
        return result


def _read_transfers(reader: "Reader") -> "list[tuple[int, bytes]]":
    transfers = []
    for _ in range(reader.elements(ARRAY, _MOST_KEYS)):
        reader.elements(STRUCTURE, 2, 2)
        key_id = reader.number(ENUM)
        transfers.append((key_id, reader.string(OCTET_STRING, _MOST_WRAPPED, 24)))
    return transfers
