"""The stream of a node's events."""

import contextlib
import socket
import threading
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec

from otpy.client.gateway import READ_BYTES
from otpy.client.protocol import GatewayProtocol
from otpy.errors import NodeNotFound, ProtocolError
from otpy.events import Event, NodeStopped, event_from_data
from otpy.links.protocol import error_of
from otpy.wire import gateway

if TYPE_CHECKING:
    from otpy.client.gateway import Gateway


class EventStream:
    """An iterator of events, oldest first. Closing it ends the subscription.

    It goes on when the gateway is killed and comes back, and ends when the node does. One
    thread iterates; any may close.
    """

    def __init__(self, source: "Gateway", *, follow: bool) -> None:
        self._source, self._follow = source, follow
        self._waiting: deque[Event] = deque()
        self._seen: list[Event] = []
        self._done = False
        self._replayed = False
        self._reading = threading.Lock()
        self._sock, self._protocol = self._subscribe()

    def __iter__(self) -> Self:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_sock"):
            self._sock.close()

    def __next__(self) -> Event:
        with self._reading:
            while not self._waiting:
                if self._done:
                    self._sock.close()
                    raise StopIteration
                self._receive()
            return self._waiting.popleft()

    def close(self) -> None:
        """End the subscription; a thread that waits for the next event gets StopIteration."""
        self._done = True
        self._waiting.clear()
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        if self._reading.acquire(blocking=False):
            try:
                self._sock.close()
            finally:
                self._reading.release()

    def abandon(self) -> None:
        """Forget the subscription: to be called in the child after a fork.

        It is the parent's: no shutdown, which would end it for both.
        """
        self._done = True
        self._waiting.clear()
        self._reading = threading.Lock()
        self._sock.close()

    def _subscribe(self) -> tuple[socket.socket, GatewayProtocol]:
        return self._source.stream("events", {"follow": self._follow}, None)

    def _receive(self) -> None:
        try:
            data = self._sock.recv(READ_BYTES)
        except OSError:
            data = b""
        if self._done:
            return
        if not data:
            self._resume()
            return
        for answer, _ in self._protocol.receive(data):
            if answer.status == gateway.EVENT:
                self._take(answer.value)
            elif answer.status == gateway.ERROR:
                self._done = True
                raise error_of(str(answer.value), answer.arguments)
            elif answer.number != 1:  # the first answer is the one to hello
                self._done = True

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
        self._waiting.append(event)

    def _is_repeated(self, event: Event) -> bool:
        """Tell whether the next gateway repeats what the last one said."""
        return bool(self._seen) and (event.at < self._seen[-1].at or event in self._seen)

    def _resume(self) -> None:
        """Subscribe with the next gateway, unless the node has ended."""
        self._sock.close()
        if self._seen and isinstance(self._seen[-1], NodeStopped):
            self._done = True
            return
        try:
            self._sock, self._protocol = self._subscribe()
            self._replayed = True
        except NodeNotFound:
            self._done = True
