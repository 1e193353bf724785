"""Looks at a child that is to be replaced when it has grown too big, or too old."""

import time
from collections.abc import Callable, Iterable

from otpy.core.exits import Recycled
from otpy.core.recycling import (
    FIRST_PAUSE_S,
    RecyclingLimits,
    age_reached,
    memory_reached,
    pause_after,
)
from otpy.runtime.supervisor.child import Child
from otpy.system.loop import Loop, Timer
from otpy.system.memory import memory_of


class RecyclingWatch:
    """Looks at one child from when it is up until it ends.

    Args:
        loop: The supervisor's.
        child: With `RecyclingLimits`.
        limits: Of this incarnation.
        processes: Returns the pids of all that belongs to the child.
        reached: Called with the reason when the child has reached a limit.
    """

    def __init__(
        self,
        loop: Loop,
        child: Child,
        limits: RecyclingLimits,
        processes: Callable[[Child], Iterable[int]],
        reached: Callable[[Child, Recycled], None],
    ) -> None:
        self._loop, self._child, self._limits = loop, child, limits
        self._processes, self._reached = processes, reached
        self._timers: list[Timer] = []
        if limits.age is not None:
            self._timers.append(loop.call_later(limits.age, self._is_old))
        if limits.memory is not None:
            self._look_after(FIRST_PAUSE_S, 0, limits.memory)

    def close(self) -> None:
        """Look no more."""
        for timer in self._timers:
            timer.cancel()

    def _is_old(self) -> None:
        self._end(age_reached(self._child.spec))

    def _look_after(self, pause: float, before: int, limit: float) -> None:
        since = time.monotonic()
        timer = self._loop.call_later(pause, lambda: self._look(since, before, limit))
        self._timers = [each for each in self._timers if each.callback is not None] + [timer]

    def _look(self, since: float, before: int, limit: float) -> None:
        used = memory_of(self._processes(self._child), limit)
        if used >= limit:
            self._end(memory_reached(self._child.spec))
        else:
            pause = pause_after(time.monotonic() - since, used, before or used, limit)
            self._look_after(pause, used, limit)

    def _end(self, reason: Recycled) -> None:
        self.close()
        self._reached(self._child, reason)
