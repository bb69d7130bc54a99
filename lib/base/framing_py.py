# SPDX-License-Identifier: MIT
"""Python twin of the C framing core: same functions, same results, same state octets.

Runs where no C module is to be had, and is what the C module is compared with. Sources as in
firmware/framing/framing.c. Law: caller-owned state and buffers; a wrong number, buffer or
state raises ValueError, whatever else the octets are nothing is raised. Allocates small
slices per call; the C module allocates nothing.
"""

from micropython import const

from base.framing_ghash_py import ghash_finish, ghash_start, ghash_text, ghash_update
from base.framing_usi_py import usi_crc, usi_deframe, usi_encode_into

__all__ = (
    "build_id",
    "deframe",
    "encode_into",
    "fcs16",
    "ghash_finish",
    "ghash_start",
    "ghash_text",
    "ghash_update",
    "kind",
    "sum16",
    "usi_crc",
    "usi_deframe",
    "usi_encode_into",
    "wpdu_scan",
)

_STX = const(0x02)
_ACK = const(0x06)
_NAK = const(0x15)
_STATUS = const(0x3F)
_HEAD_LEN = const(3)  # STX, length, command
_SUM_LEN = const(2)
_MIN_LENGTH = const(3)  # command + sum
_MAX_LENGTH = const(250)  # sfsk.md 4.3
_MAX_DATA = const(247)
_MAX_FRAME = const(252)
_STATE_LEN = const(4)

_PHASE = const(0)
_EVENT = const(1)
_POS = const(2)
_NEED = const(3)

_HUNT = const(0)
_COLLECT = const(1)
_STATUS_BODY = const(2)
_SWALLOW = const(3)

_EV_FRAME = const(1)
_EV_BAD_SUM = const(2)
_EV_BAD_LENGTH = const(3)
_EV_ACK = const(4)
_EV_NAK = const(5)
_EV_STATUS = const(6)
_EV_GARBAGE = const(7)

_FCS_POLYNOMIAL = const(0x8408)  # 0x1021 reflected
_WRAPPER_LEN = const(8)


def kind() -> str:
    """Which implementation this is."""
    return "python"


def build_id() -> str:
    """Empty: there is no compiled source."""
    return ""


def sum16(mv: "memoryview | bytearray | bytes", off: int, length: int) -> int:
    """Sum of `length` octets from `off`, modulo 65536."""
    _check_range(len(mv), off, length)
    return sum(mv[off : off + length]) & 0xFFFF


def fcs16(mv: "memoryview | bytearray | bytes", off: int, length: int) -> int:
    """HDLC FCS-16 of `length` octets from `off` (ISO/IEC 13239; 0x906E for "123456789")."""
    _check_range(len(mv), off, length)
    fcs = 0xFFFF
    for i in range(off, off + length):
        fcs ^= mv[i]
        for _ in range(8):
            fcs = fcs >> 1 ^ (_FCS_POLYNOMIAL if fcs & 1 else 0)
    return fcs ^ 0xFFFF


def encode_into(mv: "memoryview | bytearray", start: int, command: int, data_len: int) -> int:
    """Close a local frame around data standing at `start` + 3; returns the frame's octets.

    ValueError when it does not fit, or data_len > 247 or command > 255.
    """
    if not 0 <= command <= 0xFF or not 0 <= data_len <= _MAX_DATA:
        raise ValueError("framing: value")
    _check_range(len(mv), start, data_len + _HEAD_LEN + _SUM_LEN)
    mv[start] = _STX
    mv[start + 1] = data_len + 1 + _SUM_LEN
    mv[start + 2] = command
    end = start + _HEAD_LEN + data_len
    total = sum16(mv, start + 1, data_len + 2)
    mv[end] = total & 0xFF
    mv[end + 1] = total >> 8
    return data_len + _HEAD_LEN + _SUM_LEN


