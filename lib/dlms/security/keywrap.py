# SPDX-License-Identifier: MIT
"""AES key wrap (RFC 3394) of keys of 16 or 32 octets; how class 64 carries new keys.

Law: a key comes out only when the integrity check of the RFC holds. Every call allocates its
result and two cipher blocks: keys change rarely.
"""

from micropython import const

from base.constant_time import is_equal_at
from base.errors import LocalError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.security.gcm import MakeAes, Octets

_HALF = const(8)
_IV = b"\xa6\xa6\xa6\xa6\xa6\xa6\xa6\xa6"  # RFC 3394 2.2.3.1
_ROUNDS = const(6)
OVERHEAD = const(8)


def wrap(make_aes: "MakeAes", kek: "Octets", key: "Octets") -> bytearray:
    """`key` (16 or 32 octets) under `kek` (16 or 32): 8 octets more. LocalError for another length."""
    if len(key) not in (16, 32):
        raise LocalError("key of %d octets" % len(key))
    wrapped = bytearray(_IV)
    wrapped.extend(key)
    aes = make_aes(kek)
    block = bytearray(2 * _HALF)
    half_cnt = len(key) // _HALF
    step = 0
    for _ in range(_ROUNDS):
        for i in range(1, half_cnt + 1):
            step += 1
            _gather(block, wrapped, i)
            aes.encrypt(block, block)
            block[_HALF - 1] ^= step  # at most 24: the other octets of the counter are 0
            _scatter(block, wrapped, i)
    return wrapped


def unwrap(make_aes: "MakeAes", kek: "Octets", wrapped: "Octets") -> "bytearray | None":
    """The key (16 or 32 octets) in `wrapped`; None when the length or the integrity check is wrong."""
    if len(wrapped) not in (16 + OVERHEAD, 32 + OVERHEAD):
        return None
    whole = bytearray(wrapped)
    aes = make_aes(kek)
    block = bytearray(2 * _HALF)
    half_cnt = len(whole) // _HALF - 1
    step = _ROUNDS * half_cnt
    for _ in range(_ROUNDS):
        for i in range(half_cnt, 0, -1):
            _gather(block, whole, i)
            block[_HALF - 1] ^= step
            aes.decrypt(block, block)
            _scatter(block, whole, i)
            step -= 1
    is_good = is_equal_at(whole, 0, _IV, 0, _HALF)
    key = whole[_HALF:] if is_good else None
    for i in range(len(whole)):
        whole[i] = 0
    return key


def _gather(block: bytearray, whole: bytearray, i: int) -> None:
    for k in range(_HALF):
        block[k] = whole[k]
        block[_HALF + k] = whole[_HALF * i + k]


def _scatter(block: bytearray, whole: bytearray, i: int) -> None:
    for k in range(_HALF):
        whole[k] = block[k]
        whole[_HALF * i + k] = block[_HALF + k]
