"""A live trace of one process's messages."""

import os
import select
import threading
from collections import deque
from types import TracebackType
from typing import Final, Self

import msgspec

from otpy.errors import ProtocolError
from otpy.wire.frames import FrameDecoder
from otpy.wire.system import TraceEvent

_READ_BYTES: Final = 1 << 16
decode: Final = msgspec.msgpack.Decoder(TraceEvent).decode


class TraceStream:
    """An iterator of what a process receives and answers, from now on.

    It ends when it is closed, or when that incarnation of the process has ended. The process
    waits for no reader: what one does not read in time is dropped, and counted. One thread
    iterates; any may close.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._frames = FrameDecoder()
        self._waiting: deque[TraceEvent] = deque()
        self._reading = threading.Lock()
        self._closing = os.eventfd(0)
        self._done = self._released = False
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)
        self._poll.register(self._closing, select.POLLIN)

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
        if not getattr(self, "_released", True):
            self._release()

    def __next__(self) -> TraceEvent:
        with self._reading:
            while not self._waiting:
                if self._done:
                    self._release()
                    raise StopIteration
                self._receive()
            return self._waiting.popleft()

    def close(self) -> None:
        """End the trace; a thread that waits for the next event gets StopIteration."""
        self._done = True
        self._waiting.clear()
        if self._reading.acquire(blocking=False):
            try:
                self._release()
            finally:
                self._reading.release()
        else:
            os.eventfd_write(self._closing, 1)

    def abandon(self) -> None:
        """Forget the trace: to be called in the child after a fork."""
        self._done = True
        self._waiting.clear()
        self._reading = threading.Lock()
        self._release()

    def _release(self) -> None:
        if not self._released:
            self._released = True
            os.close(self._fd)
            os.close(self._closing)

    def _receive(self) -> None:
        self._poll.poll()
        if self._done:
            return
        data = os.read(self._fd, _READ_BYTES)
        if not data:
            self._done = True
        try:
            self._waiting.extend(decode(body) for body in self._frames.feed(data))
        except (msgspec.MsgspecError, RecursionError) as error:
            self._done = True
            raise ProtocolError(f"not a trace: {error}") from None
