"""Changes of files and folders, as the kernel reports them: inotify(7)."""

import ctypes
import os
import struct
from pathlib import Path
from typing import Final

from otpy.system.descriptor import Descriptor

ATTRIB: Final = 0x4
"""Mode, owner or number of links."""

MOVED_FROM: Final = 0x40
MOVED_TO: Final = 0x80
CREATE: Final = 0x100
MODIFY: Final = 0x2
DELETE: Final = 0x200
DELETE_SELF: Final = 0x400
MOVE_SELF: Final = 0x800

DONT_FOLLOW: Final = 0x02000000
"""Watch a symbolic link itself."""

_OVERFLOW: Final = 0x4000
_HEADER: Final = struct.Struct("iIII")

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

    def add(self, path: Path, mask: int) -> int:
        """Watch `path` for the changes in `mask`, beside those that it is watched for already.

        Returns the number of the watch, which `changes` names.

        Raises:
            OSError: It is not there, may not be read, or there are too many watches.
        """
        name = os.fsencode(path)
        return _checked(_libc.inotify_add_watch(self.fileno(), name, mask | _MASK_ADD), path)

    def changes(self) -> list[tuple[int, str]] | None:
        """Return what has changed: the watch, and the name of the file in its folder, or "".

        None if the kernel had no room for all of it: anything may have changed.
        """
        found: list[tuple[int, str]] = []
        overflow = False
        while data := self._read():
            while data:
                watch, mask, _, length = _HEADER.unpack_from(data)
                name = data[_HEADER.size : _HEADER.size + length].rstrip(b"\0")
                data = data[_HEADER.size + length :]
                overflow = overflow or bool(mask & _OVERFLOW)
                found.append((watch, os.fsdecode(name)))
        return None if overflow else found

    def drain(self) -> None:
        """Discard what was reported so far: a change is only a reason to look."""
        while self._read():
            pass

    def _read(self) -> bytes:
        try:
            return os.read(self.fileno(), _READ_BYTES)
        except BlockingIOError:
            return b""


def _checked(result: int, path: Path | None = None) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), None if path is None else str(path))
    return result
