"""The children of this process, those that it adopted included: which there are, which are dead.

A process that adopts orphans (PR_SET_CHILD_SUBREAPER, or pid 1) is told of each end by SIGCHLD
alone. The signal comes through a descriptor, so that a loop waits for it beside everything else.
"""

import contextlib
import ctypes
import os
import signal
from pathlib import Path
from typing import Final

from otpy.system.descriptor import Descriptor
from otpy.system.procfs import parent_of

_libc: Final = ctypes.CDLL(None, use_errno=True)

_SIGNAL_BYTES: Final = 1 << 12
_READ_BYTES: Final = 1 << 16
_ENDED: Final = os.WEXITED | os.WNOHANG | os.WNOWAIT
_LONG_BITS: Final = 8 * ctypes.sizeof(ctypes.c_ulong)
_SignalSet = ctypes.c_ulong * (1024 // _LONG_BITS)


def child_signals() -> Descriptor:
    """Block SIGCHLD, and return a descriptor that is readable while one is pending.

    A process that is forked from now on has the signal blocked too, until it says otherwise.

    Raises:
        OSError: There are too many open files, or there is no memory.
    """
    # Ignored, as a parent may have left it, it would have the kernel reap behind our back.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    wanted = _SignalSet()
    wanted[(signal.SIGCHLD - 1) // _LONG_BITS] = 1 << (signal.SIGCHLD - 1) % _LONG_BITS
    # SFD_NONBLOCK and SFD_CLOEXEC are O_NONBLOCK and O_CLOEXEC (signalfd(2)).
    fd = _libc.signalfd(-1, ctypes.byref(wanted), os.O_NONBLOCK | os.O_CLOEXEC)
    if fd < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"signalfd: {os.strerror(code)}")
    return Descriptor(fd)


def take_signals(signals: Descriptor) -> None:
    """Read what is pending: many ends may have become one signal."""
    with contextlib.suppress(BlockingIOError):
        os.read(signals.fileno(), _SIGNAL_BYTES)


def dead_child() -> int | None:
    """Return the pid of a child that has ended and is not reaped, None if there is none."""
    try:
        found = os.waitid(os.P_ALL, 0, _ENDED)
    except ChildProcessError:
        return None
    return None if found is None else found.si_pid


class ChildList:
    """Lists the children of this process, zombies included.

    The kernel's list is kept open, so that reading it takes no descriptor. Where there is none
    (CONFIG_PROC_CHILDREN) every process of /proc is looked at; and where /proc is not there, or
    is another PID namespace's, none is found.
    """

    def __init__(self) -> None:
        self._file: Descriptor | None = None
        self._in_proc = _proc_is_ours()
        with contextlib.suppress(OSError):
            if self._in_proc:
                path = f"/proc/self/task/{os.getpid()}/children"
                self._file = Descriptor(os.open(path, os.O_RDONLY | os.O_CLOEXEC))

    def close(self) -> None:
        """Close the kernel's list."""
        if self._file is not None:
            self._file.close()

    def read(self) -> list[int]:
        """Return the pids.

        Raises:
            OSError: There are too many open files, or there is no memory.
        """
        if self._file is None:
            return _children_in_proc() if self._in_proc else []
        # The list cannot shrink meanwhile, since only we reap; what is adopted comes last.
        text = b""
        while data := os.pread(self._file.fileno(), _READ_BYTES, len(text)):
            text += data
        return [int(pid) for pid in text.split()]


def _proc_is_ours() -> bool:
    try:
        return str(Path("/proc/self").readlink()) == str(os.getpid())
    except OSError:
        return False


def _children_in_proc() -> list[int]:
    us = os.getpid()
    with os.scandir("/proc") as entries:
        pids = [int(entry.name) for entry in entries if entry.name.isdigit()]
    return [pid for pid in pids if parent_of(pid) == us]
