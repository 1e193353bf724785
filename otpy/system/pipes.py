"""What the kernel can tell of a pipe, and do with it."""

import contextlib
import fcntl
import os
import struct
import termios
from typing import Final

from otpy.system.fdpass import close_fds

_INT: Final = struct.Struct("i")
_WIDE: Final = 1 << 18


def unread_bytes(pipe: int) -> int:
    """Tell how many bytes are in a pipe; on Linux either end can be asked."""
    (count,) = _INT.unpack(fcntl.ioctl(pipe, termios.FIONREAD, bytes(_INT.size)))
    return int(count)


def widen(pipe: int) -> None:
    """Let a pipe hold more, for large messages; how many may is limited (pipe(7)): then not."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _WIDE)


def link_pipes() -> tuple[tuple[int, int], tuple[int, int]]:
    """Make the two pipes of a link: read end and write end of either side.

    Raises:
        OSError: There are too many open files; none is left open.
    """
    ours_read, theirs_write = os.pipe()
    try:
        theirs_read, ours_write = os.pipe()
    except OSError:
        close_fds((ours_read, theirs_write))
        raise
    return (ours_read, ours_write), (theirs_read, theirs_write)
