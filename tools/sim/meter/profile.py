# SPDX-License-Identifier: MIT
"""Load profile of the built-in meter: class 7, 1.0.99.1.0.255 (Blue Book 4.3.6).

The last 200 quarter-hours of clock and active energy, worked out when they are
read.  Selective access by range of time and by entry.  The law: what the rows
say is what the energy register said at that time.
"""

from collections.abc import Callable

from tools.sim.meter import axdr, service
from tools.sim.meter.axdr import Data, Malformed
from tools.sim.meter.objects import Clock, CosemObject, date_time, epoch, obis

ROW_COUNT = 200
PERIOD_S = 900
_BY_RANGE, _BY_ENTRY = 1, 2


def _captured(class_id: int, name: str) -> bytes:
    return axdr.structure(axdr.integer(axdr.UINT16, class_id), axdr.octet_string(obis(name)),
                          axdr.integer(axdr.INT8, 2), axdr.integer(axdr.UINT16, 0))


_CAPTURE_OBJECTS = axdr.array([_captured(8, "0.0.1.0.0.255"), _captured(3, "1.0.1.8.0.255")])


class Profile:
    """Rows of (time, energy) ending at the last full quarter-hour."""

    def __init__(self, clock: Clock, energy_wh: Callable[[float], int]) -> None:
        self._clock = clock
        self._energy_wh = energy_wh

    def rows(self) -> "list[tuple[int, int]]":
        """Seconds since 1970 and Wh, oldest first."""
        last = int(self._clock.now()) // PERIOD_S * PERIOD_S
        times = range(last - (ROW_COUNT - 1) * PERIOD_S, last + 1, PERIOD_S)
        return [(time_s, self._energy_wh(time_s)) for time_s in times]

    def select(self, selector: int, selection: "Data | None") -> "bytes | int":
        """The buffer cut by selective access; a data-access-result when the selection makes no sense."""
        try:
            if selector == _BY_ENTRY:
                return self._by_entry(selection)
            if selector == _BY_RANGE:
                return self._by_range(selection)
        except Malformed:
            return service.TYPE_UNMATCHED
        return service.OTHER_REASON

    def _by_entry(self, selection: "Data | None") -> bytes:
        first, last, left, right = axdr.fields(selection, axdr.UINT32, axdr.UINT32, axdr.UINT16, axdr.UINT16)
        rows = self.rows()[max(first - 1, 0):last or None]
        return _buffer(rows, slice(max(left - 1, 0), right or None))

    def _by_range(self, selection: "Data | None") -> bytes:
        fields = axdr.fields(selection, axdr.STRUCTURE, axdr.OCTET_STRING, axdr.OCTET_STRING, axdr.ARRAY)
        first_s, last_s = epoch(fields[1]), epoch(fields[2])
        return _buffer([row for row in self.rows() if first_s <= row[0] <= last_s], slice(None))

    def cosem(self) -> CosemObject:
        """The object as clients see it."""
        getters = {
            2: lambda: _buffer(self.rows(), slice(None)), 3: lambda: _CAPTURE_OBJECTS,
            4: lambda: axdr.integer(axdr.UINT32, PERIOD_S), 5: lambda: axdr.integer(axdr.ENUM, 1),
            6: lambda: axdr.structure(axdr.integer(axdr.UINT16, 0), axdr.octet_string(bytes(6)),
                                      axdr.integer(axdr.INT8, 0), axdr.integer(axdr.UINT16, 0)),
            7: lambda: axdr.integer(axdr.UINT32, ROW_COUNT), 8: lambda: axdr.integer(axdr.UINT32, ROW_COUNT),
        }
        return CosemObject(7, 1, obis("1.0.99.1.0.255"), getters)


def _buffer(rows: "list[tuple[int, int]]", columns: slice) -> bytes:
    encoded = []
    for time_s, energy in rows:
        row = (axdr.octet_string(date_time(time_s)), axdr.integer(axdr.UINT32, energy))
        encoded.append(axdr.structure(*row[columns]))
    return axdr.array(encoded)
