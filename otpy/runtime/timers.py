"""A mailbox's timers: what is to come later, soonest first."""

import heapq
import itertools
from collections.abc import Iterator
from typing import Any

from otpy.server import TimerRef


class Timers:
    """The timers of one mailbox; reads no clock.

    Args:
        heap: Empty. There those will be that wait, soonest first, among some that were
            cancelled; it is empty if none does.
    """

    def __init__(self, heap: list[tuple[float, int, TimerRef]]) -> None:
        self._heap = heap
        self._order = itertools.count()
        self._cancelled = 0

    def start(self, due: float, message: object) -> TimerRef:
        """Have `message` at `due`."""
        timer = TimerRef(due, message)
        heapq.heappush(self._heap, (due, next(self._order), timer))
        return timer

    def cancel(self, timer: TimerRef) -> None:
        """Forget a timer that is set."""
        timer.set = False
        self._cancelled += 1
        # To take one out of the middle is to look at all: so they go together, and at most half
        # of the heap is waste. But nobody shall wake up for the first.
        while self._heap and not self._heap[0][2].set:
            heapq.heappop(self._heap)
            self._cancelled -= 1
        if self._cancelled > len(self._heap) // 2:
            self._heap[:] = [entry for entry in self._heap if entry[2].set]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def take_due(self, now: float) -> Iterator[Any]:
        """Take the messages whose time has come, in order of their times."""
        while self._heap and self._heap[0][0] <= now:
            timer = heapq.heappop(self._heap)[2]
            if timer.set:
                timer.set = False
                yield timer.message
            else:
                self._cancelled -= 1
