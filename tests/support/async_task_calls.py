"""What workers that begin tasks do as they are told."""

from typing import Any

import otpy
from otpy import OtpyError, call
from otpy.aio import tasks
from tests.support import task_workers
from tests.support.task_workers import Unpicklable, add, told


class TaskCalls:
    """Begins tasks, awaits them, and shuts them down."""

    tasks: dict[str, tasks.Task]

    @call
    async def run(self, name: str, *args: Any) -> Any:
        try:
            task = await tasks.async_(getattr(task_workers, name), *args)
            return await tasks.await_(task, timeout=60)
        except OtpyError as error:
            return told(error)

    @call
    async def begin(
        self, name: str, *args: Any, linked: bool = True, key: str = "task"
    ) -> list[Any]:
        begin = tasks.async_ if linked else tasks.async_nolink
        task = self.tasks[key] = await begin(getattr(task_workers, name), *args)
        return [task.name, task.pid]

    @call
    async def begin_nolink(self, name: str, *args: Any) -> list[Any]:
        return await self.begin(name, *args, linked=False)

    @call
    async def result(self, timeout: float = 60.0) -> Any:
        try:
            return await tasks.await_(self.tasks["task"], timeout=timeout)
        except OtpyError as error:
            return told(error)

    @call
    async def traceback(self) -> str:
        try:
            await tasks.await_(self.tasks["task"])
        except otpy.ProcessDown as error:
            return error.traceback
        return ""

    @call
    def done(self) -> bool:
        return self.tasks["task"].done()

    @call
    async def shutdown(self) -> Any:
        return await tasks.shutdown(self.tasks["task"])

    @call
    async def several(self, count: int) -> list[Any]:
        begun = [await tasks.async_(add, number, 100) for number in range(count)]
        return await tasks.await_many(begun, timeout=60)

    @call
    async def start(self, name: str, *args: Any) -> str:
        return await tasks.start(getattr(task_workers, name), *args)

    @call
    async def wrong(self, what: str) -> list[str]:
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
