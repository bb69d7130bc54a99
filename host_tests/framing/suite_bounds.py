# SPDX-License-Identifier: MIT
"""Framing suite: every number and buffer at, below and above its limit; states nobody left behind."""

import suite_tools as tools

from base import framing_words as words

HUGE = (1 << 29, 1 << 31, (1 << 32) + 1, 1 << 63, 1 << 70)
USI = 0x25


def _ranges(function: "object", before: tuple, size: int, after: tuple = ()) -> None:
    """function(*before, off, length, *after) over a buffer of `size` octets: inside works, outside raises."""
    for off in range(size + 1):
        function(*(before + (off, size - off) + after))
    outside = [(0, size + 1), (size, 1), (size + 1, 0), (-1, 1), (0, -1), (1, size), (-1, 0)]
    outside += [(huge, 0) for huge in HUGE] + [(0, huge) for huge in HUGE] + [(1, huge) for huge in HUGE]
    for off, length in outside + [(-huge, 1) for huge in HUGE]:
        tools.refuses(function, *(before + (off, length) + after))


def test_sums_stay_inside_the_buffer(core: "object", twin: "object") -> None:
    for function in (core.sum16, core.fcs16):
        _ranges(function, (bytes(5),), 5)
        _ranges(function, (b"",), 0)
        _ranges(function, (memoryview(bytearray(9))[2:7],), 5)


def test_usi_crc_stays_inside_both_buffers(core: "object", twin: "object") -> None:
    for protocol, count in ((0x25, 2), (0x31, 1), (0x00, 4)):
        _ranges(core.usi_crc, (protocol, bytes(6)), 6, (bytearray(count), 0))
        core.usi_crc(protocol, b"", 0, 0, bytearray(9), 9 - count)
        tools.refuses(core.usi_crc, protocol, b"", 0, 0, bytearray(count - 1), 0)
        for off in (10 - count, 9, 10, -1, 1 << 40):
            dst = bytearray(9)
            tools.refuses(core.usi_crc, protocol, b"", 0, 0, dst, off)
    for protocol in (-1, 0x08, 0x40, 0x65, 0x125, 1 << 40):
        tools.refuses(core.usi_crc, protocol, b"", 0, 0, bytearray(4), 0)


def test_local_encoder_writes_only_where_there_is_room(core: "object", twin: "object") -> None:
    mv = bytearray(20)
    assert core.encode_into(mv, 10, 0x41, 5) == 10
    assert not any(mv[:10])
    for start, command, data_len in ((11, 1, 5), (10, 1, 6), (-1, 1, 0), (20, 1, 0), (1 << 31, 1, 0), (0, 1, -1)):
        tools.refuses(core.encode_into, mv, start, command, data_len)
    for command, data_len in ((256, 0), (-1, 0), (1, 248), (1, 1 << 31)):
        tools.refuses(core.encode_into, bytearray(300), 0, command, data_len)
    assert core.encode_into(bytearray(252), 0, 255, 247) == 252
    tools.refuses(core.encode_into, bytearray(251), 0, 255, 247)


def test_local_deframer_refuses_buffers_and_numbers(core: "object", twin: "object") -> None:
    state, frame, src = bytearray(4), bytearray(252), b"\x02\x03\x21\x24\x00"
    for off, end in ((-1, 5), (0, 6), (6, 6), (3, 2), (0, 1 << 32), (1 << 32, 1 << 32)):
        tools.refuses(core.deframe, state, frame, 4, src, off, end)
    for status_len in (1, 0, -1, 253, 1 << 32):
        tools.refuses(core.deframe, state, frame, status_len, src, 0, 5)
    tools.refuses(core.deframe, bytearray(3), frame, 4, src, 0, 5)
    tools.refuses(core.deframe, state, bytearray(251), 4, src, 0, 5)
    assert core.deframe(state, frame, 4, src, 5, 5) == 5 and not any(state)
    assert core.deframe(state, frame, 252, src, 0, 5) == 5


def test_local_deframer_refuses_states_it_never_leaves(core: "object", twin: "object") -> None:
    for phase in range(6):
        for pos in (0, 1, 2, 3, 5, 100, 251, 252, 253, 255):
            for need in (0, 1, 2, 4, 5, 100, 252, 253, 255):
                _same_verdict(core.deframe, twin.deframe, bytes((phase, 7, pos, need)), bytearray(252), 4)


def test_usi_deframer_refuses_states_it_never_leaves(core: "object", twin: "object") -> None:
    for phase in range(7):
        for pos in (0, 1, 2, 7, 63, 64, 65, 255, 256, 2053, 2054, 0xFFFF):
            state = bytes((phase, 7, pos >> 8, pos & 0xFF))
            _same_verdict(core.usi_deframe, twin.usi_deframe, state, bytearray(64))


def _same_verdict(ours: "object", theirs: "object", state: bytes, *others: "object") -> None:
    verdicts = []
    for function in (ours, theirs):
        own = bytearray(state)
        args = (own, bytearray(others[0])) + others[1:] + (b"\x02\x7e\x7d\x5e\x03" * 60, 0, 300)
        try:
            verdicts.append((function(*args), own))
        except ValueError:
            verdicts.append((-1, own))
            assert own == state
    assert verdicts[0] == verdicts[1], (state, verdicts)


def test_usi_deframer_refuses_buffers_and_numbers(core: "object", twin: "object") -> None:
    state, frame, src = bytearray(4), bytearray(words.USI_MIN_FRAME), b"\x7e\x7e"
    for off, end in ((-1, 2), (0, 3), (3, 3), (2, 1), (0, 1 << 32)):
        tools.refuses(core.usi_deframe, state, frame, src, off, end)
    tools.refuses(core.usi_deframe, bytearray(3), frame, src, 0, 2)
    tools.refuses(core.usi_deframe, state, bytearray(words.USI_MIN_FRAME - 1), src, 0, 2)
    assert core.usi_deframe(state, frame, src, 0, 2) == 2


