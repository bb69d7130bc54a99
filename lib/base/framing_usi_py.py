# SPDX-License-Identifier: MIT
"""USI frames of the G3 modem chip, Python twin: 7E, two header octets, payload, CRC, 7E.

Source: Microchip USI (g3.md 2.2, 2.3). Payload length in 11 bits, its top bit is bit 7 of the
command octet for four protocols; 7D and 7E are escaped; the protocol id chooses the CRC.
"""

from micropython import const

_FLAG = const(0x7E)
_ESCAPE = const(0x7D)
_FLAG_ESCAPED = const(0x5E)
_ESCAPE_ESCAPED = const(0x5D)
_HEAD_LEN = const(2)
_PLAIN_MAX = const(1023)
_LONG_MAX = const(2047)
_MAX_FRAME = const(2053)
_MIN_FRAME = const(7)
_STATE_LEN = const(4)
_LEN10 = const(0x80)
_LEN10_PROTOCOLS = (0x25, 0x26, 0x30, 0x31)
_CRC16_PROTOCOLS = (0x13, 0x1F, 0x22, 0x23, 0x24, 0x25, 0x26)
_CRC8_PROTOCOLS = (0x27, 0x28, 0x30, 0x31)
_CRC32_LAST = const(0x07)
# Polynomial 0x1021 times each half octet.
_STEP16 = (
    0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50A5, 0x60C6, 0x70E7,
    0x8108, 0x9129, 0xA14A, 0xB16B, 0xC18C, 0xD1AD, 0xE1CE, 0xF1EF,
)  # fmt: skip

_PHASE = const(0)
_EVENT = const(1)
_POS_HIGH = const(2)
_POS_LOW = const(3)

_HUNT = const(0)
_BODY = const(1)
_ESCAPED = const(2)
_SKIP = const(3)
_CLOSED = const(4)

_USI_NONE = const(0)
_USI_FRAME = const(1)
_USI_BAD_CRC = const(2)
_USI_BAD_LENGTH = const(3)
_USI_BAD_ESCAPE = const(4)
_USI_TOO_LONG = const(5)
_USI_BAD_PROTOCOL = const(6)
_USI_GARBAGE = const(7)


def usi_crc(
    protocol: int,
    mv: "memoryview | bytearray | bytes",
    off: int,
    length: int,
    dst: "memoryview | bytearray",
    dst_off: int,
) -> int:
    """Write the CRC of `protocol` over `length` octets at dst[dst_off], big-endian; its octets (1, 2, 4)."""
    count = _crc_len(protocol)
    if not count:
        raise ValueError("framing: value")
    _check_range(len(mv), off, length)
    _check_range(len(dst), dst_off, count)
    _put_crc(dst, dst_off, count, _crc(count, mv[off : off + length]))
    return count


def usi_encode_into(
    dst: "memoryview | bytearray",
    dst_off: int,
    protocol: int,
    src: "memoryview | bytearray | bytes",
    off: int,
    length: int,
) -> int:
    """Write the frame with both flags at dst[dst_off]; returns its octets.

    `src[off : off + length]` is the payload, its first octet the command (bit 7 clear for
    protocols with an 11-bit length). ValueError when it does not fit, for an unknown
    protocol, or a length it has no bits for.
    """
    count = _crc_len(protocol)
    has_len10 = protocol in _LEN10_PROTOCOLS
    if not count or not 0 < length <= (_LONG_MAX if has_len10 else _PLAIN_MAX):
        raise ValueError("framing: value")
    _check_range(len(src), off, length)
    _check_range(len(dst), dst_off, 0)
    if has_len10 and src[off] >= _LEN10:
        raise ValueError("framing: value")
    end = _HEAD_LEN + length
    body = bytearray(end + count)
    body[0] = length >> 2 & 0xFF
    body[1] = (length & 3) << 6 | protocol
    body[_HEAD_LEN:end] = src[off : off + length]
    if length > _PLAIN_MAX:
        body[_HEAD_LEN] |= _LEN10
    _put_crc(body, end, count, _crc(count, memoryview(body)[:end]))
    return _escape_into(dst, dst_off, body)


def usi_deframe(
    state: bytearray, frame: "memoryview | bytearray", src: "memoryview | bytearray | bytes", off: int, end: int
) -> int:
    """Consume src[off:end] up to and including the first event; return the next offset.

    `state`: USI_STATE_LEN octets, zero at first. `frame`: USI_MIN_FRAME octets or more; after
    USI_FRAME it holds header and payload (bit 7 of the command cleared where it was length),
    the position in `state` is the payload's end, until the next call.
    """
    if len(state) < _STATE_LEN or not _is_state(state, len(frame)):
        raise ValueError("framing: state")
    if len(frame) < _MIN_FRAME or not 0 <= off <= end <= len(src):
        raise ValueError("framing: range")
    event = _USI_NONE
    if off < end and state[_PHASE] == _CLOSED:
        state[_PHASE] = _BODY
        _set_pos(state, 0)
    while off < end and event == _USI_NONE:
        octet = src[off]
        off += 1
        event = _flag(state, frame) if octet == _FLAG else _octet(state, frame, octet)
    state[_EVENT] = event
    return off


def _check_range(size: int, off: int, count: int) -> None:
    if not 0 <= off <= size or not 0 <= count <= size - off:
        raise ValueError("framing: range")


