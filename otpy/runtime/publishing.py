"""Events on their way up: gathered, and sent when that slows nobody down."""

from collections.abc import Callable, Iterable
from typing import Final

from otpy.events import Event
from otpy.system.loop import Loop

_WITHIN_S: Final = 0.005


class Publisher:
    """Gathers events and delivers them together.

    At rest that is as soon as what is ready has been handled. While a child starts it is a
    little later: who reads along would compete with the recovery for the processors.

    Args:
        loop: Where it is waited.
        deliver: Takes the events, oldest first.
        is_busy: Tells whether a child starts or stops.
    """

    def __init__(
        self,
        loop: Loop,
        deliver: Callable[[tuple[Event, ...]], None],
        is_busy: Callable[[], bool],
    ) -> None:
        self._loop, self._deliver, self._is_busy = loop, deliver, is_busy
        self._unsent: list[Event] = []

    def publish(self, events: Iterable[Event]) -> None:
        """Take events."""
        if not self._unsent:
            self._loop.call_soon(self._flush_unless_busy)
        self._unsent.extend(events)

    def flush(self) -> None:
        """Deliver what was published since the last time."""
        if self._unsent:
            events, self._unsent = tuple(self._unsent), []
            self._deliver(events)

    def came_to_rest(self) -> None:
        """Deliver soon what was held back."""
        if self._unsent:
            self._loop.call_soon(self.flush)

    def _flush_unless_busy(self) -> None:
        if self._is_busy():
            self._loop.call_later(_WITHIN_S, self.flush)
        else:
            self.flush()
