"""A live trace of one process's messages, for ``async for``."""

import asyncio
import os
from collections import deque
from types import TracebackType
from typing import Final, Self

import msgspec

from otpy.client.trace import decode
from otpy.errors import ProtocolError
from otpy.wire.frames import FrameDecoder
from otpy.wire.system import TraceEvent

_READ_BYTES: Final = 1 << 16


class TraceStream:
    """An async iterator of what a process receives and answers; as `otpy.client.TraceStream`.

    One task iterates; any may close.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._frames = FrameDecoder()
        self._waiting: deque[TraceEvent] = deque()
        self._comes = asyncio.Event()
        self._done = self._released = False

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
        self.abandon()

    async def __anext__(self) -> TraceEvent:
        while not self._waiting:
            if self._done:
                self.abandon()
                raise StopAsyncIteration
            await self._receive()
        return self._waiting.popleft()

    async def aclose(self) -> None:
        """End the trace; a task that waits for the next event gets StopAsyncIteration."""
        self._done = True
        self._waiting.clear()
        if not self._released:
            asyncio.get_running_loop().remove_reader(self._fd)
        self._comes.set()
        self.abandon()

    def abandon(self) -> None:
        """Close the descriptor and no more: for the child after a fork."""
        self._done = True
        if not getattr(self, "_released", True):
            self._released = True
            os.close(self._fd)

    async def _receive(self) -> None:
        loop = asyncio.get_running_loop()
        self._comes.clear()
        loop.add_reader(self._fd, self._comes.set)
        try:
            await self._comes.wait()
        finally:
            if not self._released:
                loop.remove_reader(self._fd)
        if self._done:
            return
        data = os.read(self._fd, _READ_BYTES)
        self._done = not data
        try:
            self._waiting.extend(decode(body) for body in self._frames.feed(data))
        except (msgspec.MsgspecError, RecursionError) as error:
            self._done = True
            raise ProtocolError(f"not a trace: {error}") from None
