"""What outlived its node and every supervisor: found by the lock it holds, or by a mark.

A tree whose node is killed stops itself. But when its supervisors are killed in the same
moment, nobody is left to end what their workers had forked: it falls to init. The next run of
the node finds it, and ends it.
"""

import contextlib
import os
import signal
from pathlib import Path
from typing import Final

from otpy.system.descriptor import Descriptor
from otpy.system.exits import send_signal

_MARK: Final = "OTPY_NODE_LOCK"


def mark(lock: int) -> None:
    """Have every program that is started below this process carry the lock's mark."""
    os.environ[_MARK] = _identity(os.fstat(lock))


def end_orphans(lock: int) -> None:
    """Kill every process that holds the lock or carries its mark.

    To be called only while no node of that lock and no supervisor of one lives.
    """
    found = os.fstat(lock)
    carried = f"{_MARK}={_identity(found)}".encode()
    with os.scandir("/proc") as entries:
        pids = [int(entry.name) for entry in entries if entry.name.isdigit()]
    for pid in pids:
        if pid not in (os.getpid(), os.getppid()):
            # It may end, or be another user's.
            with contextlib.suppress(OSError):
                _end_if(pid, found, carried)


def _end_if(pid: int, lock: os.stat_result, carried: bytes) -> None:
    with Descriptor(os.pidfd_open(pid)) as pidfd:
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        if carried in environment or _holds(pid, lock):
            send_signal(pidfd, signal.SIGKILL)


def _holds(pid: int, lock: os.stat_result) -> bool:
    """Tell whether a process has inherited the lock; another run only has the file open."""
    with os.scandir(f"/proc/{pid}/fd") as entries:
        fds = [entry.name for entry in entries]
    return any(_is_locked(pid, fd, lock) for fd in fds)


def _is_locked(pid: int, fd: str, lock: os.stat_result) -> bool:
    try:
        there = Path(f"/proc/{pid}/fd/{fd}").stat()
        same = (there.st_dev, there.st_ino) == (lock.st_dev, lock.st_ino)
        return same and "FLOCK" in Path(f"/proc/{pid}/fdinfo/{fd}").read_text()
    except FileNotFoundError:
        return False


def _identity(lock: os.stat_result) -> str:
    return f"{lock.st_dev}:{lock.st_ino}"
