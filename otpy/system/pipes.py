"""What the kernel can tell of a pipe, and do with it."""

import contextlib
import fcntl
import struct
import termios
from typing import Final

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
