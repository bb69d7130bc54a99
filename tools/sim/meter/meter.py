# SPDX-License-Identifier: MIT
"""The built-in meter: a DLMS server for one physical device (Green Book 4, 9).

Client 16 is public and pre-established, client 1 is management with HLS-GMAC
and every service authenticated and encrypted (suite 0).  The law: `handle` is
synchronous, never raises on what a peer sent, executes nothing it could not
authenticate, and counts every refusal by its reason.
"""

import collections
import random
from collections.abc import Callable

from tools.sim.meter import acse, axdr, service
from tools.sim.meter.association import FULL_CONFORMANCE, PUBLIC_CONFORMANCE, Association
from tools.sim.meter.axdr import Malformed
from tools.sim.meter.cipher import Suite0
from tools.sim.meter.envelope import Envelope, Refused, unwrap, wrap
from tools.sim.meter.model import MANAGEMENT_CLIENT, MANAGEMENT_DEVICE, PUBLIC_CLIENT, Model
from tools.sim.meter.objects import date_time, obis

TEST_ENCRYPTION_KEY = bytes.fromhex("000102030405060708090A0B0C0D0E0F")
TEST_AUTHENTICATION_KEY = bytes.fromhex("D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF")
BROADCAST_SAP = 0x7F
_TAG_GLO_INITIATE_REQUEST, _TAG_GLO_INITIATE_RESPONSE = 0x21, 0x28
_MIN_PDU_LEN = 64  # below this not even the HLS exchange fits
_CHALLENGE_LEN = 16
_HLS_TARGET = (15, obis("0.0.40.0.0.255"), 1)


