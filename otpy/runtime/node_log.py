"""The node's log, written to by the node, its gateway and every supervisor."""

import os
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec

from otpy.system.descriptor import Descriptor
from otpy.system.loop import WRITABLE, Loop
from otpy.system.sockets import MESSAGES, Socket
from otpy.wire.log_message import OWN_LOGGER, LogMessage, Piece, Target, numbers
from otpy.wire.log_record import LogRecord, Stream

_MAX_WAITING: Final = 4 << 20
_OWN: Final = Target()

_encode: Final = msgspec.msgpack.Encoder().encode


class Source(NamedTuple):
    """The process that lines are from."""

    path: str
    incarnation: int


class NodeLog:
    """The log as a process of the node writes to it: without ever waiting for the logger.

    It is a packet socket, see `otpy.runtime.logger`. Of what has no room there now, output of
    children waits in their pipes. What this process says itself waits here; what does not fit
    into `_MAX_WAITING` bytes either is dropped, and the number of lines is logged once there is
    room again.

    Args:
        loop: Of the process.
        fd: The socket, which stays open.
        itself: The process.
    """

    def __init__(self, loop: Loop, fd: int, itself: Source) -> None:
        self._loop, self._itself = loop, itself
        self._socket = Socket(Descriptor(os.dup(fd)), MESSAGES)
        self._number = numbers()
        self._out: deque[bytes] = deque()
        self._bytes = 0
        self._dropped = 0
        self._paused: deque[Callable[[], None]] = deque()

    def say(self, text: str, level: str = "INFO", at: float | None = None) -> None:
        """Log what this process has to say."""
        at = time.time() if at is None else at
        record = LogRecord(at, *self._itself, "log", text, level, OWN_LOGGER)
        self.queue(self.records(_OWN, [record]))

    def lines(
        self, target: Target, source: Source, at: float, stream: Stream, piece: Piece
    ) -> bytes:
        """Return the message of lines that a process wrote."""
        message = LogMessage(self._number(), target, at, *source, stream, piece.lines, piece.split)
        return _encode(message)

    def records(self, target: Target, records: Sequence[LogRecord]) -> bytes:
        """Return the message of records of one process."""
        first = records[0]
        message = LogMessage(
            self._number(),
            target,
            first.time,
            first.path,
            first.incarnation,
            "log",
            records=records,
        )
        return _encode(message)

    def send(self, message: bytes) -> bool:
        """Send a message; return False if there is no room, and `when_room` is to be called."""
        if self._out or self._paused:
            return False
        return self._sent(message)

    def when_room(self, resume: Callable[[], None]) -> None:
        """Call `resume` once there is room, in the order of these calls."""
        self._paused.append(resume)
        self._watch()

    def queue(self, message: bytes) -> None:
        """Send a message now or later."""
        if self._bytes + len(message) > _MAX_WAITING:
            self._dropped += 1
            return
        self._out.append(message)
        self._bytes += len(message)
        if len(self._out) == 1:
            self.flush()

    def flush_within(self, seconds: float) -> None:
        """Send what waits, for so many seconds at most."""
        room = select.poll()
        room.register(self._socket, select.POLLOUT)
        end = time.monotonic() + seconds
        while self._out and (left := end - time.monotonic()) > 0 and room.poll(left * 1000):
            self.flush()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _sent(self, message: bytes) -> bool:
        try:
            self._socket.send(message, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            pass  # the node has gone, and its logger with it
        return True

    def flush(self) -> bool:
        """Send what waits, as far as there is room; return whether nothing is left."""
        while self._out and self._sent(self._out[0]):
            self._bytes -= len(self._out.popleft())
        if self._dropped and not self._out:
            dropped, self._dropped = self._dropped, 0
            self.say(f"{dropped} messages dropped: the logger does not read them", "WARNING")
        if not self._out:
            self._resume()
        self._watch()
        return not self._out

    def _room(self, _events: int) -> None:
        self.flush()

    def _resume(self) -> None:
        """Let those that wait send, one after the other, while there is room."""
        paused, self._paused = self._paused, deque()
        while paused and not self._paused:
            paused.popleft()()
        self._paused.extend(paused)

    def _watch(self) -> None:
        if not (self._out or self._paused):
            self._loop.unwatch(self._socket)
        elif self._socket.watcher is None:
            self._loop.watch(self._socket, self._room, WRITABLE)
