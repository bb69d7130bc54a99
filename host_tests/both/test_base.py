# SPDX-License-Identifier: MIT
"""base on both interpreters: the ring, the slab and the ticks do what they say, without allocating."""

import micropython

from base.allowance import Allowance
from base.errors import LocalError
from base.ring import Ring
from base.slab import Slab
from base.ticks import Uptime, ticks_add, ticks_diff


def test_a_full_ring_takes_nothing():
    ring = Ring(2)
    assert ring.push("a") and ring.push("b")
    assert not ring.push("c")
    assert (ring.pop(), ring.pop(), ring.pop()) == ("a", "b", None)
    assert ring.max_used == 2


def test_ring_and_slab_do_not_allocate_after_construction():
    ring, slab, item = Ring(4), Slab(2, 64, 11, 2), "x"
    micropython.heap_lock()
    for _ in range(10):
        number = slab.alloc()
        ring.push(item)
        ring.pop()
        slab.view(number)
        slab.free(number)
    assert micropython.heap_unlock() == 0


def test_a_buffer_freed_twice_is_refused():
    slab = Slab(2, 64, 11, 2)
    number = slab.alloc()
    slab.free(number)
    try:
        slab.free(number)
    except LocalError:
        return
    raise AssertionError("not refused")


def test_uptime_goes_on_when_ticks_wrap():
    start = (1 << 30) - 500
    uptime = Uptime(start)
    assert uptime.seconds(ticks_add(start, 1500)) == 2
    assert ticks_diff(ticks_add(start, 1500), start) == 1500


def test_an_allowance_is_used_up_and_comes_back_one_by_one_up_to_its_most():
    allowance = Allowance(2, 10)
    assert [allowance.take(5) for _ in range(3)] == [True, True, False]
    assert not allowance.take(9) and allowance.take(10) and not allowance.take(19)
    assert [allowance.take(1000000) for _ in range(3)] == [True, True, False]
