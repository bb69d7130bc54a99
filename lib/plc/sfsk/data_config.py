# SPDX-License-Identifier: MIT
"""Data_Config: the 36 octets of WriteConfigNew that make the chip a master.

Source: sfsk.md 4.6.2 (AMIS-49587 Table "Data_Config"); octets 33-35 and the step registers
are UNCONFIRMED there and therefore settings. Once set, only a reset changes it.
"""

import struct

from micropython import const

from plc.sfsk.chip import CONFIG_LEN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.sfsk.settings import Settings

_MODE_MASTER = const(0x08)  # b5..3 = 001
_BAUD_CODES = (300, 600, 1200, 2400)  # at 50 Hz; x 6/5 at 60 Hz
_GROUPS_UNUSED = bytes(10)


def encode_into(dst: "bytearray | memoryview", off: int, settings: "Settings") -> int:
    """Write the master's Data_Config to dst[off:off+36]; returns 36."""
    struct.pack_into(
        "<HHHHHHH",
        dst,
        off,
        settings["fima"],
        settings["lima"],
        settings["initiator_mac"],
        0,  # active initiator: none, we are it
        settings["synchro_confirm_s"],
        settings["frame_not_ok_s"],
        min(settings["keepalive.time_out_not_addressed_min"], 0xFFFF),
    )
    dst[off + 14 : off + 24] = _GROUPS_UNUSED
    struct.pack_into("<HH", dst, off + 24, _register(settings, "space"), _register(settings, "mark"))
    dst[off + 28] = settings["zero_cross_adjust"]
    dst[off + 29] = settings["tx_attenuation"]
    dst[off + 30] = _mode_octet(settings)
    dst[off + 31] = settings["search_octet"]
    dst[off + 32] = settings["gain_octet"]
    dst[off + 33] = settings["repeater_octet"]
    struct.pack_into("<H", dst, off + 34, settings["search_initiator_s"])
    return CONFIG_LEN


def first_difference(config: bytearray, mv: "memoryview | bytes", off: int, n: int) -> int:
    """Offset of the first octet of the echo mv[off:off+n] that is not as written; -1 if none."""
    for i in range(CONFIG_LEN):
        if i >= n or mv[off + i] != config[i]:
            return i
    return -1


def _register(settings: "Settings", carrier: str) -> int:
    configured = settings[carrier + "_register"]
    return configured if configured >= 0 else settings[carrier + "_hz"] // settings["register_step_hz"]


def _mode_octet(settings: "Settings") -> int:
    is_60_hz = settings["mains_hz"] == 60
    baud = settings["baud"] * 5 // 6 if is_60_hz else settings["baud"]
    code = _BAUD_CODES.index(baud) << 1
    return settings["pin_select"] << 7 | _MODE_MASTER | code | (1 if is_60_hz else 0)
