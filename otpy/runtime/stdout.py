"""The node's stdout, written to by the gateway and every supervisor."""

import os
import select
import socket
import time
from collections import deque
from typing import Final

from otpy.system.descriptor import Descriptor
from otpy.system.loop import WRITABLE, Loop
from otpy.system.sockets import MESSAGES, Socket

_STDOUT: Final = 1
_MESSAGE_BYTES: Final = 1 << 15
_MAX_WAITING: Final = 1 << 18


class NodeStdout:
    """The node's stdout as its processes write to it: without ever waiting for its reader.

    Stdout is a packet socket here, see `otpy.runtime.stdio`. What does not fit into it now waits;
    what does not fit into `_MAX_WAITING` bytes either is dropped, and the number of lines is
    reported once there is room again.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._socket = Socket(Descriptor(os.dup(_STDOUT)), MESSAGES)
        self._out: deque[bytes] = deque()
        self._waiting = 0
        self._dropped = 0

    def write(self, lines: bytes) -> None:
        """Write whole lines."""
        if self._waiting + len(lines) > _MAX_WAITING:
            self._dropped += lines.count(b"\n")
            return
        self._queue(lines)
        self._flush()

    def finish(self, seconds: float) -> None:
        """Write what waits before the process ends, for so many seconds at most, and close."""
        room = select.poll()
        room.register(self._socket, select.POLLOUT)
        end = time.monotonic() + seconds
        while self._out and (left := end - time.monotonic()) > 0 and room.poll(left * 1000):
            self._flush()
        self._socket.close()

    def _queue(self, lines: bytes) -> None:
        """Queue lines in messages of whole lines: a message arrives whole or not at all."""
        self._waiting += len(lines)
        start = 0
        while start < len(lines):
            end = lines.rfind(b"\n", start, start + _MESSAGE_BYTES) + 1
            if not end:  # a line longer than a message should be
                end = lines.find(b"\n", start) + 1
            message = lines[start:end]
            if self._out and len(self._out[-1]) + len(message) <= _MESSAGE_BYTES:
                self._out[-1] += message
            else:
                self._out.append(message)
            start = end

    def _flush(self, _events: int = 0) -> None:
        try:
            while self._out:
                self._socket.send(self._out[0], socket.MSG_DONTWAIT)
                self._waiting -= len(self._out.popleft())
            if self._dropped:
                told = b"otpy: %d lines dropped, nobody read them\n" % self._dropped
                self._socket.send(told, socket.MSG_DONTWAIT)
                self._dropped = 0
        except BlockingIOError:
            self._watch(wanted=True)
            return
        except OSError:
            # The node has gone, and with it the process that wrote.
            self._out.clear()
            self._waiting = self._dropped = 0
        self._watch(wanted=False)

    def _watch(self, *, wanted: bool) -> None:
        if not wanted:
            self._loop.unwatch(self._socket)
        elif self._socket.watcher is None:
            self._loop.watch(self._socket, self._flush, WRITABLE)
