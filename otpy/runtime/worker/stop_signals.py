"""A stop signal that comes to a worker itself: it stops as if its supervisor had asked.

systemd's default signals every process of a service at once, and an operator one by its pid. A
server handles it like its supervisor's message, between two messages; in a function
`ShutdownRequested` is raised wherever it is. A handler of the user's own stays the user's, and what
a worker forks has the kernel's default again.
"""

import _signal  # type: ignore[import-not-found]
import contextlib
import fcntl
import os
import select
from _thread import get_ident
from collections.abc import Callable, Iterable
from typing import Final

from otpy.runtime.worker.stop_requests import ShutdownRequested
from otpy.system.descriptor import Descriptor, close_all, leave_to_kernel, pipe

# Without the enums of the module `signal`: those are on pages that every worker would write to.
_DEFAULT: Final = int(_signal.SIG_DFL)
_SMALLEST_PIPE: Final = 4096
_FEW_BYTES: Final = 64


class StopSignals:
    """Handles the stop signals of this process.

    Args:
        epoll: The epoll in which the worker waits: a signal ends the wait.
        on_stop: Called when a server is to stop; in the main thread, between two bytecodes.
    """

    def __init__(self, epoll: select.epoll, on_stop: Callable[[], None]) -> None:
        self._epoll, self._on_stop = epoll, on_stop
        self._pipe: tuple[Descriptor, Descriptor] | None = None
        self.in_place: Callable[[], None] | None = None
        self.received = False
        self._number = 0

    def handle(self, numbers: Iterable[int]) -> None:
        """Handle those of `numbers` that the user's code does not handle or ignore itself."""
        for number in numbers:
            if _signal.getsignal(number) == _DEFAULT:
                if self._pipe is None:
                    self._open_pipe()
                _signal.signal(number, self._received)
                _handled.append(number)

    def raise_in_place(self) -> None:
        """Raise `ShutdownRequested` at a stop signal, wherever this process is: in a function."""
        self.in_place = _raise_shutdown

    def disarm(self) -> None:
        """Do nothing more at a stop signal: what it would stop has ended."""
        self.in_place = _do_nothing

    def fileno(self) -> int:
        """Return the descriptor that is readable when a signal has come; -1 if none is handled."""
        return -1 if self._pipe is None else self._pipe[0].fileno()

    def drain(self) -> None:
        """Read what the signals wrote."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.fileno(), _FEW_BYTES)

    def reset(self) -> None:
        """Undo everything: this is a process that the worker forked."""
        for number in _handled:
            if _signal.getsignal(number) == self._received:
                _signal.signal(number, _DEFAULT)
        _handled.clear()
        if self._pipe is not None:
            _signal.set_wakeup_fd(-1)
            close_all(self._pipe)
            self._pipe = None
        after_fork()

    def _open_pipe(self) -> None:
        """Write into a pipe that is waited for at each signal.

        Without it one that comes just before the wait would be handled after it.
        """
        self._pipe = reader, writer = pipe(blocking=False)
        try:  # noqa: SIM105  # `suppress` is on pages that every worker would write to
            fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _SMALLEST_PIPE)
        except OSError:
            pass
        self._epoll.register(reader, select.EPOLLIN)
        _signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)

    def end_by_signal(self) -> None:
        """End this process by the signal that was received, as it would without a handler."""
        _signal.signal(self._number, _DEFAULT)
        os.kill(os.getpid(), self._number)

    def _received(self, number: int, _frame: object) -> None:
        first, self.received = not self.received, True
        self._number = number
        if self.in_place is None:
            self._on_stop()
            self._wake()  # an event loop of the user's may have set another wakeup descriptor
        elif first:
            self.in_place()

    def _wake(self) -> None:
        if self._pipe is not None:
            with contextlib.suppress(BlockingIOError):
                os.write(self._pipe[1].fileno(), b"\0")


# Of the process, since the hooks at a fork are.
_handled: Final[list[int]] = []
_masks: Final[dict[int, Iterable[int]]] = {}


def before_fork() -> None:
    """Block them: one that came to the child before `reset` would be lost there."""
    if _handled:
        _masks[get_ident()] = _signal.pthread_sigmask(_signal.SIG_BLOCK, _handled)


def after_fork() -> None:
    """Unblock them, in the parent and, at the end of `reset`, in the child."""
    if (mask := _masks.pop(get_ident(), None)) is not None:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)


def _raise_shutdown() -> None:
    leave_to_kernel()  # wherever this process is, it may be about to give something an owner
    raise ShutdownRequested


def _do_nothing() -> None:
    pass
