"""The end of a process: waiting for it, reaping it, reading its status."""

import os
import signal
from typing import NamedTuple

from otpy.system.descriptor import Descriptor
from otpy.system.pipes import is_readable


class WaitStatus(NamedTuple):
    """The end of a process: by the signal named `signal`, or with exit status `code`."""

    signal: str
    code: int
    peak_memory: int
    core_dumped: bool = False

    @property
    def status(self) -> int | None:
        """The exit status; None if a signal ended it."""
        return None if self.signal else self.code


def reap(pid: int) -> WaitStatus:
    """Return the status of a child that has ended, and remove it; its peak memory is in bytes."""
    _, wait_status, usage = os.wait4(pid, 0)
    code = os.waitstatus_to_exitcode(wait_status)
    return WaitStatus(
        signal_name(-code) if code < 0 else "",
        max(code, 0),
        usage.ru_maxrss * 1024,
        code < 0 and os.WCOREDUMP(wait_status),
    )


def signal_name(number: int) -> str:
    """Name a signal: ``SIGSEGV``, or ``SIG40`` where it has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def kill_group(leader: int, number: int = signal.SIGKILL) -> bool:
    """Signal the process group of a child; return whether there is such a group.

    The child has not been reaped yet, or has left a process of its group to us: until then the
    group's number cannot be reused.
    """
    try:
        os.killpg(leader, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def send_signal(pidfd: Descriptor, number: int) -> bool:
    """Signal a process through its pidfd: never one that reuses its pid.

    Return whether this process may do that: not if a set-uid program has become another user's.
    One that is gone is not signalled.
    """
    try:
        signal.pidfd_send_signal(pidfd.fileno(), number)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return True


def may_signal(pid: int) -> bool:
    """Return whether this process may signal a child of its, which was not reaped."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return False
    return True


def left_in_group(leader: int) -> bool:
    """Return whether we have children, dead or alive, in the group of a child already reaped."""
    try:
        os.waitid(os.P_PGID, leader, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def is_alive(pid: int) -> bool:
    """Return whether a process runs; one that waits to be reaped does not."""
    try:
        pidfd = Descriptor(os.pidfd_open(pid))
    except OSError:
        return False
    with pidfd:
        return not is_readable(pidfd.fileno())
