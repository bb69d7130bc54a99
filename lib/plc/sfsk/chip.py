# SPDX-License-Identifier: MIT
"""Modem chips as data: command codes, status bits, timings, database idents, error names.

Sources: AMIS-49587 datasheet and ST's UM0934 as distilled in sfsk.md 4. Law: the driver
never asks which chip it talks to; a difference between chips is a value in a row here.
"""

from micropython import const

from base.errors import LocalError

# Status octets (sfsk.md 4.5). "Not" bits are 1 while it is *not* so.
D1_BUSY = const(0x01)
D1_NOT_SET = const(0x02)
D1_NOT_SYNC = const(0x04)
D2_PLL_LOCK = const(0x01)

# MA_DATA_Confirm (4.6.1).
TX_OK = const(0xFF)
TX_RESOURCE_BUSY = const(0x00)
TX_SYNTAX = const(0x03)
TX_NOT_ALLOWED = const(0x0A)
TX_BUFFER_BUSY = const(0x14)
TX_BUFFER_BUSY_2 = const(0x1E)
TX_NAMES = {
    TX_OK: "ok",
    TX_RESOURCE_BUSY: "LM_TU1 resource busy",
    TX_SYNTAX: "LM_SE syntax",
    TX_NOT_ALLOWED: "LM_TU2 not allowed or not synchronised",
    TX_BUFFER_BUSY: "LM_TU3 buffer busy",
    TX_BUFFER_BUSY_2: "LM_TU4 buffer busy",
}

# Database idents (4.6.4).
DB_FIMA_LIMA = const(0x0000)
DB_LOCAL_INIT = const(0x0001)
DB_MIN_DELTA_CREDIT = const(0x0007)
DB_COUNTERS = const(0x000D)
DB_CONFIGURATION = const(0x0012)
DB_VERSION = const(0x0013)

ERROR_NAMES = {
    0x11: "resource unavailable",
    0x12: "request not allowed",
    0x21: "mode unavailable",
    0x22: "illegal value",
    0x23: "illegal local MAC address",
    0x24: "illegal initiator MAC address",
    0x25: "unknown command",
}

# Events of Synchro_Indication (4.6.3).
SYNCHRO_FOUND = const(0x01)
SYNCHRO_CONFIRMED = const(0x02)
SYNCHRO_LOST = const(0x04)

CONFIG_LEN = const(36)


class Chip:
    """One modem chip. Codes are the Command octet; `*_ms` are the datasheet's limits."""

    name = "amis49587"
    synchro_ind = 0x10
    reset_req = 0x21
    db_read_req = 0x41
    db_read_cnf = 0x42
    db_read_err = 0x43
    db_write_req = 0x41
    db_write_cnf = 0x42
    db_write_err = 0x43
    ma_ind = 0x50
    ma_req = 0x51
    ma_cnf = 0x52
    ma_bad_crc = 0x53
    isa_req = 0x61
    config_req = 0x71
    config_cnf = 0x72
    config_err = 0x73
    syntax_error = -1  # the chip only answers NAK
    status_len = 4
    poll_ms = 20
    send_ms = 200  # tSR
    ack_ms = 40
    repeat_ms = 5  # tWBC
    gap_ms = 10  # tIC, the longest of the family
    boot_ms = 500  # after reset line or power; not in the datasheet pages read
    pulse_ms = 50

    @classmethod
    def confirm_codes(cls) -> "tuple[int, ...]":
        """Codes of all frames that confirm or refuse a command."""
        return (
            cls.ma_cnf,
            cls.db_read_cnf,
            cls.db_read_err,
            cls.db_write_cnf,
            cls.db_write_err,
            cls.config_cnf,
            cls.config_err,
        )


class St7570(Chip):
    """ST7570: sfsk.md 4.8. Data codes 50-53 are UNCONFIRMED there, taken from the family."""

    name = "st7570"
    db_read_req = 0x90
    db_read_cnf = 0x91
    db_read_err = 0x92
    syntax_error = 0x20


CHIPS = (Chip, St7570)


def chip_named(name: str) -> "type[Chip]":
    """The chip's table. LocalError when there is none of that name."""
    for chip in CHIPS:
        if chip.name == name:
            return chip
    raise LocalError("no modem chip %s" % name)
