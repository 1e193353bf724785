"""Waiting for files to change, instead of looking again and again."""

import contextlib
import ctypes
import os
import select
import time
from pathlib import Path
from typing import Final

_CHANGES: Final = 0x2 | 0x8 | 0x80 | 0x100 | 0x200
"""IN_MODIFY, IN_CLOSE_WRITE, IN_MOVED_TO, IN_CREATE, IN_DELETE"""

_libc = ctypes.CDLL(None, use_errno=True)


class Changes:
    """A descriptor that is readable once something in one of the folders has changed."""

    def __init__(self, *folders: Path) -> None:
        self._fd: int = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        for folder in folders:
            self.add(folder)

    def add(self, folder: Path) -> None:
        if _libc.inotify_add_watch(self._fd, os.fsencode(folder), _CHANGES) < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))

    def wait(self, until: float, *others: int) -> bool:
        """Wait for a change, or for one of the `others` to be readable; False if it is late."""
        poll = select.poll()
        for fd in (self._fd, *others):
            poll.register(fd, select.POLLIN)
        if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
            return False
        with contextlib.suppress(BlockingIOError):
            os.read(self._fd, 1 << 16)
        return True

    def close(self) -> None:
        """Close the descriptor; the second time, when its number may be another's, do nothing."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
