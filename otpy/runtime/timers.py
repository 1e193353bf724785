"""A mailbox's timers: what is to come later, soonest first."""

import heapq
import itertools
from collections.abc import Iterator
from typing import Any

from otpy.server import TimerRef


class Timers:
    """The timers of one mailbox; reads no clock.

    Attributes:
        heap: Those that wait, soonest first, among some that were cancelled; empty if none does.
    """

    def __init__(self) -> None:
        self.heap: list[tuple[float, int, TimerRef]] = []
        self._order = itertools.count()
        self._cancelled = 0

    def start(self, due: float, message: object) -> TimerRef:
        """Have `message` at `due`."""
        timer = TimerRef(due, message)
        heapq.heappush(self.heap, (due, next(self._order), timer))
        return timer

    def cancel(self, timer: TimerRef) -> None:
        """Forget a timer that is set."""
        timer.set = False
        self._cancelled += 1
        # To take one out of the middle is to look at all: so they go together, and at most half
        # of the heap is waste. But nobody shall wake up for the first.
        while self.heap and not self.heap[0][2].set:
            heapq.heappop(self.heap)
            self._cancelled -= 1
        if self._cancelled > len(self.heap) // 2:
            self.heap[:] = [entry for entry in self.heap if entry[2].set]
            heapq.heapify(self.heap)
            self._cancelled = 0

    def take_due(self, now: float) -> Iterator[Any]:
        """Take the messages whose time has come, in order of their times."""
        while self.heap and self.heap[0][0] <= now:
            timer = heapq.heappop(self.heap)[2]
            if timer.set:
                timer.set = False
                yield timer.message
            else:
                self._cancelled -= 1
