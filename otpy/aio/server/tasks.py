"""Functions that run in processes of their own, for who awaits them; as `otpy.server.tasks`."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Generator, Iterable
from typing import Any, Final

from otpy.aio.links.pending import Pending
from otpy.aio.links.pid_ref import PidRef
from otpy.aio.server.context import peers
from otpy.aio.server.peers import TaskStarter
from otpy.errors import CallTimeout, NoProcess, OtpyError, ProcessDown
from otpy.links.deadline import DEFAULT_TIMEOUT_S, deadline_of
from otpy.server.tasks import (
    DEFAULT_SHUTDOWN_S,
    DEFAULT_SUPERVISOR,
    Function,
    advised,
    by_supervisor,
    check_shutdown,
    request_of,
)

_late: Final[set["asyncio.Future[None]"]] = set()


class Task:
    """A function that runs in another process: to be awaited.

    Attributes:
        name: The path of that process.
        starter: Who had it started: what a worker reaches others by, or a client's node.
    """

    def __init__(self, starter: TaskStarter, ref: PidRef, pending: Pending) -> None:
        self.starter, self.name = starter, ref.name
        self._ref, self._pending = ref, pending
        self._owner = os.getpid()

    def __repr__(self) -> str:
        return f"<Task {self.name}>"

    def __reduce__(self) -> Any:
        raise TypeError("a task is awaited by the process that began it")

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait for the result, for as long as it takes."""
        return self.result(None).__await__()

    @property
    def pid(self) -> int:
        """The pid of its process, which may have ended."""
        return self._ref.pid

    def done(self) -> bool:
        """Tell whether `await_` would return, or raise what went wrong, at once."""
        self._check_owner()
        return self._pending.done()

    async def result(self, timeout: float | None = DEFAULT_TIMEOUT_S) -> Any:
        """Wait for the result, as `await_` does."""
        self._check_owner()
        try:
            value = await self._pending.result(timeout)
        except CallTimeout:
            raise CallTimeout(f"{self.name!r} did not end within {timeout:g} s") from None
        except OtpyError:
            self._ref.close()
            raise
        self._ref.close()
        return value

    def _check_owner(self) -> None:
        if os.getpid() != self._owner:
            raise OtpyError(f"{self.name!r} is awaited by the process that began it")


async def async_(
    function: Function,
    /,
    *args: Any,
    supervisor: str = DEFAULT_SUPERVISOR,
    shutdown: float = DEFAULT_SHUTDOWN_S,
    node: TaskStarter | None = None,
) -> Task:
    """Begin ``function(*args)`` in a process of its own, to be awaited; as `otpy.tasks.async_`.

    A client gives what `otpy.aio.connect` returned as its `node`.
    """
    return await _begun(function, args, supervisor, shutdown, node, linked=True)


async def async_nolink(
    function: Function,
    /,
    *args: Any,
    supervisor: str = DEFAULT_SUPERVISOR,
    shutdown: float = DEFAULT_SHUTDOWN_S,
    node: TaskStarter | None = None,
) -> Task:
    """Do as `async_`, but the task goes on when this process ends."""
    return await _begun(function, args, supervisor, shutdown, node, linked=False)


async def start(
    function: Function,
    /,
    *args: Any,
    supervisor: str = DEFAULT_SUPERVISOR,
    shutdown: float = DEFAULT_SHUTDOWN_S,
    node: TaskStarter | None = None,
) -> str:
    """Begin a task that nobody awaits, for its effects; return its path. As `otpy.tasks.start`."""
    request = request_of(function, args, node)
    async with _task_process(node, supervisor, shutdown, linked=False) as (_, ref):
        await ref.cast(*request, timeout=None)
    ref.close()
    return ref.name


async def await_(task: Task, timeout: float | None = DEFAULT_TIMEOUT_S) -> Any:
    """Wait until a task is done, and return what its function returned; as `otpy.tasks.await_`."""
    return await task.result(timeout)


async def await_many(tasks: Iterable[Task], timeout: float | None = DEFAULT_TIMEOUT_S) -> list[Any]:
    """Await several tasks, all of them within `timeout`; as `otpy.tasks.await_many`."""
    deadline_of(timeout)  # a wrong one is told in any case
    awaited = list(tasks)
    results = [asyncio.ensure_future(task.result(timeout)) for task in dict.fromkeys(awaited)]
    try:
        await asyncio.gather(*results)
    finally:
        for result in results:
            result.cancel()
        await asyncio.gather(*results, return_exceptions=True)
    return [await task.result() for task in awaited]


async def shutdown(task: Task) -> Any:
    """End a task, and return its result if that was there just before, else None.

    Raises:
        ProcessDown: It had ended badly already.
        OtpyError: As `await_`.
    """
    if not task.done():
        await end([task])
    try:
        return await task.result()
    except ProcessDown as error:
        if error.reason == "shutdown":
            return None
        raise


async def end(tasks: Iterable[Task]) -> None:
    """Stop tasks that run; those that have ended already are no mistake."""
    names: dict[TaskStarter, list[str]] = {}
    for task in tasks:
        names.setdefault(task.starter, []).append(task.name)
    for starter, theirs in names.items():
        await _terminate(starter, theirs)


async def _terminate(starter: TaskStarter, names: list[str]) -> None:
    for supervisor, ids in by_supervisor(names).items():
        await starter.terminate_children(supervisor, ids)


async def _terminate_late(starter: TaskStarter, starting: "asyncio.Future[PidRef]") -> None:
    """End a task's process that nobody wants any more, once it is there."""
    with contextlib.suppress(OtpyError):
        ref = await starting
        ref.close()
        await _terminate(starter, [ref.name])


async def _begun(
    function: Function,
    args: tuple[Any, ...],
    supervisor: str,
    shutdown: float,
    node: TaskStarter | None,
    *,
    linked: bool,
) -> Task:
    request = request_of(function, args, node)
    async with _task_process(node, supervisor, shutdown, linked=linked) as (starter, ref):
        pending: Pending = await ref.send_request(*request, timeout=None)
        return Task(starter, ref, pending)


@contextlib.asynccontextmanager
async def _task_process(
    node: TaskStarter | None, supervisor: str, shutdown: float, *, linked: bool
) -> AsyncIterator[tuple[TaskStarter, PidRef]]:
    """Have a process that is told what to do; it is ended again if that fails."""
    check_shutdown(shutdown)
    starter = peers() if node is None else node
    starting = asyncio.ensure_future(starter.start_task(supervisor, shutdown, linked=linked))
    try:
        ref: PidRef = await asyncio.shield(starting)
    except NoProcess as error:
        raise advised(error, supervisor) from None
    except asyncio.CancelledError:
        late = asyncio.ensure_future(_terminate_late(starter, starting))
        _late.add(late)
        late.add_done_callback(_late.discard)
        raise
    try:
        yield starter, ref
    except BaseException:
        await _terminate(starter, [ref.name])
        raise
