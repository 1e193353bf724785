"""Workers that begin tasks on an event loop, as `task_owners.Owner` does without one."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

from otpy import OtpyError, call
from otpy.aio import tasks
from tests.support import task_owners, task_workers
from tests.support.async_task_calls import TaskCalls
from tests.support.task_workers import add, one_hangs, told


class Owner(TaskCalls, task_owners.Owner):  # type: ignore[misc]
    """Begins tasks as it is told, by `otpy.aio.tasks`."""

    async def init(self, log: str) -> None:  # type: ignore[override]
        self.log = log
        self.tasks = {}

    @call
    async def in_a_fork(self) -> bytes:  # type: ignore[override]
        task = await tasks.async_(add, 5)
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                task.done()
            except OtpyError as error:
                os.write(write, str(error).encode())
            os._exit(0)
        os.close(write)
        text = os.read(read, 1000)
        os.close(read)
        await asyncio.to_thread(os.waitpid, pid, 0)
        await task
        return text

    @call
    async def fork_and_begin(self, log: str) -> None:  # type: ignore[override]
        await self.begin("many_bytes", 3 << 20)
        if os.fork() == 0:
            task_workers.hang(log, "a fork")

    # ---- streams -----------------------------------------------------------------------------

    @call
    async def stream(  # type: ignore[override]
        self, name: str, first: list[Any], items: list[Any], options: Any
    ) -> list[Any]:
        results: list[Any] = []
        function = partial(getattr(task_workers, name), *first)
        try:
            async for result in tasks.stream(function, _each(items), **options):
                results += [told(result) if isinstance(result, OtpyError) else result]
        except OtpyError as error:
            results.append(["raised", *told(error)])
        return results

    @call
    async def first_of_stream(self, log: str) -> Any:
        items = iter(range(1_000_000))
        stream = tasks.stream(partial(one_hangs, log), items, max_concurrency=2, timeout=None)
        async with contextlib.aclosing(stream) as results:
            first = await anext(results)
            # The loop goes on: the second task may be started, and not have its function yet.
            await asyncio.to_thread(_wait_for, f"{log}.fifo")
        return [first, next(items)]


def _wait_for(fifo: str) -> None:
    Path(fifo).read_bytes()


async def _each(items: list[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item
