# SPDX-License-Identifier: MIT
"""What keyed clients cost in heap, measured on MicroPython: five open associations, one ciphered request.

Octets are those of the 64-bit build; a 32-bit board needs about half. On CPython only the answers are checked.
"""

import gc
import sys

from dlms_device import OUT_OFF, get
from dlms_keyed import Hes, KeyedBench

_LDN = get(1, "0.0.42.0.0.255", 2)


def _used():
    gc.collect()
    return gc.mem_alloc() if sys.implementation.name == "micropython" else 0


def test_five_open_keyed_associations_stay_small():
    bench = KeyedBench(associations_cnt=10)
    heads = [Hes(bench, (1, 32, 64, 127)[i % 4], connection=i, counter=100 * i) for i in range(5)]
    heads[0].associate()
    heads[0].ask_plain(b"\x62\x03\x80\x01\x00")
    bench.notices, bench.records = [], []
    before = _used()
    for hes in heads:
        hes.associate()
    bench.notices, bench.records = [], []
    cost = _used() - before
    assert bench.device.open_cnt() == 5
    print("five keyed associations, octets:", cost)
    assert cost <= 5 * 800, cost


def test_a_ciphered_get_costs_little_more_than_a_plain_one():
    bench = KeyedBench()
    hes = Hes(bench).associate()
    costs = []
    for _ in range(3):
        request = memoryview(bytearray(hes.seal(_LDN)))
        out = memoryview(bench.out)
        before = _used()
        gc.disable()
        length = bench.device.request(bench.now, 0, 1, request, 0, len(request), out, OUT_OFF, 2048)
        costs.append((gc.mem_alloc() if sys.implementation.name == "micropython" else 0) - before)
        gc.enable()
        assert hes.open(bytes(bench.out[OUT_OFF : OUT_OFF + length]))[:4] == b"\xc4\x01\xc1\x00"
    print("a ciphered GET, octets:", costs)
    assert max(costs[1:]) <= 1600, costs
