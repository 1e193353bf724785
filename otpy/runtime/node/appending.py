"""Append lines to a file: only whole ones are ever there, whatever the disk does."""

import os
from collections.abc import Sequence
from typing import Final

# A pipe at that path must not block the node, neither now nor when it is full.
FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK


def append(fd: int, lines: Sequence[bytes]) -> tuple[int, OSError | None]:
    """Append lines; return how many are written, and why not all.

    What was written of a line that has no room is taken away again.
    """
    begin = os.fstat(fd).st_size
    if begin and os.pread(fd, 1, begin - 1) != b"\n":
        # A machine that crashed has left half a line.
        begin += os.write(fd, b"\n")
    data = memoryview(b"".join(lines))
    done = 0
    try:
        while done < len(data):
            done += os.write(fd, data[done:])
    except OSError as error:
        whole, size = _whole(lines, done)
        if os.fstat(fd).st_size == begin + done:
            os.ftruncate(fd, begin + size)
        return whole, error
    return len(lines), None


def _whole(lines: Sequence[bytes], done: int) -> tuple[int, int]:
    """Return how many lines are in the first `done` bytes, and their size."""
    size = 0
    for number, line in enumerate(lines):
        if size + len(line) > done:
            return number, size
        size += len(line)
    return len(lines), size
