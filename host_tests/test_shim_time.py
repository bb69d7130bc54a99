# SPDX-License-Identifier: MIT
"""Virtual time: it jumps to the next timer, stands still meanwhile, and its ticks wrap."""

import time

import pytest

from host_tests.shim import DeviceReset, PowerCut, aio
from host_tests.shim.guard import DEVICE_MODULES

device_time = DEVICE_MODULES["time"]


def test_a_day_passes_in_no_time(device):
    began = time.monotonic()
    before = device_time.ticks_ms()
    device.run(aio.sleep(86_400))
    assert device_time.ticks_diff(device_time.ticks_ms(), before) == 86_400_000
    assert time.monotonic() - began < 3600


def test_ticks_start_a_minute_before_they_wrap(device):
    before = device_time.ticks_ms()
    device.run(aio.sleep_ms(60_001))
    after = device_time.ticks_ms()
    assert (before, after) == ((1 << 30) - 60_000, 1)
    assert device_time.ticks_diff(after, before) == 60_001
    assert device_time.ticks_diff(before, after) == -60_001


def test_blocking_sleep_moves_the_same_clock(device):
    before = device_time.time()
    device_time.sleep_ms(2500)
    assert device_time.time() - before == 2 and device.clock.us == 2_500_000


def test_the_epoch_is_the_boards():
    assert device_time.gmtime(0)[:3] == (2000, 1, 1)
    assert device_time.mktime((2024, 2, 29, 12, 0, 0, 0, 0)) == 762_523_200
    assert device_time.gmtime(762_523_200) == (2024, 2, 29, 12, 0, 0, 3, 60)


def test_timers_of_many_tasks_fire_in_order(device):
    seen = []

    async def wait(ms):
        await aio.sleep_ms(ms)
        seen.append((ms, device.clock.us // 1000))

    async def main():
        await aio.gather(wait(30), wait(10), wait(20))

    aio.run(main())
    assert seen == [(10, 10), (20, 20), (30, 30)]


def test_waiting_for_nothing_is_an_error_and_not_a_hang():
    with pytest.raises(RuntimeError, match="stands still"):
        aio.run(aio.Event().wait())


def test_a_starved_watchdog_resets(device):
    watchdog = DEVICE_MODULES["machine"].WDT(timeout=1000)
    device_time.sleep_ms(900)
    watchdog.feed()
    device_time.sleep_ms(1001)
    with pytest.raises(DeviceReset) as reset:
        watchdog.feed()
    assert reset.value.cause == DEVICE_MODULES["machine"].WDT_RESET


@pytest.mark.parametrize("fate", [DeviceReset(2), PowerCut("off")])
def test_reset_and_power_cut_end_the_loop_whoever_raises_them(fate):
    async def dies():
        raise fate

    async def main():
        aio.create_task(dies())
        await aio.sleep(1)

    with pytest.raises(type(fate)):
        aio.run(main())
