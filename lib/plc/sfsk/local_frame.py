# SPDX-License-Identifier: MIT
"""Local frames between host and S-FSK modem chip: STX, length, command, data, 16-bit sum.

Source: AMIS-49587 datasheet, "local protocol" (sfsk.md 4.3); ST7570 uses the same frame.
Law: one frame at a time, caller-owned buffers, nothing allocated per octet. The three
functions `sum16`, `encode_into` and `deframe` are the whole per-octet work, so that a C
core with the same signatures can take their place; gaps between octets are the caller's.
"""

from micropython import const

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


def sum16(mv: "memoryview | bytearray", off: int, length: int) -> int:
    """Sum of `length` octets from `off`, modulo 65536. Allocates one slice."""
    return sum(mv[off : off + length]) & 0xFFFF


def encode_into(mv: "memoryview | bytearray", start: int, command: int, data_len: int) -> int:
    """Close a frame around data already standing at `start + HEAD_LEN`.

    Writes the 3-octet header at `start` and the sum behind the data; returns the frame's
    octets. The caller guarantees data_len <= 247 and room for the sum.
    """
    length = data_len + 1 + SUM_LEN
    mv[start] = STX
    mv[start + 1] = length
    mv[start + 2] = command
    total = sum16(mv, start + 1, data_len + 2)
    end = start + HEAD_LEN + data_len
    mv[end] = total & 0xFF
    mv[end + 1] = total >> 8
    return data_len + HEAD_LEN + SUM_LEN


def deframe(state: bytearray, frame: memoryview, status_len: int, src: "memoryview | bytes", off: int, end: int) -> int:
    """Consume src[off:end] up to and including the first event; return the next offset.

    `state` is STATE_LEN octets, zero at first; `frame` at least MAX_FRAME octets, holding
    the whole frame or status message after EV_FRAME / EV_STATUS (state[POS] octets) until
    the next call. Never fails, whatever the octets are.
    """
    state[EVENT] = EV_NONE
    while off < end and not state[EVENT]:
        phase = state[PHASE]
        if phase == HUNT:
            _hunt(state, frame, status_len, src[off])
            off += 1
        elif phase == SWALLOW:
            return end
        elif state[POS] == 1 and phase == COLLECT:
            _length(state, frame, src[off])
            off += 1
        else:
            off = _collect(state, frame, src, off, end)
    return off


def drop_partial(state: bytearray) -> bool:
    """Forget what has been collected; True when there was something (a gap broke it)."""
    was_partial = state[PHASE] != HUNT
    state[PHASE] = HUNT
    state[POS] = 0
    return was_partial


def _hunt(state: bytearray, frame: memoryview, status_len: int, octet: int) -> None:
    frame[0] = octet
    state[POS] = 1
    if octet == STX:
        state[PHASE] = COLLECT
    elif octet == STATUS:
        state[PHASE] = STATUS_BODY
        state[NEED] = status_len
    elif octet == ACK:
        state[EVENT] = EV_ACK
    elif octet == NAK:
        state[EVENT] = EV_NAK
    else:
        state[EVENT] = EV_GARBAGE


def _length(state: bytearray, frame: memoryview, octet: int) -> None:
    # NOTE: after an impossible length nobody knows where the frame ends. Hunting on at once
    # would take data octets 06/15/02 for an ACK, a NAK or a new frame, so all is swallowed
    # until the line has been silent; only then may the caller answer NAK.
    if octet < MIN_LENGTH or octet > MAX_LENGTH:
        state[PHASE] = SWALLOW
        state[EVENT] = EV_BAD_LENGTH
        return
    frame[1] = octet
    state[POS] = 2
    state[NEED] = octet + 2


def _collect(state: bytearray, frame: memoryview, src: "memoryview | bytes", off: int, end: int) -> int:
    pos = state[POS]
    take = min(state[NEED] - pos, end - off)
    frame[pos : pos + take] = src[off : off + take]
    pos += take
    state[POS] = pos
    if pos == state[NEED]:
        was_status = state[PHASE] == STATUS_BODY
        state[PHASE] = HUNT
        state[EVENT] = EV_STATUS if was_status else _verify(frame, pos)
    return off + take


def _verify(frame: memoryview, total_len: int) -> int:
    expected = sum16(frame, 1, total_len - 1 - SUM_LEN)
    sent = frame[total_len - 2] | frame[total_len - 1] << 8
    return EV_FRAME if sent == expected else EV_BAD_SUM
