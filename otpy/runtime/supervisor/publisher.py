"""Send events to the parent in batches, when that delays no child."""

from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final

from otpy.events import Event
from otpy.system.loop import Loop
from otpy.system.message_socket import MessageSocket
from otpy.wire.control import Publish

_WITHIN_S: Final = 0.005
_MOST_UNSENT: Final = 1 << 16
_AT_ONCE: Final = 1 << 10


class Publisher:
    """Gathers events and delivers them together.

    At rest that is as soon as what is ready has been handled. While a child starts it is a
    little later: a reader would compete with the recovery for the processors.

    Args:
        loop: Where it is waited.
        deliver: Called with the events, oldest first.
        is_busy: Returns whether a child starts or stops.
    """

    def __init__(
        self,
        loop: Loop,
        deliver: Callable[[tuple[Event, ...]], None],
        is_busy: Callable[[], bool],
    ) -> None:
        self._loop, self._deliver, self._is_busy = loop, deliver, is_busy
        self._unsent: list[Event | Callable[[], Event]] = []

    def publish(self, events: Iterable[Event | Callable[[], Event]]) -> None:
        """Queue events; what makes one is called later, but before anything is delivered."""
        if not self._unsent:
            self._loop.call_soon(self._flush_unless_busy)
        self._unsent.extend(events)

    def make_events(self) -> None:
        """Make the events that were put off: what is more urgent has been done."""
        self._unsent = [_made(each) for each in self._unsent]

    def flush(self) -> None:
        """Deliver what was published since the last time."""
        if self._unsent:
            unsent, self._unsent = self._unsent, []
            self._deliver(tuple([_made(each) for each in unsent]))

    def on_idle(self) -> None:
        """Deliver soon what was held back."""
        if self._unsent:
            self._loop.call_soon(self.flush)

    def _flush_unless_busy(self) -> None:
        if self._is_busy():
            self._loop.call_later(_WITHIN_S, self.flush)
        else:
            self.flush()


def _made(event: Event | Callable[[], Event]) -> Event:
    return event() if callable(event) else event


class EventUplink:
    """Sends events to the supervisor above; those that it has no room for, later.

    A parent that is stopped must not make its children grow for ever: of very many events the
    oldest are lost, and the view of the tree is wrong then.

    Args:
        parent: The pipe to it.
    """

    def __init__(self, parent: MessageSocket) -> None:
        self._parent = parent
        self._unsent: deque[Event] = deque(maxlen=_MOST_UNSENT)
        parent.on_room = self.flush

    def deliver(self, events: Iterable[Event]) -> None:
        """Send events, behind those that could not be sent before."""
        self._unsent.extend(events)
        self.flush()

    def flush(self) -> None:
        """Send what could not be sent before, if that can be done now."""
        while self._unsent and self._parent.has_room:
            # In groups: those of a long while are too many for one frame.
            group = (*islice(self._unsent, _AT_ONCE),)
            self._parent.send(Publish(group))
            for _ in group:
                self._unsent.popleft()
