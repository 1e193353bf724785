"""A function that runs in another process, as the process that began it has it."""

import os
from typing import Any

from otpy.aio.links.pending import Pending
from otpy.aio.links.pid_ref import PidRef
from otpy.aio.server.peers import TaskStarter
from otpy.aio.server.task_waiting import Waiting
from otpy.errors import CallTimeout, OtpyError
from otpy.links.deadline import DEFAULT_TIMEOUT_S


class Task(Waiting):
    """A function that runs in another process.

    Attributes:
        name: The path of that process.
    """

    def __init__(self, starter: TaskStarter, ref: PidRef, pending: Pending) -> None:
        self._starter, self.name = starter, ref.name
        self._ref, self._pending = ref, pending
        self._owner = os.getpid()

    def __repr__(self) -> str:
        return f"<Task {self.name}>"

    def __reduce__(self) -> Any:
        raise TypeError("a task is awaited by the process that began it")

    @property
    def pid(self) -> int:
        """The pid of its process, which may have ended."""
        return self._ref.pid

    def done(self) -> bool:
        """Return whether `await_` would return, or raise what went wrong, at once."""
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
