"""The latest events, encoded, and bounded by their number and by their bytes."""

from collections import deque
from collections.abc import Iterable
from typing import Final

import msgspec

from otpy.events import Event

MAX_EVENTS: Final = 1000
MAX_BYTES: Final = 4 << 20

_encode: Final = msgspec.msgpack.Encoder().encode


class RecentEvents:
    """A window over all events of a node, which are numbered from 1 on: by their `seq`.

    The node has one, and so has each gateway, which begins with the node's and is told every
    event from then on: so the numbers of all gateways of a node are the same.

    Attributes:
        first: Number of the oldest that is kept; that of the next one if there is none.
        last: Number of the latest; 0 before the first.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.first, self.last = 1, 0
        self._events: deque[bytes] = deque()
        self._bytes = 0
        for event in events:
            self.append(event)

    def append(self, event: Event) -> None:
        """Keep an event, and as many of those before it as there is room for; it at least."""
        data = _encode(event)
        self._events.append(data)
        self._bytes += len(data)
        self.last += 1
        while len(self._events) > 1 and (len(self._events) > MAX_EVENTS or self._bytes > MAX_BYTES):
            self._bytes -= len(self._events.popleft())
            self.first += 1

    def after(self, number: int) -> list[Event]:
        """Return the events after a number, of those that are kept."""
        numbers = range(max(number + 1, self.first), self.last + 1)
        return [msgspec.msgpack.decode(self[each], type=Event) for each in numbers]

    def __getitem__(self, number: int) -> msgspec.Raw:
        """Return an event by its number, in MessagePack."""
        if not self.first <= number <= self.last:
            raise IndexError(number)
        return msgspec.Raw(self._events[number - self.first])
