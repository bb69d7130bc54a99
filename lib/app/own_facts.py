# SPDX-License-Identifier: MIT
"""What SAP 1 tells of this gateway in Data (class 1) and Register (class 3) objects.

A row names the method that knows the value; values are asked for when a client reads them, so a fact
costs no RAM but its object.
"""

import gc
import json

from app.schema import SCHEMA
from base import framing
from dlms.cosem.rows import objects
from hal.digest import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from app.own_device import Parts
    from base.counters import Counters
    from dlms.cosem.object import CosemObject

_DATA = (
    ("ldn", 1, 0, b"\x00\x00\x2a\x00\x00\xff", "", "o"),
    ("serial", 1, 0, b"\x00\x00\x60\x01\x00\xff", "", "o"),
    ("version", 1, 0, b"\x01\x00\x00\x02\x00\xff", "", "o"),  # active firmware identifiers
    ("interpreter", 1, 0, b"\x01\x01\x00\x02\x00\xff", "", "o"),
    ("signature", 1, 0, b"\x01\x00\x00\x02\x08\xff", "", "o"),  # active firmware signature
    ("config_errors", 1, 0, b"\x00\x00\x80\x04\x00\xff", "", "o"),
    ("config_source", 1, 0, b"\x00\x00\x80\x04\x01\xff", "", "o"),
    ("uptime", 1, 0, b"\x00\x00\x80\x04\x02\xff", "", "I"),
    ("reset_cause", 1, 0, b"\x00\x00\x80\x04\x03\xff", "", "B"),
    ("framing", 1, 0, b"\x00\x00\x80\x04\x04\xff", "", "o"),
    ("heap", 1, 0, b"\x00\x00\x80\x04\x05\xff", "", "II"),
    ("config_hash", 1, 0, b"\x00\x00\x80\x04\x06\xff", "", "o"),
)
# Registers 0-0:128.6.e.255: value, {scaler, unit}; method reset is not callable.
_REGISTERS = (
    ("heap_used", 3, 0, b"\x00\x00\x80\x06\x00\xff", "-", "I be"),
    ("heap_free", 3, 0, b"\x00\x00\x80\x06\x01\xff", "-", "I be"),
    ("buffers_free", 3, 0, b"\x00\x00\x80\x06\x02\xff", "-", "I be"),
    ("buffers_least", 3, 0, b"\x00\x00\x80\x06\x03\xff", "-", "I be"),
    ("exchanges_open", 3, 0, b"\x00\x00\x80\x06\x04\xff", "-", "I be"),
    ("exchanges_most", 3, 0, b"\x00\x00\x80\x06\x05\xff", "-", "I be"),
    ("refusals", 3, 0, b"\x00\x00\x80\x06\x06\xff", "-", "I be"),
    ("modem_resets", 3, 0, b"\x00\x00\x80\x06\x07\xff", "-", "I be"),
    ("nodes", 3, 0, b"\x00\x00\x80\x06\x08\xff", "-", "I be"),
    ("channel_use", 3, 0, b"\x00\x00\x80\x06\x09\xff", "-", "I be"),
)
_UNIT_COUNT, _UNIT_PERCENT = 255, 56  # Blue Book 4.3.2.2


class Facts:
    """RowSource; key = name of the method that gives the value."""

    def __init__(self, parts: "Parts") -> None:
        self._parts = parts

    def objects(self) -> "list[CosemObject]":
        """All of them; channel use only where somebody measures it."""
        registers = _REGISTERS if self._parts.channel_permille is not None else _REGISTERS[:-1]
        return objects(_DATA, self) + objects(registers, self)  # type: ignore[arg-type]

    def value(self, key: str, attribute: int, field: int, item: int) -> "int | bytes":
        """The fact, or one element of it; attribute 3 of a Register: scaler and unit."""
        if attribute == 3:
            is_share = key == "channel_use"
            return (-1 if is_share else 0, _UNIT_PERCENT if is_share else _UNIT_COUNT)[field]
        value = getattr(self, "_" + key)()
        return value[field] if isinstance(value, tuple) else value  # type: ignore[no-any-return]

    # --- Data ---

    def _ldn(self) -> bytes:
        return self._parts.own_ldn()

    def _serial(self) -> bytes:
        return self._parts.serial

    def _version(self) -> bytes:
        return self._parts.version

    def _interpreter(self) -> bytes:
        return self._parts.interpreter

    def _signature(self) -> bytes:
        return self._parts.signature.octets

    def _config_errors(self) -> bytes:
        return "\n".join(self._parts.config.errors).encode()

    def _config_source(self) -> bytes:
        return self._parts.config.source.encode()

    def _config_hash(self) -> bytes:
        """SHA-256 over a line `path=JSON` of each setting in effect, in the order of the schema."""
        whole = sha256()
        for row in SCHEMA:
            whole.update(("%s=%s\n" % (row[0], json.dumps(self._parts.config[row[0]]))).encode())
        return bytes(whole.digest())

    def _uptime(self) -> int:
        return self._parts.log.now_s

    def _reset_cause(self) -> int:
        return self._parts.reset_cause

    def _framing(self) -> bytes:
        return framing.health().encode()

    def _heap(self) -> "tuple[int, int]":
        return gc.mem_alloc(), gc.mem_free()

    # --- Registers ---

    def _heap_used(self) -> int:
        return gc.mem_alloc()

    def _heap_free(self) -> int:
        return gc.mem_free()

    def _buffers_free(self) -> int:
        return self._parts.slab.free_cnt

    def _buffers_least(self) -> int:
        return self._parts.slab.min_free

    def _exchanges_open(self) -> int:
        return self._parts.exchanges.open_cnt

    def _exchanges_most(self) -> int:
        return self._parts.exchanges.max_open

    def _refusals(self) -> int:
        return _sum(self._parts.counters[0], "refused-")

    def _modem_resets(self) -> int:
        return _sum(self._parts.counters[2], "reset_")

    def _nodes(self) -> int:
        return self._parts.table.count()

    def _channel_use(self) -> int:
        return self._parts.channel_permille()  # type: ignore[misc]


def _sum(counters: "Counters", prefix: str) -> int:
    """Of the counters whose names begin so."""
    return sum([counters.get(i) for i in range(len(counters)) if counters.names[i].startswith(prefix)])
