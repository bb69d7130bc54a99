# SPDX-License-Identifier: MIT
"""Live values of the COSEM classes 50, 51, 52, 53, 55, 56 of this segment.

Source: sfsk.md 5. Implements dlms.cosem.sfsk.SfskSource by its shape only: a table from
(class, attribute) to a function of (field, item). What an initiator does not have (groups,
repeater role, reply-in-polling) is shown empty or off.
"""

from plc.sfsk import counts, heartbeat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.counters import Counters
    from plc.sfsk.modem import Modem
    from plc.sfsk.reports import Reports
    from plc.sfsk.settings import Settings

_BAUDS = (300, 600, 1200, 2400, 4800)  # enum transmission_speed, at 50 Hz


class CosemValues:
    """`value`, `count`, `generation` as dlms.cosem.sfsk asks for them."""

    def __init__(self, modem: "Modem", reports: "Reports", settings: "Settings", counters: "Counters") -> None:
        self._modem = modem
        self._reports = reports
        self._settings = settings
        self._counters = counters

    def value(self, class_id: int, attribute: int, field: int, item: int) -> "int | bytes":
        """Element `field` of entry `item` of an attribute; 0 where there is nothing to tell."""
        row = _VALUES.get(class_id << 8 | attribute)
        if row is None:
            return 0
        return row(self, field, item)

    def count(self, class_id: int, attribute: int) -> int:
        """Entries of an array."""
        if class_id == 56:
            return self._reports.count
        return 1 if class_id == 53 else 0

    def generation(self, class_id: int, attribute: int) -> int:
        """Changes whenever an array changes its length or order."""
        return self._reports.generation if class_id == 56 else 0

    # --- class 50 ---

    def _phase(self, field: int, item: int) -> int:
        return self._settings["electrical_phase"]

    def _rx_gain(self, field: int, item: int) -> int:
        return (self._settings["gain_octet"] >> 1 & 7) * 6

    def _tx_gain(self, field: int, item: int) -> int:
        return (self._settings["tx_attenuation"] >> 1 & 7) * 3

    def _threshold(self, field: int, item: int) -> int:
        return self._settings["search_initiator_threshold"]

    def _frequency(self, field: int, item: int) -> int:
        return self._settings["space_hz" if field else "mark_hz"]

    def _mac(self, field: int, item: int) -> int:
        return self._settings["initiator_mac"]

    def _min_delta_credit(self, field: int, item: int) -> int:
        return self._modem.heartbeat.min_delta_credit

    def _is_locked(self, field: int, item: int) -> int:
        return 1 if self._modem.is_up and self._modem.is_synchronised() else 0

    def _speed(self, field: int, item: int) -> int:
        baud = self._settings["baud"]
        return _BAUDS.index(baud * 5 // 6 if self._settings["mains_hz"] == 60 else baud)

    # --- class 51 ---

    def _initiator(self, field: int, item: int) -> "int | bytes":
        if field == 0:
            return self._settings.initiator_title()
        return self._settings["initiator_mac" if field == 1 else "sap_initiator"]

    # --- class 52 ---

    def _search_timeout(self, field: int, item: int) -> int:
        return self._settings["search_initiator_s"]

    def _confirm_timeout(self, field: int, item: int) -> int:
        return self._settings["synchro_confirm_s"]

    def _not_addressed(self, field: int, item: int) -> int:
        return self._settings["keepalive.time_out_not_addressed_min"]

    def _not_ok(self, field: int, item: int) -> int:
        return self._settings["frame_not_ok_s"]

    # --- class 53 ---

    def _synchronised(self, field: int, item: int) -> int:
        return self._modem.ups if field else self._settings["initiator_mac"]

    def _desynchronised(self, field: int, item: int) -> int:
        return self._counters.get(counts.SYNC_LOST) if field == 0 else 0

    def _broadcasts(self, field: int, item: int) -> int:
        return self._counters.get(counts.TX_BROADCAST) if field else self._settings["initiator_mac"]

    def _repetitions(self, field: int, item: int) -> int:
        return self._modem.heartbeat.mac_counters[heartbeat.MAC_REPEATED]

    def _transmissions(self, field: int, item: int) -> int:
        return self._modem.heartbeat.mac_counters[heartbeat.MAC_TRANSMITTED]

    def _crc_ok(self, field: int, item: int) -> int:
        return self._modem.heartbeat.mac_counters[heartbeat.MAC_CRC_OK]

    def _crc_nok(self, field: int, item: int) -> int:
        return self._modem.heartbeat.mac_counters[heartbeat.MAC_CRC_NOK]

    # --- classes 55, 56 ---

    def _max_frame_length(self, field: int, item: int) -> int:
        return self._settings.max_msdu

    def _reporting(self, field: int, item: int) -> bytes:
        return self._reports.title(self._reports.count - 1 - item)  # newest first


_C = CosemValues
# class << 8 | attribute
_VALUES = {
    50 << 8 | 2: _C._phase,
    50 << 8 | 4: _C._rx_gain,
    50 << 8 | 5: _C._tx_gain,
    50 << 8 | 6: _C._threshold,
    50 << 8 | 7: _C._frequency,
    50 << 8 | 8: _C._mac,
    50 << 8 | 12: _C._min_delta_credit,
    50 << 8 | 13: _C._mac,
    50 << 8 | 14: _C._is_locked,
    50 << 8 | 15: _C._speed,
    51 << 8 | 2: _C._initiator,
    52 << 8 | 2: _C._search_timeout,
    52 << 8 | 3: _C._confirm_timeout,
    52 << 8 | 4: _C._not_addressed,
    52 << 8 | 5: _C._not_ok,
    53 << 8 | 2: _C._synchronised,
    53 << 8 | 3: _C._desynchronised,
    53 << 8 | 4: _C._broadcasts,
    53 << 8 | 5: _C._repetitions,
    53 << 8 | 6: _C._transmissions,
    53 << 8 | 7: _C._crc_ok,
    53 << 8 | 8: _C._crc_nok,
    55 << 8 | 2: _C._max_frame_length,
    56 << 8 | 2: _C._reporting,
}
