# SPDX-License-Identifier: MIT
"""asyncio: what the firmware relies on, the same on MicroPython and under the shim."""

import asyncio
import time


async def _fails(ms, error):
    await asyncio.sleep_ms(ms)
    raise error


async def test_wait_for_ms_cancels_and_raises_its_own_timeout_error():
    ended = []

    async def slow():
        try:
            await asyncio.sleep_ms(1000)
        finally:
            ended.append(1)

    try:
        await asyncio.wait_for_ms(slow(), 5)
    except OSError:
        raise AssertionError("a timeout is no OSError") from None
    except asyncio.TimeoutError:
        pass
    assert ended == [1]


async def test_wait_for_gives_the_result_in_time():
    async def quick():
        await asyncio.sleep_ms(1)
        return 7

    assert await asyncio.wait_for(quick(), 60) == 7


def test_cancellation_is_not_an_exception():
    assert not issubclass(asyncio.CancelledError, Exception)


async def test_a_cancelled_task_runs_its_finally_and_is_done():
    seen = []

    async def work():
        try:
            await asyncio.sleep_ms(10000)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        finally:
            seen.append("finally")

    task = asyncio.create_task(work())
    await asyncio.sleep_ms(1)
    assert not task.done()
    assert task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        seen.append("awaiter")
    assert seen == ["cancelled", "finally", "awaiter"]
    assert task.done() and not task.cancel()


async def test_a_task_cannot_cancel_itself():
    try:
        asyncio.current_task().cancel()
    except RuntimeError:
        return
    raise AssertionError("not refused")


async def test_an_exception_reaches_who_awaits_the_task():
    task = asyncio.create_task(_fails(1, ValueError("x")))
    try:
        await task
    except ValueError as error:
        assert error.args == ("x",)
        return
    raise AssertionError("lost")


async def test_an_exception_nobody_awaits_goes_to_the_handler():
    seen = []
    loop = asyncio.get_event_loop()
    loop.set_exception_handler(lambda loop, context: seen.append(context["exception"].args))
    try:
        asyncio.create_task(_fails(1, ValueError("nobody")))
        await asyncio.sleep_ms(20)
    finally:
        loop.set_exception_handler(None)
    assert seen == [("nobody",)]


async def test_gather_keeps_order_and_returns_exceptions_when_asked():
    async def value(ms, what):
        await asyncio.sleep_ms(ms)
        return what

    assert list(await asyncio.gather(value(5, "a"), value(1, "b"))) == ["a", "b"]
    got = await asyncio.gather(value(1, "a"), _fails(1, ValueError("x")), return_exceptions=True)
    assert got[0] == "a" and isinstance(got[1], ValueError)


async def test_an_event_wakes_all_and_stays_set():
    event, woken = asyncio.Event(), []

    async def wait(name):
        await event.wait()
        woken.append(name)

    tasks = [asyncio.create_task(wait(name)) for name in (1, 2)]
    await asyncio.sleep_ms(1)
    assert not woken and not event.is_set()
    event.set()
    await asyncio.gather(tasks[0], tasks[1])
    assert sorted(woken) == [1, 2]
    await event.wait()
    event.clear()
    assert not event.is_set()


async def test_a_thread_safe_flag_is_taken_by_waiting():
    flag = asyncio.ThreadSafeFlag()
    flag.set()
    await flag.wait()
    try:
        await asyncio.wait_for_ms(flag.wait(), 5)
    except asyncio.TimeoutError:
        return
    raise AssertionError("the flag was still set")


async def test_a_lock_is_held_by_one():
    lock, inside, most = asyncio.Lock(), [0], [0]

    async def use():
        async with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            await asyncio.sleep_ms(1)
            inside[0] -= 1

    await asyncio.gather(use(), use(), use())
    assert most == [1] and not lock.locked()


async def test_sleeping_takes_the_time_it_says():
    before = time.ticks_ms()
    await asyncio.sleep_ms(20)
    assert 20 <= time.ticks_diff(time.ticks_ms(), before) < 20000  # 20 s if it took them for seconds


async def _listening(serve):
    """A server on a port nobody has, below those that connections are given; MicroPython does not tell which 0 is."""
    for port in range(21000, 21100):
        try:
            return await asyncio.start_server(serve, "127.0.0.1", port), port
        except OSError:
            continue
    raise AssertionError("no port is free")


async def test_a_server_and_a_client_exchange_octets():
    heard = []

    async def answer(reader, writer):
        buf = bytearray(8)
        n = await reader.readinto(memoryview(buf))
        heard.append(bytes(buf[:n]))
        writer.write(b"pong" * 1000)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server, port = await _listening(answer)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"ping")
    await writer.drain()
    assert await reader.readexactly(4) == b"pong"
    rest = await reader.read(-1)
    assert (heard, len(rest)) == ([b"ping"], 3996)
    try:
        await reader.readexactly(1)
    except EOFError:
        heard.append("end")
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()
    assert heard == [b"ping", "end"]


async def test_connecting_to_nobody_is_an_oserror():
    try:
        await asyncio.open_connection("127.0.0.1", 1)
        reader, writer = await asyncio.open_connection("127.0.0.1", 1)
        await reader.readexactly(1)
    except (OSError, EOFError):
        return
    raise AssertionError("connected")
