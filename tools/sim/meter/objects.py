# SPDX-License-Identifier: MIT
"""COSEM objects of the built-in meter: what an object is, and the simple ones.

Blue Book interface classes 1, 3, 8, 70 and the association's object list.
Attributes are callables giving encoded octets, so every read is current.  The
law: an object never knows who asks; access is what its tables say.
"""

import datetime
import struct
from collections.abc import Callable
from typing import NamedTuple

from tools.sim.meter import axdr, service
from tools.sim.meter.axdr import Data, Malformed

MODE_READ, MODE_READ_WRITE = 1, 3
_FIRST_SETTABLE_S, _END_SETTABLE_S = 946_684_800, 4_102_444_800  # 2000-01-01 to 2100-01-01
Getter = Callable[[], bytes]
Setter = Callable[[Data], int]
Method = Callable[["Data | None"], int]


def obis(text: str) -> bytes:
    """`"1.0.1.8.0.255"` as 6 octets."""
    return bytes(int(part) for part in text.split("."))


class CosemObject(NamedTuple):
    """One object: attribute getters and setters, methods, and what the public client may read."""

    class_id: int
    version: int
    name: bytes
    getters: "dict[int, Getter]"
    setters: "dict[int, Setter]" = {}
    methods: "dict[int, Method]" = {}
    public: "frozenset[int]" = frozenset()

    def read(self, index: int) -> "bytes | int":
        """The encoded attribute or a data-access-result."""
        if index == 1:
            return axdr.octet_string(self.name)
        getter = self.getters.get(index)
        return getter() if getter else service.OBJECT_UNAVAILABLE

    def entry(self, is_public: bool) -> bytes:
        """This object's element of an association's object_list (version 1 access rights)."""
        indexes = self.public if is_public else {1, *self.getters}
        attributes = [self._attribute_access(index, is_public) for index in sorted(indexes)]
        methods = [axdr.structure(axdr.integer(axdr.INT8, index), axdr.integer(axdr.ENUM, 1))
                   for index in sorted(self.methods) if not is_public]
        return axdr.structure(
            axdr.integer(axdr.UINT16, self.class_id), axdr.integer(axdr.UINT8, self.version),
            axdr.octet_string(self.name), axdr.structure(axdr.array(attributes), axdr.array(methods)))

    def _attribute_access(self, index: int, is_public: bool) -> bytes:
        mode = MODE_READ_WRITE if index in self.setters and not is_public else MODE_READ
        return axdr.structure(axdr.integer(axdr.INT8, index), axdr.integer(axdr.ENUM, mode), bytes((axdr.NULL,)))


def date_time(epoch_s: float) -> bytes:
    """12 octets of COSEM date-time in UTC (Blue Book 4.1.6.1)."""
    when = datetime.datetime.fromtimestamp(epoch_s, datetime.timezone.utc)
    return struct.pack(">HBBBBBBBhB", when.year, when.month, when.day, when.isoweekday(), when.hour, when.minute,
                       when.second, when.microsecond // 10000, 0, 0)


def epoch(octets: bytes) -> float:
    """Seconds since 1970 of 12 octets of COSEM date-time; unspecified fields and hundredths count as zero."""
    if len(octets) != 12:
        raise Malformed("date-time")
    year, month, day, _, hour, minute, second, _, deviation, _ = struct.unpack(">HBBBBBBBhB", octets)
    clean = [0 if field == 0xFF else field for field in (hour, minute, second)]
    zone_min = 0 if deviation == -0x8000 else deviation
    try:
        when = datetime.datetime(year, month, day, clean[0], clean[1], clean[2], tzinfo=datetime.timezone.utc)
    except ValueError as error:
        raise Malformed("date-time") from error
    return when.timestamp() + 60 * zone_min  # deviation counts from local time to UTC


class Clock:
    """Class 8: the simulation's clock plus what clients have set."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._offset_s = 0.0

    def now(self) -> float:
        """The meter's idea of the time, seconds since 1970."""
        return self._now() + self._offset_s

    def _set_time(self, value: Data) -> int:
        if value.tag not in (axdr.OCTET_STRING, axdr.DATE_TIME) or not isinstance(value.value, bytes):
            return service.TYPE_UNMATCHED
        try:
            wanted_s = epoch(value.value)
        except Malformed:
            return service.TYPE_UNMATCHED
        if not _FIRST_SETTABLE_S <= wanted_s < _END_SETTABLE_S:
            return service.OTHER_REASON
        self._offset_s = wanted_s - self._now()
        return service.SUCCESS

    def cosem(self) -> CosemObject:
        """The object as clients see it."""
        getters = {
            2: lambda: axdr.octet_string(date_time(self.now())), 3: lambda: axdr.integer(axdr.INT16, 0),
            4: lambda: axdr.integer(axdr.UINT8, 0), 8: lambda: axdr.integer(axdr.BOOLEAN, 0),
            9: lambda: axdr.integer(axdr.ENUM, 1),
        }
        return CosemObject(8, 0, obis("0.0.1.0.0.255"), getters, {2: self._set_time}, public=frozenset((1, 2)))


class Disconnector:
    """Class 70 with control mode 4: the client switches off and on again."""

    def __init__(self) -> None:
        self.is_connected = True

    def _switch(self, is_connected: bool) -> Method:
        def invoke(_: "Data | None") -> int:
            self.is_connected = is_connected
            return service.SUCCESS
        return invoke

    def cosem(self) -> CosemObject:
        """The object as clients see it."""
        getters = {
            2: lambda: axdr.integer(axdr.BOOLEAN, self.is_connected),
            3: lambda: axdr.integer(axdr.ENUM, int(self.is_connected)), 4: lambda: axdr.integer(axdr.ENUM, 4),
        }
        methods = {1: self._switch(False), 2: self._switch(True)}
        return CosemObject(70, 0, obis("0.0.96.3.10.255"), getters, methods=methods)


def register(name: str, value: Getter, scaler: int, unit: int) -> CosemObject:
    """A class 3 register; `unit` as in the Blue Book (27 W, 30 Wh, 33 A, 35 V)."""
    scaler_unit = axdr.structure(axdr.integer(axdr.INT8, scaler), axdr.integer(axdr.ENUM, unit))
    return CosemObject(3, 0, obis(name), {2: value, 3: lambda: scaler_unit})


def text(name: str, value: Callable[[], bytes], public: "frozenset[int]" = frozenset()) -> CosemObject:
    """A class 1 object holding an octet-string."""
    return CosemObject(1, 0, obis(name), {2: lambda: axdr.octet_string(value())}, public=public)
