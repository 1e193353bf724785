# Generated from otpy/aio/server/tasks.py by scripts/generate_blocking.py; do not edit.

"""Functions in processes of their own, below a supervisor of tasks (Elixir's Task.Supervisor).

A task is a temporary child of a supervisor of the tree, ``{id: tasks, strategy: dynamic}``
unless another is named. It is for the process that began it, a worker of the tree or a client:
only that one awaits it.
"""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from otpy.errors import NoProcess, ProcessDown
from otpy.links.deadline import DEFAULT_TIMEOUT_S
from otpy.links.pid_ref import PidRef
from otpy.server.context import peers
from otpy.server.functions import Function
from otpy.server.peers import TaskStarter
from otpy.server.task import Task
from otpy.server.task_request import (
    DEFAULT_SHUTDOWN_S,
    DEFAULT_SUPERVISOR,
    by_supervisor,
    check_shutdown,
    request_of,
    with_hint,
)
from otpy.server.task_waiting import start_task


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
        node: A client's, from `otpy.connect`; a worker has none.

    Raises:
        NotSendable: The function or the arguments cannot be sent.
        NoProcess: There is no such supervisor.
        SupervisorError: It does not take the task: ``max_children``.
        ValueError: `shutdown` is no budget.
        OtpyError: This process is not a worker of a tree, and no `node` is given.
    """
    request = request_of(function, args, node)
    with _task_process(node, supervisor, shutdown, linked=True) as (starter, ref):
        return Task(starter, ref, ref.send_request(*request, timeout=None))


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
        return Task(starter, ref, ref.send_request(*request, timeout=None))


def start(
    function: Function,
    /,
    *args: Any,
    supervisor: str = DEFAULT_SUPERVISOR,
    shutdown: float = DEFAULT_SHUTDOWN_S,
    node: TaskStarter | None = None,
) -> str:
    """Start a task for its effects, without awaiting it; return its path. Raises as `async_`.

    What it raises is in the log, and in its post-mortem; `Refused`, too.
    """
    request = request_of(function, args, node)
    with _task_process(node, supervisor, shutdown, linked=False) as (_, ref):
        ref.cast(*request, timeout=None)
    ref.close()
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
        names.setdefault(task._starter, []).append(task.name)
    for starter, theirs in names.items():
        _terminate(starter, theirs)


def _terminate(starter: TaskStarter, names: list[str]) -> None:
    for supervisor, ids in by_supervisor(names).items():
        starter._terminate_children(supervisor, ids)


@contextlib.contextmanager
def _task_process(
    node: TaskStarter | None, supervisor: str, shutdown: float, *, linked: bool
) -> Iterator[tuple[TaskStarter, PidRef]]:
    """Start a process for what the block sends it; end it if the block fails."""
    check_shutdown(shutdown)
    starter = peers() if node is None else node
    try:
        ref = start_task(starter, supervisor, shutdown, linked=linked)
    except NoProcess as error:
        raise with_hint(error, supervisor) from None
    try:
        yield starter, ref
    except BaseException:
        _terminate(starter, [ref.name])
        raise
