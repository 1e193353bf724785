"""The events that wait for one handler, and the thread that hands them over, one after another."""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

from otpy.core.event_handler import EventHandler
from otpy.events import Event

MAX_WAITING: Final = 1000
"""Events that wait; those that come then are lost, and counted."""

Report = Callable[[str, int], object]


class HandlerQueue:
    """Hands events to one handler, in their order, without ever making the caller wait.

    Args:
        handler: Which events it wants.
        handle: Handles one event; returns what is wrong, or "". It may take long.
        report: Called by the thread with what is wrong when that begins to fail, not again until
            one was handled well; and with the number of events lost when that begins, and when
            none waits any more.
        ended: Called by the thread when it has ended after `close`.

    Attributes:
        handler: As given.
        has_ended: It has.
    """

    def __init__(
        self,
        handler: EventHandler,
        handle: Callable[[Event], str],
        report: Report,
        ended: Callable[[], object],
    ) -> None:
        self.has_ended = False
        self.handler, self._handle = handler, handle
        self._report, self._ended = report, ended
        self._queue: SimpleQueue[Event | None] = SimpleQueue()
        self._lost, self._told = 0, 0
        self._is_failing = self._is_losing = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many events were not handed over, the one in hand included."""
        return max(1, self._queue.qsize()) if not self.has_ended else 0

    def put(self, event: Event) -> None:
        """Queue an event, if the handler wants it and there is room."""
        if not self.handler.wants(type(event).__name__, event.path):
            return
        if self._queue.qsize() >= MAX_WAITING:
            self._lost += 1
        else:
            self._queue.put(event)

    def close(self) -> None:
        """End the thread once it has handled what waits."""
        self._queue.put(None)

    def _run(self) -> None:
        while (event := self._queue.get()) is not None:
            wrong = self._handled(event)
            if wrong and not self._is_failing:
                self._report(wrong, 0)
            self._is_failing = bool(wrong)
            if not self._is_losing or self._queue.empty():
                self._report_the_lost()
        self._report_the_lost()
        self.has_ended = True
        self._ended()

    def _report_the_lost(self) -> None:
        """Report that events were lost when that begins, and of the others once none waits."""
        if lost := self._lost - self._told:
            self._told += lost
            self._report("it is too slow", lost)
        self._is_losing = bool(lost) and not self._is_losing

    def _handled(self, event: Event) -> str:
        try:
            return self._handle(event)
        except Exception as error:  # noqa: BLE001 - no event may end the thread
            return f"{type(error).__name__}: {error}"
