"""Workers that begin tasks, and what those run."""

import asyncio
import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import otpy
from otpy import GenServer, OtpyError, Refused, call, cast, tasks
from otpy.server.context import current
from tests.support.workers import note, sleep_in_c


class Unpicklable:
    def __reduce__(self) -> Any:
        raise TypeError("not this one")


def add(one: int, two: int = 0) -> int:
    return one + two


def identity() -> list[Any]:
    return [os.getpid(), current().name]


def divide(number: int) -> float:
    return 1 / number


def refuse() -> None:
    raise Refused("not now")


def unsendable() -> Unpicklable:
    return Unpicklable()


def many_bytes(size: int) -> bytes:
    return bytes(size)


def kill_itself(number: int = signal.SIGKILL) -> None:
    os.kill(os.getpid(), number)


def hang(log: str, name: str = "task", how: str = "python") -> None:
    """Say so, and never end."""
    note(log, "hangs", name, os.getpid())
    if how == "c":
        sleep_in_c()
    while True:
        signal.pause()


def wait_for(fifo: str, value: Any) -> Any:
    """Return `value` once somebody has written into a fifo."""
    Path(fifo).read_bytes()
    return value


def noted(log: str, value: Any) -> Any:
    note(log, "runs", value)
    return value


def one_hangs(log: str, value: int) -> int:
    if value == 1:
        hang(log, f"item {value}")
    return value


def one_is_killed(value: int) -> int:
    if value == 1:
        kill_itself()
    return value


def first_is_slow(fifo: str, value: int) -> int:
    return int(wait_for(fifo, value)) if value == 0 else value


def told(error: OtpyError) -> list[str]:
    return [type(error).__name__, str(error)]


class Owner(GenServer):
    """Begins tasks as it is told."""

    def init(self, log: str) -> None:
        self.log = log
        self.tasks: dict[str, tasks.Task] = {}

    @call
    def run(self, name: str, *args: Any) -> Any:
        try:
            return tasks.await_(tasks.async_(globals()[name], *args), timeout=60)
        except OtpyError as error:
            return told(error)

    @call
    def begin(self, name: str, *args: Any, linked: bool = True, key: str = "task") -> list[Any]:
        begin = tasks.async_ if linked else tasks.async_nolink
        task = self.tasks[key] = begin(globals()[name], *args)
        return [task.name, task.pid]

    @call
    def begin_nolink(self, name: str, *args: Any) -> list[Any]:
        return self.begin(name, *args, linked=False)

    @call
    def result(self, timeout: float = 60.0) -> Any:
        try:
            return tasks.await_(self.tasks["task"], timeout=timeout)
        except OtpyError as error:
            return told(error)

    @call
    def traceback(self) -> str:
        try:
            tasks.await_(self.tasks["task"])
        except otpy.ProcessDown as error:
            return error.traceback
        return ""

    @call
    def done(self) -> bool:
        return self.tasks["task"].done()

    @call
    def shutdown(self) -> Any:
        return tasks.shutdown(self.tasks["task"])

    @call
    def several(self, count: int) -> list[Any]:
        begun = [tasks.async_(add, number, 100) for number in range(count)]
        return tasks.await_many(begun, timeout=60)

    @call
    def start(self, name: str, *args: Any) -> str:
        return tasks.start(globals()[name], *args)

    @call
    def wrong(self, what: str) -> list[str]:
        attempts: dict[str, Any] = {
            "lambda": lambda: tasks.async_(lambda: 5),
            "argument": lambda: tasks.async_(add, Unpicklable()),
            "no function": lambda: tasks.async_(5),  # type: ignore[arg-type]
            "no supervisor": lambda: tasks.async_(add, 5, supervisor="nowhere"),
            "a worker": lambda: tasks.async_(add, 5, supervisor="owner"),
            "elsewhere": lambda: tasks.await_(
                tasks.async_(tasks.await_, tasks.async_(add, 5), supervisor="tasks")
            ),
            "concurrency": lambda: tasks.stream(add, [], max_concurrency=0),
            "timeout": lambda: tasks.stream(add, [], timeout=0),
            "on_error": lambda: tasks.stream(add, [], on_error="ignore"),
        }
        try:
            attempts[what]()
        except (OtpyError, ValueError, TypeError) as error:
            return [type(error).__name__, str(error)]
        return ["nothing", "happened"]

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
        stream = tasks.stream(partial(globals()[name], *first), items, **options)
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
            return await tasks.async_(globals()[name], *args)
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
