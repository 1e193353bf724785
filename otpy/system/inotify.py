"""Changes of files and folders, as the kernel reports them: inotify(7)."""

import ctypes
import os
from pathlib import Path
from typing import Final

from otpy.system.descriptor import Descriptor

ATTRIB: Final = 0x4
"""Mode, owner or number of links."""

MOVED_FROM: Final = 0x40
MOVED_TO: Final = 0x80
DELETE: Final = 0x200
DELETE_SELF: Final = 0x400
MOVE_SELF: Final = 0x800

DONT_FOLLOW: Final = 0x02000000
"""Watch a symbolic link itself."""

_MASK_ADD: Final = 0x20000000
_READ_BYTES: Final = 1 << 16

_libc = ctypes.CDLL(None, use_errno=True)


class Inotify(Descriptor):
    """A descriptor that is readable once something that it watches has changed.

    Raises:
        OSError: There are too many of them, or too many open files.
    """

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(_checked(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)))

    def add(self, path: Path, mask: int) -> None:
        """Watch `path` for the changes in `mask`, beside those that it is watched for already.

        Raises:
            OSError: It is not there, may not be read, or there are too many watches.
        """
        name = os.fsencode(path)
        _checked(_libc.inotify_add_watch(self.fileno(), name, mask | _MASK_ADD), path)

    def drain(self) -> None:
        """Discard what was reported so far: a change is only a reason to look."""
        try:
            while os.read(self.fileno(), _READ_BYTES):
                pass
        except BlockingIOError:
            pass


def _checked(result: int, path: Path | None = None) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), None if path is None else str(path))
    return result
