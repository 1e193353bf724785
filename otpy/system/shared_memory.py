"""Memory that two processes share and no other finds: freed with the last of them."""

import fcntl
import os
import sys
from mmap import mmap
from typing import Final

from otpy.system.descriptor import Descriptor

_SEALS: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
"""Without them, a process that touches memory which the other has truncated gets SIGBUS."""


def make_memory(name: str, size: int) -> tuple[Descriptor, mmap]:
    """Create memory; pages count from when they are first touched.

    Args:
        name: Its name in /proc.
        size: Bytes; it stays so for ever.

    Returns:
        A descriptor of it, for `open_memory`, and the memory.

    Raises:
        OSError: There are too many open files, or no memory.
    """
    made = Descriptor(os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING))
    try:
        os.ftruncate(made.fileno(), size)
        fcntl.fcntl(made, fcntl.F_ADD_SEALS, _SEALS)
        return made, _mapped(made, size)
    except BaseException:
        made.close()
        raise


def identity(descriptor: Descriptor) -> tuple[int, int]:
    """Return the device and inode that identify the memory."""
    status = os.fstat(descriptor.fileno())
    return status.st_dev, status.st_ino


def open_memory(pid: int, fd: int, device: int, inode: int, size: int) -> mmap:
    """Share the memory that process `pid` made and has as descriptor `fd`.

    Raises:
        OSError: The process has gone, or may not be looked at; the descriptor is something else;
            or there are too many open files, or no memory.
    """
    # At first only a handle (O_PATH): to open what is something else may have effects.
    with Descriptor(os.open(f"/proc/{pid}/fd/{fd}", os.O_PATH | os.O_CLOEXEC)) as handle:
        if identity(handle) != (device, inode):
            raise FileNotFoundError(f"descriptor {fd} of process {pid} is something else")
        own = f"/proc/self/fd/{handle.fileno()}"
        shared = Descriptor(os.open(own, os.O_RDWR | os.O_CLOEXEC))
    with shared:
        if fcntl.fcntl(shared, fcntl.F_GET_SEALS) & _SEALS != _SEALS:
            raise PermissionError(f"descriptor {fd} of process {pid} is not sealed")
        return _mapped(shared, size)


def _mapped(descriptor: Descriptor, size: int) -> mmap:
    fd = descriptor.fileno()
    if sys.version_info >= (3, 13):
        return mmap(fd, size, trackfd=False)
    return mmap(fd, size)  # it keeps a descriptor of its own
