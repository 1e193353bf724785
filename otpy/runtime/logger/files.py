"""The files of a node's log: opened where they are now, rotated by size, limited in all."""

import contextlib
import errno
import os
import re
import stat
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from otpy.system.descriptor import Descriptor
from otpy.wire.log_files import INDEX, OtherFile, index_line, log_file_name, read_index
from otpy.wire.log_message import Target

MOST_BYTES: Final = 1 << 30
"""Of all files in the node's folder."""

_SHARE: Final = 10
"""They take at most one part in so many of the file system: it may be in memory."""

_MOST_OPEN: Final = 256
_own_name: Final = re.compile(r".+\.log(\.[0-9]+)?", re.DOTALL)
# A pipe at that path must not block the logger.
_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class LogFile:
    """An open file, to which lines are appended.

    Attributes:
        name: Its absolute path.
    """

    def __init__(self, name: str, descriptor: Descriptor) -> None:
        self.name, self._path, self._descriptor = name, Path(name), descriptor

    def fileno(self) -> int:
        """Return the number of its descriptor."""
        return self._descriptor.fileno()

    def close(self) -> None:
        """Close it."""
        self._descriptor.close()

    @property
    def size(self) -> int:
        """How long it is now: others may truncate it."""
        return os.fstat(self.fileno()).st_size

    @property
    def inode(self) -> tuple[int, int]:
        """Which file it is."""
        found = os.fstat(self.fileno())
        return found.st_dev, found.st_ino

    @property
    def rights(self) -> tuple[int, tuple[int, int]]:
        """Its mode, and its user and group: of one that others have made, not our own."""
        found = os.fstat(self.fileno())
        return stat.S_IMODE(found.st_mode), (found.st_uid, found.st_gid)

    @property
    def is_there(self) -> bool:
        """Whether it is still what is at its path: others may rename or remove it."""
        try:
            found = self._path.stat()
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self.inode


