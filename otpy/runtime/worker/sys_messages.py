"""System messages of a worker: served between two messages, however many wait (sys.erl)."""

import contextlib
import os
import select
import sys
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from otpy.errors import NoProcess, OtpyError, UnknownRequest
from otpy.runtime.counters import BUSY_SINCE, SUSPENDED
from otpy.runtime.worker.connections import IncomingLink
from otpy.runtime.worker.stop_signals import StopSignals
from otpy.runtime.worker.supervisor_channel import Control
from otpy.runtime.worker.trace import Tracing
from otpy.system.descriptor import Descriptor
from otpy.system.locks import RLock, is_main_thread
from otpy.wire.control import Answered, Ask, RawReply
from otpy.wire.sys_messages import Resume, Suspend, SysRequest, Trace

# Of the module, and made before a worker is forked; see `otpy.runtime.worker.supervisor_channel`.
_making: Final = RLock()


def _no_server(_request: object) -> OtpyError:
    return UnknownRequest("it is no server")


class SysMessages:
    """System messages that were not served yet, and the state that they change.

    Args:
        control: The pipe to the supervisor.
        epoll: The epoll in which the worker waits.
        counters: The worker's counters, which the supervisor reads.
        links: All links of the worker, which a trace listens to.

    Attributes:
        answer_sys: Serves the requests about the server's state.
        suspended: Messages are not served at present.
        served: How many were served so far; each restarts a server's timeout.
        tracing: The traces of the worker's messages, None without one.
    """

    def __init__(
        self,
        control: Control,
        epoll: select.epoll,
        counters: memoryview,
        links: Mapping[int, IncomingLink],
    ) -> None:
        self._control, self._epoll = control, epoll
        self._counters, self._links = counters, links
        self._requests: deque[tuple[Ask, tuple[Descriptor, ...]]] = deque()
        self._wakeup: Descriptor | None = None
        self.answer_sys: Callable[[SysRequest], RawReply | OtpyError] = _no_server
        self.suspended = False
        self.served = 0
        self.tracing: Tracing | None = None

    def ask(self, message: Ask, fds: tuple[Descriptor, ...]) -> None:
        """Queue a request until there is time for it."""
        self._requests.append((message, fds))
        self._wakeup_fd()  # now, since it may be the one to suspend

    def forget_server(self) -> None:
        """Keep the server no longer: nothing is asked about it any more."""
        self.answer_sys = _no_server

    def wake(self) -> bool:
        """Wake the thread that may be waiting; return whether this is not the main one.

        Mostly that is the main thread; a function may receive in another one. The main one is in
        it itself if this is called by a signal handler, or by a task while its loop waits.
        """
        is_main = is_main_thread()
        if not is_main or not self._counters[BUSY_SINCE] or _has_more_threads():
            os.eventfd_write(self._wakeup_fd().fileno(), 1)
        return not is_main

    def _wakeup_fd(self) -> Descriptor:
        """Return the eventfd that ends the wait; many a worker never has one."""
        if self._wakeup is None:
            with _making:  # one that no thread reads would be readable for ever
                if self._wakeup is None:
                    wakeup = Descriptor(os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC))
                    self._epoll.register(wakeup, select.EPOLLIN)
                    self._wakeup = wakeup
        return self._wakeup

    def handle(self, fd: int) -> None:
        """Note that `fd`, which may be one of these, is ready."""
        if self._wakeup is not None and fd == self._wakeup.fileno():
            os.eventfd_read(fd)
        elif self.tracing is not None and fd in self.tracing:
            self._end_trace(self.tracing, fd)

    def serve(self) -> None:
        """Serve what was asked, one by one."""
        while self._requests:
            self.served += 1
            message, fds = self._requests.popleft()
            answer = Answered(message.token, self._answer(message, fds), {})
            self._counters[SUSPENDED] = self.suspended
            with contextlib.suppress(NoProcess):
                self._control.send(answer)

    def wait_while_suspended(self, signals: StopSignals) -> None:
        """Wait for a message of the supervisor or a stop signal, and for nothing else."""
        self._counters[BUSY_SINCE] = 0
        assert self._wakeup is not None
        poll = select.poll()
        for waited in (self._control, self._wakeup):
            poll.register(waited, select.POLLIN)
        if signals.fileno() >= 0:
            poll.register(signals, select.POLLIN)
        for fd, _ in poll.poll():
            if fd == self._wakeup.fileno():
                os.eventfd_read(fd)
            elif fd == signals.fileno():
                signals.drain()
            else:
                self._control.read()

    def close(self) -> None:
        """Close all traces: this is a process that the worker forked."""
        if self.tracing is not None:
            self.tracing.close()

    def _answer(self, message: Ask, fds: tuple[Descriptor, ...]) -> RawReply | OtpyError:
        match message.request:
            case Suspend() | Resume() as request:
                self.suspended = isinstance(request, Suspend)
            case Trace() if fds:
                self._trace(fds[0])
            case Trace():
                return NoProcess("out of descriptors")
            case SysRequest() as request:
                return self.answer_sys(request)
            case request:
                return UnknownRequest(f"no worker serves {request!r:.100}")
        return RawReply(None)

    def _trace(self, end: Descriptor) -> None:
        if self.tracing is None:
            self.tracing = Tracing()
            for link in self._links.values():
                link.sent = self.tracing.sent
        self.tracing.add(end)
        self._epoll.register(end, 0)  # which reports when its reader has gone

    def _end_trace(self, tracing: Tracing, fd: int) -> None:
        self._epoll.unregister(fd)
        tracing.remove(fd)
        if not tracing:
            self.tracing = None
            for link in self._links.values():
                link.sent = None


def _has_more_threads() -> bool:
    # Who starts a thread has imported the module; here it would cost memory (`otpy.system.locks`).
    threading = sys.modules.get("threading")
    return threading is not None and threading.active_count() > 1
