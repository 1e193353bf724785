"""One thread, one epoll, one heap of deadlines: the event loop of every process of a node."""

import heapq
import itertools
import select
import time
from collections.abc import Callable
from typing import Final

from otpy.system.descriptor import Watchable

READABLE: Final = select.EPOLLIN
WRITABLE: Final = select.EPOLLOUT


_LONGEST_WAIT_S: Final = 1_000_000.0
"""epoll_wait(2) takes a C int of milliseconds; what is due later is waited for again."""


_TIMERS: Final = 256
"""With fewer it is not worth while to look for those that were cancelled."""


class Timer:
    """A deadline that can be cancelled."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Forget it; does nothing the second time."""
        self.callback = None


class Loop:
    """Waits for descriptors and deadlines, and for nothing else: at rest it never wakes.

    Attributes:
        survive: Called with what a callback raises because the system refuses something (OSError,
            MemoryError), and the loop goes on; if it is None, that ends `run`.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[int], None]] = {}
        self._fresh: set[int] = set()
        self._timers: list[tuple[float, int, Timer]] = []
        self._most_timers = _TIMERS
        self._order = itertools.count()
        self._soon: list[Callable[[], None]] = []
        self._running = True
        self.survive: Callable[[Exception], object] | None = None

    def watch(
        self, descriptor: Watchable, handler: Callable[[int], None], events: int = READABLE
    ) -> None:
        """Call `handler` with the ready events whenever `descriptor` is ready, until it closes.

        Raises:
            OSError: The kernel refuses (epoll_ctl(2)); it is not waited for then.
        """
        fd = descriptor.fileno()
        self._epoll.register(fd, events)
        self._handlers[fd] = handler
        self._fresh.add(fd)
        descriptor.watcher = self

    def change(self, descriptor: Watchable, events: int) -> None:
        """Wait for other `events` on `descriptor` from now on."""
        self._epoll.modify(descriptor.fileno(), events)

    def unwatch(self, descriptor: Watchable) -> None:
        """Stop waiting for `descriptor`, which does this when it closes; fine if never watched.

        A closed descriptor whose description lives on in another process would stay in the
        epoll set for ever (epoll(7), question 6).
        """
        if descriptor.watcher is self:
            descriptor.watcher = None
            fd = descriptor.fileno()
            del self._handlers[fd]
            self._fresh.discard(fd)
            if not self._epoll.closed:
                self._epoll.unregister(fd)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` after `seconds`."""
        if len(self._timers) >= self._most_timers:
            self._drop_cancelled()
        timer = Timer(callback)
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), timer))
        return timer

    def _drop_cancelled(self) -> None:
        """Forget what was cancelled: it may be due in years, and there may be ever more of it."""
        self._timers = [entry for entry in self._timers if entry[2].callback is not None]
        heapq.heapify(self._timers)
        self._most_timers = max(_TIMERS, 2 * len(self._timers))

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Call `callback` once what is ready now has been handled."""
        self._soon.append(callback)

    def stop(self) -> None:
        """Have `run` return after the handler that calls this."""
        self._running = False

    def run(self) -> None:
        """Handle what is ready until `stop` is called."""
        while self._running:
            self._run_once()

    def close(self) -> None:
        """Close the epoll descriptor; watched descriptors stay open."""
        self._epoll.close()

    def _run_once(self) -> None:
        self._fresh.clear()
        for fd, events in self._epoll.poll(self._seconds_to_wait(), 256):
            # An earlier handler of this round may have closed this one's descriptor, and what is
            # watched since then may have its number: of that the round tells nothing.
            if fd not in self._fresh and (handler := self._handlers.get(fd)) is not None:
                self._call(handler, events)
        self._run_due_timers()
        soon, self._soon = self._soon, []
        for callback in soon:
            self._call(callback)

    def _call(self, callback: Callable[..., None], *args: int) -> None:
        try:
            callback(*args)
        except (OSError, MemoryError) as error:
            if self.survive is None:
                raise
            self.survive(error)

    def _seconds_to_wait(self) -> float:
        if self._soon or not self._running:
            return 0.0
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        if not self._timers:
            return -1.0
        return min(_LONGEST_WAIT_S, max(0.0, self._timers[0][0] - time.monotonic()))

    def _run_due_timers(self) -> None:
        while self._timers and self._timers[0][0] <= time.monotonic():
            _, _, timer = heapq.heappop(self._timers)
            if (callback := timer.callback) is not None:
                timer.callback = None
                self._call(callback)
