# Generated from tests/support/async_task_calls.py by scripts/generate_blocking.py; do not edit.

"""What workers that begin tasks do as they are told."""

from typing import Any

import otpy
from otpy import OtpyError, call, tasks
from tests.support import task_workers
from tests.support.task_workers import Unpicklable, add, told


class TaskCalls:
    """Begins tasks, awaits them, and shuts them down."""

    tasks: dict[str, tasks.Task]

    @call
    def run(self, name: str, *args: Any) -> Any:
        try:
            task = tasks.async_(getattr(task_workers, name), *args)
            return tasks.await_(task, timeout=60)
        except OtpyError as error:
            return told(error)

    @call
    def begin(self, name: str, *args: Any, linked: bool = True, key: str = "task") -> list[Any]:
        begin = tasks.async_ if linked else tasks.async_nolink
        task = self.tasks[key] = begin(getattr(task_workers, name), *args)
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
        return tasks.start(getattr(task_workers, name), *args)

    @call
    def wrong(self, what: str) -> list[str]:
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
            attempts[what]()
        except (OtpyError, ValueError, TypeError) as error:
            return [type(error).__name__, str(error)]
        return ["nothing", "happened"]

    def _elsewhere(self) -> None:
        tasks.async_(tasks.await_, tasks.async_(add, 5))
