"""A live trace of one process's messages."""

import os
import select
from collections import deque
from types import TracebackType
from typing import Final, Self

import msgspec

from otpy.errors import ProtocolError
from otpy.system.descriptor import Descriptor
from otpy.system.locks import new_lock
from otpy.wire.frames import FrameDecoder
from otpy.wire.sys_messages import TraceEvent

READ_BYTES: Final = 1 << 16
_decode: Final = msgspec.msgpack.Decoder(TraceEvent).decode


class TraceFeed:
    """The received part of a trace: bytes in, events out; no I/O.

    Attributes:
        waiting: Events that have not been read yet, oldest first.
        done: No more will come.
    """

    def __init__(self) -> None:
        self.waiting: deque[TraceEvent] = deque()
        self.done = False
        self._frames = FrameDecoder()

    def end(self) -> None:
        """Want no more."""
        self.done = True
        self.waiting.clear()

    def receive(self, data: bytes) -> None:
        """Read bytes that the process sent; none are its end.

        Raises:
            ProtocolError: They are not a trace.
        """
        if not data:
            self.done = True  # and never False again: another thread may have ended it
        try:
            self.waiting.extend(_decode(body) for body in self._frames.feed(data))
        except (msgspec.MsgspecError, RecursionError) as error:
            self.done = True
            raise ProtocolError(f"not a trace: {error}") from None


class TraceStream:
    """An iterator of what a process receives and answers, from now on.

    It ends when it is closed, or when that incarnation of the process has ended. The process
    waits for no reader: what one does not read in time is dropped, and counted. One thread
    iterates; any may close.
    """

    def __init__(self, end: Descriptor) -> None:
        self._end = end
        self._feed = TraceFeed()
        self._reading = new_lock()
        self._closing = Descriptor(os.eventfd(0))
        self._released = False
        self._poll = select.poll()
        self._poll.register(end, select.POLLIN)
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
            while not self._feed.waiting:
                if self._feed.done:
                    self._release()
                    raise StopIteration
                self._receive()
            return self._feed.waiting.popleft()

    def close(self) -> None:
        """End the trace; a thread that waits for the next event gets StopIteration."""
        self._feed.end()
        if self._reading.acquire(blocking=False):
            try:
                self._release()
            finally:
                self._reading.release()
        else:
            os.eventfd_write(self._closing.fileno(), 1)

    def _abandon(self) -> None:
        """Forget the trace: to be called in the child after a fork."""
        self._feed.end()
        self._reading = new_lock()
        self._release()

    def _release(self) -> None:
        if not self._released:
            self._released = True
            self._end.close()
            self._closing.close()

    def _receive(self) -> None:
        self._poll.poll()
        if not self._feed.done:
            self._feed.receive(os.read(self._end.fileno(), READ_BYTES))
