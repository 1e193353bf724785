"""What every worker is doing, in memory that its supervisor reads at any moment.

It costs a worker no message and no descriptor, and tells of one that is stuck as well as of one
that is idle. Each number is written by one process and read by another, eight aligned bytes at
once; the numbers of a gauge may be of two moments.
"""

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
"""How many of the messages taken were casts."""
INFOS: Final = 5
"""How many were neither casts nor calls."""

_SLOT_BYTES: Final = 64
"""A cache line, so that two workers never write to the same."""
_CHUNK_BYTES: Final = 1 << 16


def private_gauge() -> memoryview:
    """Make a gauge that nobody else reads."""
    return memoryview(bytearray(_SLOT_BYTES)).cast("Q")


def busy_for(gauge: memoryview) -> float | None:
    """Tell for how many seconds the worker has been busy with one message; None if it waits."""
    since = gauge[BUSY_SINCE]
    return max(0, time.monotonic_ns() - since) / 1e9 if since else None


def queued(gauge: memoryview) -> int:
    """Tell how many messages were read and wait to be taken."""
    return max(0, int(gauge[ARRIVED] - gauge[TAKEN]))


class Board:
    """The gauges of a supervisor's workers, in memory that all of them share.

    A worker inherits its gauge, so that it has to be taken before the fork.
    """

    def __init__(self) -> None:
        self._free: list[memoryview] = []
        self._chunk = memoryview(b"")
        self._used = 0

    def take(self) -> memoryview:
        """Take a gauge that shows nothing yet; `give_back` it when its worker has ended.

        Raises:
            OSError: There is no memory.
        """
        if not self._free:
            return self._cut()
        gauge = self._free.pop()
        for number in range(len(gauge)):
            gauge[number] = 0
        return gauge

    def _cut(self) -> memoryview:
        if self._used == len(self._chunk):
            self._chunk, self._used = memoryview(mmap(-1, _CHUNK_BYTES)), 0
        start, self._used = self._used, self._used + _SLOT_BYTES
        return self._chunk[start : self._used].cast("Q")

    def give_back(self, gauge: memoryview) -> None:
        """Have the gauge for another worker."""
        self._free.append(gauge)
