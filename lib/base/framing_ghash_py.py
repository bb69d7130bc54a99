# SPDX-License-Identifier: MIT
"""GHASH of AES-GCM (NIST SP 800-38D 6.4), Python twin; AES itself comes from `cryptolib`.

`ghash_start` with H = E(K, 0), `ghash_update` with the additional data in any pieces,
`ghash_text`, `ghash_update` with the ciphertext, `ghash_finish`. The state octets are those of
the C module: table of H times each half octet, Y, two octet counts, part.
"""

from micropython import const

_STATE_LEN = const(281)
_BLOCK = const(16)
_Y = const(256)
_COUNTS = const(272)
_PART = const(280)
_PART_AAD = const(1)
_PART_TEXT = const(2)
_MAX_PART = const(0x1FFFFFFF)  # its bits fit 32 bits
_REDUCTION = 0xE1 << 120
# What the four bits shifted out at the right end stand for at the left end.
_REDUCE4 = (
    0x0000, 0x1C20, 0x3840, 0x2460, 0x7080, 0x6CA0, 0x48C0, 0x54E0,
    0xE100, 0xFD20, 0xD940, 0xC560, 0x9180, 0x8DA0, 0xA9C0, 0xB5E0,
)  # fmt: skip


def ghash_start(state: bytearray, key: "memoryview | bytearray | bytes", off: int) -> int:
    """Begin with H = key[off : off + 16]; `state` is GHASH_STATE_LEN octets. Returns 0."""
    if len(state) < _STATE_LEN or not 0 <= off <= len(key) or len(key) - off < _BLOCK:
        raise ValueError("framing: range")
    z = int.from_bytes(key[off : off + _BLOCK], "big")
    state[0:_STATE_LEN] = bytes(_STATE_LEN)
    row = 8
    while row:
        _put_row(state, row, z)
        z = z >> 1 ^ (_REDUCTION if z & 1 else 0)
        row >>= 1
    for row in range(3, 16):
        low = row & -row
        _put_row(state, row, _row(state, low) ^ _row(state, row ^ low))
    state[_PART] = _PART_AAD
    return 0


def ghash_update(state: bytearray, mv: "memoryview | bytearray | bytes", off: int, length: int) -> int:
    """Absorb `length` octets into the part that is open. Returns 0.

    ValueError for a state that is not open or a part of 512 MiB or more.
    """
    _check_state(state)
    if not 0 <= off <= len(mv) or not 0 <= length <= len(mv) - off:
        raise ValueError("framing: range")
    count = _count(state)
    if count + length > _MAX_PART:
        raise ValueError("framing: value")
    for i in range(off, off + length):
        state[_Y + (count & 15)] ^= mv[i]
        count += 1
        if not count & 15:
            _multiply(state)
    at = _COUNTS + 4 * (state[_PART] - 1)
    state[at : at + 4] = count.to_bytes(4, "big")
    return 0


def ghash_text(state: bytearray) -> int:
    """End the additional data, open the ciphertext. Returns 0."""
    _check_state(state)
    if state[_PART] != _PART_AAD:
        raise ValueError("framing: state")
    _pad(state)
    state[_PART] = _PART_TEXT
    return 0


def ghash_finish(state: bytearray, dst: "memoryview | bytearray", off: int) -> int:
    """Write the 16 octets of the hash at dst[off] and wipe the state, whose table is the key. Returns 0."""
    _check_state(state)
    if not 0 <= off <= len(dst) or len(dst) - off < _BLOCK:
        raise ValueError("framing: range")
    _pad(state)
    bits = int.from_bytes(state[_COUNTS : _COUNTS + 4], "big") << 67
    bits |= int.from_bytes(state[_COUNTS + 4 : _COUNTS + 8], "big") << 3
    y = int.from_bytes(state[_Y : _Y + _BLOCK], "big") ^ bits
    state[_Y : _Y + _BLOCK] = y.to_bytes(_BLOCK, "big")
    _multiply(state)
    dst[off : off + _BLOCK] = state[_Y : _Y + _BLOCK]
    state[0:_STATE_LEN] = bytes(_STATE_LEN)
    return 0


def _check_state(state: bytearray) -> None:
    if len(state) < _STATE_LEN or state[_PART] not in (_PART_AAD, _PART_TEXT):
        raise ValueError("framing: state")


def _count(state: bytearray) -> int:
    at = _COUNTS + 4 * (state[_PART] - 1)
    return int.from_bytes(state[at : at + 4], "big")


def _row(state: bytearray, row: int) -> int:
    return int.from_bytes(state[16 * row : 16 * row + 16], "big")


def _put_row(state: bytearray, row: int, element: int) -> None:
    state[16 * row : 16 * row + 16] = element.to_bytes(_BLOCK, "big")


def _pad(state: bytearray) -> None:
    if _count(state) & 15:
        _multiply(state)


def _multiply(state: bytearray) -> None:
    z = 0
    for i in range(_Y + _BLOCK - 1, _Y - 1, -1):
        z = z >> 4 ^ _REDUCE4[z & 15] << 112 ^ _row(state, state[i] & 15)
        z = z >> 4 ^ _REDUCE4[z & 15] << 112 ^ _row(state, state[i] >> 4)
    state[_Y : _Y + _BLOCK] = z.to_bytes(_BLOCK, "big")
