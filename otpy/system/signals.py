"""The signals that a process finds blocked or ignored, and a stop before it is ready for one."""

import contextlib
import os
import signal
from collections.abc import Collection, Iterator
from typing import Final, NoReturn

_OF_PROCESS_1: Final = (signal.SIGQUIT,) if os.getpid() == 1 else ()
"""What would end another process: the kernel drops what process 1 does not handle."""

HANDLED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, *_OF_PROCESS_1)
"""The signals that a node handles and supervisors ignore; workers have the kernel's defaults."""

_PYTHONS_OWN: Final = frozenset({signal.SIGPIPE, signal.SIGXFSZ})
"""Ignored by every Python, whatever started it."""


class Terminal:
    """The terminal that this process was started at, if it was: its end stops what runs there."""

    def __init__(self) -> None:
        self._had = _has_terminal()

    def has_gone(self) -> bool:
        """Return whether there was one, and is no more: that is what a SIGHUP tells then."""
        return self._had and not _has_terminal()


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


class StoppedEarly(BaseException):
    """A signal came that stops this process before it has begun.

    Attributes:
        number: The signal's.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def restore_signals(numbers: Collection[int] | None = None) -> None:
    """Undo what the starter of this process had blocked or ignored.

    Some shells, services and thread libraries leave that to their children, for whom a blocked
    SIGTERM or an ignored SIGCHLD means that they cannot be stopped, or cannot know how a child
    ended. Only an ignored SIGHUP is meant for them: it is nohup(1).

    Args:
        numbers: Those that may not stay ignored; by default all but SIGHUP.
    """
    if numbers is None:
        numbers = signal.valid_signals() - _PYTHONS_OWN - {signal.SIGHUP}
    for number in numbers:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def handled_signals() -> tuple[signal.Signals, ...]:
    """Return the signals that a node handles: without SIGHUP if that is ignored (nohup)."""
    return tuple(each for each in HANDLED if signal.getsignal(each) != signal.SIG_IGN)


def raise_when_stopped() -> None:
    """Raise `StoppedEarly` at the signals that stop a node, until it handles them.

    As process 1 of a container nothing else would: the kernel drops what has no handler there.
    """
    for number in handled_signals():
        signal.signal(number, _raise)


@contextlib.contextmanager
def raising_when_stopped() -> Iterator[None]:
    """Raise `StoppedEarly` at SIGTERM and SIGHUP for as long as this lasts."""
    numbers = [each for each in handled_signals() if each != signal.SIGINT]  # that raises already
    handlers = {number: signal.signal(number, _raise) for number in numbers}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def block_until_handled() -> None:
    """Block them while another program takes this one's place; it gets those that come."""
    signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)


def end_by(number: int) -> int:
    """End this process by a signal; as process 1, return the exit status that a shell gives."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    return 128 + number


def _raise(number: int, _frame: object) -> NoReturn:
    raise StoppedEarly(number)
