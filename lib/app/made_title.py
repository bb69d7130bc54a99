# SPDX-License-Identifier: MIT
"""A system title out of the machine's unique id, where the configuration names none."""

from binascii import crc32
from struct import pack

_LETTERS = b"GWY"


def made_title(serial: bytes, length: int = 8) -> bytes:
    """GWY and `length` - 3 (at most 5) octets in which every octet of the unique id counts.

    NOTE: the last octets of an STM32's id are the lot number, the same on a whole reel of boards: two
    initiators of one title on neighbouring lines, or two SAP 1 that use the same nonces.
    """
    return _LETTERS + pack(">BI", crc32(serial + b"\x01") & 0xFF, crc32(serial))[len(_LETTERS) - length :]
