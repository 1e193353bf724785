"""Finds a worker that has been at work on one message for too long, or gives no sign of life.

Its counters say since when it has been at work; so it is not asked, and does nothing for it.
"""

import time
from collections.abc import Callable

from otpy.runtime.counters import SUSPENDED, at_work_since
from otpy.runtime.supervisor.child import Child
from otpy.system.loop import Loop


class WorkerWatchdog:
    """Looks at one worker from when it is up until it ends.

    Args:
        loop: The supervisor's.
        child: A worker.
        seconds: For which it may be at work without a sign of life.
        hangs: Called when it was for longer; `resume` goes on then, if it lives.
    """

    def __init__(
        self, loop: Loop, child: Child, seconds: float, hangs: Callable[[Child], None]
    ) -> None:
        self._loop, self._child, self._seconds, self._hangs = loop, child, seconds, hangs
        self._up_since = time.monotonic()
        self._timer = loop.call_later(seconds, self._look)

    def close(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def resume(self) -> None:
        """Look again, when it may hang the next time."""
        # What begins right after this look is due no earlier.
        self._timer = self._loop.call_later(max(0.0, self._seconds_left()), self._look)

    def is_over(self) -> bool:
        """Return whether the worker has been at work for too long, just now."""
        return self._seconds_left() <= 0

    def _look(self) -> None:
        if self.is_over():
            self._hangs(self._child)
        else:
            self.resume()

    def _seconds_left(self) -> float:
        counters = self._child.counters
        assert counters is not None
        since = at_work_since(counters)
        if since is None or counters[SUSPENDED]:
            return self._seconds
        return max(since, self._up_since) + self._seconds - time.monotonic()


class ProgramWatchdog:
    """Waits for the WATCHDOG=1 of a program, by sd_notify(3), from when it is up until it ends.

    Args:
        loop: The supervisor's.
        seconds: Within which the next one has to come.
        hangs: Called once, when none came.
    """

    def __init__(self, loop: Loop, seconds: float, hangs: Callable[[], None]) -> None:
        self._loop, self._seconds, self._hangs = loop, seconds, hangs
        self.give_sign_of_life()
        self._timer = loop.call_later(seconds, self._look)

    def close(self) -> None:
        """Wait no more."""
        self._timer.cancel()

    def give_sign_of_life(self) -> None:
        """Begin the time anew."""
        # No new timer each time: a program may say so as often as it likes.
        self._due = time.monotonic() + self._seconds

    def _look(self) -> None:
        left = self._due - time.monotonic()
        if left <= 0:
            self._hangs()
        else:
            self._timer = self._loop.call_later(left, self._look)
