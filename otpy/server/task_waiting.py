"""Wait for a task, by callers that block or have an event loop beside."""

import select
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any

from otpy.errors import CallTimeout
from otpy.links.deadline import DEFAULT_TIMEOUT_S, EXIT_INFO_S, deadline_of, has_passed, poll_ms
from otpy.links.pid_ref import PidRef
from otpy.server.peers import TaskStarter

if TYPE_CHECKING:
    from asyncio import Future


class Waiting:
    """The end of a task, for `select` by its descriptors, or to be awaited."""

    name: str
    _ref: PidRef

    if TYPE_CHECKING:

        def done(self) -> bool:
            """As `Task.done`."""

        def _check_owner(self) -> None: ...

        def result(self, timeout: float | None = DEFAULT_TIMEOUT_S) -> Any:
            """As `Task.result`."""

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait for the result on an event loop, as `await_` does without one."""
        return self._awaited().__await__()

    async def _awaited(self) -> Any:
        import asyncio  # noqa: PLC0415  # a caller that awaits has it

        self._check_owner()
        loop = asyncio.get_running_loop()
        while not self.has_ended() and not self.done():
            ready = loop.create_future()
            for descriptor in self.descriptors():
                loop.add_reader(descriptor, _wake, ready)
            try:
                await ready
            finally:
                for descriptor in self.descriptors():
                    loop.remove_reader(descriptor)
        return self.result(EXIT_INFO_S)

    def has_ended(self) -> bool:
        """Return whether its process is dead; then its supervisor knows why."""
        if not self._ref.only_link.open:
            return True
        ends = select.poll()
        ends.register(self.descriptors()[1], select.POLLIN)
        return bool(ends.poll(0))

    def descriptors(self) -> tuple[int, int]:
        """Return the descriptors that are readable when the task may be done: link and pidfd."""
        return self._ref.only_link.descriptors


def _wake(ready: "Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)


def await_many(tasks: Iterable[Waiting], timeout: float | None = DEFAULT_TIMEOUT_S) -> list[Any]:
    """Await several tasks, all of them within `timeout`.

    Returns:
        Their results, in the order of the tasks.

    Raises:
        OtpyError: As `await_`, as soon as one of them fails, whichever that is. The others go on.
    """
    deadline = deadline_of(timeout)
    awaited = list(tasks)
    _await_all(dict.fromkeys(awaited), deadline, timeout)
    return [task.result() for task in awaited]


def _await_all(tasks: Iterable[Waiting], deadline: float | None, timeout: float | None) -> None:
    """Wait until each has its result; raises what the first that fails does."""
    poll, waiting = select.poll(), {}
    for task in tasks:
        if not _settled(task):
            for descriptor in task.descriptors():
                poll.register(descriptor, select.POLLIN)
                waiting[descriptor] = task
    while waiting:
        ready = {waiting[fd] for fd, _ in poll.poll(poll_ms(deadline)) if fd in waiting}
        for task in ready:
            if _settled(task):
                for descriptor in [fd for fd, each in waiting.items() if each is task]:
                    poll.unregister(descriptor)
                    del waiting[descriptor]
        if not ready and has_passed(deadline):
            late = next(iter(waiting.values()))
            raise CallTimeout(f"{late.name!r} did not end within {timeout:g} s")


def _settled(task: Waiting) -> bool:
    """Return whether a task has its result; raises what it failed with."""
    if not task.has_ended() and not task.done():
        return False
    task.result(EXIT_INFO_S)  # of one that has ended its supervisor is asked why
    return True


def start_task(starter: TaskStarter, supervisor: str, shutdown: float, *, linked: bool) -> PidRef:
    """Start a process for a task."""
    return starter._start_task(supervisor, shutdown, linked=linked)
