"""The request that starts a task: for callers that block and that await."""

import math
from collections.abc import Iterable
from typing import Any, Final

from otpy.errors import NoProcess
from otpy.server.functions import Function, name_of
from otpy.server.job import Job

DEFAULT_SUPERVISOR: Final = "tasks"
DEFAULT_SHUTDOWN_S: Final = 5.0


def check_shutdown(shutdown: float) -> None:
    """Raise ValueError unless that is a task's budget: finite seconds, from zero on."""
    is_number = isinstance(shutdown, int | float) and not isinstance(shutdown, bool)
    if not is_number or not 0 <= shutdown < math.inf:
        raise ValueError(f"shutdown is seconds from zero on, got {shutdown!r:.100}")


def request_of(
    function: Function, args: tuple[Any, ...], node: object | None
) -> tuple[object, ...]:
    """Return the request for a task: of a worker, or of a client's `node`; raises as `async_`."""
    if isinstance(function, str):
        return ("apply", function, *args)
    if not callable(function):
        raise TypeError(f"a task is a function, got {function!r:.100}")
    if node is not None:
        return ("apply", name_of(function), *args)
    return "run", Job.of(function, args)


def by_supervisor(names: Iterable[str]) -> dict[str, list[str]]:
    """Sort the ids of tasks by their supervisors."""
    sorted_: dict[str, list[str]] = {}
    for name in names:
        supervisor, _, id_ = name.rpartition("/")
        sorted_.setdefault(supervisor, []).append(id_)
    return sorted_


def with_hint(error: NoProcess, supervisor: str) -> NoProcess:
    """Return the error, with a hint if the default supervisor is missing."""
    if supervisor != DEFAULT_SUPERVISOR:
        return error
    advice = f"tasks need a supervisor such as {{id: {supervisor}, strategy: dynamic}}"
    return NoProcess(f"{error}; {advice}")
