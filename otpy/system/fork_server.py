"""A fork server: a small process that forks children for a parent that has grown large.

What fork(2) costs depends on the process that forks. The kernel copies its page tables and its
table of descriptors, the child closes every one of those, and whatever the parent writes from then
on is copied page by page. For a supervisor of thousands of workers that is most of what a worker
costs. A fork server is forked while its parent is small, and stays so: it keeps one socket.

The children are the parent's own all the same. The server has a process in between fork them and
exit; what that orphans falls to the nearest ancestor that is a subreaper (PR_SET_CHILD_SUBREAPER),
which the parent has to be. The parent gets their pids once they are its children.
"""

import contextlib
import errno
import os
import resource
import select
import signal
import time
from collections.abc import Callable, Sequence
from functools import partial
from mmap import mmap
from struct import Struct
from typing import Final, NoReturn, TypeAlias

from otpy.system.descriptor import Descriptor, close_all
from otpy.system.fdpass import recv_fds, send_fds
from otpy.system.prctl import die_with
from otpy.system.sockets import MESSAGES, Socket, socket_pair
from otpy.system.spawn import (
    become_child,
    fork_children,
    fork_watched,
    ignore_signals,
    watch_children,
)
from otpy.system.wait import kill_group, send_signal

MOST: Final = 80
"""Children that are forked at once, at most: with their descriptors, the numbers of all that is
open in the process in between are below 256."""

_FDS: Final = 3
"""Descriptors of each child; a message brings at most 253 (unix(7), SCM_RIGHTS)."""

_PATIENCE_S: Final = 60.0
"""For an answer: on a busy machine a hundred forks take seconds."""

_LOOK_S: Final = 0.5
"""After so long it is looked whether the server was stopped by a signal."""

_INT: Final = 4
_BYTES: Final = _INT * (MOST + 1)

