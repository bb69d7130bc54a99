# SPDX-License-Identifier: MIT
"""Framing suite: on MicroPython the C core's hot calls run with the heap locked: they allocate nothing."""

import sys
from binascii import unhexlify

import vectors

from base import framing_words as words

LOCAL = unhexlify(vectors.LOCAL_FRAMES[16])
USI = unhexlify(max(vectors.USI_FRAMES, key=len))


def _all_calls(core: "object", b: "object") -> int:
    """One of each; `b` holds every buffer, nothing is made here."""
    core.sum16(b.local, 0, b.local_len)
    core.fcs16(b.local, 0, b.local_len)
    core.encode_into(b.dst, 0, 0x41, 200)
    core.deframe(b.state, b.frame, 4, b.local, 0, 7)
    core.deframe(b.state, b.frame, 4, b.view, 7, b.local_len)
    core.usi_crc(0x00, b.local, 0, b.local_len, b.dst, 0)
    core.usi_encode_into(b.dst, 0, 0x25, b.usi, 3, 60)
    core.usi_deframe(b.usi_state, b.frame, b.usi, 0, b.usi_len)
    core.wpdu_scan(b.local, 0, 8, 2000)
    core.ghash_start(b.ghash, b.local, 0)
    core.ghash_update(b.ghash, b.local, 0, 30)
    core.ghash_text(b.ghash)
    core.ghash_update(b.ghash, b.local, 0, b.local_len)
    return core.ghash_finish(b.ghash, b.dst, 0)


class Buffers:
    """Everything the calls need, made beforehand."""

    def __init__(self) -> None:
        self.local, self.view, self.local_len = LOCAL, memoryview(LOCAL), len(LOCAL)
        self.usi, self.usi_len = USI, len(USI)
        self.dst, self.frame = bytearray(400), bytearray(400)
        self.state, self.usi_state = bytearray(4), bytearray(4)
        self.ghash = bytearray(words.GHASH_STATE_LEN)


def test_hot_calls_allocate_nothing(core: "object", twin: "object") -> None:
    buffers = Buffers()
    _all_calls(core, buffers)
    assert buffers.state[1] == 1 and buffers.usi_state[1] == words.USI_FRAME  # both deframers came to a frame
    if core is twin or sys.implementation.name != "micropython":
        return  # the twin allocates small slices, and CPython has no heap to lock
    import micropython

    micropython.heap_lock()
    try:
        result = _all_calls(core, buffers)
    finally:
        micropython.heap_unlock()
    assert result == 0
    assert buffers.state[1] == 1


def test_a_locked_heap_would_be_noticed(core: "object", twin: "object") -> None:
    if sys.implementation.name != "micropython":
        return
    import micropython

    micropython.heap_lock()
    try:
        bytearray(5)
        noticed = False
    except MemoryError:
        noticed = True
    finally:
        micropython.heap_unlock()
    assert noticed