def test_usi_encoder_fits_or_refuses(core: "object", twin: "object") -> None:
    payload = b"\x01\x7e\x7d\x00"
    whole = bytearray(40)
    size = core.usi_encode_into(whole, 0, USI, payload, 0, 4)
    for room in range(size + 2):
        dst = bytearray(room + 4)
        view = memoryview(dst)[:room]
        if room < size:
            tools.refuses(core.usi_encode_into, view, 0, USI, payload, 0, 4)
        else:
            assert core.usi_encode_into(view, 0, USI, payload, 0, 4) == size
        assert not any(dst[room:])
    for off, length in ((0, 5), (4, 1), (-1, 1), (0, 0), (0, -1), (5, 1), (1 << 32, 1), (0, 1 << 32)):
        tools.refuses(core.usi_encode_into, whole, 0, USI, payload, off, length)
    for dst_off in (-1, 41, 40, 40 - size + 1, 1 << 32):
        tools.refuses(core.usi_encode_into, whole, dst_off, USI, payload, 0, 4)
    assert core.usi_encode_into(whole, 40 - size, USI, payload, 0, 4) == size
    for protocol in (-1, 8, 0x3F, 0x40, 1 << 32):
        tools.refuses(core.usi_encode_into, whole, 0, protocol, payload, 0, 4)
    tools.refuses(core.usi_encode_into, whole, 0, USI, b"\x80", 0, 1)
    assert core.usi_encode_into(whole, 0, 0x24, b"\x80", 0, 1)
    tools.refuses(core.usi_encode_into, bytearray(5000), 0, USI, bytes(2048), 0, 2048)


def test_wrapper_scan_stays_inside_the_buffer(core: "object", twin: "object") -> None:
    header = b"\0\1\0\1\0\1\0\1"
    for off, end in ((-1, 8), (0, 9), (9, 9), (5, 4), (0, 1 << 32)):
        tools.refuses(core.wpdu_scan, header, off, end, 100)
    for max_apdu in (0, -1, 65536, 1 << 32):
        tools.refuses(core.wpdu_scan, header, 0, 8, max_apdu)


def test_ghash_refuses_buffers_states_and_order(core: "object", twin: "object") -> None:
    state, key = bytearray(words.GHASH_STATE_LEN), bytes(range(18))
    for off in (-1, 3, 18, 1 << 32):
        tools.refuses(core.ghash_start, state, key, off)
    tools.refuses(core.ghash_start, bytearray(words.GHASH_STATE_LEN - 1), key, 0)
    calls = ((core.ghash_update, (b"x", 0, 1)), (core.ghash_text, ()), (core.ghash_finish, (bytearray(16), 0)))
    for function, args in calls:
        tools.refuses(function, state, *args)
        for part in (3, 255):
            tools.refuses(function, bytearray(280) + bytes((part,)), *args)
    core.ghash_start(state, key, 2)
    _ranges(core.ghash_update, (state, bytes(5)), 5)
    core.ghash_text(state)
    tools.refuses(core.ghash_text, state)
    for dst, off in ((bytearray(15), 0), (bytearray(20), 5), (bytearray(20), -1)):
        tools.refuses(core.ghash_finish, state, dst, off)
    assert core.ghash_finish(state, bytearray(20), 4) == 0


def test_ghash_part_ends_before_its_bits_overflow(core: "object", twin: "object") -> None:
    state = bytearray(words.GHASH_STATE_LEN)
    core.ghash_start(state, bytes(16), 0)
    state[272:276] = b"\x1f\xff\xff\xff"
    tools.refuses(core.ghash_update, state, b"x", 0, 1)
    state[272:276] = b"\xff\xff\xff\xff"
    tools.refuses(core.ghash_update, state, b"x", 0, 1)
    state[272:276] = b"\x1f\xff\xff\xfe"
    assert core.ghash_update(state, b"x", 0, 1) == 0


def test_one_buffer_for_everything_breaks_nothing(core: "object", twin: "object") -> None:
    if core is twin:
        return  # the twin's octets may differ here; what counts is that C stays inside
    for seed in range(40):
        same = bytearray(tools.Lcg(seed * 77 + 1).octets(300, b"\x02\x7e\x7d\x00\x01"))
        same[0] = same[1] = 0
        core.deframe(same, same, 4, same, 0, 300)
        same[0] = same[2] = 0
        core.usi_deframe(same, same, same, 0, 300)
        core.usi_encode_into(same, 0, 0x24, same, 0, 100)


def test_wrong_types_and_counts_are_type_errors(core: "object", twin: "object") -> None:
    sums = ((5, 0, 0), (b"x", "0", 0), (b"x", 0), (b"x", 0, None))
    calls = [(core.sum16, args) for args in sums] + [(core.wpdu_scan, (b"x",)), (core.ghash_text, ())]
    for function, args in calls:
        try:
            function(*args)
        except TypeError:
            continue
        raise AssertionError("accepted: %r" % (args,))
    if core is not twin:
        _refuses_constants(core)


def _refuses_constants(core: "object") -> None:
    """Octets that cannot be written are no buffer to write to."""
    for function, args in ((core.encode_into, (bytes(9), 0, 0, 0)), (core.ghash_start, (bytes(300), bytes(16), 0))):
        try:
            function(*args)
        except Exception as error:  # noqa: BLE001 - TypeError here, BufferError there
            assert type(error).__name__ in ("TypeError", "BufferError")
            continue
        raise AssertionError("wrote to a constant")
