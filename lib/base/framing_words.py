# SPDX-License-Identifier: MIT
"""Words of the framing core: what its state octets and results mean (firmware/framing/framing.h).

The same for the C module and the Python twin. Events of the S-FSK local frame stand beside
their only user, in plc/sfsk/local_frame.py.
"""

from micropython import const

LOCAL_STATE_LEN = const(4)
LOCAL_MAX_FRAME = const(252)  # sfsk.md 4.3: STX, length octet, 250

# USI frame (g3.md 2.2). State octets: phase, event, position (two, high first).
USI_STATE_LEN = const(4)
USI_EVENT = const(1)  # index of the event
USI_POS_HIGH = const(2)  # after USI_FRAME: where the payload ends in the frame buffer
USI_POS_LOW = const(3)
USI_HEAD_LEN = const(2)  # the payload starts here
USI_MAX_PAYLOAD = const(2047)  # 11 bits
USI_MAX_FRAME = const(2053)  # header, payload, CRC-32; without flags, before escaping
USI_MIN_FRAME = const(7)
USI_NONE = const(0)
USI_FRAME = const(1)
USI_BAD_CRC = const(2)
USI_BAD_LENGTH = const(3)
USI_BAD_ESCAPE = const(4)
USI_TOO_LONG = const(5)  # longer than the buffer or any frame
USI_BAD_PROTOCOL = const(6)
USI_GARBAGE = const(7)  # octets before the first flag, once

# Results of `wpdu_scan` below zero.
WPDU_BAD_VERSION = const(-1)
WPDU_BAD_LENGTH = const(-2)

GHASH_STATE_LEN = const(281)
GHASH_BLOCK = const(16)
