# SPDX-License-Identifier: MIT
"""Image transfer of the built-in meter: class 18, 0.0.44.0.0.255 (Blue Book 4.4.6).

Initiate, numbered blocks in any order, verify, activate.  The law: an image
with a block missing is never verified, and nothing unverified is activated.
"""

from tools.sim.meter import axdr, service
from tools.sim.meter.axdr import Data, Malformed
from tools.sim.meter.objects import CosemObject, Method, obis

# 128 octets make an ACTION of 180 octets when ciphered with general-glo, so
# every library stays below 220 (measured in host_tests/test_meter_libraries.py).
BLOCK_LEN = 128
_MAX_IMAGE_LEN = 1 << 20
NOT_INITIATED, INITIATED = 0, 1
VERIFYING, VERIFIED, VERIFY_FAILED, ACTIVATING, ACTIVATED = 2, 3, 4, 5, 6


class Image:
    """The state of a transfer. Verify and activate take `busy_polls` reads of the status."""

    def __init__(self, busy_polls: int = 0) -> None:
        self.status = NOT_INITIATED
        self.identifier = b""
        self.running = b"SIM-1.0"  # the firmware the meter says it runs
        self.busy_polls = busy_polls
        self._polls_left = 0
        self._size = 0
        self._blocks: "dict[int, bytes]" = {}

    @property
    def octets(self) -> bytes:
        """The image as far as it was received."""
        return b"".join(self._blocks[number] for number in sorted(self._blocks))

    def _block_count(self) -> int:
        return -(-self._size // BLOCK_LEN)

    def _received(self) -> "list[bool]":
        return [number in self._blocks for number in range(self._block_count())]

    def _first_missing(self) -> int:
        return next((n for n, is_here in enumerate(self._received()) if not is_here), self._block_count())

    def _initiate(self, parameter: "Data | None") -> int:
        identifier, size = axdr.fields(parameter, axdr.OCTET_STRING, axdr.UINT32)
        if not 0 < size <= _MAX_IMAGE_LEN:
            return service.OTHER_REASON
        if (identifier, size) != (self.identifier, self._size) or self.status != INITIATED:
            self._blocks = {}  # the same image again resumes the transfer
        self.identifier, self._size, self.status = identifier, size, INITIATED
        return service.SUCCESS

    def _transfer(self, parameter: "Data | None") -> int:
        number, octets = axdr.fields(parameter, axdr.UINT32, axdr.OCTET_STRING)
        if self.status != INITIATED or number >= self._block_count():
            return service.OTHER_REASON
        if len(octets) != min(BLOCK_LEN, self._size - number * BLOCK_LEN):
            return service.OTHER_REASON
        self._blocks[number] = octets
        return service.SUCCESS

    def _verify(self, _: "Data | None") -> int:
        if self.status == INITIATED and self._first_missing() < self._block_count():
            self.status = VERIFY_FAILED
            return service.OTHER_REASON
        return self._work((INITIATED, VERIFYING, VERIFIED), VERIFYING)

    def _activate(self, _: "Data | None") -> int:
        return self._work((VERIFIED, ACTIVATING, ACTIVATED), ACTIVATING)

    def _work(self, path: "tuple[int, int, int]", busy: int) -> int:
        """Walk a path of statuses before, during and after work that takes `busy_polls` reads of the status."""
        if self.status not in path:
            return service.OTHER_REASON
        if self.status == path[0]:
            self.status, self._polls_left = busy, self.busy_polls
            self._finish()
        return service.SUCCESS if self.status == path[2] else service.TEMPORARY_FAILURE

    def _poll(self) -> bytes:
        seen = self.status
        self._polls_left -= 1
        self._finish()
        return axdr.integer(axdr.ENUM, seen)

    def _finish(self) -> None:
        if self.status in (VERIFYING, ACTIVATING) and self._polls_left <= 0:
            self.running = self.identifier if self.status == ACTIVATING else self.running
            self.status += 1  # 2 verifying -> 3 verified, 5 activating -> 6 activated

    def _to_activate(self) -> bytes:
        if self.status < VERIFIED or self.status == VERIFY_FAILED:
            return axdr.array([])
        return axdr.array([axdr.structure(axdr.integer(axdr.UINT32, self._size), axdr.octet_string(self.identifier),
                                          axdr.octet_string(b""))])

    def cosem(self) -> CosemObject:
        """The object as clients see it."""
        getters = {
            2: lambda: axdr.integer(axdr.UINT32, BLOCK_LEN), 3: lambda: axdr.bit_string(self._received()),
            4: lambda: axdr.integer(axdr.UINT32, self._first_missing()), 5: lambda: axdr.integer(axdr.BOOLEAN, 1),
            6: self._poll, 7: self._to_activate,
        }
        methods = {1: _checked(self._initiate), 2: _checked(self._transfer), 3: self._verify, 4: self._activate}
        return CosemObject(18, 0, obis("0.0.44.0.0.255"), getters, methods=methods)


def _checked(method: Method) -> Method:
    def invoke(parameter: "Data | None") -> int:
        try:
            return method(parameter)
        except Malformed:
            return service.TYPE_UNMATCHED
    return invoke
