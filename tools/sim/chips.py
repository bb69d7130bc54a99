# SPDX-License-Identifier: MIT
"""Tables of the modem chips: host time limits, command octets and data base idents.

Source: sfsk.md 4.4-4.6 (AMIS-49587 data sheets) and 4.8 (ST7570, UM0934). One row per command;
the ST7570 is the AMIS table with the deltas that are known.
"""

from dataclasses import dataclass, field, replace

STX = 0x02
ACK = 0x06
NAK = 0x15
STATUS = 0x3F

T_POLL_US = 20_000
T_SR_US = 200_000
T_ACK_US = 40_000
T_WBC_US = 5_000
T_IC_RESET_US = 10_000

SYNCHRO_IND = 0x10
DESYNCHRO_REQ = 0x11
RESET_REQ = 0x21
DATA_IND = 0x50
DATA_REQ = 0x51
DATA_CNF = 0x52
BAD_CRC_IND = 0x53
ISA_REQ = 0x61
ISA_ERR = 0x63  # by the service/primitive rule; not listed [U]

MODE_NOT_SET = 0
MODE_MASTER = 1
MODE_SLAVE = 2
MODE_MONITOR = 3

ERR_UNAVAILABLE = 0x11
ERR_NOT_ALLOWED = 0x12
ERR_MODE = 0x21
ERR_DATA = 0x22
ERR_LOCAL_MAC = 0x23
ERR_INITIATOR_MAC = 0x24
ERR_UNKNOWN = 0x25

TX_OK = 0xFF
TX_MAC_BUSY = 0x00
TX_SYNTAX = 0x03
TX_NOT_ALLOWED = 0x0A
TX_BUFFER_BUSY = 0x14
TX_LINE_BUSY = 0x1E


@dataclass(frozen=True)
class Ident:
    """One item of the chip's data base: octets written, octets confirmed, default value."""

    length: int
    default: bytes
    can_write: bool = True
    arg_len: int = 0  # octets of argument of a read (000D, 0010)


IDENTS = {
    0x0000: Ident(4, bytes.fromhex("000CFF0D")),
    0x0001: Ident(4, bytes.fromhex("000C0000")),
    0x0002: Ident(2, bytes.fromhex("0300")),
    0x0003: Ident(2, bytes.fromhex("2D00")),
    0x0004: Ident(2, bytes.fromhex("7017")),
    0x0005: Ident(10, bytes.fromhex("FF0F") + bytes(8)),
    0x0006: Ident(1, b"\x00", False),
    0x0007: Ident(1, b"\x07", False),
    0x0008: Ident(1, b"\x00"),
    0x0009: Ident(1, b"\x00"),
    0x000A: Ident(1, b"\x08"),
    0x000B: Ident(1, b"\x01"),
    0x000C: Ident(4, bytes(4)),
    0x000D: Ident(24, bytes(24), False, 1),
    0x000F: Ident(1, b"\x00", False),
    0x0010: Ident(36, bytes(36), False, 1),
    0x0011: Ident(2, bytes.fromhex("0A00")),
    0x0012: Ident(36, bytes(36), False),
    0x0013: Ident(1, b"\x00", False),
    0x0014: Ident(1, b"\x00"),
    0x0015: Ident(1, b"\x00"),
}


@dataclass(frozen=True)
class ChipTable:
    """What differs between the chips of the family."""

    name: str
    # command octet -> (confirm, error) of the configuration services
    config: dict = field(default_factory=lambda: {0x71: (0x72, 0x73), 0x31: (0x32, 0x33)})
    db_write: tuple = (0x41, 0x42, 0x43)
    db_read: tuple = (0x41, 0x42, 0x43)
    syntax_error: bytes = b""  # frame content for an unknown command; empty = plain NAK
    tic_follows_baud: bool = True  # 5 characters once configured, unless config byte 33 b7 is 1


AMIS49587 = ChipTable("amis49587")
ST7570 = replace(
    AMIS49587,
    name="st7570",
    db_read=(0x90, 0x91, 0x92),
    syntax_error=b"\x20\x01",
    tic_follows_baud=False,
)
TABLES = {table.name: table for table in (AMIS49587, ST7570)}
