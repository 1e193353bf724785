"""A mailbox's timers: what is to come later, soonest first."""

import heapq
import itertools
from typing import Any, Final

from otpy.server.timer import TimerRef
from otpy.system.locks import RLock

# Of the module, and made before a worker is forked: what a worker need not make is on no page of
# its own.
_lock: Final = RLock()
"""Held while timers are changed: any thread may set one, and a signal handler meanwhile."""

_order: Final = itertools.count()

_LONGEST_WAIT_S: Final = 1_000_000.0
"""epoll_wait(2) takes a C int of milliseconds; what is due later is waited for again."""


class Timers:
    """The timers of one mailbox; reads no clock.

    Args:
        heap: Empty. There those will be that wait, soonest first, among some that were
            cancelled; it is empty if none does.
    """

    __slots__ = ("_cancelled", "_heap")

    def __init__(self, heap: list[tuple[float, int, TimerRef]]) -> None:
        self._heap = heap
        self._cancelled = 0

    def start(self, due: float, message: object) -> TimerRef:
        """Set a timer that delivers `message` at `due`."""
        timer = TimerRef(due, message)
        with _lock:
            heapq.heappush(self._heap, (due, next(_order), timer))
        return timer

    def cancel(self, timer: TimerRef) -> bool:
        """Forget a timer; False if it is not set any more."""
        with _lock:
            was_set, timer.set = timer.set, False
            if was_set:
                self._cancelled += 1
                self._drop_cancelled()
        return was_set

    def _drop_cancelled(self) -> None:
        # To take one out of the middle is to look at all: so they go together, and at most half
        # of the heap is waste. But no process shall wake up for the first.
        while self._heap and not self._heap[0][2].set:
            heapq.heappop(self._heap)
            self._cancelled -= 1
        if self._cancelled > len(self._heap) // 2:
            self._heap[:] = [entry for entry in self._heap if entry[2].set]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def seconds_until(self, deadline: float | None, now: float) -> float:
        """Return the seconds until `deadline` or the next timer; below zero if there is neither."""
        with _lock:
            if self._heap:
                due = self._heap[0][0]
                deadline = due if deadline is None else min(due, deadline)
        return -1.0 if deadline is None else min(_LONGEST_WAIT_S, max(0.0, deadline - now))

    def take_due(self, now: float) -> list[Any]:
        """Return and remove the messages that are due, in order of their times."""
        due: list[Any] = []
        with _lock:
            while self._heap and self._heap[0][0] <= now:
                timer = heapq.heappop(self._heap)[2]
                if timer.set:
                    timer.set = False
                    due.append(timer.message)
                else:
                    self._cancelled -= 1
        return due
