"""A subscription to a node's events: bytes in, events out; no I/O."""

from collections import deque
from typing import Any

import msgspec

from otpy.client.protocol import GatewayAnswer, GatewayProtocol
from otpy.errors import ProtocolError
from otpy.events import Event, NodeStopped, event_from_data
from otpy.links.protocol import error_of
from otpy.wire import gateway

_HELLO = 1
"""Number of the first request, the hello."""


class EventFeed:
    """The events that one subscriber received, from one gateway after the other.

    Args:
        follow: Whether events to come are wanted, too.
        after: The `seq` of the last event that is known already; None for none.
        node: Pid of the node of which it is.

    Attributes:
        waiting: Events that have not been read yet, oldest first.
        done: No more will come.
        node_has_stopped: The last event was that of the node's end.
    """

    def __init__(self, *, follow: bool, after: int | None = None, node: int | None = None) -> None:
        self.waiting: deque[Event] = deque()
        self.done = self.node_has_stopped = False
        self._follow = follow
        self._node = node
        self._position = after
        self._protocol = GatewayProtocol()

    def end(self) -> None:
        """End the subscription."""
        self.done = True
        self.waiting.clear()

    @property
    def request(self) -> dict[str, Any]:
        """The arguments that request the events not yet received."""
        if self._position is None:
            return {"follow": self._follow}
        return {"follow": self._follow, "after": self._position, "node": self._node}

    def resume_with(self, protocol: GatewayProtocol) -> None:
        """Continue on a new connection."""
        self._protocol = protocol

    def receive(self, data: bytes) -> None:
        """Read bytes that the gateway sent.

        Raises:
            ProtocolError: They are no answers of a gateway.
            OtpyError: The error that the gateway answered.
        """
        for answer, _ in self._protocol.receive(data):
            if answer.status == gateway.EVENT:
                self._take(answer)
            elif answer.status == gateway.ERROR:
                self.done = True
                raise error_of(str(answer.value), answer.arguments)
            elif answer.number == _HELLO:
                self._check_node(answer.value)
            else:
                self.done = True

    def _check_node(self, hello: object) -> None:
        """Forget the position if the node is a new one."""
        node = hello.get("pid") if isinstance(hello, dict) else None
        if node != self._node:
            self._node, self._position = node, None

    def _take(self, answer: GatewayAnswer) -> None:
        try:
            event = event_from_data(answer.value)
            (position,) = msgspec.convert(answer.arguments, tuple[int])
        except msgspec.ValidationError as error:
            raise ProtocolError(f"not an event: {error}") from None
        self._position = position
        self.node_has_stopped = isinstance(event, NodeStopped)
        self.waiting.append(event)
