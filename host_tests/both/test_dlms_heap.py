# SPDX-License-Identifier: MIT
"""What SAP 1 costs in heap, measured where a heap can be measured: on MicroPython.

Octets are those of the 64-bit build; a 32-bit board needs about half. On CPython the same
requests are made, and only their answers are checked.
"""

import gc
import sys

from dlms_device import Bench, block, get, get_next

from dlms.cosem.basic import write_sap

_LDN = b"4D4D4D0000000001"
_TIME = get(8, "0.0.1.0.0.255", 2)  # local time is worked out, with its daylight saving


class _Frugal:
    """1,200 items without allocating for any."""

    generation = 0

    def count(self):
        return 1200

    def encode_item(self, index, writer):
        write_sap(writer, 0x10, _LDN)


def _bench():
    bench = Bench()
    frugal = _Frugal()
    bench.saps.count = frugal.count
    bench.saps.encode_item = frugal.encode_item
    bench.associate(max_pdu=512)
    return bench


def _ask(bench, request, out):
    return bench.device.request(bench.now, 0, 16, request, 0, len(request), out, 8, 2048)


def _heap_of(bench, apdu):
    """Octets allocated by one request; 0 where that cannot be measured."""
    request, out = memoryview(apdu), memoryview(bench.out)
    if sys.implementation.name != "micropython":
        assert _ask(bench, request, out)
        return 0
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    assert _ask(bench, request, out)
    used = gc.mem_alloc() - before
    gc.enable()
    return used


def test_a_data_block_costs_the_same_small_heap_however_long_the_list_is():
    bench = _bench()
    _heap_of(bench, get(17, "0.0.41.0.0.255", 2))
    costs = [_heap_of(bench, get_next(number)) for number in range(1, 57)]
    assert max(costs) <= 256, costs
    is_last, raw = block(bytes(bench.out[8 : 8 + 10 + 2 + 21 * 23]), 57)
    assert not is_last and raw.find(_LDN) > 0


def test_a_short_get_costs_less_than_a_kilobyte_and_the_time_less_than_two():
    bench = _bench()
    for request, most in ((get(1, "0.0.42.0.0.255", 2), 1024), (get(17, "0.0.41.0.0.255", 2), 1024), (_TIME, 2048)):
        _heap_of(bench, request)
        assert _heap_of(bench, request) <= most


def test_a_device_with_eight_associations_stays_small():
    gc.collect()
    before = gc.mem_alloc() if sys.implementation.name == "micropython" else 0
    bench = Bench()
    bench.out = bytearray(0)
    gc.collect()
    after = gc.mem_alloc() if sys.implementation.name == "micropython" else 0
    assert after - before <= 40000, after - before


def test_a_long_list_that_nobody_fetches_holds_on_to_little_also_of_whole_objects():
    bench = _bench()
    held = []
    for index in (2, 0):
        apdu = b"\xc0\x03\xc1\x20" + get(15, "0.0.40.0.0.255", index)[3:] * 32
        request, out = memoryview(apdu), memoryview(bench.out)
        bench.associate(max_pdu=512)
        gc.collect()
        before = gc.mem_alloc() if sys.implementation.name == "micropython" else 0
        assert _ask(bench, request, out)
        gc.collect()
        held.append(gc.mem_alloc() - before if before else 0)
    assert max(held) <= 6000, held
