# SPDX-License-Identifier: MIT
"""Data_Config, the 36 octets of WriteConfigNew, and the rules a chip checks it by (sfsk.md 4.6.2).

Octets 33..35 (repeater byte, search-initiator time-out) are at derived positions [U].
"""

from tools.sim import chips
from tools.sim.mac_frame import ADDR_FIMA, ADDR_LIMA, ADDR_NEW

LENGTH = 36
_MODES = {0b001: chips.MODE_MASTER, 0b010: chips.MODE_SLAVE, 0b011: chips.MODE_MONITOR}
_FIXED_UNTIL_RESET = 0xBF  # octet 30: pin select, mode, baud, mains
_BAUDS = ((300, 360), (600, 720), (1200, 1440), (2400, 2880))

# ident -> offset of the item inside Data_Config
FIELDS = {0x00: 0, 0x01: 4, 0x02: 8, 0x03: 10, 0x04: 12, 0x05: 14, 0x0C: 24, 0x11: 34}


def word(octets: bytes, offset: int) -> int:
    """16-bit field, low octet first."""
    return octets[offset] | octets[offset + 1] << 8


def mode_of(config: bytes) -> int | None:
    """Mode asked for; None when it is not one."""
    return _MODES.get(config[30] >> 3 & 7)


def baud_of(config: bytes) -> int:
    """Bits per second on the line."""
    return _BAUDS[config[30] >> 1 & 3][config[30] & 1]


def alarm_cnt(config: bytes) -> int:
    """NbAlarm: transmissions of a PHY alarm, 0 = off."""
    return config[29] >> 4


def is_tic_constant(config: bytes) -> bool:
    """Bit 7 of the repeater byte: tIC stays 10 ms."""
    return bool(config[33] & 0x80)


def initiator_range(config: bytes) -> tuple[int, int]:
    """FIMA and LIMA; a master's 'don't care' values fall back to C00..DFF."""
    fima, lima = word(config, 0), word(config, 2)
    if 0 < fima <= lima < ADDR_NEW:
        return fima, lima
    return ADDR_FIMA, ADDR_LIMA


def check_addresses(mode: int, limits: tuple[int, int], local: int, initiator: int) -> int:
    """0 or the error code for local MAC and active initiator."""
    fima, lima = limits
    if mode == chips.MODE_MASTER and not fima <= local <= lima:
        return chips.ERR_LOCAL_MAC
    if mode == chips.MODE_SLAVE and not (0 < local < fima or local == ADDR_NEW):
        return chips.ERR_LOCAL_MAC
    if initiator and not fima <= initiator <= lima:
        return chips.ERR_INITIATOR_MAC
    return 0


def check(config: bytes, current: bytes | None) -> int:
    """0 or the error code of a WriteConfig; `current` = the configuration already set."""
    if len(config) != LENGTH:
        return chips.ERR_DATA
    mode = mode_of(config)
    if mode is None:
        return chips.ERR_MODE
    if current is not None and (config[30] ^ current[30]) & _FIXED_UNTIL_RESET:
        return chips.ERR_MODE
    if config[30] & 0x40 or config[31] & 0x90 or not config[31] & 1:
        return chips.ERR_DATA
    return check_addresses(mode, initiator_range(config), word(config, 4), word(config, 6))
