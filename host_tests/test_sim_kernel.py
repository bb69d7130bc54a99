# SPDX-License-Identifier: MIT
"""The discrete-event kernel: order, cancelling, limits."""

import asyncio

from tools.sim.kernel import Kernel
from tools.sim.realtime import RealTime


def test_events_run_in_time_order_and_ties_in_the_order_asked_for():
    kernel, seen = Kernel(), []
    kernel.call_at(20, seen.append, "b")
    kernel.call_at(10, seen.append, "a")
    kernel.call_at(20, seen.append, "c")
    kernel.run_until(20)
    assert seen == ["a", "b", "c"]


def test_a_cancelled_call_never_runs_and_is_not_the_next_event():
    kernel, seen = Kernel(), []
    timer = kernel.call_at(10, seen.append, "no")
    kernel.call_at(30, seen.append, "yes")
    timer.cancel()
    assert kernel.next_event_us() == 30
    kernel.run_until(100)
    assert seen == ["yes"]
    assert kernel.now_us == 100


def test_run_until_includes_its_limit_and_leaves_what_lies_beyond():
    kernel, seen = Kernel(), []
    kernel.call_at(50, seen.append, 50)
    kernel.call_at(51, seen.append, 51)
    kernel.run_until(50)
    assert seen == [50]
    assert kernel.now_us == 50


def test_a_call_in_the_past_runs_now():
    kernel, seen = Kernel(), []
    kernel.run_until(1000)
    kernel.call_at(1, lambda: seen.append(kernel.now_us))
    kernel.run_until(1000)
    assert seen == [1000]


def test_run_until_idle_stops_at_its_limit():
    kernel = Kernel()

    def again():
        kernel.call_later(10, again)

    again()
    assert kernel.run_until_idle(95) is False
    assert kernel.now_us == 90
    assert Kernel().run_until_idle(10) is True


def test_the_real_time_driver_runs_due_events_and_brings_the_world_up_to_date_before_a_call():
    async def run():
        kernel, seen = Kernel(), []
        driver = RealTime(kernel)
        done = asyncio.Event()
        kernel.call_at(1_000, seen.append, "due")
        kernel.call_at(2_000, done.set)
        driver.start()
        await asyncio.wait_for(done.wait(), 60)
        now_us = driver.call(lambda: kernel.now_us)
        driver.stop()
        assert seen == ["due"]
        assert now_us >= 2_000

    asyncio.run(run())


def test_a_failing_callback_is_reported_and_the_world_goes_on():
    async def run():
        kernel, reported = Kernel(), []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context["exception"]))
        driver = RealTime(kernel)
        done = asyncio.Event()
        kernel.call_at(1_000, lambda: 1 // 0)
        kernel.call_at(2_000, done.set)
        driver.start()
        await asyncio.wait_for(done.wait(), 60)
        driver.stop()
        assert [type(error) for error in reported] == [ZeroDivisionError]

    asyncio.run(run())
