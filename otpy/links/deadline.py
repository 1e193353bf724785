"""Timeouts of callers, as points of the monotonic clock."""

import math
import select
import time
from typing import Final

from otpy.errors import CallTimeout, OtpyError
from otpy.system.descriptor import HasFileno
from otpy.system.locks import LockType

DEFAULT_TIMEOUT_S: Final = 5.0
"""Seconds that a call waits by default, as in OTP."""

EXIT_INFO_S: Final = 1.0
"""Seconds to ask why a process ended; its caller has waited long enough."""

EOF_GRACE_S: Final = 3.0
"""From the end-of-file of a dying process to its pidfd; after that it lives, and hung up."""

_LEAST_S: Final = 1e-6

_LONGEST_POLL_S: Final = 1_000_000.0
"""poll(2) takes a C int of milliseconds; a longer wait polls again."""


class TooLate(OtpyError):
    """The deadline has passed; never seen outside the client."""


def deadline_of(timeout: float | None) -> float | None:
    """Turn a timeout into a deadline; None stays None, which is for ever.

    Raises:
        ValueError: The timeout is not a number of seconds above zero.
    """
    if type(timeout) is float and 0.0 < timeout < math.inf:
        return time.monotonic() + timeout  # as nearly always
    if timeout is None:
        return None
    if not isinstance(timeout, (int, float)) or not 0 < timeout < math.inf:
        raise ValueError(f"timeout is seconds above zero, or None for ever, got {timeout!r}")
    return time.monotonic() + timeout


class within:  # noqa: N801  # as the context managers of `contextlib`
    """Limit the block to so many seconds, and yield the deadline.

    Args:
        timeout: Seconds above zero, or None for ever.
        what: The text of the error, before the time.

    Raises:
        ValueError: The timeout is not a number of seconds above zero.
        CallTimeout: The block raised `TooLate`.
    """

    __slots__ = ("_timeout", "_what")

    def __init__(self, timeout: float | None, what: str) -> None:
        self._timeout, self._what = timeout, what

    def __enter__(self) -> float | None:
        return deadline_of(self._timeout)

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if isinstance(error, TooLate):
            raise CallTimeout(f"{self._what} within {self._timeout:g} s") from None


class locked:  # noqa: N801  # as `within`
    """Hold a lock in the block; raises `TooLate` if it is not free in time."""

    __slots__ = ("_deadline", "_lock")

    def __init__(self, lock: LockType, deadline: float | None) -> None:
        self._lock, self._deadline = lock, deadline

    def __enter__(self) -> None:
        # Nearly always it is free; what to wait takes several times as long to find out.
        lock = self._lock
        if not lock.acquire(False) and not lock.acquire(timeout=lock_timeout(self._deadline)):
            raise TooLate

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self._lock.release()


def until_readable(descriptor: HasFileno, deadline: float | None) -> None:
    """Wait until there is something to read, or the end; raises `TooLate`."""
    poll = select.poll()
    poll.register(descriptor.fileno(), select.POLLIN)
    while not poll.poll(poll_ms(deadline)):
        if has_passed(deadline):
            raise TooLate


pause: Final = time.sleep
"""Do nothing for so many seconds."""


def pause_within(seconds: float, deadline: float | None) -> None:
    """Do nothing for so many seconds, or until the deadline; raises `TooLate` after it."""
    if has_passed(deadline):
        raise TooLate
    left = seconds_left(deadline)
    time.sleep(seconds if left is None else min(seconds, left))


def seconds_left(deadline: float | None) -> float | None:
    """Return the seconds until `deadline`, at least zero; None is for ever."""
    if deadline is None:
        return None
    return max(0.0, deadline - time.monotonic())


def has_passed(deadline: float | None) -> bool:
    """Return whether there is no time left."""
    return deadline is not None and time.monotonic() >= deadline


def poll_ms(deadline: float | None) -> float | None:
    """Return the argument of `select.poll.poll`; a poll that ends early is polled again."""
    if deadline is None:
        return None
    left = deadline - time.monotonic()
    if 0 < left < _LONGEST_POLL_S:
        return left * 1000
    return 0.0 if left <= 0 else _LONGEST_POLL_S * 1000


def lock_timeout(deadline: float | None) -> float:
    """Return the argument of `threading.Lock.acquire`."""
    if deadline is None:
        return -1
    return min(max(0.0, deadline - time.monotonic()), _LONGEST_POLL_S)


def earlier(deadline: float | None, seconds: float) -> float:
    """Return the deadline, or the point `seconds` from now if that comes first."""
    bound = time.monotonic() + seconds
    return bound if deadline is None else min(deadline, bound)


def exit_info_deadline(deadline: float | None) -> float:
    """Return until when to ask why a process died.

    It is dead, so that the caller gets an answer; a better one is worth a moment, even a late one.
    """
    return max(earlier(deadline, EXIT_INFO_S), earlier(None, EXIT_INFO_S / 10))


def share_of(deadline: float | None, shares: int) -> float | None:
    """Return how much of the time left is one of so many shares, as a timeout: above zero."""
    left = seconds_left(deadline)
    return None if left is None else max(_LEAST_S, left / shares)
