"""Marks: a worker writes to a FIFO when it ran; `benchlib.marks` reads them.

The monotonic clock is the system's, so that marks of several processes compare. This file is
also the Python worker of the peers that run programs: ``python mark.py FIFO``. It imports
little: every worker pays for that before its first line.
"""

import os
import signal
import sys
import time


def mark(fifo: str) -> None:
    """Write into `fifo` that this process runs now: the first line of a worker's init."""
    now = time.monotonic_ns()
    fd = os.open(fifo, os.O_WRONLY)
    os.write(fd, b"%d %d\n" % (os.getpid(), now))
    os.close(fd)


if __name__ == "__main__":
    mark(sys.argv[1])
    signal.pause()
