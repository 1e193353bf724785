"""The sending end of a pipe that many threads send on: one writer at a time, frame after frame.

A thread that sends takes the lock and writes. While another thread has the lock, or when the pipe
is full, a frame is queued, and the thread that has the lock, or sees that there is room again,
writes the queue. No other thread touches the descriptor, and a frame that was begun is finished
before anything else is written; so no two frames are ever mixed, whichever threads send, however
little the pipe takes at once, and whatever a signal interrupts. No sender waits, so that a signal
handler may send while the thread that it interrupted does.
"""

import os
from collections import deque
from collections.abc import Callable
from select import PIPE_BUF
from typing import Final

from otpy.links.fast_lock import FastLock
from otpy.links.shm_transport import ShmTransport
from otpy.system.pipes import widen
from otpy.wire.frames import Frame, LargeFrame, join, remaining

_IOV_MAX: Final = 1024
"""writev(2) takes no more pieces at once."""


class _Queued:
    """A frame that is to be written, or is being written.

    Attributes:
        pieces: Of the whole frame.
        sent: How many bytes of it each write took.
    """

    __slots__ = ("pieces", "sent")

    def __init__(self, frame: Frame) -> None:
        self.pieces = frame.pieces if isinstance(frame, LargeFrame) else [frame]
        self.sent: list[int] = []

    def rest(self) -> list[memoryview]:
        """Return the part that was not written yet; empty if all was."""
        self.sent[:] = [sum(self.sent)]
        return [piece for piece in remaining(self.pieces, self.sent[0]) if piece]

    def own(self) -> None:
        """Copy what is left of the pieces, which their owner may change from now on."""
        if len(self.pieces) > 1 and self.rest():
            self.pieces = [b"".join(self.pieces)]


class Outgoing:
    """The write end of a pipe, and the frames that are to be written to it.

    Args:
        pipe: The descriptor, non-blocking.
        blocked: Called with True when the pipe is full: `flush` is to be called when there is
            room; and with False when all was written. The lock is held then.
        shm: Where large frames are written; None if they go by the pipe.

    Attributes:
        lock: To be held to close the pipe.
    """

    __slots__ = ("_blocked", "_open", "_pipe", "_queue", "_shm", "_waits", "lock")

    def __init__(
        self, pipe: int, blocked: Callable[[bool], None], shm: ShmTransport | None = None
    ) -> None:
        self._pipe, self._blocked, self._shm = pipe, blocked, shm
        self._queue: deque[_Queued] = deque()
        self._waits = False
        self._open = True
        self.lock = FastLock()

    def send(self, data: Frame) -> None:
        """Write a frame, or queue it; one to a process that has gone is dropped."""
        lock = self.lock
        try:
            del lock.free[0]
        except IndexError:
            self._send_later(data)
            return
        try:
            if self._queue or type(data) is not bytes or len(data) > PIPE_BUF:
                self._begin(data)
            elif self._open:
                # Up to PIPE_BUF bytes go as a whole or not at all (pipe(7)).
                os.write(self._pipe, data)
        except BlockingIOError:
            self._begin(data)
        except OSError:
            pass  # it has gone
        finally:
            lock.free.append(None)
            if lock.waiting:
                lock.wake()
        if self._queue:
            self._write_queued()  # what others have queued meanwhile

    def flush(self) -> bool:
        """Write what is queued, since there may be room; False if it is to be called again."""
        if not self.lock.try_acquire():
            return False
        try:
            if not self._write():
                return False
            self._waits = False
            self._blocked(False)
        finally:
            self.lock.release()
        self._write_queued()
        return not self._waits

    def settle(self, deadline: float | None) -> None:
        """Wait until what was sent before is written, or waits for room."""
        if self.lock.acquire(deadline):
            self.lock.release()
        self._write_queued()

    def close(self) -> None:
        """Write nothing any more; the lock is held, or there is no other thread."""
        self._open, self._shm, self._blocked = False, None, _ignore

    def _send_later(self, data: Frame) -> None:
        # Another thread has the lock, or this one, which a signal handler interrupted.
        try:
            self._queue.append(_Queued(join(data)))
        finally:
            self._write_queued()

    def _write_queued(self) -> None:
        """Write the queued frames, unless the pipe is full or another thread does.

        A thread that queues looks at the lock after that, and the one that has it at the queue
        after giving it back; likewise with the pipe that was full. So one of them sees the other.
        """
        while self._queue and not self._waits and self.lock.try_acquire():
            try:
                self._write()
            finally:
                self.lock.release()

    def _begin(self, data: Frame) -> None:
        """Write a frame after those that are queued, as far as there is room; the lock is held."""
        if not self._open:
            return
        frame = self._with_shm(data) if isinstance(data, LargeFrame) else data
        queued = _Queued(frame)
        try:
            self._queue.append(queued)
            if frame is not data and self._shm is not None:
                self._shm.commit()
        finally:
            try:
                if not self._waits:
                    self._write()
            finally:
                queued.own()

    def _with_shm(self, data: LargeFrame) -> Frame:
        # An answer that finds no room goes by the pipe: it does not wait.
        frame = data if self._shm is None else self._shm.write(data) or data
        if isinstance(frame, LargeFrame):
            widen(self._pipe)
        return frame

    def _write(self) -> bool:
        """Write what is queued, as far as there is room; True if that was all. The lock is held."""
        queue = self._queue
        try:
            while queue:
                if not self._open:
                    queue.clear()
                elif rest := queue[0].rest():
                    # Called by what keeps its result: so a signal handler's exception, which may
                    # come as soon as anything returns, does not lose how much was written.
                    queue[0].sent.extend(map(os.writev, (self._pipe,), (rest[:_IOV_MAX],)))
                else:
                    queue.popleft()
        except BlockingIOError:
            pass
        except OSError:
            queue.clear()  # it has gone
        finally:
            # What is left, since the pipe is full or a signal interrupted, waits for `flush`.
            if queue and self._open and not self._waits:
                self._wait_for_room()
        return not queue

    def _wait_for_room(self) -> None:
        self._waits = True
        try:
            self._blocked(True)
        except BaseException:
            self._waits = False  # then the next sender writes it
            raise


def _ignore(blocked: bool) -> None:
    """Do nothing: there is no callback."""
