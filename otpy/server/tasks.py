"""Functions in processes of their own, below a supervisor of tasks (Elixir's Task.Supervisor).

A task is a temporary child of a supervisor of the tree, ``{id: tasks, strategy: dynamic}``
unless another is named. It is for the worker that began it: only that one awaits it.
"""

import itertools
import os
import pickle
from collections.abc import Callable, Iterable
from typing import Any, Final

from otpy.errors import CallTimeout, NoProcess, NotSendable, OtpyError, ProcessDown
from otpy.links.deadline import DEFAULT_TIMEOUT_S, deadline_of, share_of
from otpy.links.ref import Ref
from otpy.server.context import current

DEFAULT_SUPERVISOR: Final = "tasks"
DEFAULT_SHUTDOWN_S: Final = 5.0

_RUNNER: Final = "otpy.runtime.runner:Runner"
_NAME_CHARS: Final = 60
_numbers: Final = itertools.count(1)


class Task:
    """A function that runs in another process.

    Attributes:
        name: The path of that process.
        supervisor: The name of its supervisor.
    """

    def __init__(self, supervisor: str, ref: Ref, job: bytes) -> None:
        self.supervisor, self.name = supervisor, ref.name
        self._ref, self._link = ref, ref.link
        self._owner = os.getpid()
        self._pending = ref.send_request("run", job, timeout=None)

    def __repr__(self) -> str:
        return f"<Task {self.name}>"

    def __reduce__(self) -> Any:
        raise TypeError("a task is awaited by the worker that began it")

    @property
    def pid(self) -> int:
        """The pid of its process, which may have ended."""
        assert self._link is not None
        return self._link.pid

    def done(self) -> bool:
        """Tell whether `await_` would return, or raise what went wrong, at once."""
        self._check_owner()
        return self._pending.done()

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
            self._ref.drop(self._link)

    def _check_owner(self) -> None:
        if os.getpid() != self._owner:
            raise OtpyError(f"{self.name!r} is awaited by the worker that began it")


def async_(
    function: Callable[..., Any],
    /,
    *args: Any,
    supervisor: str = DEFAULT_SUPERVISOR,
    shutdown: float = DEFAULT_SHUTDOWN_S,
) -> Task:
    """Begin ``function(*args)`` in a process of its own, to be awaited; return at once.

    When this worker ends, in whatever way, the task is ended.

    Args:
        function: One that pickle carries; keyword arguments by ``functools.partial``.
        args: Its arguments.
        supervisor: The name of the supervisor that the task is a child of.
        shutdown: Seconds that it has to end when it is stopped.

    Raises:
        NotSendable: Pickle cannot carry the function or the arguments.
        NoProcess: There is no such supervisor.
        SupervisorError: It does not take the task: ``max_children``.
        OtpyError: This process is not a worker of a tree.
    """
    return _begin(supervisor, _job(function, args), shutdown, tied=True)


def async_nolink(
    function: Callable[..., Any],
    /,
    *args: Any,
    supervisor: str = DEFAULT_SUPERVISOR,
    shutdown: float = DEFAULT_SHUTDOWN_S,
) -> Task:
    """Do as `async_`, but the task goes on when this worker ends."""
    return _begin(supervisor, _job(function, args), shutdown, tied=False)


def start(
    function: Callable[..., Any],
    /,
    *args: Any,
    supervisor: str = DEFAULT_SUPERVISOR,
    shutdown: float = DEFAULT_SHUTDOWN_S,
) -> str:
    """Begin a task that nobody awaits, for its effects; return its path. Raises as `async_`."""
    job = _job(function, args)
    ref = _hire(supervisor, shutdown, tied=False)
    ref.cast("run", job, timeout=None)
    if ref.link is not None:
        ref.drop(ref.link)
    return ref.name


def await_(task: Task, timeout: float | None = DEFAULT_TIMEOUT_S) -> Any:
    """Wait until a task is done, and return what its function returned.

    Args:
        task: One that this worker began.
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
    """Await several tasks, all of them within `timeout`; raises what the first of them does."""
    deadline = deadline_of(timeout)
    return [task.result(share_of(deadline, 1)) for task in tasks]


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
    by_supervisor: dict[str, list[str]] = {}
    for task in tasks:
        supervisor, _, id_ = task.name.rpartition("/")
        by_supervisor.setdefault(supervisor, []).append(id_)
    for supervisor, ids in by_supervisor.items():
        current().peers.terminate_children(supervisor, ids)


def _begin(supervisor: str, job: bytes, shutdown: float, *, tied: bool) -> Task:
    return Task(supervisor, _hire(supervisor, shutdown, tied=tied), job)


def _job(function: Callable[..., Any], args: tuple[Any, ...]) -> bytes:
    if not callable(function):
        raise TypeError(f"a task is a function, got {function!r:.100}")
    try:
        return pickle.dumps((function, args), 5)
    except Exception as error:  # noqa: BLE001  # whatever the user's code raised
        raise NotSendable(f"cannot send {function!r:.100} with its arguments: {error}") from None


def _hire(supervisor: str, shutdown: float, *, tied: bool) -> Ref:
    me = current()
    try:
        return me.peers.hire(supervisor, _new_id(), _RUNNER, shutdown, tied=tied)
    except NoProcess as error:
        if supervisor != DEFAULT_SUPERVISOR:
            raise
        advice = f"tasks need a supervisor such as {{id: {supervisor}, strategy: dynamic}}"
        raise NoProcess(f"{error}; {advice}") from None


def _new_id() -> str:
    """Make an id that no task of this tree has had: the worker's name, its life, a number."""
    me = current()
    name = me.name.replace("/", ".")
    if "." in me.name or len(name) > _NAME_CHARS:  # else two names might become one
        import zlib  # noqa: PLC0415  # a library of its own, which most workers never need

        name = f"{name[:_NAME_CHARS]}-{zlib.crc32(me.name.encode()):08x}"
    return f"{name}-{me.incarnation}-{next(_numbers)}"
