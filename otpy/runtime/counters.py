"""Counters of each worker, in memory shared with its supervisor.

They cost a worker no message and no descriptor, and can be read of one that is stuck as well as of
one that is idle. Each number is written by one process and read by another, eight aligned bytes at
once; the counters of a worker may be of two moments.
"""

import errno
import time
from mmap import mmap
from typing import Final

TAKEN: Final = 0
"""Messages taken from the mailbox so far."""
BUSY_SINCE: Final = 1
"""When it took the message in hand (monotonic ns); 0 while it waits for one."""
ARRIVED: Final = 2
"""Messages read so far, whether they were taken or wait."""
SUSPENDED: Final = 3
"""1 while it takes no messages on purpose."""

CASTS: Final = 4
"""Number of casts among the messages taken."""
INFOS: Final = 5
"""Number of messages taken that were neither casts nor calls."""

SIGN_OF_LIFE: Final = 6
"""When it last gave one by `otpy.watchdog` (monotonic ns); 0 if it never has."""

_SLOT_BYTES: Final = 64
"""A cache line, so that two workers never write to the same."""
_SLOTS: Final = 1 << 18
"""Of a supervisor; memory is taken for those that are used."""


def private_counters() -> memoryview:
    """Return counters that no other process reads."""
    return memoryview(bytearray(_SLOT_BYTES)).cast("Q")


def busy_for(counters: memoryview) -> float | None:
    """Return for how many seconds the worker has been busy with one message; None if it waits."""
    since = counters[BUSY_SINCE]
    return max(0, time.monotonic_ns() - since) / 1e9 if since else None


def at_work_since(counters: memoryview) -> float | None:
    """Return when the worker took its message or last gave a sign of life; None if it waits.

    The time is monotonic, in seconds.
    """
    since = counters[BUSY_SINCE]
    return max(since, counters[SIGN_OF_LIFE]) / 1e9 if since else None


def queued(counters: memoryview) -> int:
    """Return how many messages were read and wait to be taken."""
    return max(0, int(counters[ARRIVED] - counters[TAKEN]))


class CounterPage:
    """The counters of a supervisor's workers, in memory that all of them share.

    The memory is inherited, and mapped at the first `allocate`: before the first worker is forked,
    or whatever forks workers.
    """

    def __init__(self) -> None:
        self._free: list[int] = []
        self._memory = memoryview(b"")
        self._used = 0

    def allocate(self) -> int:
        """Return the number of counters that are zero; `free` it when their worker has ended.

        Raises:
            OSError: There is no memory.
        """
        if not self._memory:
            self._memory = memoryview(mmap(-1, _SLOTS * _SLOT_BYTES))
        if not self._free:
            return self._next()
        number = self._free.pop()
        counters = self.at(number)
        for place in range(len(counters)):
            counters[place] = 0
        return number

    def _next(self) -> int:
        if self._used == _SLOTS:
            raise OSError(errno.ENOMEM, f"a supervisor has at most {_SLOTS} workers")
        self._used += 1
        return self._used - 1

    def at(self, number: int) -> memoryview:
        """Return the counters of a number that was allocated."""
        start = number * _SLOT_BYTES
        return self._memory[start : start + _SLOT_BYTES].cast("Q")

    def free(self, number: int) -> None:
        """Keep the number for another worker."""
        self._free.append(number)