def deframe(
    state: bytearray,
    frame: "memoryview | bytearray",
    status_len: int,
    src: "memoryview | bytearray | bytes",
    off: int,
    end: int,
) -> int:
    """Consume src[off:end] up to and including the first event; return the next offset.

    `state`: LOCAL_STATE_LEN octets, zero at first. `frame`: at least LOCAL_MAX_FRAME octets.
    """
    if len(state) < _STATE_LEN or not _is_state(state):
        raise ValueError("framing: state")
    if len(frame) < _MAX_FRAME or not 0 <= off <= end <= len(src):
        raise ValueError("framing: range")
    if not 2 <= status_len <= _MAX_FRAME:
        raise ValueError("framing: value")
    state[_EVENT] = 0
    while off < end and not state[_EVENT]:
        phase = state[_PHASE]
        if phase == _SWALLOW:
            return end
        if phase == _HUNT:
            _hunt(state, frame, status_len, src[off])
            off += 1
        elif phase == _COLLECT and state[_POS] == 1:
            _length(state, frame, src[off])
            off += 1
        else:
            off = _collect(state, frame, src, off, end)
    return off


def wpdu_scan(mv: "memoryview | bytearray | bytes", off: int, end: int, max_apdu: int) -> int:
    """Octets of the APDU whose wrapper header stands at mv[off:end]; 0 when the header is incomplete.

    WPDU_BAD_VERSION (-1) or WPDU_BAD_LENGTH (-2: none, or more than `max_apdu`) when it is none.
    """
    if not 0 <= off <= end <= len(mv):
        raise ValueError("framing: range")
    if not 0 < max_apdu <= 0xFFFF:
        raise ValueError("framing: value")
    if end - off < _WRAPPER_LEN:
        return 0
    if mv[off] or mv[off + 1] != 1:
        return -1
    length = mv[off + 6] << 8 | mv[off + 7]
    return length if 0 < length <= max_apdu else -2


def _check_range(size: int, off: int, count: int) -> None:
    if not 0 <= off <= size or not 0 <= count <= size - off:
        raise ValueError("framing: range")


def _is_state(state: bytearray) -> bool:
    phase, pos, need = state[_PHASE], state[_POS], state[_NEED]
    if phase == _COLLECT:
        return pos == 1 or 2 <= pos < need <= _MAX_FRAME
    if phase == _STATUS_BODY:
        return 1 <= pos < need <= _MAX_FRAME
    return phase in (_HUNT, _SWALLOW)


def _hunt(state: bytearray, frame: "memoryview | bytearray", status_len: int, octet: int) -> None:
    frame[0] = octet
    state[_POS] = 1
    if octet == _STX:
        state[_PHASE] = _COLLECT
    elif octet == _STATUS:
        state[_PHASE] = _STATUS_BODY
        state[_NEED] = status_len
    elif octet == _ACK:
        state[_EVENT] = _EV_ACK
    elif octet == _NAK:
        state[_EVENT] = _EV_NAK
    else:
        state[_EVENT] = _EV_GARBAGE


def _length(state: bytearray, frame: "memoryview | bytearray", octet: int) -> None:
    # NOTE: after an impossible length nobody knows where the frame ends: data octets 06/15/02
    # would pass for an ACK, a NAK or a new frame, so all is swallowed until the line is silent.
    if octet < _MIN_LENGTH or octet > _MAX_LENGTH:
        state[_PHASE] = _SWALLOW
        state[_EVENT] = _EV_BAD_LENGTH
        return
    frame[1] = octet
    state[_POS] = 2
    state[_NEED] = octet + 2


def _collect(
    state: bytearray, frame: "memoryview | bytearray", src: "memoryview | bytearray | bytes", off: int, end: int
) -> int:
    pos = state[_POS]
    take = min(state[_NEED] - pos, end - off)
    frame[pos : pos + take] = src[off : off + take]
    pos += take
    state[_POS] = pos
    if pos == state[_NEED]:
        was_status = state[_PHASE] == _STATUS_BODY
        state[_PHASE] = _HUNT
        state[_EVENT] = _EV_STATUS if was_status else _verify(frame, pos)
    return off + take


def _verify(frame: "memoryview | bytearray", total_len: int) -> int:
    expected = sum16(frame, 1, total_len - 1 - _SUM_LEN)
    sent = frame[total_len - 2] | frame[total_len - 1] << 8
    return _EV_FRAME if sent == expected else _EV_BAD_SUM
