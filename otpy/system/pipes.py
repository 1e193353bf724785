"""What the kernel tells of a pipe."""

import fcntl
import struct
import termios
from typing import Final

_INT: Final = struct.Struct("i")


def unread_bytes(pipe: int) -> int:
    """Tell how many bytes are in a pipe; on Linux either end can be asked."""
    (count,) = _INT.unpack(fcntl.ioctl(pipe, termios.FIONREAD, bytes(_INT.size)))
    return int(count)
