"""Workers that begin tasks on an event loop, as `task_workers.Owner` does without one."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import otpy
from otpy import OtpyError, call
from otpy.aio import tasks
from tests.support import task_workers
from tests.support.task_workers import Unpicklable, add, one_hangs, told


class Owner(task_workers.Owner):
    """Begins tasks as it is told, by `otpy.aio.tasks`."""

    async def init(self, log: str) -> None:  # type: ignore[override]
        self.log = log
        self.begun: dict[str, tasks.Task] = {}

    @call
    async def run(self, name: str, *args: Any) -> Any:
        try:
            return await (await tasks.async_(getattr(task_workers, name), *args))
        except OtpyError as error:
            return told(error)

    @call
    async def begin(  # type: ignore[override]
        self, name: str, *args: Any, linked: bool = True, key: str = "task"
    ) -> list[Any]:
        begin = tasks.async_ if linked else tasks.async_nolink
        task = self.begun[key] = await begin(getattr(task_workers, name), *args)
        return [task.name, task.pid]

    @call
    async def begin_nolink(  # type: ignore[override]
        self, name: str, *args: Any
    ) -> list[Any]:
        return await self.begin(name, *args, linked=False)

    @call
    async def result(self, timeout: float = 60.0) -> Any:
        try:
            return await tasks.await_(self.begun["task"], timeout=timeout)
        except OtpyError as error:
            return told(error)

    @call
    async def traceback(self) -> str:  # type: ignore[override]
        try:
            await tasks.await_(self.begun["task"])
        except otpy.ProcessDown as error:
            return error.traceback
        return ""

    @call
    def done(self) -> bool:
        return self.begun["task"].done()

    @call
    async def shutdown(self) -> Any:
        return await tasks.shutdown(self.begun["task"])

    @call
    async def several(self, count: int) -> list[Any]:  # type: ignore[override]
        begun = [await tasks.async_(add, number, 100) for number in range(count)]
        return await tasks.await_many(begun, timeout=60)

    @call
    async def start(self, name: str, *args: Any) -> str:  # type: ignore[override]
        return await tasks.start(getattr(task_workers, name), *args)

    @call
    async def wrong(self, what: str) -> list[str]:  # type: ignore[override]
        attempts: dict[str, Any] = {
            "lambda": lambda: tasks.async_(lambda: 5),
            "argument": lambda: tasks.async_(add, Unpicklable()),
            "no function": lambda: tasks.async_(5),  # type: ignore[arg-type]
            "no supervisor": lambda: tasks.async_(add, 5, supervisor="nowhere"),
            "a worker": lambda: tasks.async_(add, 5, supervisor="owner"),
            "elsewhere": self._elsewhere,
            "concurrency": lambda: tasks.stream(add, [], max_concurrency=0),
            "timeout": lambda: tasks.stream(add, [], timeout=0),
            "on_error": lambda: tasks.stream(add, [], on_error="ignore"),
        }
        try:
            await attempts[what]()
        except (OtpyError, ValueError, TypeError) as error:
            return [type(error).__name__, str(error)]
        return ["nothing", "happened"]

    async def _elsewhere(self) -> None:
        await tasks.async_(tasks.await_, await tasks.async_(add, 5))

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
