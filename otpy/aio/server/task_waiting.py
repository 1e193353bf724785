"""Wait for a task on an event loop; the blocking twin is written by hand, too."""

import asyncio
import contextlib
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any, Final

from otpy.aio.links.pid_ref import PidRef
from otpy.aio.server.peers import TaskStarter
from otpy.errors import OtpyError
from otpy.links.deadline import DEFAULT_TIMEOUT_S, deadline_of

_late: Final[set["asyncio.Future[None]"]] = set()


class Waiting:
    """The awaitable end of a task."""

    if TYPE_CHECKING:

        async def result(self, timeout: float | None = DEFAULT_TIMEOUT_S) -> Any:
            """As `Task.result`."""

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait for the result, for as long as it takes."""
        return self.result(None).__await__()


async def await_many(
    tasks: Iterable[Waiting], timeout: float | None = DEFAULT_TIMEOUT_S
) -> list[Any]:
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


async def start_task(
    starter: TaskStarter, supervisor: str, shutdown: float, *, linked: bool
) -> PidRef:
    """Start a process for a task; a caller that is cancelled meanwhile leaves none behind."""
    starting = asyncio.ensure_future(starter._start_task(supervisor, shutdown, linked=linked))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        late = asyncio.ensure_future(_terminate_late(starter, starting))
        _late.add(late)
        late.add_done_callback(_late.discard)
        raise


async def _terminate_late(starter: TaskStarter, starting: "asyncio.Future[PidRef]") -> None:
    """End the process of a task that is not wanted any more, once it has started."""
    with contextlib.suppress(OtpyError):
        ref = await starting
        ref.close()
        supervisor, _, id_ = ref.name.rpartition("/")
        await starter._terminate_children(supervisor, [id_])
