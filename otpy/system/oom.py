"""How often the kernel's OOM killer has killed: what tells its SIGKILL from another's."""

import os
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

from otpy.system.cgroup import own_group

_READ_BYTES: Final = 1 << 16

_SAME_EVENT_S: Final = 2.0
"""Of several processes that are killed at once, the ends come within this time."""


@cache
def counter_file() -> Path:
    """Return the file that counts: of the control group of this process, else of the machine."""
    group = own_group()
    # A group may not have the controller, and one above it does.
    groups = () if group is None else (group, *group.parents)
    events = (each / "memory.events" for each in groups)
    return next((each for each in events if each.exists()), Path("/proc/vmstat"))


class OomKills:
    """Tells whether a process that SIGKILL has ended was killed by the kernel for its memory.

    The kernel counts, and does not say which process it was. So it is said of a process that was
    killed by nobody known, if the count has grown since the last look.

    Args:
        counter: The file that counts, in which a line is ``oom_kill NUMBER``.
        clock: Seconds, monotonic.
    """

    def __init__(self, counter: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._counter, self._clock = counter, clock
        self._seen = self._read()
        self._unexplained, self._until = 0, 0.0

    def explains_one(self) -> bool:
        """Return whether one end by SIGKILL, of this moment, is explained by the OOM killer."""
        now, count = self._clock(), self._read()
        if now > self._until:
            self._unexplained = 0
        if count > self._seen:
            self._unexplained += count - self._seen
            self._seen, self._until = count, now + _SAME_EVENT_S
        if not self._unexplained:
            return False
        self._unexplained -= 1
        return True

    def _read(self) -> int:
        # At each end by SIGKILL, of which a caller waits for the next incarnation: no detours.
        try:
            fd = os.open(self._counter, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return 0
        try:
            return _count_in(fd)
        except OSError:
            return 0
        finally:
            os.close(fd)


def _count_in(fd: int) -> int:
    # The kernel gives a page at a time; what comes behind the line is not needed.
    text = b"\n"
    while data := os.read(fd, _READ_BYTES):
        text += data
        _, found, rest = text.partition(b"\noom_kill ")
        if found and b"\n" in rest:
            return int(rest.split(None, 1)[0])
    return 0
