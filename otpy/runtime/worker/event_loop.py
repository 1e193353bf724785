"""The event loop of a worker, and its end, which takes a bounded time.

asyncio waits at its end for every task, although some may swallow that they are cancelled, and for
every thread of `asyncio.to_thread`. A worker that is ending has told so by then; what is left has
the rest of its budget, and ends with the process after that.
"""

import asyncio
import contextlib
import importlib
import os
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


class EventLoop:
    """Runs coroutines one after another; tasks that they start run while one of them does."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner(loop_factory=_loop_factory())
        self._task: asyncio.Task[Any] | None = None
        self._cancelled = False

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine, and return what it returns; raises as it, or as a task that exits."""
        return self._runner.run(self._noting(coroutine))

    async def _noting(self, coroutine: Coroutine[Any, Any, T]) -> T:
        self._task = asyncio.current_task()
        if self._cancelled and self._task is not None:
            self._task.cancel()
        return await coroutine

    def cancel_soon(self) -> None:
        """Cancel the coroutine that runs; may be called from a signal handler."""
        self._cancelled = True
        if self._task is not None:
            self._runner.get_loop().call_soon_threadsafe(self._task.cancel)

    def close(self, seconds: float | None, status: int) -> None:
        """Cancel what is left, and wait for it.

        Args:
            seconds: How long at most; None for as long as it takes.
            status: The exit status of the process if something is left then that blocks it.
        """
        end = None if seconds is None else time.monotonic() + seconds
        loop = self._runner.get_loop()
        with _exit_after(seconds, status):
            while not self._is_over(loop, end):
                pass

    def watch(self, fd: int, readable: Callable[[], None]) -> None:
        """Call `readable` when there is something to read, as long as a coroutine runs."""
        self._runner.get_loop().add_reader(fd, readable)

    def _is_over(self, loop: asyncio.AbstractEventLoop, end: float | None) -> bool:
        tasks = asyncio.all_tasks(loop)
        try:
            self._runner.run(_end(tasks, end))
        except BaseException as error:  # noqa: BLE001  # a task that exits, now that all end
            loop.call_exception_handler({"message": "a task ended badly", "exception": error})
            return not tasks
        return True


async def _end(tasks: "set[asyncio.Task[Any]]", end: float | None) -> None:
    """Cancel tasks and wait for them, then for generators and threads, until the `end`."""
    for task in tasks:
        task.cancel()
    if tasks:
        done, _ = await asyncio.wait(tasks, timeout=_left(end))
        for task in done:
            _report(task)
    loop = asyncio.get_running_loop()
    for closing in (loop.shutdown_asyncgens(), loop.shutdown_default_executor()):
        # Waited for, but not cancelled: that would wait for the threads in its turn.
        await asyncio.wait({loop.create_task(closing)}, timeout=_left(end))


def _left(end: float | None) -> float | None:
    return None if end is None else max(0.0, end - time.monotonic())


def _report(task: "asyncio.Task[Any]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        message = "unhandled exception while the worker ended"
        what = {"message": message, "exception": error, "task": task}
        task.get_loop().call_exception_handler(what)


@contextlib.contextmanager
def _exit_after(seconds: float | None, status: int) -> Iterator[None]:
    """End the process after so many seconds, also if a task blocks the loop."""
    if seconds is None:
        yield
        return
    over = threading.Timer(min(seconds + _GRACE_S, threading.TIMEOUT_MAX), _exit, (status,))
    over.daemon = True
    over.start()
    try:
        yield
    finally:
        over.cancel()


_GRACE_S = 0.1
"""How much longer a loop may take that is not blocked, to see by itself that time is over."""


def _exit(status: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(status)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    with contextlib.suppress(ImportError):
        factory: Callable[[], asyncio.AbstractEventLoop]
        factory = importlib.import_module("uvloop").new_event_loop
        return factory
    return None
