# SPDX-License-Identifier: MIT
"""Who waits after failed authentications, for how long, and who never does."""

from base.ticks import ticks_add, ticks_diff
from dlms.security.lockout import Lockout

HES, THIEF = b"\x0a\x00\x00\x01", b"\x0a\x00\x00\x66"
FIRST, LONGEST, SLOW = 1000, 16000, 3000


def lock(rows=8):
    return Lockout(rows, FIRST, LONGEST, SLOW)


def _waiting(one):
    """Rows that have to wait, or had to not long ago."""
    return sum([one._rows[off + 2] >> 1 & 1 for off in range(0, len(one._rows), 28)])


def test_each_failure_doubles_the_wait_up_to_the_longest():
    one, now, waits = lock(), 0, []
    for _ in range(8):
        waits.append(one.failed(now, 1, THIEF))
        assert one.left_ms(now, 1, THIEF) == waits[-1]
        assert one.left_ms(ticks_add(now, waits[-1] - 1), 1, THIEF) == 1
        now = ticks_add(now, waits[-1])
        assert one.left_ms(now, 1, THIEF) == 0
    assert waits == [1000, 2000, 4000, 8000, 16000, 16000, 16000, 16000]


def test_the_count_of_failures_does_not_wrap():
    one, now = lock(), 0
    for _ in range(600):
        assert one.failed(now, 1, THIEF) <= LONGEST
    assert one.failed(now, 1, THIEF) == LONGEST


def test_a_success_forgets_the_failures():
    one = lock()
    for _ in range(4):
        one.failed(0, 1, HES)
    one.succeeded(100, 1, HES)
    assert one.left_ms(100, 1, HES) == 0 and one.failed(100, 1, HES) == FIRST


def test_a_stranger_slows_down_strangers_only_and_only_for_a_moment():
    one = lock()
    one.succeeded(0, 1, HES)
    for turn in range(20):
        one.failed(turn, 1, THIEF)
    assert one.left_ms(20, 1, HES) == 0
    newcomer = b"\x0a\x00\x00\x07"
    assert 0 < one.left_ms(20, 1, newcomer) <= SLOW
    assert one.left_ms(20 + SLOW, 1, newcomer) == 0
    assert one.left_ms(20, 32, newcomer) == 0  # another client SAP


def test_refused_attempts_prolong_nothing():
    one = lock()
    one.failed(0, 1, THIEF)
    for now in range(0, 1000, 50):
        assert one.left_ms(now, 1, THIEF) == 1000 - now


def test_failures_from_its_own_address_hold_up_even_a_proven_peer_but_not_others_clients():
    one = lock()
    one.succeeded(0, 1, HES)
    assert one.failed(0, 1, HES) == FIRST and one.left_ms(0, 1, HES) == FIRST
    assert one.left_ms(0, 32, HES) == 0
    assert one.left_ms(0, 1, b"\x0a\x00\x00\x07") == 0  # a proven peer's slip slows nobody


def test_rows_are_fixed_and_a_flood_of_addresses_leaves_proven_peers_alone():
    one = lock(4)
    one.succeeded(0, 1, HES)
    for n in range(100):
        one.failed(n, 1, bytes((10, 1, n, 1)))
    assert len(one._rows) == 4 * 28
    assert one.left_ms(100, 1, HES) == 0 and _waiting(one) == 3
    one.failed(100, 1, HES)
    assert one.left_ms(100, 1, HES) == FIRST


def test_proven_peers_make_room_for_each_other_the_oldest_first():
    one = lock(4)
    for n in range(5):
        one.succeeded(n, 1, bytes((10, 0, 0, n)))
    one.failed(10, 1, THIEF)  # takes the row of the next oldest
    assert one.left_ms(10, 1, bytes((10, 0, 0, 4))) == 0
    assert one.left_ms(10, 1, bytes((10, 0, 0, 0))) > 0  # no longer proven


def test_what_is_over_is_forgotten_in_time_and_ticks_may_wrap():
    for start in (0, 2**30 - 500, 2**30 - 20000):
        one = lock()
        one.failed(start, 1, THIEF)
        now = one.next_deadline()
        while now is not None:
            one.on_deadline(now)
            assert one.next_deadline() != now
            now, last = one.next_deadline(), now
        assert ticks_diff(last, start) == FIRST + LONGEST
        assert not any(one._rows[:4]) and _waiting(one) == 0
        assert one.failed(last, 1, THIEF) == FIRST


def test_six_addresses_that_share_their_first_octets_are_six_peers():
    one = lock()
    for n in range(6):
        one.failed(0, 1, bytes(15) + bytes((n + 1,)))
    assert _waiting(one) == 6
    assert one.failed(0, 1, bytes(15) + b"\x01") == 2 * FIRST
