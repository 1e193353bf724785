"""The prctl(2) options that a tree of processes needs; Python's os has none of them."""

import ctypes
import errno
import os
import signal
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NAME: Final = 15
_PR_SET_CHILD_SUBREAPER: Final = 36

_KILL: Final = int(signal.SIGKILL)

_libc = ctypes.CDLL(None)


def _unknown(option: int) -> OSError:
    return OSError(errno.EINVAL, f"this kernel does not know prctl option {option}")


def die_with(parent: int) -> None:
    """Ask the kernel to SIGKILL this process when the thread that forked it ends.

    Args:
        parent: The pid that forked this process. It may have died before the option was set,
            and the kernel does not fire late; the process that adopted us may be any process, not
            only pid 1, so the pids are compared.
    """
    if _libc.prctl(_PR_SET_PDEATHSIG, _KILL, 0, 0, 0) != 0:
        raise _unknown(_PR_SET_PDEATHSIG)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def become_subreaper() -> None:
    """Become the parent of orphaned descendants, instead of init."""
    if _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise _unknown(_PR_SET_CHILD_SUBREAPER)


def name_command(name: str) -> None:
    """Set the name of this process in /proc/PID/stat, of which the kernel keeps 15 bytes."""
    _libc.prctl(_PR_SET_NAME, name.encode(errors="replace"), 0, 0, 0)


def become_dumpable() -> None:
    """Give /proc/self to the user that this process now has; changing the user gives it to root."""
    if _libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0) != 0:
        raise _unknown(_PR_SET_DUMPABLE)