class Meter:
    """A meter of one system title.

    `clock` returns seconds since 1970 (None: the PC's clock), `seed` chooses what is
    measured, `max_pdu` bounds every APDU the meter sends and is what it negotiates.
    `counters` counts, by name, what was executed and why things were refused.
    """

    def __init__(self, title: bytes, clock: "Callable[[], float] | None" = None, seed: int = 0,
                 max_pdu: int = 220) -> None:
        self.title = title
        self.max_pdu = max_pdu
        self.model = Model(title, clock, seed)
        self.counters: "collections.Counter[str]" = collections.Counter()
        self._keys = Suite0(title, TEST_ENCRYPTION_KEY, TEST_AUTHENTICATION_KEY)
        self._objects = {(item.class_id, item.name): item for item in self.model.objects(self._keys)}
        self._chance = random.Random(f"challenge {title.hex()} {seed}")
        self._associations: "dict[int, Association]" = {}
        self._pushed = 0

    def handle(self, client_sap: int, server_sap: int, apdu: bytes) -> "list[bytes]":
        """The APDUs the meter answers with: one, or none for a broadcast, an unconfirmed request or a foreign SAP."""
        if server_sap not in (MANAGEMENT_DEVICE, BROADCAST_SAP):
            self.counters["refused-server-sap"] += 1
            return []
        try:
            response = self._dispatch(client_sap, bytes(apdu))
        except Malformed:
            self.counters["refused-malformed"] += 1
            response = service.exception(service.UNKNOWN, service.OTHER)
        except Refused as refusal:
            self.counters["refused-" + refusal.reason] += 1
            response = refusal.apdu
        return [] if response is None or server_sap == BROADCAST_SAP else [response]

    def reset(self) -> None:
        """The node has lost its place on the line: all associations are gone, counters and values stay."""
        self._associations.clear()

    def push(self, is_ciphered: bool = True) -> bytes:
        """A DataNotification of name, time and energy: in general-glo, or plain."""
        self._pushed += 1
        now = date_time(self.model.clock.now())
        body = axdr.structure(axdr.octet_string(self.model.logical_device_name()), axdr.octet_string(now),
                              axdr.integer(axdr.UINT32, self.model.energy_wh()))
        plain = (bytes((service.TAG_DATA_NOTIFICATION,)) + self._pushed.to_bytes(4, "big")
                 + axdr.length(len(now)) + now + body)
        return wrap(self._keys, plain, Envelope.GENERAL_GLO) if is_ciphered else plain

    def _dispatch(self, client_sap: int, apdu: bytes) -> "bytes | None":
        if not apdu:
            raise Malformed("empty")
        if apdu[0] == acse.TAG_AARQ:
            return self._associate(client_sap, apdu)
        association = self._association_of(client_sap)
        if apdu[0] == acse.TAG_RLRQ:
            return self._release(client_sap, association, apdu)
        if association.is_public:
            return self._serve_public(association, apdu)
        plain, envelope = unwrap(self._keys, association.title, apdu)
        if association.is_pending:
            response: "bytes | None" = self._reply_to_hls(client_sap, association, plain)
        else:
            response = association.serve(plain, association.limit - envelope.overhead(association.limit))
        return None if response is None else wrap(self._keys, response, envelope)

    def _serve_public(self, association: Association, apdu: bytes) -> "bytes | None":
        if apdu[0] not in (service.TAG_GET_REQUEST, service.TAG_SET_REQUEST, service.TAG_ACTION_REQUEST):
            raise Refused("service", service.exception(service.UNKNOWN, service.NOT_SUPPORTED))
        return association.serve(apdu, association.limit)

    def _association_of(self, client_sap: int) -> Association:
        found = self._associations.get(client_sap)
        if found is None and client_sap == PUBLIC_CLIENT:
            found = self._associations[client_sap] = self._open(self.max_pdu, PUBLIC_CONFORMANCE)
        if found is None:
            raise Refused("no-association", service.exception(service.NOT_ALLOWED, service.NOT_POSSIBLE))
        return found

    def _open(self, limit: int, conformance: int) -> Association:
        return Association(self._objects, self.model.profile, self.counters, limit, conformance)

    def _associate(self, client_sap: int, apdu: bytes) -> bytes:
        aarq = acse.parse_aarq(apdu)
        diagnostic = _objection(client_sap, aarq)
        if diagnostic:
            return self._reject(aarq, diagnostic)
        is_public = client_sap == PUBLIC_CLIENT
        initiate = acse.parse_initiate(aarq.user_info if is_public else self._open_initiate(aarq))
        limit = min(initiate.max_pdu or self.max_pdu, self.max_pdu)
        if limit < _MIN_PDU_LEN or initiate.dlms_version < 6 or initiate.has_dedicated_key:
            return self._reject(aarq, acse.DIAGNOSTIC_NO_REASON)
        offered = PUBLIC_CONFORMANCE if is_public else FULL_CONFORMANCE
        association = self._open(limit, initiate.conformance & offered)
        self._associations[client_sap] = association
        self.counters["associated"] += 1
        xdlms = acse.initiate_response(association.conformance, self.max_pdu)
        if is_public:
            return acse.aare(aarq.context, acse.ACCEPTED, acse.DIAGNOSTIC_NONE, user_info=xdlms)
        return self._challenge(association, aarq, xdlms)

    def _challenge(self, association: Association, aarq: acse.Aarq, xdlms: bytes) -> bytes:
        association.title, association.ctos = aarq.title, aarq.challenge
        association.stoc = self._chance.randbytes(_CHALLENGE_LEN)
        association.is_pending = True
        return acse.aare(aarq.context, acse.ACCEPTED, acse.DIAGNOSTIC_AUTH_REQUIRED, self.title, association.stoc,
                         self._seal_initiate(xdlms))

    def _reject(self, aarq: acse.Aarq, diagnostic: int) -> bytes:
        self.counters["refused-aarq"] += 1
        return acse.aare(aarq.context, acse.REJECTED_PERMANENT, diagnostic)

    def _open_initiate(self, aarq: acse.Aarq) -> bytes:
        return unwrap(self._keys, aarq.title, aarq.user_info, _TAG_GLO_INITIATE_REQUEST)[0]

    def _seal_initiate(self, xdlms: bytes) -> bytes:
        sealed = self._keys.seal(xdlms)
        return bytes((_TAG_GLO_INITIATE_RESPONSE,)) + axdr.length(len(sealed)) + sealed

    def _reply_to_hls(self, client_sap: int, association: Association, plain: bytes) -> bytes:
        request = service.parse(plain)
        if request.tag != service.TAG_ACTION_REQUEST or request.targets[0][:3] != _HLS_TARGET:
            raise Refused("hls-pending", service.exception(service.NOT_ALLOWED, service.NOT_POSSIBLE))
        token = request.parameter.value if request.parameter else None
        if not isinstance(token, bytes) or not self._keys.is_signed(association.title, token, association.stoc):
            self.counters["refused-hls"] += 1
            del self._associations[client_sap]
            return service.action_response(request.invoke, service.OTHER_REASON)
        association.is_pending = False
        self.counters["authenticated"] += 1
        signed = axdr.octet_string(self._keys.sign(association.ctos))
        return service.action_response(request.invoke, service.SUCCESS, signed)

    def _release(self, client_sap: int, association: Association, apdu: bytes) -> bytes:
        user_info = acse.parse_rlrq(apdu)
        answer = b""
        if user_info and not association.is_public:
            # NOTE: a release with a bad or old initiate is refused, else a replayed RLRQ would end an association.
            unwrap(self._keys, association.title, user_info, _TAG_GLO_INITIATE_REQUEST)
            answer = self._seal_initiate(acse.initiate_response(association.conformance, self.max_pdu))
        del self._associations[client_sap]
        self.counters["released"] += 1
        return acse.rlre(answer)


def _objection(client_sap: int, aarq: acse.Aarq) -> int:
    """The diagnostic that speaks against this AARQ from this client, 0 when none does."""
    if client_sap == PUBLIC_CLIENT:
        wanted = (acse.CONTEXT_LN, acse.MECHANISM_NONE)
    elif client_sap == MANAGEMENT_CLIENT:
        wanted = (acse.CONTEXT_LN_CIPHERED, acse.MECHANISM_GMAC)
    else:
        return acse.DIAGNOSTIC_NO_REASON
    if aarq.context != wanted[0]:
        return acse.DIAGNOSTIC_CONTEXT
    if aarq.mechanism != wanted[1]:
        return acse.DIAGNOSTIC_MECHANISM
    is_complete = client_sap == PUBLIC_CLIENT or (len(aarq.title) == 8 and 8 <= len(aarq.challenge) <= 64)
    return 0 if is_complete else acse.DIAGNOSTIC_NO_REASON
