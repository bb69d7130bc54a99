# SPDX-License-Identifier: MIT
"""One application association of the built-in meter and the services it carries.

Holds what was negotiated and the long GET in progress.  The law: a response
never takes more octets than `room`; whatever does not fit goes out in blocks,
or is refused when the client did not offer block transfer.
"""

import collections

from tools.sim.meter import axdr, service
from tools.sim.meter.objects import CosemObject
from tools.sim.meter.profile import Profile
from tools.sim.meter.service import Request, Target

CONFORMANCE_BLOCK_GET, CONFORMANCE_MULTIPLE = 1 << 12, 1 << 9
CONFORMANCE_GET, CONFORMANCE_SET, CONFORMANCE_SELECTIVE, CONFORMANCE_ACTION = 1 << 4, 1 << 3, 1 << 2, 1 << 0
CONFORMANCE_GENERAL_PROTECTION, CONFORMANCE_PRIORITY = 1 << 22, 1 << 14
PUBLIC_CONFORMANCE = CONFORMANCE_BLOCK_GET | CONFORMANCE_MULTIPLE | CONFORMANCE_GET
FULL_CONFORMANCE = (PUBLIC_CONFORMANCE | CONFORMANCE_SET | CONFORMANCE_SELECTIVE | CONFORMANCE_ACTION
                    | CONFORMANCE_GENERAL_PROTECTION | CONFORMANCE_PRIORITY)

Objects = dict[tuple[int, bytes], CosemObject]


class Association:
    """Objects as one client sees them. `limit` is the longest APDU, ciphering included, sent to it."""

    def __init__(self, objects: Objects, profile: Profile, counters: "collections.Counter[str]",
                 limit: int, conformance: int) -> None:
        self._objects = objects
        self._profile = profile
        self._counters = counters
        self.limit = limit
        self.conformance = conformance
        self.title = b""  # of the client; empty for the public one
        self.ctos = b""
        self.stoc = b""
        self.is_pending = False  # HLS passes 3 and 4 still to come
        self._long_raw = b""
        self._long_next = 0  # number of the block the client may ask for; 0 = no long get

    @property
    def is_public(self) -> bool:
        """Is this the client without security, that may read a few attributes and nothing else?"""
        return not self.title

    def serve(self, apdu: bytes, room: int) -> "bytes | None":
        """Execute a plain service request; the response of at most `room` octets, None when unconfirmed."""
        request = service.parse(apdu)
        if request.tag == service.TAG_SET_REQUEST:
            response = service.set_response(request.invoke, self._set(request))
        elif request.tag == service.TAG_ACTION_REQUEST:
            response = service.action_response(request.invoke, self._action(request))
        else:
            response = self._get(request, room)
        return response if request.is_confirmed else None

    def _find(self, target: Target) -> "CosemObject | int":
        found = self._objects.get((target.class_id, target.obis))
        if found:
            return found
        is_known = any(name == target.obis for _, name in self._objects)
        return service.CLASS_INCONSISTENT if is_known else service.OBJECT_UNDEFINED

    def _deny(self) -> int:
        self._counters["refused-denied"] += 1
        return service.READ_WRITE_DENIED

    def _read(self, target: Target) -> "bytes | int":
        found = self._find(target)
        if isinstance(found, int):
            return found
        if self.is_public and target.member not in found.public:
            return self._deny()
        if (target.class_id, target.member) == (15, 2):
            return self._object_list()
        if target.selector and (target.class_id, target.member) == (7, 2):
            return self._profile.select(target.selector, target.selection)
        return found.read(target.member)

    def _object_list(self) -> bytes:
        visible = [found for found in self._objects.values() if found.public or not self.is_public]
        return axdr.array([found.entry(self.is_public) for found in visible])

    def _set(self, request: Request) -> int:
        target = request.targets[0]
        found = self._find(target)
        if isinstance(found, int):
            return found
        setter = found.setters.get(target.member)
        if self.is_public or setter is None or request.parameter is None:
            return self._deny()
        self._counters["executed-set"] += 1
        return setter(request.parameter)

    def _action(self, request: Request) -> int:
        target = request.targets[0]
        found = self._find(target)
        if isinstance(found, int):
            return found
        method = found.methods.get(target.member)
        if self.is_public or method is None:
            return self._deny()
        self._counters["executed-action"] += 1
        return method(request.parameter)

    def _get(self, request: Request, room: int) -> bytes:
        if request.kind == service.NEXT:
            return self._next_block(request, room)
        self._long_next = 0  # a new get aborts the long one
        outcomes = [self._read(target) for target in request.targets]
        if request.kind == service.NORMAL:
            whole, raw = service.get_response(request.invoke, outcomes[0]), outcomes[0]
        else:
            raw = axdr.length(len(outcomes)) + b"".join(service.get_result(outcome) for outcome in outcomes)
            whole = service.get_response_list(request.invoke, raw)
        if len(whole) <= room or isinstance(raw, int):
            return whole
        if not self.conformance & CONFORMANCE_BLOCK_GET:
            return service.get_response(request.invoke, service.OTHER_REASON)
        self._long_raw, self._long_next = raw, 1
        return self._block(request.invoke, room)

    def _next_block(self, request: Request, room: int) -> bytes:
        if not self._long_next:
            return service.get_response_block(request.invoke, request.block, True, service.NO_LONG_GET)
        if request.block != self._long_next - 1:
            self._long_next = 0
            return service.get_response_block(request.invoke, request.block, True, service.BLOCK_NUMBER_INVALID)
        return self._block(request.invoke, room)

    def _block(self, invoke: int, room: int) -> bytes:
        size = room - service.BLOCK_HEADER_LEN - (1 if room < 0x88 else 3)
        raw, self._long_raw = self._long_raw[:size], self._long_raw[size:]
        number, is_last = self._long_next, not self._long_raw
        self._long_next = 0 if is_last else number + 1
        return service.get_response_block(invoke, number, is_last, raw)
