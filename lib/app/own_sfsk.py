# SPDX-License-Identifier: MIT
"""The S-FSK classes whose attributes are settings, changed by management: 50, 52 and 55.

The chip and the segment are set up once, so a change holds from the next start on; until then the attribute
shows what is in effect, and 0-0:128.10.1.255 names the setting that waits.
"""

from dlms.apdu import OTHER_REASON

TYPE_CHECKING = False
if TYPE_CHECKING:
    from app.settings import Changes, Settings
    from plc.sfsk.cosem_values import CosemValues

# class << 8 | attribute -> settings, one for each element
_PATHS = {
    50 << 8 | 6: ("sfsk.search_initiator_threshold",),
    50 << 8 | 7: ("sfsk.mark_hz", "sfsk.space_hz"),
    50 << 8 | 8: ("sfsk.initiator_mac",),
    52 << 8 | 2: ("sfsk.search_initiator_s",),
    52 << 8 | 3: ("sfsk.synchro_confirm_s",),
    52 << 8 | 4: ("sfsk.keepalive.time_out_not_addressed_min",),
    52 << 8 | 5: ("sfsk.frame_not_ok_s",),
    55 << 8 | 2: ("sfsk.max_frame_length",),
}
# Gains are bits 1 to 3 of an octet of the chip's configuration, in steps of dB.
_GAINS = {50 << 8 | 4: ("sfsk.gain_octet", 6), 50 << 8 | 5: ("sfsk.tx_attenuation", 3)}
_BAUDS = (300, 600, 1200, 2400)  # enum transmission_speed, at 50 Hz; times 6/5 at 60 Hz


class SfskSource:
    """RowSource: what the segment shows, and settings behind it."""

    def __init__(self, segment: "CosemValues", settings: "Settings") -> None:
        self.value = segment.value
        self.count = segment.count
        self.generation = segment.generation
        self._settings = settings

    def put(self, now: int, key: int, attribute: int, fields: "list[int | bytes]") -> int:
        """A Data-Access-Result."""
        changes = self._changes(key << 8 | attribute, fields)  # type: ignore[arg-type]
        return self._settings.change_all(now, changes) if changes else OTHER_REASON

    def _changes(self, what: int, fields: "list[int]") -> "Changes":
        """Settings and their values; none when the number says nothing the chip knows."""
        value = fields[0]
        if what in _PATHS:
            return [(_PATHS[what][i], fields[i]) for i in range(len(fields))]
        if what in _GAINS:
            path, step = _GAINS[what]
            octet: int = self._settings.value(path)  # type: ignore[assignment]
            return [] if value % step or value // step > 7 else [(path, octet & ~0x0E | value // step << 1)]
        if value >= len(_BAUDS):
            return []
        is_60_hz = self._settings.value("sfsk.mains_hz") == 60
        return [("sfsk.baud", _BAUDS[value] * 6 // 5 if is_60_hz else _BAUDS[value])]