_LIMITS: Final = tuple(
    int(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")
)

Ends: TypeAlias = tuple[Descriptor, ...]
Job: TypeAlias = tuple[int, Ends]
"""A number for the child, and its descriptors."""


class ServerGone(Exception):
    """The fork server, or the process in between, was killed or stopped; it has ended now."""


class ForkServer:
    """The parent's side; the server is forked when it is first needed, and after an end of it.

    Args:
        child: Is a child, in the forked process, given what its job says; returns its exit status.
        prepare: Is called in the server when it has just been forked.
        keep: Returns the descriptors that children have besides, as the server is forked.
    """

    def __init__(
        self,
        child: Callable[[int, Ends], int],
        prepare: Callable[[], object],
        keep: Callable[[], tuple[int, ...]],
    ) -> None:
        self._child, self._prepare, self._keep = child, prepare, keep
        self._parent = os.getpid()
        self._limits: tuple[tuple[int, int], ...] = ()
        self._socket: Socket | None = None
        self._pidfd: Descriptor | None = None
        self._ordered = 0
        self.pid: int | None = None

    @property
    def ordered(self) -> int:
        """The number of children that were ordered and not collected."""
        return self._ordered

    def order(self, jobs: Sequence[Job]) -> None:
        """Fork a child for each of at most `MOST` jobs; `collect` returns them.

        The descriptors stay open here.

        Raises:
            OSError: There are too many processes or open files, or there is no memory.
            ServerGone: It has ended; the next call starts another.
        """
        assert not self._ordered
        if self.pid is not None and self._limits != _limits():
            self.end()  # the children are to have the limits that the parent has now
        if self.pid is None:
            self._start()
        assert self._socket is not None
        numbers, ends = zip(*jobs, strict=True)
        request = Struct(f"{len(jobs)}i").pack(*numbers)
        try:
            send_fds(self._socket, request, [fd for pair in ends for fd in pair], 0, _FDS * MOST)
        except OSError as error:
            self.end()
            raise ServerGone from error
        self._ordered = len(jobs)

    def collect(self) -> list[tuple[int, Descriptor]]:
        """Wait for what was ordered; return pids and pidfds, of fewer if the system refuses.

        Raises:
            OSError: There are too many processes or open files, or there is no memory, for any.
            ServerGone: It has ended. Its children have no process at the other end of their pipes.
        """
        assert self._socket is not None
        self._ordered = 0
        self._wait()
        try:
            data = self._socket.recv(_BYTES)
        except OSError:
            data = b""
        if not data:
            self.end()
            raise ServerGone
        code, *pids = Struct(f"{len(data) // _INT}i").unpack(data)
        if not pids:
            raise OSError(code, os.strerror(code)) if code else ServerGone
        return watch_children(pids)

    def _wait(self) -> None:
        """Wait until it has answered or ended, or gives no answer."""
        assert self._socket is not None
        assert self._pidfd is not None
        answer = select.poll()
        answer.register(self._socket, select.POLLIN)
        answer.register(self._pidfd, select.POLLIN)
        deadline = time.monotonic() + _PATIENCE_S
        while not answer.poll(_LOOK_S * 1000):
            is_stopped = os.waitid(
                os.P_PIDFD, self._pidfd.fileno(), os.WSTOPPED | os.WNOHANG | os.WNOWAIT
            )
            if is_stopped or time.monotonic() > deadline:
                return

    def end(self) -> None:
        """End the server, if there is one."""
        if self.pid is None:
            return
        assert self._socket is not None
        assert self._pidfd is not None
        # First, so that its group's number is its own: the process between is in it, too.
        kill_group(self.pid)
        send_signal(self._pidfd, signal.SIGKILL)  # it has not made its group yet
        os.waitpid(self.pid, 0)
        self._socket.close()
        self._pidfd.close()
        self.pid, self._ordered = None, 0

    def _start(self) -> None:
        self._limits = _limits()
        keep = self._keep()
        ours, theirs = socket_pair(MESSAGES)
        try:
            ((self.pid, self._pidfd),) = fork_watched([partial(self._be_server, theirs, keep)])
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self._socket = Socket(ours, MESSAGES)

    # ---- in the server -----------------------------------------------------------------------

    def _be_server(self, requests: Descriptor, keep: tuple[int, ...]) -> int:
        self._prepare()
        become_child("otpy: fork server", (requests.fileno(), *keep))
        ignore_signals()
        die_with(self._parent)
        # Shared with the process in between, so that what it forked is known even if it is killed.
        answer = memoryview(mmap(-1, _BYTES)).cast("i")
        # A parent that has gone with an answer unread resets the connection.
        with Socket(_low(requests), MESSAGES) as socket, contextlib.suppress(ConnectionError):
            socket.setblocking(True)
            while True:
                request, fds = recv_fds(socket, _BYTES, most=_FDS * MOST)
                if not request:
                    break
                self._serve(request, fds, answer)
                socket.send(answer[: 1 + _count(answer)])
        return 0

    def _serve(self, request: bytes, fds: tuple[Descriptor, ...], answer: memoryview) -> None:
        answer[:] = memoryview(bytes(_BYTES)).cast("i")
        try:
            pid = os.fork()
        except OSError as error:
            answer[0] = error.errno or errno.EAGAIN
        else:
            if pid == 0:
                self._fork_all(request, fds, answer)
            # Once it is reaped, what it forked is the parent's.
            _, status = os.waitpid(pid, os.WUNTRACED)
            if os.WIFSTOPPED(status):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        close_all(fds)

    def _fork_all(
        self, request: bytes, fds: tuple[Descriptor, ...], answer: memoryview
    ) -> NoReturn:
        """Run the process in between."""
        numbers = Struct(f"{len(request) // _INT}i").unpack(request)
        ends = (fds[at : at + _FDS] for at in range(0, len(fds), _FDS))
        mains = [partial(self._child, *job) for job in zip(numbers, ends, strict=True)]
        place = iter(range(1, MOST + 1))

        def forked(pid: int) -> None:
            answer[next(place)] = pid

        try:
            fork_children(mains, forked)
        except OSError as error:
            answer[0] = error.errno or errno.EAGAIN
        os._exit(0)


def _low(descriptor: Descriptor) -> Descriptor:
    """Move a descriptor to the lowest number that is free.

    The table that the kernel makes for each child goes to the highest number that is open here.
    """
    with descriptor:
        return Descriptor(os.dup(descriptor.fileno()))


def _count(answer: memoryview) -> int:
    """Return how many pids are in an answer, behind the error."""
    return next((n for n in range(MOST) if not answer[n + 1]), MOST)


def _limits() -> tuple[tuple[int, int], ...]:
    """Return the limits that children inherit."""
    return tuple(map(resource.getrlimit, _LIMITS))
