"""What children print: kept for the post-mortem, and passed on with their names before it."""

import os
import socket
import stat
from collections import deque
from collections.abc import Callable
from typing import Final

from otpy.system.loop import READABLE, WRITABLE, Loop

_READ_BYTES: Final = 1 << 16
_TAIL_BYTES: Final = 4096
_MAX_WAITING: Final = 1 << 18


class Terminal:
    """The node's stdout, written to without ever waiting for whoever reads it.

    A terminal that was stopped with Ctrl-S, or a pager, must not stop a supervisor. What does
    not fit now waits; what does not fit into `_MAX_WAITING` bytes either is dropped, and the
    number of lines is told once there is room again.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._fd = _own_description(1)
        self._put = _writer(self._fd)
        self._out: deque[bytes] = deque()
        self._waiting = 0
        self._dropped = 0
        self._watched = False

    def write(self, lines: bytes) -> None:
        """Write whole lines."""
        if self._fd < 0:
            return
        if self._waiting + len(lines) > _MAX_WAITING:
            self._dropped += lines.count(b"\n")
            return
        self._out.append(lines)
        self._waiting += len(lines)
        self._flush()

    def _flush(self, _events: int = 0) -> None:
        try:
            while self._out:
                sent = self._put(self._out[0])
                self._waiting -= sent
                if sent < len(self._out[0]):
                    self._out[0] = self._out[0][sent:]
                else:
                    self._out.popleft()
            if self._dropped:
                self._put(b"otpy: %d lines dropped, nobody read them\n" % self._dropped)
                self._dropped = 0
        except BlockingIOError:
            pass
        except OSError:
            # Nobody will ever read this: the terminal or the reader has gone.
            self.close()
            return
        self._watch(bool(self._out))

    def _watch(self, wanted: bool) -> None:
        if wanted and not self._watched:
            self._loop.watch(self._fd, self._flush, WRITABLE)
        elif not wanted and self._watched:
            self._loop.unwatch(self._fd)
        self._watched = wanted

    def close(self) -> None:
        """Write no more."""
        if self._fd >= 0:
            self._watch(wanted=False)
            os.close(self._fd)
            self._fd = -1


def _own_description(fd: int) -> int:
    """Open `fd`'s file once more, so that O_NONBLOCK does not change it for anybody else."""
    try:
        mode = os.fstat(fd).st_mode
    except OSError:
        return -1
    if stat.S_ISCHR(mode) or stat.S_ISFIFO(mode):
        try:
            return os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            pass
    return os.dup(fd)


def _writer(fd: int) -> Callable[[bytes], int]:
    """Tell how to write without waiting."""
    try:
        is_socket = stat.S_ISSOCK(os.fstat(fd).st_mode)
    except OSError:
        is_socket = False
    if not is_socket:
        return lambda data: os.write(fd, data)

    def send(data: bytes) -> int:
        # As systemd's journal: no socket can be opened once more, so each write is told.
        connection = socket.socket(fileno=fd)
        try:
            return connection.send(data, socket.MSG_DONTWAIT)
        finally:
            connection.detach()

    return send


class ChildOutput:
    """One child's stdout and stderr, line by line."""

    def __init__(self, fd: int, name: str, terminal: Terminal, loop: Loop) -> None:
        self._fd, self._loop, self._terminal = fd, loop, terminal
        self._prefix = name.encode() + b" | "
        self._partial = b""
        self._tail = b""
        os.set_blocking(fd, False)
        loop.watch(fd, self._ready, READABLE)

    def _ready(self, _events: int) -> None:
        if not self._read():
            self._loop.unwatch(self._fd)

    def _read(self) -> bool:
        """Read once; tell whether there may be more."""
        try:
            data = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            return False
        self._tail = (self._tail + data)[-_TAIL_BYTES:]
        *lines, self._partial = (self._partial + data).split(b"\n")
        if len(self._partial) > _READ_BYTES:
            lines, self._partial = [*lines, self._partial], b""
        if lines:
            self._terminal.write(b"".join(self._prefix + line + b"\n" for line in lines))
        return True

    def finish(self) -> str:
        """Read what is left after the child's end; tell its last lines."""
        # A grandchild may still write: read what is there, do not wait for end-of-file.
        for _ in range(64):
            if not self._read():
                break
        if self._partial:
            self._terminal.write(self._prefix + self._partial + b"\n")
        self._loop.unwatch(self._fd)
        os.close(self._fd)
        return self._tail.decode(errors="replace")
