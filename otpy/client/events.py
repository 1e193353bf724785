"""The stream of a node's events."""

import contextlib
import socket
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from otpy.client.event_feed import EventFeed
from otpy.client.gateway_connection import READ_BYTES
from otpy.errors import NodeNotFound
from otpy.events import Event
from otpy.links.deadline import TooLate, until_readable
from otpy.system.locks import new_lock

if TYPE_CHECKING:
    from otpy.client.gateway import Gateway


class EventStream:
    """An iterator of events, oldest first. Closing it ends the subscription.

    It goes on when the gateway is killed and comes back, and ends when the node does. One
    thread iterates; any may close.
    """

    def __init__(self, source: "Gateway", *, follow: bool, after: int | None = None) -> None:
        self._source = source
        self._reading = new_lock()
        self._feed = EventFeed(follow=follow, after=after, node=source.hello.pid)
        self._sock = self._subscribe()

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
            while not self._feed.waiting:
                if self._feed.done:
                    self._sock.close()
                    raise StopIteration
                self._receive()
            return self._feed.waiting.popleft()

    def wait(self, timeout: float | None) -> bool:
        """Wait until there is an event to read, or the end; return whether that came in time.

        Args:
            timeout: Seconds, or None for ever.
        """
        until = None if timeout is None else time.monotonic() + timeout
        with self._reading:
            while not self._feed.waiting and not self._feed.done:
                try:
                    until_readable(self._sock, until)
                except TooLate:
                    return False
                self._receive()
        return True

    def close(self) -> None:
        """End the subscription; a thread that waits for the next event gets StopIteration."""
        self._feed.end()
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        if self._reading.acquire(blocking=False):
            try:
                self._sock.close()
            finally:
                self._reading.release()

    def _abandon(self) -> None:
        """Forget the subscription: to be called in the child after a fork.

        It is the parent's: no shutdown, which would end it for both.
        """
        self._feed.end()
        self._reading = new_lock()
        self._sock.close()

    def _subscribe(self) -> socket.socket:
        sock, protocol = self._source.stream("events", self._feed.request, None)
        self._feed.resume_with(protocol)
        return sock

    def _receive(self) -> None:
        try:
            data = self._sock.recv(READ_BYTES)
        except OSError:
            data = b""
        if self._feed.done:
            return
        if data:
            self._feed.receive(data)
        else:
            self._resume()

    def _resume(self) -> None:
        """Subscribe with the next gateway, unless the node has ended."""
        self._sock.close()
        if self._feed.node_has_stopped:
            self._feed.done = True
            return
        try:
            self._sock = self._subscribe()
        except NodeNotFound:
            self._feed.done = True
