"""Workers that begin tasks as they are told."""

import asyncio
import os
from functools import partial
from pathlib import Path
from typing import Any

import otpy
from otpy import GenServer, OtpyError, call, cast, tasks
from tests.support import task_workers
from tests.support.task_calls import TaskCalls
from tests.support.task_workers import add, hang, one_hangs, told


class Owner(TaskCalls, GenServer):
    """Begins tasks as it is told."""

    def init(self, log: str) -> None:
        self.log = log
        self.tasks: dict[str, tasks.Task] = {}

    @call
    def in_a_fork(self) -> bytes:
        task = tasks.async_(add, 5)
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                tasks.await_(task)
            except OtpyError as error:
                os.write(write, str(error).encode())
            os._exit(0)
        os.close(write)
        os.waitpid(pid, 0)
        text = os.read(read, 1000)
        os.close(read)
        return text

    @call
    def fork_and_begin(self, log: str) -> None:
        """Begin a task, and fork a process that lives on."""
        self.begin("many_bytes", 3 << 20)
        if os.fork() == 0:
            hang(log, "a fork")

    @call
    def descriptors(self) -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    @cast
    def crash(self) -> None:
        raise RuntimeError("told to")

    @cast
    def stop(self) -> otpy.Stop:
        return otpy.Stop("normal")

    # ---- streams -----------------------------------------------------------------------------

    @call
    def stream(self, name: str, first: list[Any], items: list[Any], options: Any) -> list[Any]:
        results: list[Any] = []
        stream = tasks.stream(partial(getattr(task_workers, name), *first), items, **options)
        try:
            results.extend(told(r) if isinstance(r, OtpyError) else r for r in stream)
        except OtpyError as error:
            results.append(["raised", *told(error)])
        return results

    @call
    def first_of_stream(self, log: str) -> Any:
        """Take one result of a stream without end, whose other tasks hang."""
        items = iter(range(1_000_000))
        stream = tasks.stream(partial(one_hangs, log), items, max_concurrency=2, timeout=None)
        first = next(stream)
        Path(f"{log}.fifo").read_bytes()
        stream.close()  # type: ignore[attr-defined]
        return [first, next(items)]


class AsyncOwner(GenServer):
    """Awaits tasks on an event loop."""

    async def init(self, log: str) -> None:
        self.log = log

    @call
    async def run(self, name: str, *args: Any) -> Any:
        try:
            return await tasks.async_(getattr(task_workers, name), *args)
        except OtpyError as error:
            return told(error)

    @call
    async def several(self, count: int) -> Any:
        return await asyncio.gather(*(_awaited(tasks.async_(add, n, 100)) for n in range(count)))

    @call
    async def within(self, seconds: float) -> str:
        task = tasks.async_(hang, self.log)
        try:
            await asyncio.wait_for(task, seconds)
        except TimeoutError:
            return f"too late {tasks.shutdown(task)}"
        return "done"


async def _awaited(task: tasks.Task) -> Any:
    return await task
