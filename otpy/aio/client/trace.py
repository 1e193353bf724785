"""A live trace of one process's messages, for ``async for``."""

import asyncio
import os
from types import TracebackType
from typing import Self

from otpy.client.trace import READ_BYTES, TraceFeed
from otpy.system.descriptor import Descriptor
from otpy.wire.sys_messages import TraceEvent


class TraceStream:
    """An async iterator of what a process receives and answers; as `otpy.client.TraceStream`.

    One task iterates; any may close.
    """

    def __init__(self, end: Descriptor) -> None:
        self._end = end
        self._feed = TraceFeed()
        self._comes = asyncio.Event()
        self._released = False

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

    async def __anext__(self) -> TraceEvent:
        while not self._feed.waiting:
            if self._feed.done:
                self._abandon()
                raise StopAsyncIteration
            await self._receive()
        return self._feed.waiting.popleft()

    async def aclose(self) -> None:
        """End the trace; a task that waits for the next event gets StopAsyncIteration."""
        self._feed.end()
        if not self._released:
            asyncio.get_running_loop().remove_reader(self._end.fileno())
        self._comes.set()
        self._abandon()

    def _abandon(self) -> None:
        """Close the descriptor and no more: for the child after a fork."""
        if not getattr(self, "_released", True):
            self._feed.done = True
            self._released = True
            self._end.close()

    async def _receive(self) -> None:
        loop = asyncio.get_running_loop()
        self._comes.clear()
        loop.add_reader(self._end.fileno(), self._comes.set)
        try:
            await self._comes.wait()
        finally:
            if not self._released:
                loop.remove_reader(self._end.fileno())
        if not self._feed.done:
            self._feed.receive(os.read(self._end.fileno(), READ_BYTES))
