"""Operations on pipes, and questions to the kernel about them."""

import contextlib
import fcntl
import os
import select
import struct
from typing import Final, TypeAlias

from otpy.system.descriptor import Descriptor, close_all, pipe

_USUAL: Final = frozenset(("x86_64", "aarch64", "riscv64", "s390x", "i686", "armv7l"))
"""Machines on which the kernel has its usual numbers (asm-generic/ioctls.h)."""


def _fionread() -> int:
    if os.uname().machine in _USUAL:
        return 0x541B
    import termios  # noqa: PLC0415 - every worker would have its library mapped

    return termios.FIONREAD


_FIONREAD: Final = _fionread()
_INT: Final = struct.Struct("i")
_WIDE: Final = 1 << 18

LinkEnds: TypeAlias = tuple[Descriptor, Descriptor]
"""The descriptors that one side of a link reads from and writes to; neither blocks."""

LinkDescriptors: TypeAlias = tuple[Descriptor, Descriptor, Descriptor]
"""Those, and behind them the pidfd of the process at the other side."""


def unread_bytes(end: int) -> int:
    """Return how many bytes are in a pipe; on Linux either end can be asked."""
    (count,) = _INT.unpack(fcntl.ioctl(end, _FIONREAD, bytes(_INT.size)))
    return int(count)


def is_readable(fd: int, within_ms: int = 0) -> bool:
    """Return whether there is something to read, or a pidfd's process has ended.

    Args:
        fd: The descriptor.
        within_ms: Milliseconds to wait for that at most.
    """
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(within_ms))


def widen(end: int) -> None:
    """Enlarge a pipe for large messages, unless too many are (pipe(7))."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, _WIDE)


def link_pipes() -> tuple[LinkEnds, LinkEnds]:
    """Create the two pipes of a link: read end and write end of either side; they never block.

    Raises:
        OSError: There are too many open files; none is left open.
    """
    ours_read, theirs_write = pipe(blocking=False)
    try:
        theirs_read, ours_write = pipe(blocking=False)
    except OSError:
        close_all((ours_read, theirs_write))
        raise
    return (ours_read, ours_write), (theirs_read, theirs_write)
