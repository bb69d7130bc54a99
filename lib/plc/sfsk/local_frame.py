# SPDX-License-Identifier: MIT
"""Local frames between host and S-FSK modem chip: STX, length, command, data, 16-bit sum.

Source: AMIS-49587 datasheet, "local protocol" (sfsk.md 4.3); ST7570 uses the same frame.
Law: one frame at a time, caller-owned buffers, nothing allocated per octet. The per-octet
work (`sum16`, `encode_into`, `deframe`) is the framing core's, in C where it is built in;
the words for its state and events are here. Gaps between octets are the caller's.
"""

from micropython import const

from base.framing import deframe, encode_into, sum16

__all__ = ("deframe", "drop_partial", "encode_into", "sum16")

STX = const(0x02)
ACK = const(0x06)
NAK = const(0x15)
STATUS = const(0x3F)

HEAD_LEN = const(3)  # STX, length, command
SUM_LEN = const(2)
MIN_LENGTH = const(3)  # command + sum
MAX_LENGTH = const(250)  # sfsk.md 4.3
MAX_FRAME = const(252)  # STX + length octet + MAX_LENGTH
STATE_LEN = const(4)

# What `deframe` stopped at (state[EVENT]).
EV_NONE = const(0)
EV_FRAME = const(1)
EV_BAD_SUM = const(2)
EV_BAD_LENGTH = const(3)
EV_ACK = const(4)
EV_NAK = const(5)
EV_STATUS = const(6)
EV_GARBAGE = const(7)

# Indices into the deframer's state octets.
PHASE = const(0)
EVENT = const(1)
POS = const(2)
NEED = const(3)

# Phases.
HUNT = const(0)  # between messages
COLLECT = const(1)  # inside a frame whose length is known (or about to be)
STATUS_BODY = const(2)
SWALLOW = const(3)  # after an impossible length: until the caller sees a gap


def drop_partial(state: bytearray) -> bool:
    """Forget what has been collected; True when there was something (a gap broke it)."""
    was_partial = state[PHASE] != HUNT
    state[PHASE] = HUNT
    state[POS] = 0
    return was_partial
