"""Functions in processes of their own, below a supervisor of tasks (Elixir's Task.Supervisor).

A task is a temporary child of a supervisor of the tree, ``{id: tasks, strategy: dynamic}``
unless another is named. It is for the process that began it, a worker of the tree or a client:
only that one awaits it.
"""

import contextlib
import math
import os
import select
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from otpy.errors import CallTimeout, NoProcess, OtpyError, ProcessDown
from otpy.links.deadline import DEFAULT_TIMEOUT_S, EXIT_INFO_S, deadline_of, has_passed, poll_ms
from otpy.links.ref import Ref
from otpy.server.context import current
from otpy.server.functions import name_of
from otpy.server.job import Job
from otpy.server.peers import TaskStarter

if TYPE_CHECKING:
    from asyncio import Future

DEFAULT_SUPERVISOR: Final = "tasks"
DEFAULT_SHUTDOWN_S: Final = 5.0

Function: TypeAlias = Callable[..., Any] | str
"""A function, or its name: ``module:function``."""


class Task:
    """A function that runs in another process.

    Attributes:
        name: The path of that process.
        starter: Who had it started: what a worker reaches others by, or a client's node.
    """

    def __init__(self, starter: TaskStarter, ref: Ref, request: tuple[object, ...]) -> None:
        self.starter, self.name = starter, ref.name
        self._link = ref.link
        self._owner = os.getpid()
        self._pending = ref.send_request(*request, timeout=None)

    def __repr__(self) -> str:
        return f"<Task {self.name}>"

    def __reduce__(self) -> Any:
        raise TypeError("a task is awaited by the process that began it")

    @property
    def pid(self) -> int:
        """The pid of its process, which may have ended."""
        assert self._link is not None
        return self._link.pid

    def done(self) -> bool:
        """Tell whether `await_` would return, or raise what went wrong, at once."""
        self._check_owner()
        return self._pending.done()

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait for the result on an event loop, as `await_` does without one."""
        return self._awaited().__await__()

    async def _awaited(self) -> Any:
        import asyncio  # noqa: PLC0415  # who awaits has it

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
        """Tell whether its process is dead; then its supervisor knows why."""
        if self._link is None or not self._link.open:
            return True
        ends = select.poll()
        ends.register(self.descriptors()[1], select.POLLIN)
        return bool(ends.poll(0))

    def result(self, timeout: float | None = DEFAULT_TIMEOUT_S) -> Any:
        """Wait for the result, as `await_` does."""
        self._check_owner()
        try:
            value = self._pending.result(timeout)
        except CallTimeout:
            raise CallTimeout(f"{self.name!r} did not end within {timeout:g} s") from None
        except OtpyError:
            self._close()
            raise
        self._close()
        return value

    def descriptors(self) -> tuple[int, int]:
        """Give what is readable when the task may be done: the link, and the process's pidfd."""
        assert self._link is not None
        return self._link.descriptors

    def _close(self) -> None:
        if self._link is not None:
            self._link.retire()

    def _check_owner(self) -> None:
        if os.getpid() != self._owner:
            raise OtpyError(f"{self.name!r} is awaited by the process that began it")


