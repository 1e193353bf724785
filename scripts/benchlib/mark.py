"""Marks: a worker writes when it ran, and the benchmark reads it from a FIFO.

The monotonic clock is the system's, so that marks of several processes compare. This file is
also the Python worker of the peers that run programs: ``python mark.py FIFO``.
"""

import os
import select
import signal
import sys
import time
from dataclasses import dataclass

_PATIENCE_S = 120.0


def mark(fifo: str) -> None:
    """Say in `fifo` that this process runs now: the first line of a worker's init."""
    now = time.monotonic_ns()
    fd = os.open(fifo, os.O_WRONLY)
    os.write(fd, b"%d %d\n" % (os.getpid(), now))
    os.close(fd)


@dataclass(frozen=True)
class Mark:
    """A process wrote it at `ns` of the monotonic clock."""

    pid: int
    ns: int


class Marks:
    """The reading end.

    Args:
        fifo: Path of the FIFO, which is made.
    """

    def __init__(self, fifo: str) -> None:
        os.mkfifo(fifo)
        self.fifo = fifo
        # Held open for writing as well, it never ends, and no writer waits to open it.
        self._fd = os.open(fifo, os.O_RDWR)
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)
        self._rest = b""
        self._marks: list[Mark] = []

    def take(self, count: int) -> list[Mark]:
        """Wait for the next `count` marks.

        Raises:
            TimeoutError: They did not come within two minutes.
        """
        deadline = time.monotonic() + _PATIENCE_S
        while len(self._marks) < count:
            if not self._poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise TimeoutError(f"{len(self._marks)} of {count} workers in {_PATIENCE_S:g} s")
            *lines, self._rest = (self._rest + os.read(self._fd, 1 << 16)).split(b"\n")
            self._marks += [Mark(*map(int, line.split())) for line in lines]
        taken, self._marks = self._marks[:count], self._marks[count:]
        return taken

    def close(self) -> None:
        """Close the reading end."""
        os.close(self._fd)


if __name__ == "__main__":
    mark(sys.argv[1])
    signal.pause()
