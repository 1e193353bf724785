"""Many tasks over the items of an iterable, a few at a time; as `otpy.tasks.stream`."""

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
)
from dataclasses import dataclass, field
from typing import Any

from otpy.aio.server import tasks
from otpy.aio.server.peers import TaskStarter
from otpy.aio.server.task import Task
from otpy.errors import CallTimeout, OtpyError
from otpy.links.deadline import DEFAULT_TIMEOUT_S
from otpy.server.functions import Function
from otpy.server.streams import AHEAD, concurrency
from otpy.server.task_request import DEFAULT_SHUTDOWN_S, DEFAULT_SUPERVISOR, check_shutdown


def stream(
    function: Function,
    items: Iterable[Any] | AsyncIterable[Any],
    *,
    max_concurrency: int | None = None,
    ordered: bool = True,
    timeout: float | None = DEFAULT_TIMEOUT_S,
    on_error: str = "raise",
    linked: bool = True,
    supervisor: str = DEFAULT_SUPERVISOR,
    shutdown: float = DEFAULT_SHUTDOWN_S,
    node: TaskStarter | None = None,
) -> AsyncGenerator[Any, None]:
    """Run ``function(item)`` for each item in a task of its own, and yield the results.

    As `otpy.tasks.stream`, for ``async for``; the items may come from an async iterable, too.
    Leaving the loop before its end ends what still runs once the iterator is gone, or at
    once by its ``aclose()``, as `contextlib.aclosing` does.
    """
    limit = concurrency(max_concurrency, timeout, on_error)
    check_shutdown(shutdown)
    begin = tasks.async_ if linked else tasks.async_nolink

    def begin_one(item: Any) -> Awaitable[Task]:
        return begin(function, item, supervisor=supervisor, shutdown=shutdown, node=node)

    return _yielded(_Stream(begin_one, _each(items), limit, ordered, timeout), on_error)


async def _each(items: Iterable[Any] | AsyncIterable[Any]) -> AsyncIterator[Any]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


async def _yielded(running: "_Stream", on_error: str) -> AsyncGenerator[Any, None]:
    try:
        while (outcome := await running.next()) is not None:
            if outcome.error is None:
                yield outcome.value
            elif on_error == "yield":
                yield outcome.error
            else:
                raise outcome.error
    finally:
        await running.end()


@dataclass(slots=True)
class _Outcome:
    value: Any = None
    error: OtpyError | None = None


@dataclass(slots=True)
class _Stream:
    """The tasks of one stream, and what waits for each of them."""

    begin: Callable[[Any], Awaitable[Task]]
    items: AsyncIterator[Any]
    limit: int
    ordered: bool
    timeout: float | None
    begun: int = 0
    given: int = 0
    exhausted: bool = False
    beginning: "asyncio.Task[None] | None" = None
    running: dict["asyncio.Task[_Outcome]", tuple[int, Task]] = field(default_factory=dict)
    done: dict[int, _Outcome] = field(default_factory=dict)

    async def next(self) -> _Outcome | None:
        """Return the outcome of a task, as it is known or in their order; None at the end."""
        while True:
            if self.beginning is None and self._has_room():
                self.beginning = asyncio.create_task(self._begin_one())
            number = self.given if self.ordered else next(iter(self.done), -1)
            if (outcome := self.done.pop(number, None)) is not None:
                self.given += 1
                return outcome
            if self.beginning is None and not self.running:
                return None
            await self._until_something_ends()

    async def end(self) -> None:
        """Stop what still runs."""
        running, self.running = self.running, {}
        waiters: list[asyncio.Task[Any]] = [*running, *filter(None, (self.beginning,))]
        for waiter in waiters:
            waiter.cancel()
        if waiters:
            await asyncio.wait(waiters)
        await tasks.end(task for _, task in running.values())

    def _has_room(self) -> bool:
        ahead = self.begun - self.given < AHEAD * self.limit
        return not self.exhausted and len(self.running) < self.limit and ahead

    async def _begin_one(self) -> None:
        try:
            item = await anext(self.items)
        except StopAsyncIteration:
            self.exhausted = True
            return
        task = await self.begin(item)
        self.running[asyncio.create_task(self._outcome_of(task))] = (self.begun, task)
        self.begun += 1

    async def _until_something_ends(self) -> None:
        waiters: list[asyncio.Task[Any]] = [*self.running, *filter(None, (self.beginning,))]
        await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
        if self.beginning is not None and self.beginning.done():
            begun, self.beginning = self.beginning, None
            begun.result()  # raises what went wrong
        for waiter in [waiter for waiter in self.running if waiter.done()]:
            number, _ = self.running.pop(waiter)
            self.done[number] = waiter.result()

    async def _outcome_of(self, task: Task) -> _Outcome:
        try:
            return _Outcome(await task.result(self.timeout))
        except CallTimeout as error:
            await tasks.end([task])
            return _Outcome(error=error)
        except OtpyError as error:
            return _Outcome(error=error)