def _wake(ready: "Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)


def async_(
    function: Function,
    /,
    *args: Any,
    supervisor: str = DEFAULT_SUPERVISOR,
    shutdown: float = DEFAULT_SHUTDOWN_S,
    node: TaskStarter | None = None,
) -> Task:
    """Begin ``function(*args)`` in a process of its own, to be awaited; return at once.

    When this process ends, in whatever way, the task is ended.

    Args:
        function: One that pickle carries, or its name; keyword arguments by
            ``functools.partial``. A client sends the name.
        args: Its arguments; of a client what MessagePack carries.
        supervisor: The name of the supervisor that the task is a child of.
        shutdown: Seconds that it has to end when it is stopped.
        node: Of a client's, what `otpy.connect` returned; a worker has none.

    Raises:
        NotSendable: The function or the arguments cannot be sent.
        NoProcess: There is no such supervisor.
        SupervisorError: It does not take the task: ``max_children``.
        ValueError: `shutdown` is no budget.
        OtpyError: This process is not a worker of a tree, and no `node` is given.
    """
    request = request_of(function, args, node)
    with _task_process(node, supervisor, shutdown, linked=True) as (starter, ref):
        return Task(starter, ref, request)


def async_nolink(
    function: Function,
    /,
    *args: Any,
    supervisor: str = DEFAULT_SUPERVISOR,
    shutdown: float = DEFAULT_SHUTDOWN_S,
    node: TaskStarter | None = None,
) -> Task:
    """Do as `async_`, but the task goes on when this process ends."""
    request = request_of(function, args, node)
    with _task_process(node, supervisor, shutdown, linked=False) as (starter, ref):
        return Task(starter, ref, request)


def start(
    function: Function,
    /,
    *args: Any,
    supervisor: str = DEFAULT_SUPERVISOR,
    shutdown: float = DEFAULT_SHUTDOWN_S,
    node: TaskStarter | None = None,
) -> str:
    """Begin a task that nobody awaits, for its effects; return its path. Raises as `async_`.

    What it raises is in the log, and in its post-mortem; `Refused`, too.
    """
    request = request_of(function, args, node)
    with _task_process(node, supervisor, shutdown, linked=False) as (_, ref):
        ref.cast(*request, timeout=None)
    if ref.link is not None:
        ref.link.retire()
    return ref.name


def await_(task: Task, timeout: float | None = DEFAULT_TIMEOUT_S) -> Any:
    """Wait until a task is done, and return what its function returned.

    Args:
        task: One that this process began.
        timeout: Seconds above zero, or None for ever.

    Raises:
        CallTimeout: Not done yet. The task goes on: await it again, or `shutdown` it.
        ProcessDown: Its function raised (`.traceback`), or it was killed or stopped.
        Refused: Its function raised this.
        NotSendable: Pickle cannot carry the result.
        OtpyError: Another process began it.
    """
    return task.result(timeout)


def await_many(tasks: Iterable[Task], timeout: float | None = DEFAULT_TIMEOUT_S) -> list[Any]:
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


def _await_all(tasks: Iterable[Task], deadline: float | None, timeout: float | None) -> None:
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


def _settled(task: Task) -> bool:
    """Tell whether a task has its result; raises what it failed with."""
    if not task.has_ended() and not task.done():
        return False
    task.result(EXIT_INFO_S)  # of one that has ended its supervisor is asked why
    return True


def shutdown(task: Task) -> Any:
    """End a task, and return its result if that was there just before, else None.

    Raises:
        ProcessDown: It had ended badly already.
        OtpyError: As `await_`.
    """
    if not task.done():
        end([task])
    try:
        return task.result()
    except ProcessDown as error:
        if error.reason == "shutdown":
            return None
        raise


def end(tasks: Iterable[Task]) -> None:
    """Stop tasks that run, all at once; those that have ended already are no mistake."""
    names: dict[TaskStarter, list[str]] = {}
    for task in tasks:
        names.setdefault(task.starter, []).append(task.name)
    for starter, theirs in names.items():
        _terminate(starter, theirs)


def _terminate(starter: TaskStarter, names: list[str]) -> None:
    for supervisor, ids in by_supervisor(names).items():
        starter.terminate_children(supervisor, ids)


def by_supervisor(names: Iterable[str]) -> dict[str, list[str]]:
    """Sort the ids of tasks by their supervisors."""
    sorted_: dict[str, list[str]] = {}
    for name in names:
        supervisor, _, id_ = name.rpartition("/")
        sorted_.setdefault(supervisor, []).append(id_)
    return sorted_


def check_shutdown(shutdown: float) -> None:
    """Raise ValueError unless that is a task's budget: finite seconds, from zero on."""
    is_number = isinstance(shutdown, int | float) and not isinstance(shutdown, bool)
    if not is_number or not 0 <= shutdown < math.inf:
        raise ValueError(f"shutdown is seconds from zero on, got {shutdown!r:.100}")


def request_of(
    function: Function, args: tuple[Any, ...], node: object | None
) -> tuple[object, ...]:
    """Make the request for a task: of a worker, or of a client's `node`; raises as `async_`."""
    if isinstance(function, str):
        return ("apply", function, *args)
    if not callable(function):
        raise TypeError(f"a task is a function, got {function!r:.100}")
    if node is not None:
        return ("apply", name_of(function), *args)
    return "run", Job.of(function, args)


@contextlib.contextmanager
def _task_process(
    node: TaskStarter | None, supervisor: str, shutdown: float, *, linked: bool
) -> Iterator[tuple[TaskStarter, Ref]]:
    """Have a process that is told what to do; it is ended again if that fails."""
    check_shutdown(shutdown)
    starter = current().peers if node is None else node
    ref = _start_task(starter, supervisor, shutdown, linked=linked)
    try:
        yield starter, ref
    except BaseException:
        _terminate(starter, [ref.name])
        raise


def _start_task(starter: TaskStarter, supervisor: str, shutdown: float, *, linked: bool) -> Ref:
    try:
        return starter.start_task(supervisor, shutdown, linked=linked)
    except NoProcess as error:
        raise advised(error, supervisor) from None


def advised(error: NoProcess, supervisor: str) -> NoProcess:
    """Say what to do, if it is the default supervisor that is missing."""
    if supervisor != DEFAULT_SUPERVISOR:
        return error
    advice = f"tasks need a supervisor such as {{id: {supervisor}, strategy: dynamic}}"
    return NoProcess(f"{error}; {advice}")
