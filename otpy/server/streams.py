"""Many tasks over the items of an iterable, a few at a time (Elixir's Task.async_stream)."""

import os
import select
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from otpy.errors import CallTimeout, OtpyError
from otpy.links.deadline import DEFAULT_TIMEOUT_S, EXIT_INFO_S, poll_ms
from otpy.server import tasks
from otpy.server.functions import Function
from otpy.server.peers import TaskStarter
from otpy.server.task import Task
from otpy.server.task_request import DEFAULT_SHUTDOWN_S, DEFAULT_SUPERVISOR, check_shutdown

AHEAD: Final = 4
"""For each task that may run, so many may be begun or done before the one whose turn it is."""

_ERRORS: Final = ("raise", "yield")


def stream(
    function: Function,
    items: Iterable[Any],
    *,
    max_concurrency: int | None = None,
    ordered: bool = True,
    timeout: float | None = DEFAULT_TIMEOUT_S,
    on_error: str = "raise",
    linked: bool = True,
    supervisor: str = DEFAULT_SUPERVISOR,
    shutdown: float = DEFAULT_SHUTDOWN_S,
    node: TaskStarter | None = None,
) -> Iterator[Any]:
    """Run ``function(item)`` for each item in a task of its own, and yield the results.

    Items are taken as there is room. Leaving the loop ends what still runs.

    Args:
        function: As for `async_`.
        items: Any iterable; it may be without end.
        max_concurrency: How many tasks run at a time; as many as there are processors.
        ordered: Whether the results come in the order of the items, or as they are there.
        timeout: Seconds that each task has, or None for ever; then it is ended.
        on_error: ``raise`` the error of a task that failed or ran out of time, which ends the
            stream; or ``yield`` it in place of the result.
        linked: As `async_`; False as `async_nolink`.
        supervisor: As for `async_`.
        shutdown: As for `async_`.
        node: As for `async_`.

    Raises:
        ValueError: An argument is wrong.
    """
    limit = concurrency(max_concurrency, timeout, on_error)
    check_shutdown(shutdown)
    begin = tasks.async_ if linked else tasks.async_nolink

    def begin_one(item: Any) -> Task:
        return begin(function, item, supervisor=supervisor, shutdown=shutdown, node=node)

    return _yielded(_Stream(begin_one, iter(items), limit, ordered, timeout), on_error)


def concurrency(max_concurrency: int | None, timeout: float | None, on_error: str) -> int:
    """Return how many tasks may run at a time; raises ValueError for what is wrong of these."""
    limit = len(os.sched_getaffinity(0)) if max_concurrency is None else max_concurrency
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ValueError(f"max_concurrency is an integer from 1 on, got {limit!r}")
    if timeout is not None and not timeout > 0:
        raise ValueError(f"timeout is seconds above zero or None, got {timeout!r}")
    if on_error not in _ERRORS:
        raise ValueError(f"on_error is raise or yield, got {on_error!r}")
    return limit


def _yielded(running: "_Stream", on_error: str) -> Iterator[Any]:
    try:
        for outcome in running.outcomes():
            if outcome.error is None:
                yield outcome.value
            elif on_error == "yield":
                yield outcome.error
            else:
                raise outcome.error
    finally:
        running.end()


@dataclass(slots=True)
class _Outcome:
    value: Any = None
    error: OtpyError | None = None


@dataclass(slots=True)
class _Stream:
    """The tasks of one stream."""

    begin: Callable[[Any], Task]
    items: Iterator[Any]
    limit: int
    ordered: bool
    timeout: float | None
    begun: int = 0
    given: int = 0
    exhausted: bool = False
    running: dict[int, tuple[Task, float | None]] = field(default_factory=dict)
    done: dict[int, _Outcome] = field(default_factory=dict)

    def outcomes(self) -> Iterator[_Outcome]:
        """Yield what became of the tasks, as it is known or in their order."""
        while True:
            self._fill()
            if (outcome := self._next_done()) is not None:
                self.given += 1
                yield outcome
            elif self.running:
                self._wait()
            else:
                return

    def end(self) -> None:
        """Stop what still runs."""
        if self.running:
            tasks.end(task for task, _ in self.running.values())
            self.running.clear()

    def _fill(self) -> None:
        while (
            not self.exhausted
            and len(self.running) < self.limit
            and self.begun - self.given < AHEAD * self.limit
        ):
            try:
                item = next(self.items)
            except StopIteration:
                self.exhausted = True
                return
            task = self.begin(item)
            until = None if self.timeout is None else time.monotonic() + self.timeout
            self.running[self.begun] = (task, until)
            self.begun += 1

    def _next_done(self) -> _Outcome | None:
        if not self.ordered and self.done:
            return self.done.pop(next(iter(self.done)))
        return self.done.pop(self.given, None)

    def _wait(self) -> None:
        """Wait until a task is done, or out of time."""
        poll = select.poll()
        owners: dict[int, int] = {}
        for number, (task, _) in self.running.items():
            for descriptor in task.descriptors():
                poll.register(descriptor, select.POLLIN)
                owners[descriptor] = number
        untils = [until for _, until in self.running.values() if until is not None]
        ready = {fd for fd, _ in poll.poll(poll_ms(min(untils, default=None)))}
        for number in {owners[fd] for fd in ready}:
            self._look_at(number, ready)
        self._end_late_ones()

    def _look_at(self, number: int, ready: set[int]) -> None:
        task, _ = self.running[number]
        has_ended = task.descriptors()[1] in ready
        if has_ended or task.done():
            # Of one that has ended the supervisor is asked why.
            self._settle(number, task, EXIT_INFO_S)

    def _settle(self, number: int, task: Task, timeout: float) -> None:
        try:
            self.done[number] = _Outcome(task.result(timeout))
        except OtpyError as error:
            self.done[number] = _Outcome(error=error)
        del self.running[number]

    def _end_late_ones(self) -> None:
        now = time.monotonic()
        late = [n for n, (_, until) in self.running.items() if until is not None and until <= now]
        if not late:
            return
        tasks.end(self.running[number][0] for number in late)
        for number in late:
            task, _ = self.running.pop(number)
            text = f"{task.name!r} did not end within {self.timeout:g} s"
            self.done[number] = _Outcome(error=CallTimeout(text))
