"""The reading end of marks: which workers ran their first line, and when."""

import os
import select
import time
from dataclasses import dataclass
from typing import Final

_PATIENCE_S: Final = 120.0


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
