# SPDX-License-Identifier: MIT
"""asyncio as MicroPython 1.25 has it, on CPython's event loop: nothing more.

Differences that are kept: CancelledError is a BaseException, TimeoutError is no OSError,
a detached task's exception goes to the loop's handler at once, a task cannot cancel itself,
there is no Queue, no TaskGroup, no timeout(), no shield, no Semaphore.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

from host_tests.shim.board import device

CancelledError = asyncio.CancelledError


class TimeoutError(Exception):  # the device's name; it is not the builtin one
    """wait_for() ran out of time."""


class Task:
    """Await it, cancel it, ask whether it is done; MicroPython has no more."""

    _current: dict[asyncio.Task[Any], Task] = {}

    def __init__(self, coro: Coroutine[Any, Any, Any]) -> None:
        if not hasattr(coro, "send"):
            raise TypeError("coroutine expected")  # as on the device: an Event or a function is not one
        self.coro = coro
        self.is_retrieved = False
        self.task: asyncio.Task[Any] = device.loop.create_task(coro)
        Task._current[self.task] = self
        self.task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[Any]) -> None:
        del Task._current[task]
        if not task.cancelled() and task.exception() is not None:
            # One turn later, as on the device: whoever awaits it now still gets the exception.
            task.get_loop().call_soon(self._report)

    def _report(self) -> None:
        if not self.is_retrieved:
            context = {"message": "Task exception wasn't retrieved", "exception": self.task.exception(), "future": self}
            device.loop.call_exception_handler(context)

    def __await__(self) -> Generator[Any, None, Any]:
        self.is_retrieved = True
        return (yield from self.task.__await__())

    def done(self) -> bool:
        """True when the coroutine has ended."""
        return self.task.done()

    def cancel(self) -> bool:
        """Raise CancelledError in it at its await; False when it is done already."""
        if Task._current.get(asyncio.current_task(device.loop)) is self:  # type: ignore[arg-type]
            raise RuntimeError("can't cancel self")
        return self.task.cancel()


def create_task(coro: Coroutine[Any, Any, Any]) -> Task:
    """Start `coro` as a task."""
    return Task(coro)


def current_task() -> Task:
    """The task that runs now."""
    running = asyncio.current_task(device.loop)
    if running is None or running not in Task._current:
        raise RuntimeError("no running task")
    return Task._current[running]


def _promote(aw: Any) -> Task:
    return aw if isinstance(aw, Task) else Task(aw)


async def sleep(seconds: float) -> None:
    """Wait `seconds`."""
    await asyncio.sleep(seconds)


async def sleep_ms(ms: int) -> None:
    """Wait `ms` milliseconds, at least one turn of the loop."""
    await asyncio.sleep(max(0, ms) / 1000)


async def wait_for(aw: Awaitable[Any], timeout: float | None) -> Any:
    """Result of `aw`; after `timeout` seconds cancel it and raise TimeoutError."""
    task = _promote(aw)
    task.is_retrieved = True
    if timeout is None:
        return await task
    try:
        done, _ = await asyncio.wait((task.task,), timeout=timeout)
    except CancelledError:
        task.task.cancel()
        raise
    if not done:
        task.task.cancel()
        await asyncio.wait((task.task,))
        if task.task.cancelled():
            raise TimeoutError()
    return task.task.result()


async def wait_for_ms(aw: Awaitable[Any], timeout: int) -> Any:
    """wait_for() in milliseconds."""
    return await wait_for(aw, timeout / 1000)


async def gather(*aws: Awaitable[Any], return_exceptions: bool = False) -> list[Any]:
    """Results of all, in order."""
    tasks = [_promote(aw) for aw in aws]
    for task in tasks:
        task.is_retrieved = True
    return list(await asyncio.gather(*(task.task for task in tasks), return_exceptions=return_exceptions))


class Event:
    """Set, clear, wait; from the loop's own code only (from an interrupt: ThreadSafeFlag)."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def is_set(self) -> bool:
        """True when set."""
        return self._event.is_set()

    def set(self) -> None:
        """Wake all who wait."""
        self._event.set()

    def clear(self) -> None:
        """Unset."""
        self._event.clear()

    async def wait(self) -> bool:
        """Wait until set."""
        return await self._event.wait()


class Lock:
    """Mutual exclusion between tasks."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    def locked(self) -> bool:
        """True when held."""
        return self._lock.locked()

    async def acquire(self) -> bool:
        """Wait for the lock and take it."""
        return await self._lock.acquire()

    def release(self) -> None:
        """Give it back; RuntimeError when it is not held."""
        self._lock.release()

    async def __aenter__(self) -> bool:
        return await self.acquire()

    async def __aexit__(self, *_: object) -> None:
        self.release()


class ThreadSafeFlag:
    """Set from anywhere, even a thread or an interrupt; one task waits."""

    def __init__(self) -> None:
        self._is_set = False
        self._waiter: asyncio.Future[None] | None = None

    def set(self) -> None:
        """Set and wake the waiter."""
        self._is_set = True
        waiter = self._waiter
        if waiter is not None:
            waiter.get_loop().call_soon_threadsafe(_wake, waiter)

    def clear(self) -> None:
        """Unset."""
        self._is_set = False

    async def wait(self) -> None:
        """Wait until set, and unset."""
        if not self._is_set:
            if self._waiter is not None:
                raise RuntimeError("only one task may wait for a ThreadSafeFlag")
            self._waiter = device.loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        self._is_set = False


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class Loop:
    """The loop as MicroPython shows it: class methods, one loop."""

    create_task = staticmethod(create_task)

    @staticmethod
    def run_until_complete(aw: Any) -> Any:
        """Run until `aw` is done; its result."""
        return run(aw)

    @staticmethod
    def run_forever() -> None:
        """Run until stop()."""
        device.loop.run_forever()

    @staticmethod
    def stop() -> None:
        """End run_forever()."""
        device.loop.stop()

    @staticmethod
    def close() -> None:
        """Nothing, as on the device."""

    @staticmethod
    def set_exception_handler(handler: Callable[[Any, dict[str, Any]], None] | None) -> None:
        """Handler(loop, context) for tasks that fail with nobody waiting; None for the default."""
        device.exception_handler = handler and (lambda _, context: handler(Loop, context))

    @staticmethod
    def call_exception_handler(context: dict[str, Any]) -> None:
        """Call the handler."""
        device.loop.call_exception_handler(context)


def get_event_loop() -> type[Loop]:
    """The loop."""
    return Loop


def new_event_loop() -> type[Loop]:
    """Forget every task and start afresh."""
    device.renew_loop()
    return Loop


def run(coro: Any) -> Any:
    """Run `coro` as the main task; its result. Other tasks are left as they are, as on the device."""
    main = _promote(coro)
    main.is_retrieved = True
    return device.run(_finish(main))


async def _finish(main: Task) -> Any:
    return await main


def names() -> dict[str, Any]:
    """What `import asyncio` has on the device, without the streams."""
    calls: tuple[Any, ...] = (create_task, current_task, sleep, sleep_ms, wait_for, wait_for_ms, gather, run)
    classes: tuple[Any, ...] = (Task, Event, Lock, ThreadSafeFlag, Loop, TimeoutError)
    offered = (*calls, *classes, get_event_loop, new_event_loop)
    return {**{thing.__name__: thing for thing in offered}, "CancelledError": CancelledError}