class LogFiles:
    """The files of a node's log.

    Args:
        folder: The node's ``log/``.
        most: Bytes of all files in it, at most.
    """

    def __init__(self, folder: Path, most: int = MOST_BYTES) -> None:
        self._folder, self._most = folder, most
        self._open: OrderedDict[str, LogFile] = OrderedDict()
        self._indexed: set[OtherFile] = set()
        with contextlib.suppress(OSError):
            self._most = min(most, _size_of_file_system(folder) // _SHARE)
            self._indexed = set(read_index(folder))
        self._total = sum(found.st_size for _, found in self._entries())

    def close(self) -> None:
        """Close all files."""
        for file in self._open.values():
            file.close()

    def name_of(self, path: str, target: Target) -> str:
        """Return the absolute path of the file of a process."""
        if not target.file:
            return str(self._folder / log_file_name(path))
        self._index(OtherFile(path, target.file))
        return target.file

    def opened(self, name: str) -> LogFile:
        """Return the file that is at a path now, a new one if there is none.

        Raises:
            OSError: It cannot be opened, or is no file.
        """
        file = self._open.pop(name, None)
        if file is not None and not file.is_there:
            file.close()
            file = None
        if file is None:
            file = self._opened_anew(name)
        self._open[name] = file
        return file

    def with_room(self, name: str, size: int, target: Target) -> LogFile:
        """Return the file at a path, after its rotation if it has no room for so many bytes.

        Raises:
            OSError: As `opened`.
        """
        file = self.opened(name)
        if not (now := file.size) or now + size <= self.max_size(name, target):
            return file
        mode, owner = file.rights
        _rotate(name, target.keep)
        file = self.opened(name)
        with contextlib.suppress(OSError):
            os.fchmod(file.fileno(), mode)
            os.fchown(file.fileno(), *owner)
        return file

    def max_size(self, name: str, target: Target) -> int:
        """Return how large a file may become before it is rotated."""
        # Two of them have room in the folder, at least: or nothing old could be removed.
        return min(target.max_size, self._most // 2) if self._is_ours(name) else target.max_size

    def grew(self, name: str, size: int) -> None:
        """Note that a file has grown; remove the oldest of all files if they are too large."""
        if self._is_ours(name):
            self._total += size
            if self._total > self._most:
                self._remove_oldest(name)

    # ---- one by one --------------------------------------------------------------------------

    def _is_ours(self, name: str) -> bool:
        return name.rpartition("/")[0] == str(self._folder)

    def _opened_anew(self, name: str) -> LogFile:
        try:
            descriptor = self._descriptor_of(name)
        except FileNotFoundError:
            if not self._is_ours(name):
                raise
            self._folder.mkdir(mode=0o700, exist_ok=True)
            descriptor = self._descriptor_of(name)
        try:
            _check_and_mend(descriptor.fileno())
        except OSError:
            descriptor.close()
            raise
        while len(self._open) >= _MOST_OPEN:
            self._close_oldest()
        return LogFile(name, descriptor)

    def _descriptor_of(self, name: str) -> Descriptor:
        """Open a file; if too many are open, close those that were written to longest ago."""
        while True:
            try:
                return _opened(name)
            except OSError as error:
                if error.errno != errno.EMFILE or not self._open:
                    raise
            for _ in range(min(2, len(self._open))):  # one more, for what is open for a moment
                self._close_oldest()

    def _close_oldest(self) -> None:
        self._open.popitem(last=False)[1].close()

    def _index(self, other: OtherFile) -> None:
        """Note where a file is that is not in the folder, for the readers of logs."""
        if not (self._folder / INDEX).exists():
            self._indexed.clear()  # others may remove the whole folder
        if other in self._indexed:
            return
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            index = Descriptor(os.open(self._folder / INDEX, _FLAGS, 0o600))
            with index:
                os.write(index.fileno(), index_line(other))
            self._indexed.add(other)

    def _entries(self) -> Iterator[tuple[str, os.stat_result]]:
        """Yield the logs in the folder, and what they are; what others put there is theirs."""
        with contextlib.suppress(OSError), os.scandir(self._folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    found = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(found.st_mode) and _own_name.fullmatch(entry.name):
                        yield entry.path, found

    def _remove_oldest(self, but: str) -> None:
        """Remove files until there is some room: rotated ones first, the oldest first."""
        entries = [(name, found) for name, found in self._entries() if name != but]
        entries.sort(key=lambda entry: (entry[0].endswith(".log"), entry[1].st_mtime_ns))
        self._total = sum(found.st_size for _, found in entries)
        with contextlib.suppress(OSError):
            self._total += Path(but).stat().st_size
        enough = self._most - self._most // 20
        for name, found in entries:
            if self._total <= enough:
                break
            with contextlib.suppress(OSError):
                Path(name).unlink()
                self._total -= found.st_size


def _size_of_file_system(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_blocks * found.f_frsize


def _opened(name: str) -> Descriptor:
    """Open a file, or make it; refuse a symbolic link that another user has made.

    A child whose user may write to the folder could have a logger that runs as root write, and
    at a rotation change the owner of, any file.
    """
    try:
        return Descriptor(os.open(name, _FLAGS | os.O_NOFOLLOW, 0o600))
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
    if os.lstat(name).st_uid not in (0, os.geteuid()):
        raise OSError(errno.ELOOP, "a symbolic link of another user")
    return Descriptor(os.open(name, _FLAGS, 0o600))


def _check_and_mend(fd: int) -> None:
    """Refuse what is no file; end a line that a crash of the machine has left half written."""
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    if found.st_size and os.pread(fd, 1, found.st_size - 1) != b"\n":
        os.write(fd, b"\n")


def _rotate(name: str, keep: int) -> None:
    """Rename a file to ``.1``, that one to ``.2`` and so on, up to the first number that is free.

    A rotation that was cut short leaves a number free, which the next one takes.

    Raises:
        OSError: The file cannot be renamed, nor removed.
    """
    if not keep:
        Path(name).unlink()
        return
    free = next((n for n in range(1, keep + 1) if not _numbered(name, n).exists()), keep)
    for number in range(free, 1, -1):
        _numbered(name, number - 1).replace(_numbered(name, number))
    Path(name).replace(_numbered(name, 1))
    number = keep + 1  # fewer are kept than there were
    while (surplus := _numbered(name, number)).exists():
        surplus.unlink()
        number += 1


def _numbered(name: str, number: int) -> Path:
    return Path(f"{name}.{number}")
