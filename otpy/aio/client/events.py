"""The stream of a node's events, for ``async for``."""

import asyncio
import contextlib
import socket
from types import TracebackType
from typing import TYPE_CHECKING, Self

from otpy.client.event_feed import EventFeed
from otpy.client.gateway_connection import READ_BYTES
from otpy.errors import NodeNotFound
from otpy.events import Event

if TYPE_CHECKING:
    from otpy.aio.client.gateway import Gateway


class EventStream:
    """An async iterator of events, oldest first. Closing it ends the subscription.

    It subscribes when the first event is asked for, goes on when the gateway is killed and comes
    back, and ends when the node does. One task iterates; any may close.

    Raises:
        NodeNotFound: The node is gone when the first event is asked for.
    """

    def __init__(self, source: "Gateway", *, follow: bool, after: int | None = None) -> None:
        self._source = source
        self._sock: socket.socket | None = None
        self._feed = EventFeed(follow=follow, after=after, node=source.hello.pid)
        self._closed = False
        self._reading = False

    def __aiter__(self) -> Self:
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        self._abandon()

    async def __anext__(self) -> Event:
        while not self._closed:
            if self._sock is None:
                self._source.check_open()
                await self._subscribe()
            elif self._feed.waiting:
                return self._feed.waiting.popleft()
            elif self._feed.done:
                break
            else:
                await self._receive()
        await self.aclose()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """End the subscription; a task that waits for the next event gets StopAsyncIteration."""
        self._closed = True
        self._feed.end()
        if self._sock is not None and self._reading:
            # Not closed while the loop watches it: the reader learns of its end, and closes.
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)
        elif self._sock is not None:
            self._sock.close()

    def _abandon(self) -> None:
        """Forget the subscription: to be called in the child after a fork."""
        self._closed = True
        if (sock := getattr(self, "_sock", None)) is not None:
            sock.close()

    async def _subscribe(self) -> None:
        self._sock, protocol = await self._source.stream("events", self._feed.request, None)
        self._feed.resume_with(protocol)

    async def _receive(self) -> None:
        assert self._sock is not None
        self._reading = True
        try:
            data = await asyncio.get_running_loop().sock_recv(self._sock, READ_BYTES)
        except OSError:
            data = b""
        finally:
            self._reading = False
        if self._closed:
            return
        if data:
            self._feed.receive(data)
        else:
            await self._resume()

    async def _resume(self) -> None:
        """Subscribe with the next gateway, unless the node has ended."""
        if self._sock is not None:
            self._sock.close()
        self._feed.done = self._feed.node_has_stopped
        if not self._feed.done:
            try:
                await self._subscribe()
            except NodeNotFound:
                self._feed.done = True