def _crc_len(protocol: int) -> int:
    if protocol in _CRC16_PROTOCOLS:
        return 2
    if protocol in _CRC8_PROTOCOLS:
        return 1
    return 4 if 0 <= protocol <= _CRC32_LAST else 0


def _crc(count: int, octets: "memoryview | bytearray | bytes") -> int:
    if count == 2:
        return _crc16(octets)
    if count == 4:
        return _crc32(octets)
    crc = 0
    for octet in octets:
        crc ^= octet
    return crc


def _crc16(octets: "memoryview | bytearray | bytes") -> int:
    # NOTE: octets enter at the low end: the plain remainder, 0xBEEF for "123456789", not 0x31C3.
    crc = 0
    for octet in octets:
        crc = (crc << 4 & 0xFFF0 | octet >> 4) ^ _STEP16[crc >> 12]
        crc = (crc << 4 & 0xFFF0 | octet & 15) ^ _STEP16[crc >> 12]
    return crc


def _crc32(octets: "memoryview | bytearray | bytes") -> int:
    # Polynomial 0x04C11DB7, high bit first, register 0, not inverted: 0x89A1897F for "123456789".
    crc = 0
    for octet in octets:
        crc ^= octet << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x104C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    return crc


def _put_crc(dst: "memoryview | bytearray", at: int, count: int, crc: int) -> None:
    for i in range(count):
        dst[at + i] = crc >> 8 * (count - 1 - i) & 0xFF


def _escape_into(dst: "memoryview | bytearray", dst_off: int, body: bytearray) -> int:
    room = len(dst)
    pos = dst_off
    if pos < room:
        dst[pos] = _FLAG
    pos += 1
    for octet in body:
        if octet == _FLAG or octet == _ESCAPE:
            if pos < room:
                dst[pos] = _ESCAPE
            pos += 1
            octet ^= 0x20
        if pos < room:
            dst[pos] = octet
        pos += 1
    if pos >= room:
        raise ValueError("framing: range")
    dst[pos] = _FLAG
    return pos + 1 - dst_off


def _pos(state: bytearray) -> int:
    return state[_POS_HIGH] << 8 | state[_POS_LOW]


def _set_pos(state: bytearray, pos: int) -> None:
    state[_POS_HIGH] = pos >> 8
    state[_POS_LOW] = pos & 0xFF


def _is_state(state: bytearray, frame_len: int) -> bool:
    phase = state[_PHASE]
    if phase == _BODY or phase == _ESCAPED:
        return _pos(state) <= min(frame_len, _MAX_FRAME)
    return phase <= _CLOSED


def _flag(state: bytearray, frame: "memoryview | bytearray") -> int:
    phase = state[_PHASE]
    event = _USI_NONE
    if phase == _ESCAPED:
        event = _USI_BAD_ESCAPE
    elif phase == _BODY and _pos(state):
        event = _close(state, frame)
    # A closing flag may be the next frame's opening one: after a lost flag one frame is lost, not two.
    state[_PHASE] = _CLOSED
    if event == _USI_NONE:
        state[_PHASE] = _BODY
        _set_pos(state, 0)
    return event


def _octet(state: bytearray, frame: "memoryview | bytearray", octet: int) -> int:
    phase = state[_PHASE]
    if phase == _SKIP:
        return _USI_NONE
    if phase == _HUNT:
        state[_PHASE] = _SKIP
        return _USI_GARBAGE
    if phase == _ESCAPED:
        if octet == _FLAG_ESCAPED or octet == _ESCAPE_ESCAPED:
            return _store(state, frame, octet ^ 0x20)
        state[_PHASE] = _SKIP
        return _USI_BAD_ESCAPE
    if octet == _ESCAPE:
        state[_PHASE] = _ESCAPED
        return _USI_NONE
    return _store(state, frame, octet)


def _store(state: bytearray, frame: "memoryview | bytearray", octet: int) -> int:
    pos = _pos(state)
    if pos >= len(frame) or pos >= _MAX_FRAME:
        state[_PHASE] = _SKIP
        return _USI_TOO_LONG
    frame[pos] = octet
    _set_pos(state, pos + 1)
    state[_PHASE] = _BODY
    return _USI_NONE


def _close(state: bytearray, frame: "memoryview | bytearray") -> int:
    total = _pos(state)
    if total < _HEAD_LEN:
        return _USI_BAD_LENGTH
    protocol = frame[1] & 0x3F
    count = _crc_len(protocol)
    if not count:
        return _USI_BAD_PROTOCOL
    end = total - count
    if end <= _HEAD_LEN:
        return _USI_BAD_LENGTH
    is_long = protocol in _LEN10_PROTOCOLS and frame[_HEAD_LEN] >= _LEN10
    announced = frame[0] << 2 | frame[1] >> 6
    if announced + (_PLAIN_MAX + 1 if is_long else 0) != end - _HEAD_LEN:
        return _USI_BAD_LENGTH
    sent = int.from_bytes(frame[end:total], "big")
    if _crc(count, frame[:end]) != sent:
        return _USI_BAD_CRC
    if is_long:
        frame[_HEAD_LEN] &= 0x7F
    _set_pos(state, end)
    return _USI_FRAME
