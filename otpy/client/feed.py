"""A subscription to a node's events: bytes in, events out; no I/O."""

from collections import deque

import msgspec

from otpy.client.protocol import GatewayProtocol
from otpy.errors import ProtocolError
from otpy.events import Event, NodeStopped, event_from_data
from otpy.links.protocol import error_of
from otpy.wire import gateway


class EventFeed:
    """What one subscriber was told, by one gateway after the other.

    Attributes:
        waiting: Events that nobody has taken yet, oldest first.
        done: No more will come.
    """

    def __init__(self, protocol: GatewayProtocol) -> None:
        self.waiting: deque[Event] = deque()
        self.done = False
        self._protocol = protocol
        self._seen: list[Event] = []
        self._replayed = False

    @property
    def node_has_stopped(self) -> bool:
        """Whether the last event was that of the node's end."""
        return bool(self._seen) and isinstance(self._seen[-1], NodeStopped)

    def end(self) -> None:
        """Want no more."""
        self.done = True
        self.waiting.clear()

    def go_on(self, protocol: GatewayProtocol) -> None:
        """Go on with the next gateway, which begins with what the last one has said."""
        self._protocol = protocol
        self._replayed = True

    def receive(self, data: bytes) -> None:
        """Take bytes that the gateway sent.

        Raises:
            ProtocolError: They are not what a gateway says.
            OtpyError: The error that the gateway answered.
        """
        for answer, _ in self._protocol.receive(data):
            if answer.status == gateway.EVENT:
                self._take(answer.value)
            elif answer.status == gateway.ERROR:
                self.done = True
                raise error_of(str(answer.value), answer.arguments)
            elif answer.number != 1:  # the first answer is the one to hello
                self.done = True

    def _take(self, data: object) -> None:
        try:
            event = event_from_data(data)
        except msgspec.ValidationError as error:
            raise ProtocolError(f"not an event: {error}") from None
        if self._replayed and self._is_repeated(event):
            return
        self._replayed = False
        if not self._seen or event.at > self._seen[-1].at:
            self._seen = []
        self._seen.append(event)
        self.waiting.append(event)

    def _is_repeated(self, event: Event) -> bool:
        """Tell whether the next gateway repeats what the last one said."""
        return bool(self._seen) and (event.at < self._seen[-1].at or event in self._seen)
