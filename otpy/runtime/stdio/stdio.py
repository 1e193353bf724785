"""The node's stdout and stderr, written to by one process alone.

Every process of the node writes to packet sockets (unix(7), SOCK_SEQPACKET) in their place: a
message arrives whole or not at all, so that no two processes mix their lines, and a socket can be
written to without waiting, whatever stdout is. The process behind them (`stdio_process`) writes to
the real ones and may wait there: for a pager, for a terminal stopped with Ctrl-S.
"""

import contextlib
import os
import select
import signal
import socket
from typing import Final

from otpy.runtime.stdio.writer import Stream, write_streams
from otpy.system.descriptor import Descriptor
from otpy.system.loop import Loop
from otpy.system.wait import send_signal

_STREAMS: Final = (1, 2)
_DRAIN_S: Final = 3.0
_RETRY_S: Final = 1.0


class Stdio:
    """Puts sockets in the place of stdout and stderr, and a process behind them.

    Args:
        node: Name of the node, for the title of that process.
        unsupervised: Pids of children that the node has but does not supervise; that of the
            process is among them as long as it runs.
    """

    def __init__(self, node: str, unsupervised: set[int]) -> None:
        self._node, self._unsupervised = node, unsupervised
        self._streams = _redirect(1), _redirect(2)
        self._pid = 0
        self._pidfd: Descriptor | None = None
        self._start()

    @property
    def real(self) -> tuple[int, int]:
        """The descriptors of what stdout and stderr were."""
        stdout, stderr = self._streams
        return stdout.real.fileno(), stderr.real.fileno()

    def watch(self, loop: Loop) -> None:
        """Start another process whenever this one ends; the sockets keep what was not read."""
        assert self._pidfd is not None
        pidfd = self._pidfd
        loop.watch(pidfd, lambda _events: self._ended(pidfd, loop))

    def finish(self) -> None:
        """Wait until all is written, for 3 s at most, and put the real streams back.

        Nothing is watched any more: the loop of the node has ended.
        """
        for stream in self._streams:
            os.dup2(stream.real.fileno(), stream.number)
        if self._pidfd is not None:
            ended = select.poll()
            ended.register(self._pidfd, select.POLLIN)
            if not ended.poll(_DRAIN_S * 1000):
                send_signal(self._pidfd, signal.SIGKILL)
            self._reap(self._pidfd)
        for stream in self._streams:
            stream.reader.close()
            stream.real.close()

    def _start(self) -> None:
        pid = os.fork()
        if pid == 0:
            write_streams(self._node, self._streams)
        try:
            self._pidfd = Descriptor(os.pidfd_open(pid))
        except OSError:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise
        self._pid = pid
        self._unsupervised.add(pid)

    def _ended(self, pidfd: Descriptor, loop: Loop) -> None:
        self._reap(pidfd)
        self._restart(loop)

    def _restart(self, loop: Loop) -> None:
        try:
            self._start()
        except OSError:  # no room for a process now: what is written meanwhile waits
            loop.call_later(_RETRY_S, lambda: self._restart(loop))
        else:
            self.watch(loop)

    def _reap(self, pidfd: Descriptor) -> None:
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PIDFD, pidfd.fileno(), os.WEXITED)
        pidfd.close()
        self._pidfd = None
        self._unsupervised.discard(self._pid)


def _redirect(number: int) -> Stream:
    """Replace descriptor `number` by the writing end of a socket pair; keep the original."""
    reader, writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    real = Descriptor(os.dup(number))
    with writer:
        os.dup2(writer.fileno(), number)
    return Stream(number, real, reader)
