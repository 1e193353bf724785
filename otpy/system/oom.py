"""How often the kernel's OOM killer has killed: what tells its SIGKILL from another's."""

import os
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

from otpy.system.cgroup import own_group

_READ_BYTES: Final = 1 << 16

_RECORD_BYTES: Final = 8192
"""A record of the kernel's log is at most so long (CONSOLE_EXT_LOG_MAX)."""

_FIRST_PID_NAMESPACE: Final = 0xEFFFFFFC
"""PROC_PID_INIT_INO of include/linux/proc_ns.h: the namespace whose pids the kernel logs."""

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


def logged_victims() -> frozenset[int] | None:
    """Return the pids of which the kernel's log says that the OOM killer has killed them.

    None if it cannot be read (dmesg_restrict), or knows other pids than this process does.
    """
    try:
        if Path("/proc/self/ns/pid").stat().st_ino != _FIRST_PID_NAMESPACE:
            return None
        log = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return frozenset(_victims_in(log))
    except OSError:
        return None
    finally:
        os.close(log)


def _victims_in(log: int) -> Iterator[int]:
    while True:
        try:
            record = os.read(log, _RECORD_BYTES)
        except BlockingIOError:
            return
        except BrokenPipeError:
            continue  # records were overwritten: the next read goes on behind them
        _, found, rest = record.partition(b"Killed process ")
        if found and (pid := rest.split(None, 1)[0]).isdigit():
            yield int(pid)


class OomKills:
    """Tells whether a process that SIGKILL has ended was killed by the kernel for its memory.

    The kernel counts, for all processes of the machine perhaps, and says in its log which process
    it was, for those that may read it. Where it cannot be read, it is said of a process that was
    killed by nobody known, if the count has grown since the last look.

    Args:
        counter: The file that counts, in which a line is ``oom_kill NUMBER``.
        clock: Seconds, monotonic.
        victims: Returns what the log says.
    """

    def __init__(
        self,
        counter: Path,
        clock: Callable[[], float] = time.monotonic,
        victims: Callable[[], frozenset[int] | None] = logged_victims,
    ) -> None:
        self._counter, self._clock, self._victims = counter, clock, victims
        self._seen = self._read()
        self._unexplained, self._until = 0, 0.0

    def explains(self, pid: int | None) -> bool:
        """Return whether the end of a process by SIGKILL, just now, was the OOM killer's.

        Args:
            pid: Its; None if that is not known, as of what a shell has started.
        """
        now, count = self._clock(), self._read()
        if now > self._until:
            self._unexplained = 0
        if count > self._seen:
            self._unexplained += count - self._seen
            self._seen, self._until = count, now + _SAME_EVENT_S
        if not self._unexplained:
            return False
        if pid is not None and (victims := self._victims()) is not None and pid not in victims:
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
